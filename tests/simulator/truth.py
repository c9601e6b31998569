"""What really happened in a call, for tests to compare a client's belief with."""

from dataclasses import dataclass, field
from enum import StrEnum

from .encoding import Report


class Outcome(StrEnum):
    """How a call ended, seen from the PBX."""

    ANSWERED = "answered"
    """A person answered."""
    MISSED = "missed"
    """Nobody answered; also an outbound call that rang in vain."""
    VOICEMAIL = "voicemail"
    BUSY = "busy"
    FAILED = "failed"
    ABANDONED = "abandoned"
    """The caller left an IVR or a queue before a person answered."""
    REFUSED = "refused"
    """Turned away by `call/refuse_inbound`; not in the PBX's call log."""


@dataclass(slots=True, kw_only=True)
class Truth:
    """One call. Times are epoch seconds by the simulator's clock."""

    callid: str
    direction: str
    caller: str
    called: str
    did: str = ""
    trunk: str = ""
    path: str = ""
    # Extensions and mobile numbers in the order in which they began to ring.
    rang: list[str] = field(default_factory=list)
    # Who was ever connected: extensions and numbers outside, also the caller.
    talked: list[str] = field(default_factory=list)
    answered_by: str = ""
    started_at: float = 0.0
    rang_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome | None = None
    # The party that hung up first; "" when the PBX ended the call.
    ended_by: str = ""
    transferred_to: list[str] = field(default_factory=list)
    forwarded_to: list[str] = field(default_factory=list)
    recording: str = ""
    # Every NewCdr of the call; the last is the one about the call as a whole.
    cdrs: list[Report] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)

    @property
    def cdr_status(self) -> str:
        """The `status` of the final NewCdr, "" if there was none."""
        return str(self.cdrs[-1]["status"]) if self.cdrs else ""
