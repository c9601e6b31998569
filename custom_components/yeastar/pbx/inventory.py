"""What the PBX has: extensions, trunks, queues, and who is behind a number."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .models import records, text
from .reports import clean

# Contract: numbers outside are told apart by their last digits, because the
# same number comes with and without country code and leading zeros.
MATCH_DIGITS = 9
# Fewer digits than this are an internal number, which must match as a whole.
FEWEST_MATCHED = 6


class ExtensionStatus(StrEnum):
    """What an extension does."""

    IDLE = "idle"
    RINGING = "ringing"
    BUSY = "busy"
    ON_HOLD = "on_hold"
    UNREGISTERED = "unregistered"
    FAULTY = "faulty"


# Events and lists have different words for the same, in any case (protocol 5.1,
# 6.3, 8.2): a free SIP phone is `Registered` or `Idle`, a lost one `Unregistered`
# in events and `Unavailable` in lists.
_EXTENSION_STATUS = {
    "registered": ExtensionStatus.IDLE,
    "idle": ExtensionStatus.IDLE,
    "ringing": ExtensionStatus.RINGING,
    "busy": ExtensionStatus.BUSY,
    "hold": ExtensionStatus.ON_HOLD,
    "unregistered": ExtensionStatus.UNREGISTERED,
    "unavailable": ExtensionStatus.UNREGISTERED,
    "malfunction": ExtensionStatus.FAULTY,
    "fxsnoport": ExtensionStatus.FAULTY,
}


class TrunkStatus(StrEnum):
    """What a trunk is good for."""

    AVAILABLE = "available"
    BUSY = "busy"
    REGISTERING = "registering"
    FAILED = "failed"
    DISABLED = "disabled"


# trunklist-query.html, all types of trunks together: no word means two things.
_TRUNK_STATUS = {
    "registered": TrunkStatus.AVAILABLE,
    "registered (unmonitored)": TrunkStatus.AVAILABLE,
    "idle": TrunkStatus.AVAILABLE,
    "up": TrunkStatus.AVAILABLE,
    "busy": TrunkStatus.BUSY,
    "registering": TrunkStatus.REGISTERING,
    "failure": TrunkStatus.FAILED,
    "fault": TrunkStatus.FAILED,
    "alarm": TrunkStatus.FAILED,
    "down": TrunkStatus.FAILED,
    "power off": TrunkStatus.FAILED,
    "no sim": TrunkStatus.FAILED,
    "no signal": TrunkStatus.FAILED,
    "pin error": TrunkStatus.FAILED,
    "unregister": TrunkStatus.FAILED,
    "disable": TrunkStatus.DISABLED,
    "disabled": TrunkStatus.DISABLED,
}


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension. `status` is None if the PBX's word for it is unknown."""

    number: str
    name: str
    status: ExtensionStatus | None

    @property
    def registered(self) -> bool | None:
        """Tell whether a phone is there, None if unknown."""
        if self.status is None:
            return None
        return self.status not in (
            ExtensionStatus.UNREGISTERED,
            ExtensionStatus.FAULTY,
        )


