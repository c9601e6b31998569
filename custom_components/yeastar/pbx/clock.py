"""The PBX's clock: local times without zone, on a clock that may be wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
import re

from .models import TIME_FORMAT, local_time_of, parse_time, pbx_zone

# Within this, two clocks are the same; a request takes its time, too.
_EXACT = timedelta(seconds=10)
# event-CallStatus.html: a call's id begins with the second in which it began.
_CALL_ID = re.compile(r"(\d{9,10})\.\d+")
# A CDR may begin some time after its call, at a transfer for instance.
_LATEST_START = timedelta(minutes=50)
_ONE_HOUR = timedelta(hours=1)
# The first CDR of a call begins with it; only then is an hour's difference the clock's.
_SOON = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class PbxClock:
    """How the PBX's local times relate to true ones.

    Attributes:
        zone: of its clock.
        drift: how much the clock is fast, 0 if it is right.
        ids_are_times: whether a live call has proven that ids begin with the true
            time, so that they may decide between two readings of a local time.
    """

    zone: tzinfo
    drift: timedelta = timedelta()
    ids_are_times: bool = False

    @classmethod
    def read(cls, system_time: str | None, now: datetime, home: tzinfo) -> PbxClock:
        """Work the clock out from `deviceinfo`'s `systemtime`.

        Args:
            system_time: the PBX's answer, None if it gave none.
            now: the true time, aware.
            home: the zone in which the PBX stands, most likely.
        """
        zone = pbx_zone(system_time, now, home)
        local = local_time_of(system_time)
        if local is None or not (drifts := [r - now for r in _readings(local, zone)]):
            return cls(zone)
        drift = min(drifts, key=abs)
        return cls(zone, drift if abs(drift) > _EXACT else timedelta())

    def wall(self, moment: datetime) -> str:
        """Return what the PBX's clock shows at a moment, as requests want it."""
        return (moment + self.drift).astimezone(self.zone).strftime(TIME_FORMAT)

    def moment(self, local: str, call_id: str) -> datetime | None:
        """Return when it was what a CDR's time says, in UTC; None if it is no time."""
        return self.moments([local], call_id)[0]

    def moments(self, texts: Sequence[str], call_id: str) -> list[datetime | None]:
        """Return when it was what the times of a call's CDRs say.

        A local time without zone has two readings in the hour that daylight saving
        repeats, and is an hour off if the PBX changes its clock on other days than
        its zone here. The id of the call tells them apart, for the first of its
        times; the others are off by as much, and none is before the first.

        Args:
            texts: the PBX's local times.
            call_id: of the call.

        Returns:
            For each of them the time in UTC, None if it is no time.
        """
        times = [_naive(text) for text in texts]
        first, off = None, timedelta()
        if (began := began_by_id(call_id)) is not None:
            firsts = [self._first(one, began) for one in times if one is not None]
            known = [one for one in firsts if one is not None]
            first, off = min(known, default=(first, off))
        return [self._later(one, first, off) if one else None for one in times]

    def _first(
        self, local: datetime, began: datetime
    ) -> tuple[datetime, timedelta] | None:
        """Return when a time was and how far off, if it can be a call's first one."""
        if not (readings := _readings(local, self.zone)):
            return None
        for reading in readings:
            if -_EXACT <= reading - began < _LATEST_START:
                return reading, timedelta()
        for off in (_ONE_HOUR, -_ONE_HOUR) if self.ids_are_times else ():
            if -_EXACT <= readings[0] + off - began < _SOON:
                return readings[0] + off, off
        return None

    def _later(
        self, local: datetime, first: datetime | None, off: timedelta
    ) -> datetime | None:
        """Return when another time of the same call was, in true time."""
        if not (readings := _readings(local, self.zone)):
            return None
        found = readings[0]
        if first is not None:
            later = [one for one in readings if one + off >= first]
            found = min(later, default=found)
        return found + off - self.drift


def _naive(text: str) -> datetime | None:
    """Return a local time of the PBX, None if it is written in any other way."""
    moment = parse_time(text.strip(), UTC)
    return moment.replace(tzinfo=None) if moment is not None else None


def _readings(local: datetime, zone: tzinfo) -> list[datetime]:
    """Return what a local time may stand for, in UTC; nothing if it is absurd."""
    try:
        return [
            local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)
        ]
    except OverflowError:
        return []


def began_by_id(call_id: str) -> datetime | None:
    """Return when a call began by the PBX's clock, as its id says; None if not."""
    if match := _CALL_ID.fullmatch(call_id):
        return datetime.fromtimestamp(int(match[1]), UTC)
    return None
