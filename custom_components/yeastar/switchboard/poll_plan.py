"""What to ask the PBX for when: the budget of 200 requests an hour."""

from collections import Counter
from enum import StrEnum
from typing import Final


class Poll(StrEnum):
    """What can be asked for, in the order of asking."""

    DEVICE = "device"
    EXTENSIONS = "extensions"
    TRUNKS = "trunks"
    QUEUE_NAMES = "queue_names"
    QUEUES = "queues"
    CALLS = "calls"
    LINE_CALLS = "line_calls"
    IVRS = "ivrs"
    CONTACTS = "contacts"
    VOICEMAILS = "voicemails"
    EXTENSION_SETTINGS = "extension_settings"
    CALL_LOG = "call_log"
    SILENT_CALLS = "silent_calls"


MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE

# Seconds between two polls. Trunks and queues have no push (protocol 6.4, 6.5) and
# make 120 requests an hour; all others together, the heartbeat included, some 40.
INTERVALS: Final = {
    Poll.DEVICE: HOUR,
    Poll.EXTENSIONS: 5 * MINUTE,
    Poll.TRUNKS: MINUTE,
    Poll.QUEUE_NAMES: HOUR,
    Poll.QUEUES: MINUTE,
    Poll.CALLS: HOUR,
    Poll.LINE_CALLS: HOUR,
    Poll.IVRS: 6 * HOUR,
    Poll.CONTACTS: 6 * HOUR,
    Poll.VOICEMAILS: 15 * MINUTE,
    # Nothing is asked as long as nobody wants to know.
    Poll.EXTENSION_SETTINGS: 15 * MINUTE,
    # All reports of a call may get lost although most arrive.
    Poll.CALL_LOG: HOUR,
    # There seldom is one.
    Poll.SILENT_CALLS: MINUTE,
}
# These bring the first devices; the others follow a moment after set-up.
AT_SETUP: Final[tuple[Poll, ...]] = (
    Poll.DEVICE,
    Poll.EXTENSIONS,
    Poll.TRUNKS,
    Poll.QUEUE_NAMES,
    Poll.QUEUES,
    Poll.CALLS,
)
# A report may ask for a poll at once, but a flood of reports must not.
SHORTEST: Final = 10.0
# How long to leave a poll alone that failed once, twice, … in a row.
_PAUSES: Final = (MINUTE, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR)
# Timers are not exact to the millisecond.
TOLERANCE: Final = 0.5


class PollPlan:
    """When each poll is due, by a clock that never goes back.

    Attributes:
        failing: the polls of which nothing is known now, and why.
    """

    def __init__(self) -> None:
        """Start with everything due."""
        self._due: dict[Poll, float] = dict.fromkeys(Poll, 0.0)
        self._read_at: dict[Poll, float] = {}
        self._failures: Counter[Poll] = Counter()
        self.failing: dict[Poll, str] = {}

    def everything(self) -> None:
        """Make all polls due: anything may have changed."""
        self._due = dict.fromkeys(Poll, 0.0)

    def due_now(self, poll: Poll) -> None:
        """Make a poll due, because somebody asked for it."""
        self._due[poll] = 0.0

    def hasten(self, poll: Poll, now: float, delay: float = 1.0) -> float:
        """Make a poll due soon; return in how many seconds."""
        soon = now + delay
        if poll in self._read_at and poll is not Poll.SILENT_CALLS:
            # Those have a budget of their own, and most looks at them ask nothing.
            soon = max(soon, self._read_at[poll] + SHORTEST)
        self._due[poll] = min(self._due[poll], soon)
        return max(0.0, self._due[poll] - now)

    def is_due(self, poll: Poll, now: float) -> bool:
        """Return True if a poll is due."""
        return now >= self._due[poll] - TOLERANCE

    def next_in(self, now: float) -> float:
        """Return in how many seconds the next poll is due."""
        return max(0.0, min(self._due.values()) - now)

    def done(self, poll: Poll, now: float) -> None:
        """Note that a poll was made."""
        self._read_at[poll] = now
        self._due[poll] = now + INTERVALS[poll]
        self._failures.pop(poll, None)
        self.failing.pop(poll, None)

    def failed(self, poll: Poll, now: float, why: str) -> None:
        """Note that a poll failed while the PBX can be talked to.

        Once may be by chance; what it showed before is unknown after the second time.

        Args:
            poll: which one.
            now: the time.
            why: in a word or two.
        """
        self._failures[poll] += 1
        count = self._failures[poll]
        self._read_at[poll] = now
        pause = _PAUSES[min(count, len(_PAUSES)) - 1]
        self._due[poll] = now + pause
        if count > 1:
            self.failing[poll] = why

    def as_dict(self, now: float) -> dict[str, int]:
        """Return in how many seconds each poll is due, for diagnostics."""
        return {poll: round(due - now) for poll, due in self._due.items()}