@dataclass(frozen=True, slots=True)
class Trunk:
    """A trunk. `detail` is the PBX's own word, `status` None if it is unknown."""

    name: str
    kind: str
    status: TrunkStatus | None
    detail: str

    @property
    def connected(self) -> bool | None:
        """Tell whether calls can go through it, None if unknown."""
        if self.status is None:
            return None
        return self.status in (TrunkStatus.AVAILABLE, TrunkStatus.BUSY)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: who waits, and how many agents could take a call now."""

    number: str
    name: str
    waiting: int | None
    available_agents: int | None


def extension_status(word: str) -> ExtensionStatus | None:
    """Return the status for a word of an event or a list, None if unknown."""
    return _EXTENSION_STATUS.get(word.strip().lower())


def extensions(answer: dict[str, Any]) -> dict[str, Extension]:
    """Read `extension/list` (6.3)."""
    return {
        number: Extension(
            number=number,
            name=text(item.get("username")),
            status=extension_status(text(item.get("status"))),
        )
        for item in records(answer.get("extlist"))
        if (number := text(item.get("number")))
    }


def trunks(answer: dict[str, Any]) -> dict[str, Trunk]:
    """Read `trunk/list` (6.4)."""
    return {
        name: Trunk(
            name=name,
            kind=text(item.get("type")),
            status=_TRUNK_STATUS.get((detail := text(item.get("status"))).lower()),
            detail=detail,
        )
        for item in records(answer.get("trunklist"))
        if (name := text(item.get("trunkname")))
    }


def queue_names(answer: dict[str, Any]) -> dict[str, str]:
    """Read the names of `queue/query` (6.5); nothing else of it, it has secrets."""
    return {
        number: text(item.get("queuename"))
        for item in records(answer.get("queues"))
        if (number := text(item.get("number")))
    }


def queues(answer: dict[str, Any], names: dict[str, str]) -> dict[str, Queue]:
    """Read `queue/query_status` (6.5), with the names of `queue/query`."""
    found = {}
    for item in records(answer.get("queues")):
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
                # 1 is Asterisk's "not in use".
                text(agent.get("agentstatus")) == "1"
                for agent in records(status.get("members"))
            )
        found[number] = Queue(number, names.get(number, ""), waiting, available)
    return found


def unread_voicemails(answer: dict[str, Any]) -> dict[str, int]:
    """Read how many unread messages each box has (6.10); empty boxes are missing."""
    return {
        number: sum(
            text(message.get("voicemailstatus")).lower() == "unread"
            for message in records(box.get("voicemail"))
        )
        for box in records(answer.get("voicemails"))
        if (number := text(box.get("number")))
    }


def do_not_disturb(answer: dict[str, Any]) -> dict[str, bool | None]:
    """Read who takes no calls from `extension/query` (6.3), and not one word more.

    Everything else of the answer is passwords and private matters.
    """
    words = {"on": True, "off": False}
    return {
        number: words.get(text(item.get("dnd")).lower())
        for item in records(answer.get("extinfos"))
        if (number := text(item.get("number")))
    }


def running_calls(answer: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Return the calls of `call/query` or `extension/query_call` (6.3, 6.6).

    An idle extension may be missing, or have no calls, or there is no list at all.
    """
    yield from clean(records(answer.get("calls")))
    for entry in records(answer.get("calllist")):
        yield from clean(records(entry.get("numbercalls")))


def ivr_numbers(answer: dict[str, Any]) -> set[str]:
    """Read the numbers of `ivr/query` (6.7), an array under a singular key."""
    return {text(item.get("number")) for item in records(answer.get("ivr"))} - {""}


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


def contacts(answer: dict[str, Any]) -> dict[str, str]:
    """Read `companycontacts/query` (6.2) as names by the ends of their numbers."""
    found: dict[str, str] = {}
    for item in records(answer.get("companycontacts")):
        person = f"{text(item.get('firstname'))} {text(item.get('lastname'))}".strip()
        company = text(item.get("company"))
        name = f"{person} ({company})" if person and company else person or company
        for key in _CONTACT_NUMBERS if name else ():
            if end := number_end(text(item.get(key))):
                found.setdefault(end, name)
    return found


def number_end(number: str) -> str:
    """Return what two spellings of one number have in common, "" if too little."""
    digits = "".join(character for character in number if character.isdigit())
    return digits[-MATCH_DIGITS:] if len(digits) >= FEWEST_MATCHED else ""


class Directory:
    """Who is behind a number: extensions, queues and IVRs, company contacts."""

    def __init__(self) -> None:
        """Start with nobody."""
        self.extensions: dict[str, Extension] = {}
        self.queues: dict[str, Queue] = {}
        self.ivrs: set[str] = set()
        self.contacts: dict[str, str] = {}

    def is_extension(self, number: str) -> bool:
        """Tell whether this is an extension."""
        return number in self.extensions

    def is_inside(self, number: str) -> bool:
        """Tell whether this is a number of the PBX itself, not an outside one."""
        return number in self.extensions or number in self.queues or number in self.ivrs

    def answers_itself(self, number: str) -> bool:
        """Tell whether this is an IVR or a queue, which pick up without a person."""
        return number in self.queues or number in self.ivrs

    def name_of(self, number: str) -> str | None:
        """Return the name of an extension or a contact with this number."""
        if extension := self.extensions.get(number):
            return extension.name or None
        end = number_end(number)
        return self.contacts.get(end) if end else None
