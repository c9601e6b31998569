"""Endpoints that make, change and end calls, and send texts (protocol 6.6, 6.12)."""

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .api import Answer, ApiCall, endpoint
from .errors import ApiError
from .legs import Leg
from .readings import NoCalls, TransferChannel
from .stories import CallStory

if TYPE_CHECKING:
    from .calls import Call
    from .simulator import Simulator

NUMBER = re.compile(r"\+?[0-9*#]+")
MAXIMUM_TEXT = 2000
# Most digits that an extension number may have (protocol 6.3): a longer one is outside.
EXTENSION_DIGITS = 7


def _leg(sim: Simulator, call: ApiCall) -> tuple[Call, Leg]:
    call.need("channelid")
    found = sim.pbx.find_leg(call.text("channelid"))
    if found is None:
        raise ApiError("10007")
    story, leg = found
    return sim.calls.live[story.callid], leg


def _outbound_trunk(sim: Simulator) -> str:
    """Return the trunk that the outbound route takes: the first that can."""
    for trunk in sim.pbx.trunks.values():
        if trunk.status.lower() in {"registered", "idle", "up"}:
            return trunk.name
    return ""


def _check_callee(sim: Simulator, call: ApiCall, number: str, dialler: str) -> str:
    """Return the trunk for a number, "" for an own one.

    Args:
        sim: the PBX.
        call: the request, for its `dialpermission`.
        number: who is to be called.
        dialler: extension that calls, "" if it is none.

    Raises:
        ApiError: 10031 no number, 10011 unknown, 10024 not allowed.
    """
    if not NUMBER.fullmatch(number):
        raise ApiError("10031")
    if sim.calls.is_own(number):
        return ""
    permitted = call.text("dialpermission") or dialler
    if not permitted:
        raise ApiError("10004")
    if permitted not in sim.pbx.extensions:
        raise ApiError("10006")
    # Shorter than an outside number and nobody here has it.
    if number.isdigit() and len(number) == len(permitted):
        raise ApiError("10011")
    trunk = _outbound_trunk(sim)
    if not trunk or not sim.pbx.extensions[permitted].spec.outbound_allowed:
        raise ApiError("10024")
    return trunk


@endpoint("call/query", needs_body=True)
def call_query(sim: Simulator, call: ApiCall) -> Answer:
    """Return one call, or all inbound or outbound ones."""
    callid, kind = call.text("callid"), call.text("type")
    if callid:
        if callid not in sim.pbx.calls:
            raise ApiError("10005")
        stories = [sim.pbx.calls[callid]]
    elif kind in {"inbound", "outbound"}:
        stories = [one for one in sim.pbx.calls.values() if _is_kind(one, kind)]
    else:
        raise ApiError("10004")
    rows = [{"callid": one.callid, "members": one.members()} for one in stories]
    if not rows:
        match sim.readings.no_calls:
            case NoCalls.NO_LIST:
                return {}
            case NoCalls.ERROR_10005:
                raise ApiError("10005")
    return {"Calls" if sim.readings.calls_key_upper else "calls": rows}


def _is_kind(story: CallStory, kind: str) -> bool:
    return story.direction == kind


@endpoint("call/dial", needs_body=True)
def dial(sim: Simulator, call: ApiCall) -> Answer:
    """Ring the caller, then the callee."""
    call.need("caller", "callee")
    caller, callee = call.text("caller"), call.text("callee")
    is_extension = caller in sim.pbx.extensions
    if not is_extension:
        if len(caller) <= EXTENSION_DIGITS and not sim.calls.is_own(caller):
            raise ApiError("10006")
        # Nobody but an extension may call inside (protocol 6.6).
        if sim.calls.is_own(callee):
            raise ApiError("10031")
        call.need("dialpermission")
    elif not sim.pbx.is_free(caller):
        raise ApiError("10008")
    trunk = _check_callee(sim, call, callee, caller if is_extension else "")
    if not is_extension and sim.calls.is_own(caller):
        # A group, a queue or an IVR as the caller is not played.
        raise ApiError("10031")
    parked = sim.pbx.parked.get(callee)
    if parked is not None:
        live = sim.calls.live[parked.callid]
        live.tell(live.story.fetch(caller))
        return {"callid": live.callid}
    live = sim.calls.dialled(caller, callee, trunk)
    live.tell(live.story.ring())
    if call.text("autoanswer") == "yes":
        live.tell(live.story.answer(caller))
    sim.calls.answer_by_itself(live)
    return {"callid": live.callid}


