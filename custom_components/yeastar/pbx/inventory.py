"""What the PBX has: extensions, trunks, queues, and who is behind a number."""

from dataclasses import dataclass
from enum import StrEnum

from .numbers import NumberBook


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


def trunk_status(word: str) -> TrunkStatus | None:
    """Return the status for the PBX's word, None if that is unknown."""
    return _TRUNK_STATUS.get(word.lower())


class Directory:
    """Who is behind a number: extensions, queues and IVRs, company contacts."""

    def __init__(self) -> None:
        """Start with nobody."""
        self.extensions: dict[str, Extension] = {}
        self.queues: dict[str, Queue] = {}
        self.ivrs: set[str] = set()
        self.contacts: NumberBook[str] = NumberBook()

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
        return self.contacts.find(number)
