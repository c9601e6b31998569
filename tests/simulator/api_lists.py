"""Endpoints that tell what the PBX has (protocol 6.2 to 6.10)."""

from typing import TYPE_CHECKING, Any

from .api import Answer, ApiCall, endpoint
from .readings import IdleCalls
from .routing import conference_status
from .state import Extension, Queue

if TYPE_CHECKING:
    from .simulator import Simulator

_CONTACT_FIELDS = (
    "id",
    "firstname",
    "lastname",
    "company",
    "email",
    "businessnum",
    "businessnum2",
    "mobile",
    "mobile2",
    "homenum",
    "homenum2",
    "businessfax",
    "homefax",
    "othernum",
    "zipcode",
    "street",
    "city",
    "state",
    "country",
)


def _without_empty(key: str, values: list[Any]) -> Answer:
    """Return a list under its key, nothing if it is empty (protocol 8.2)."""
    return {key: values} if values else {}


# --- extensions ---


@endpoint("extension/list")
def extension_list(sim: Simulator, call: ApiCall) -> Answer:
    """Return every extension with its status."""
    phones = sim.pbx.phones()
    rows = []
    for extension in sim.pbx.extensions.values():
        row = {
            "number": extension.number,
            "status": sim.pbx.list_status(extension, phones),
            "type": extension.spec.type,
        }
        if extension.is_fxs:
            row["port"] = extension.spec.port
        row |= {"username": extension.name, "agentid": extension.options["agentid"]}
        rows.append(row)
    return {"extlist": rows}


def _extension_info(sim: Simulator, extension: Extension) -> dict[str, str]:
    return {
        "number": extension.number,
        "username": extension.name,
        "status": sim.pbx.list_status(extension, sim.pbx.phones()),
        "type": extension.spec.type,
        **extension.options,
    }


@endpoint("extension/query", needs_body=True)
def extension_query(sim: Simulator, call: ApiCall) -> Answer:
    """Return extensions with all their settings and secrets."""
    numbers = call.numbers("number", list(sim.pbx.extensions), "10006")
    infos = [_extension_info(sim, sim.pbx.extensions[number]) for number in numbers]
    return _without_empty("extinfos", infos)


@endpoint("extension/query_call", needs_body=True)
def extension_query_call(sim: Simulator, call: ApiCall) -> Answer:
    """Return the calls of extensions, the only way to see internal ones."""
    form = sim.readings.idle_calls
    rows = []
    for number in call.numbers("number", list(sim.pbx.extensions), "10006"):
        calls = [
            {"callid": story.callid, "members": story.members()}
            for story in sim.pbx.calls_of(number)
        ]
        if calls or form is IdleCalls.EMPTY:
            rows.append({"number": number, "numbercalls": calls})
    if form is IdleCalls.NO_LIST:
        return _without_empty("calllist", rows)
    return {"calllist": rows}


# --- trunks ---


@endpoint("trunk/list")
def trunk_list(sim: Simulator, call: ApiCall) -> Answer:
    """Return every trunk with its status."""
    rows = []
    for trunk in sim.pbx.trunks.values():
        row = {
            "trunkname": trunk.name,
            "id": trunk.id,
            "status": sim.pbx.trunk_status(trunk),
            "type": trunk.spec.type,
        }
        if trunk.spec.port:
            row["port"] = trunk.spec.port
        rows.append(row)
    return _without_empty("trunklist", rows)


# --- queues ---

# Asterisk's device states by what the phone does (protocol 6.5).
_AGENT_STATUS = {"Busy": "2", "Ringing": "6", "Hold": "8"}


def agent_status(sim: Simulator, queue: Queue, agent: str) -> str:
    """Return the digit that tells what an agent does."""
    if agent in queue.forced:
        return queue.forced[agent]
    if agent in queue.paused:
        return "9"
    extension = sim.pbx.extensions.get(agent)
    if extension is None:
        return "4"
    if not extension.is_fxs and not extension.registered:
        return "5"
    return _AGENT_STATUS.get(sim.pbx.phones().get(agent, ""), "1")


@endpoint("queue/query_status", needs_body=True)
def queue_status(sim: Simulator, call: ApiCall) -> Answer:
    """Return callers and agents of queues."""
    rows = []
    for number in call.numbers("number", list(sim.pbx.queues), "10013"):
        queue = sim.pbx.queues[number]
        waiting = len(queue.callers)
        none = "" if sim.readings.empty_caller_count else "0"
        status: dict[str, Any] = {
            "callercount": str(waiting) if waiting else none,
            "members": [
                {"agent": agent, "agentstatus": agent_status(sim, queue, agent)}
                for agent in queue.all_agents()
            ],
        }
        if queue.callers:
            status["callers"] = [
                {
                    "callernum": caller.number,
                    "waittime": str(int(sim.pbx.now() - caller.since)),
                    "channelid": caller.channelid,
                }
                for caller in queue.callers
            ]
        rows.append({"number": number, "queuestatus": [status]})
    return _without_empty("queues", rows)


