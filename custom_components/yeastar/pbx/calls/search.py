"""Look calls up in the PBX's records."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from ..client import YeastarClient
from ..clock import PbxClock
from ..numbers import same_number
from .description import Call, Direction, Outcome
from .log import calls_of, read_call_log
from .record import CallRecord
from .records import NumberPlan


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
        return any(
            number is not None and same_number(number, self.number)
            for number in (call.caller_number, call.called_number, call.did_number)
        )


async def find_calls(
    client: YeastarClient, directory: NumberPlan, clock: PbxClock, search: CallSearch
) -> list[Call]:
    """Return the calls that a search finds, the newest first.

    Raises:
        PbxError: the records cannot be read now.
    """
    records: list[CallRecord] = []
    async for day in read_call_log(client, clock, search.start, search.end):
        records += day.records
    # Of a week at a large PBX that takes the event loop's time for a second.
    return await asyncio.to_thread(_found, records, directory, search)


def _found(
    records: list[CallRecord], directory: NumberPlan, search: CallSearch
) -> list[Call]:
    """Return those calls of some records that a search finds, the newest first."""
    found = [call for call in calls_of(records, directory) if search.finds(call)]
    found.sort(key=lambda call: (call.started_at, call.call_id), reverse=True)
    return found
