"""One party's part of a call, as reports show it (event-CallStatus.html)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from .record import plain, text_of

# A leg only ever moves to a higher rank; a report that shows a lower one is an old
# report that comes late. An unknown word has no rank.
RANKS: Final = {"ALERT": 1, "RING": 1, "ANSWER": 2, "ANSWERED": 2, "HOLD": 2, "BYE": 3}
TALKING: Final = 2
OVER: Final = 3

type Member = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Leg:
    """One party's part of a call.

    Attributes:
        other: the number at the other side, as a trunk's leg has it.
        path: the group through which it was reached when it was first seen.
        since: in which report about the call it was first seen.
        first: the rank of the word it was first seen with.
        talked: in which report it was first seen to talk, 0 for none.
        is_line: this is the trunk that an outbound call goes out on, not a mobile
            that rings along or somebody who joined later.
        gone: not in the latest report any more: hung up without saying so.
    """

    kind: str
    number: str | None
    other: str | None
    trunk: str | None
    path: str | None = None
    since: int = 0
    first: int = 0
    is_line: bool = False
    status: str = ""
    rank: int = 0
    was_caller: bool = False
    was_callee: bool = False
    talked: int = 0
    gone: bool = False
    ended_at: datetime | None = None

    @property
    def person(self) -> tuple[str, object]:
        """Return whose leg this is: somebody may have two phones."""
        return self.kind, self.number or id(self)

    @property
    def live(self) -> bool:
        """Return True if this party still takes part."""
        return not self.gone and self.rank < OVER

    @property
    def talks(self) -> bool:
        """Return True if this party is connected now, perhaps on hold."""
        return self.rank == TALKING and not self.gone

    @property
    def rings(self) -> bool:
        """Return True if this phone is ringing now."""
        return self.status == "RING" and not self.gone

    @property
    def ended(self) -> bool:
        """Return True if this party said that it hung up."""
        return self.rank == OVER

    def there_at(self, moment: datetime) -> bool:
        """Return True if this party had not said by then that it hung up."""
        return self.ended_at is None or self.ended_at >= moment

    def complete(self, member: Member) -> None:
        """Take over what an earlier report had left empty."""
        _, number, other = party(member)
        self.number = self.number or number
        self.other = self.other or other
        self.trunk = self.trunk or text_of(member.get("trunk_name"))


def party(member: Member) -> tuple[str, str | None, str | None]:
    """Return a member's kind, its own number, and the other side's."""
    kind = str(member.get("kind"))
    if kind == "inbound":
        return kind, plain(member.get("from")), plain(member.get("to"))
    if kind == "outbound":
        return kind, plain(member.get("to")), plain(member.get("from"))
    return kind, plain(member.get("number")), None