@endpoint("call/hangup", needs_body=True)
def hang_up(sim: Simulator, call: ApiCall) -> Answer:
    """End a member of a call."""
    live, leg = _leg(sim, call)
    live.tell(live.story.hang_up(leg.channelid))
    return {"callid": live.callid}


@endpoint("call/transfer", needs_body=True)
def transfer(sim: Simulator, call: ApiCall) -> Answer:
    """Hand a call over without asking; no `Tranfer` report (protocol 5.5)."""
    call.need("channelid", "number")
    live, leg = _leg(sim, call)
    number = call.text("number")
    trunk = _check_callee(sim, call, number, leg.number)
    if live.direct(number):
        return {"callid": live.callid}
    by_role = sim.readings.transfer_channel is TransferChannel.ROLE
    talking = live.story.talking()
    peers = [one for one in talking if one is not leg]
    leaves = leg if by_role and leg.number else next(iter(peers), leg)
    if leg in talking and not peers and not live.story.path:
        raise ApiError("10015")
    live.tell(
        live.story.transfer(number, by=leaves.channelid, by_user=False, trunk=trunk)
    )
    sim.calls.answer_by_itself(live)
    return {"callid": live.callid}


@endpoint("call/accept_inbound", needs_body=True)
def accept_inbound(sim: Simulator, call: ApiCall) -> Answer:
    """Accept an offered call."""
    live, _ = _leg(sim, call)
    live.accept()
    return {"callid": live.callid}


@endpoint("call/refuse_inbound", needs_body=True)
def refuse_inbound(sim: Simulator, call: ApiCall) -> Answer:
    """Turn an offered call away."""
    live, _ = _leg(sim, call)
    live.refuse()
    return {"callid": live.callid}


@endpoint("call/hold", needs_body=True)
def hold(sim: Simulator, call: ApiCall) -> Answer:
    """Put the other side on hold."""
    live, leg = _leg(sim, call)
    live.tell(live.story.hold(leg.channelid))
    return {"callid": live.callid}


@endpoint("call/unhold", needs_body=True)
def unhold(sim: Simulator, call: ApiCall) -> Answer:
    """Let everybody talk again."""
    live, _ = _leg(sim, call)
    live.tell(live.story.resume())
    return {"callid": live.callid}


@endpoint("call/playprompt", needs_body=True)
def play_prompt(sim: Simulator, call: ApiCall) -> Answer:
    """Call a number and play recordings to it."""
    call.need("number", "prompt")
    number, prompt = call.text("number"), call.text("prompt")
    if any(one not in sim.settings.prompts for one in prompt.split("+")):
        raise ApiError("10023")
    if number in sim.pbx.extensions and not sim.pbx.is_free(number):
        raise ApiError("10008")
    trunk = _check_callee(sim, call, number, "")
    live = sim.calls.prompted(number, prompt, trunk)
    live.tell(live.story.ring())
    if call.text("autoanswer") == "yes" and number in sim.pbx.extensions:
        live.tell(live.story.answer(number))
    sim.calls.answer_by_itself(live)
    return {"callid": live.callid}


@endpoint("call/callpark", needs_body=True)
def park(sim: Simulator, call: ApiCall) -> Answer:
    """Park the other side of an extension."""
    live, leg = _leg(sim, call)
    live.tell(live.story.park(leg.channelid))
    return {"parkingslot": live.story.slot()}


@endpoint("call/callpark_status")
def park_status(sim: Simulator, call: ApiCall) -> Answer:
    """Return who is parked."""
    rows = [
        {
            "parker": parked.parker,
            "parkedparty": parked.number,
            "parkingslot": slot,
            "parktime": str(int(sim.pbx.now() - parked.since)),
            "channelid": parked.channelid,
        }
        for slot, parked in sim.pbx.parked.items()
    ]
    return {"parkinfos": rows} if rows else {}


@endpoint("sms/send", needs_body=True)
def send_text(sim: Simulator, call: ApiCall) -> Answer:
    """Send a text through a GSM trunk; the result comes as `sms-send`."""
    number, text, name = (call.text(key) for key in ("phonenumber", "message", "trunk"))
    if not number:
        raise ApiError("10028")
    if not text:
        raise ApiError("10030")
    call.need("trunk")
    trunk = sim.pbx.trunks.get(name)
    if trunk is None or trunk.spec.type != "GSM":
        raise ApiError("10026")
    if sim.pbx.trunk_status(trunk).lower() != "idle":
        raise ApiError("10027")
    message = unquote(text)
    if len(message) > MAXIMUM_TEXT:
        raise ApiError("10029")
    smsid = f"{number}-{int(sim.clock.now())}"
    sim.note_text(smsid, number, message, name)
    return {"smsid": smsid}
