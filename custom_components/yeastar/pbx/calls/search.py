"""Look calls up in the PBX's records."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...switchboard.board import Switchboard
from ..client import YeastarClient
from ..clock import PbxClock
from ..inventory import number_end
from .log import LONGEST_SPAN, CallLogRecord, calls_of, read_call_log
from .tracker import Call, Direction, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSearch:
    """What to look for; None stands for anything. The times are those of the start."""

    start: datetime
    end: datetime
    number: str | None = None
    extension: str | None = None
    direction: Direction | None = None
    outcome: Outcome | None = None

    def finds(self, call: Call) -> bool:
        """Tell whether a call is one of those."""
        began = call.started_at
        return (
            began is not None
            and self.start <= began < self.end
            and (self.direction is None or call.direction is self.direction)
            and (self.outcome is None or call.outcome is self.outcome)
            and (self.extension is None or self.extension in call.extensions)
            and (self.number is None or self._has_number(call))
        )

    def _has_number(self, call: Call) -> bool:
        """Tell whether the number takes part, however it is written."""
        assert self.number is not None
        end = number_end(self.number)
        for number in (call.caller_number, call.called_number, call.did_number):
            if number == self.number or (end and number and number_end(number) == end):
                return True
        return False

    def days(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield spans that can be asked for one at a time."""
        start = self.start
        while start < self.end:
            end = min(start + LONGEST_SPAN, self.end)
            yield start, end
            start = end


async def find_calls(
    client: YeastarClient, board: Switchboard, clock: PbxClock, search: CallSearch
) -> list[Call]:
    """Return the calls that a search finds, the newest first.

    Raises:
        PbxError: the records cannot be read now.
    """
    records: list[CallLogRecord] = []
    second = timedelta(seconds=1)
    for start, end in search.days():
        # The PBX knows whole seconds, and both ends are in.
        records += await read_call_log(client, clock, start, end - second)
    found = [call for call in calls_of(records, board.directory) if search.finds(call)]
    found.sort(key=lambda call: (call.started_at, call.call_id), reverse=True)
    return found
