"""The PBX's clock: local times without zone, on a clock that may be wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
import re

from .models import TIME_FORMAT, local_time_of, pbx_zone

# Within this, two clocks are the same; a request takes its time, too.
_EXACT = timedelta(seconds=10)
# event-CallStatus.html: a call's id begins with the second in which it began.
_CALL_ID = re.compile(r"(\d{9,10})\.\d+")
# A CDR may begin some time after its call, at a transfer for instance.
_LATEST_START = timedelta(minutes=50)
_ONE_HOUR = timedelta(hours=1)


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
        """Return when it was what a CDR's time says, in UTC; None if it is no time.

        A local time without zone has two readings in the hour that daylight saving
        repeats, and is an hour off if the PBX changes its clock on other days than
        its zone here. The id of the call tells them apart.
        """
        naive = local_time_of(local)
        if naive is None or not (readings := _readings(naive, self.zone)):
            return None
        began = began_by_id(call_id)
        if began is None:
            return readings[0] - self.drift
        if self.ids_are_times:
            readings += [readings[0] + _ONE_HOUR, readings[0] - _ONE_HOUR]
        for reading in readings:
            if -_EXACT <= reading - began < _LATEST_START:
                return reading - self.drift
        return readings[0] - self.drift


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