def _comma_list(sim: Simulator, values: list[str]) -> str:
    end = "," if values and sim.readings.trailing_comma else ""
    return ",".join(values) + end


@endpoint("queue/query", needs_body=True)
def queue_query(sim: Simulator, call: ApiCall) -> Answer:
    """Return the settings of queues, their password included."""
    rows = []
    for number in call.numbers("number", list(sim.pbx.queues), "10013"):
        queue = sim.pbx.queues[number]
        rows.append(
            {
                "number": number,
                "password": queue.spec.password,
                "queuename": queue.name,
                "ringstrategy": queue.spec.strategy,
                "failoveraction": "Hangup",
                "failoverdest": "",
                "agents": _comma_list(sim, queue.agents),
                "dynamicagents": _comma_list(sim, queue.dynamic_agents),
                "agenttimeout": "30",
                "agentannounce": "",
                "wrapuptime": "30",
                "ringinuse": "yes",
                "retry": "30",
                "musiconhold": "default",
                "maxwaittime": "1800",
                "joinempty": "yes",
                "leavewhenempty": "no",
                "joinannounce": "",
                "announcepos": "yes",
                "announcefreq": "30",
                "announceholdtime": "yes",
                "userannounce": "",
                "userannouncefreq": "0",
                "breakoutkey": "",
                "breakoutaction": "",
                "breakoutdest": "",
                "idannouncement": "no",
                "satisfactionsurvey": "",
            }
        )
    return _without_empty("queues", rows)


# --- the rest ---


@endpoint("companycontacts/query", needs_body=True)
def contacts_query(sim: Simulator, call: ApiCall) -> Answer:
    """Return company contacts."""
    contacts = {contact.id: contact for contact in sim.settings.contacts}
    rows = []
    for number in call.numbers("id", list(contacts), "10004"):
        contact = contacts[number]
        row = dict.fromkeys(_CONTACT_FIELDS, "")
        row |= {
            "id": contact.id,
            "firstname": contact.first_name,
            "lastname": contact.last_name,
            "company": contact.company,
            "businessnum": contact.business_number,
            "mobile": contact.mobile,
            **dict(contact.extra),
        }
        rows.append(row)
    return _without_empty("companycontacts", rows)


@endpoint("paginggroup/list")
def paging_list(sim: Simulator, call: ApiCall) -> Answer:
    """Return the paging groups."""
    rows = [
        {"number": group.number, "name": group.name}
        for group in sim.pbx.paging_groups.values()
    ]
    return _without_empty("paginggrouplist", rows)


@endpoint("ivr/query", needs_body=True)
def ivr_query(sim: Simulator, call: ApiCall) -> Answer:
    """Return IVRs; an array under a singular key (protocol 6.7)."""
    rows = [
        {
            "number": number,
            "ivrname": sim.pbx.ivrs[number].name,
            "prompt": "[Default]",
            "promptrepeat": "3",
            "responsetimeout": "3",
            "digittimeout": "3",
            "dialext": "on",
            "dialoutboundroutes": "off",
            "dialtocheckvoicemail": "off",
        }
        for number in call.numbers("number", list(sim.pbx.ivrs), "10012")
    ]
    return _without_empty("ivr", rows)


@endpoint("conference/query", needs_body=True)
def conference_query(sim: Simulator, call: ApiCall) -> Answer:
    """Return conference rooms, passwords included."""
    rows = [
        {
            "number": number,
            "name": room.name,
            "participantepassword": room.participant_password,
            "moderatorpassword": room.moderator_password,
            "waitformoderator": "no",
            "allowinvite": "yes",
            "moderators": "",
        }
        for number in call.numbers("number", list(sim.pbx.conferences), "10110")
        for room in [sim.pbx.conferences[number]]
    ]
    return _without_empty("conferences", rows)


@endpoint("conference/query_in_session", needs_body=True)
def conference_in_session(sim: Simulator, call: ApiCall) -> Answer:
    """Return the rooms with somebody in them."""
    rows = []
    for number in call.numbers("number", list(sim.pbx.conferences), "10110"):
        stories = sim.pbx.rooms.get(number, [])
        if stories:
            status = conference_status(stories[0], number)[0]
            keys = ("callid", "conferencenumber", "conferencename", "members")
            rows.append({key: status[key] for key in keys})
    return _without_empty("conference", rows)


@endpoint("voicemail/query", needs_body=True)
def voicemail_query(sim: Simulator, call: ApiCall) -> Answer:
    """Return messages; only `status` if there is none (protocol 6.10)."""
    rows = []
    for number in call.numbers("number", list(sim.pbx.extensions), "10006"):
        messages = [
            {
                "voicemailfile": message.file,
                "messagefrom": message.sender,
                "voicemailstatus": "read" if message.read else "unread",
                "voicemaildate": message.date,
                "voicemaillength": message.length,
            }
            for message in sim.pbx.voicemails.get(number, [])
        ]
        if messages:
            rows.append({"number": number, "voicemail": messages})
    return _without_empty("voicemails", rows)
