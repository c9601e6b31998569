"""Which calls were told already, so that none is told twice or forgotten."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

# How far a look into the call log reaches back behind the last one: longer than
# a call takes whose reports were all lost, and two changes of the PBX's clock.
OVERLAP = timedelta(hours=4)
# Contract: at most this far back.
FURTHEST = timedelta(days=7)
# A week of the busiest PBX; a flood of invented calls must not fill the memory.
MOST_TOLD = 20_000


class ToldCalls:
    """The ids of calls that were told, as far back as they could be found again.

    Attributes:
        checked_until: up to when the PBX's call log was read, and told.
        floor: calls that began before are not to be told: they were before our time,
            or are told and forgotten.
    """

    def __init__(self, now: datetime) -> None:
        """Start with nothing told; what was before is not ours to tell."""
        self.checked_until = now
        self.floor = now
        # From id to the second in which it was told, as it is written: on a busy PBX
        # thousands of them are written every second.
        self._told: OrderedDict[str, float] = OrderedDict()

    def __contains__(self, call_id: object) -> bool:
        """Tell whether a call was told."""
        return call_id in self._told

    def __len__(self) -> int:
        """Return how many calls are remembered."""
        return len(self._told)

    def add(self, call_id: str, now: datetime) -> None:
        """Note that a call was told to its end."""
        self._told[call_id] = round(now.timestamp(), 3)
        self._told.move_to_end(call_id)
        if len(self._told) > MOST_TOLD:
            self._forget_oldest()

    def look_back_to(self, now: datetime) -> datetime:
        """Return from when on the call log has to be read."""
        return max(min(self.checked_until, now) - OVERLAP, self.earliest(now))

    def earliest(self, now: datetime) -> datetime:
        """Return when a call that is still to be told may have begun at the earliest."""
        # Call records have whole seconds.
        return max(self.floor.replace(microsecond=0), now - FURTHEST)

    def checked(self, until: datetime) -> None:
        """Note that the call log was read and told up to a time."""
        self.checked_until = until
        # An hour more than will be looked at, for a clock that is changed.
        keep_from = (until - OVERLAP - timedelta(hours=1)).timestamp()
        while self._told and next(iter(self._told.values())) < keep_from:
            self._forget_oldest()

    def skip_to(self, now: datetime) -> None:
        """Note that nothing up to now is to be looked up any more."""
        self.checked(now)
        self.floor = now

    def _forget_oldest(self) -> None:
        """Forget a call, and never look as far back as it again."""
        _, told_at = self._told.popitem(last=False)
        self.floor = max(self.floor, datetime.fromtimestamp(told_at, UTC))

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""
        return {
            "checked_until": self.checked_until.isoformat(),
            "floor": self.floor.isoformat(),
            "told": dict(self._told),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ToldCalls:
        """Return what `as_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        told = cls(datetime.fromisoformat(data["checked_until"]).astimezone(UTC))
        told.floor = datetime.fromisoformat(data["floor"]).astimezone(UTC)
        for call_id, moment in data["told"].items():
            # What is no time would only be found when it is forgotten.
            datetime.fromtimestamp(moment, UTC)
            told._told[call_id] = moment
        return told
