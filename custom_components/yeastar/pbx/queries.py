"""What the PBX can be asked (protocol 6.2 to 6.7, 6.10): each list, request and answer.

The twin of `commands`. A query may be sent as often as one likes: it changes nothing.
Every function raises RefusedError if the PBX declines, with its reason, and another
PbxError if it cannot be asked now: NoListError if the PBX agrees and then says nothing.
"""

from collections.abc import Iterable

from .client import YeastarClient
from .errors import NotYeastarError, RefusedError
from .inventory import Extension, Queue, Trunk, extension_status, trunk_status
from .models import Device, listed, records, text
from .numbers import FEWEST_DIGITS, NumberBook, plain
from .sounds import is_file_name
from .voicemail import Message

# What the PBX takes for "of all of them".
ALL = "all"
# api_error_code.html: there is no such box, or nothing is in it.
_NO_SUCH_BOX = ("extension_unknown", "voicemail_unknown")
# Agents that could take a call; Asterisk's "not in use" (protocol 6.5).
_AGENT_IS_FREE = "1"
_CONTACT_NUMBERS = (
    "businessnum",
    "businessnum2",
    "mobile",
    "mobile2",
    "homenum",
    "homenum2",
    "businessfax",
    "homefax",
    "othernum",
)


async def device(client: YeastarClient) -> Device:
    """Ask the PBX about itself (deviceinfo-query.html).

    Raises:
        NotYeastarError: the answer has no serial number.
        PbxError: the PBX cannot be asked now.
    """
    found = Device.from_answer(await client.request("deviceinfo/query"))
    if not found.serial:
        raise NotYeastarError("the PBX did not tell its serial number")
    return found


async def extensions(client: YeastarClient) -> dict[str, Extension]:
    """Return all extensions by their numbers (protocol 6.3)."""
    answer = await client.request("extension/list")
    return {
        number: Extension(
            number=number,
            name=text(item.get("username")),
            status=extension_status(text(item.get("status"))),
        )
        for item in listed(answer, "extlist")
        if (number := text(item.get("number")))
    }


async def trunks(client: YeastarClient) -> dict[str, Trunk]:
    """Return all trunks by their names (protocol 6.4)."""
    answer = await client.request("trunk/list")
    return {
        name: Trunk(
            name=name,
            kind=text(item.get("type")),
            status=trunk_status(detail := text(item.get("status"))),
            detail=detail,
        )
        for item in listed(answer, "trunklist")
        if (name := text(item.get("trunkname")))
    }


async def queue_names(client: YeastarClient) -> dict[str, str]:
    """Return the names of all queues by their numbers (protocol 6.5).

    The rest of the answer is secrets, and goes no further.
    """
    answer = await client.request("queue/query", {"number": ALL})
    return {
        number: text(item.get("queuename"))
        for item in listed(answer, "queues")
        if (number := text(item.get("number")))
    }


async def queues(client: YeastarClient, names: dict[str, str]) -> dict[str, Queue]:
    """Return who waits in each queue and who could help (protocol 6.5).

    Args:
        client: to ask with.
        names: of the queues, from `queue_names`; this answer has none.
    """
    answer = await client.request("queue/query_status", {"number": ALL})
    found = {}
    for item in listed(answer, "queues"):
        if not (number := text(item.get("number"))):
            continue
        # An array with one object in it.
        status = next(iter(records(item.get("queuestatus"))), None)
        waiting = available = None
        if status is not None:
            count = text(status.get("callercount"))
            callers = len(records(status.get("callers")))
            sane = count.isdecimal() and len(count) < 7
            waiting = int(count) if sane else callers
            available = sum(
                text(agent.get("agentstatus")) == _AGENT_IS_FREE
                for agent in records(status.get("members"))
            )
        found[number] = Queue(number, names.get(number, ""), waiting, available)
    return found


async def ivr_numbers(client: YeastarClient) -> set[str]:
    """Return the numbers of all IVRs (protocol 6.7)."""
    answer = await client.request("ivr/query", {"number": ALL})
    # An array under a singular key.
    return {text(item.get("number")) for item in listed(answer, "ivr")} - {""}


async def contacts(client: YeastarClient) -> NumberBook[str]:
    """Return the names of the company's contacts by their numbers.

    Source: companycontacts/query (protocol 6.2). Numbers as short as extensions are
    left out: what has one of those is somebody inside.
    """
    answer = await client.request("companycontacts/query", {"id": ALL})
    found: NumberBook[str] = NumberBook()
    for item in listed(answer, "companycontacts"):
        person = f"{text(item.get('firstname'))} {text(item.get('lastname'))}".strip()
        company = text(item.get("company"))
        name = f"{person} ({company})" if person and company else person or company
        for key in _CONTACT_NUMBERS if name else ():
            number = text(item.get(key))
            if len(plain(number).removeprefix("+")) >= FEWEST_DIGITS:
                found.add(number, name)
    return found


async def do_not_disturb(
    client: YeastarClient, numbers: Iterable[str]
) -> dict[str, bool | None]:
    """Return which of these extensions take no calls, None if the PBX does not say.

    Source: extension/query (protocol 6.3). Everything else of the answer is passwords
    and private matters, and goes no further.
    """
    words = {"on": True, "off": False}
    answer = await client.request("extension/query", {"number": ",".join(numbers)})
    return {
        number: words.get(text(item.get("dnd")).lower())
        for item in records(answer.get("extinfos"))
        if (number := text(item.get("number")))
    }


async def unread_voicemails(client: YeastarClient) -> dict[str, int]:
    """Return how many unread messages each box has; empty boxes may be missing.

    Source: voicemail/query (protocol 6.10).
    """
    answer = await client.request("voicemail/query", {"number": ALL})
    return {
        number: sum(
            text(message.get("voicemailstatus")).lower() == "unread"
            for message in records(box.get("voicemail"))
        )
        for box in records(answer.get("voicemails"))
        if (number := text(box.get("number")))
    }


async def messages(client: YeastarClient, number: str = ALL) -> list[Message]:
    """Return the messages in the box of an extension, or in all boxes.

    Source: voicemail/query (protocol 6.10). What has no proper file name is left out,
    and so is what is in other boxes than the one that was asked about.
    """
    try:
        answer = await client.request("voicemail/query", {"number": number})
    except RefusedError as error:
        if error.refusal not in _NO_SUCH_BOX:
            raise
        return []
    return [
        Message(
            number=box_number,
            file=file,
            status=text(item.get("voicemailstatus")),
            sender=text(item.get("messagefrom")),
            date=text(item.get("voicemaildate")),
            seconds=int(length) if length.isdecimal() and len(length) < 7 else None,
        )
        for box in records(answer.get("voicemails"))
        if (box_number := text(box.get("number"))) and number in (ALL, box_number)
        for item in records(box.get("voicemail"))
        if is_file_name(file := text(item.get("voicemailfile")))
        for length in (text(item.get("voicemaillength")),)
    ]
