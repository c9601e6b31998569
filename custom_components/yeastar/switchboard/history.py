"""What was told of calls, on disk: it outlives restarts and power cuts."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
import logging
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..pbx.calls import TERMINAL, Call, Step, Transition
from ..pbx.calls.data import as_dict, from_dict

_LOGGER = logging.getLogger(__name__)

_VERSION = 1
# Contract: a power cut may cost what was told within the last second.
_DELAY = 1.0
# How far a look into the call log reaches back behind the last one: longer than
# a call takes whose reports were all lost, and two changes of the PBX's clock.
OVERLAP = timedelta(hours=4)
# Contract: at most this far back.
FURTHEST = timedelta(days=7)
# A week of the busiest PBX; a flood of invented calls must not fill the memory.
MOST_TOLD = 20_000
# Far more than an S300 has.
_MOST_MONITORED = 5_000
# Longer than a live call waits for the other half of its end.
_TOLD_WITHIN = timedelta(minutes=1)


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    """Return the file of an entry; it holds phone numbers, so it is private."""
    return Store(hass, _VERSION, f"{DOMAIN}.{entry_id}", private=True)


async def async_remove_history(hass: HomeAssistant, entry_id: str) -> None:
    """Delete what was kept for an entry."""
    await _store(hass, entry_id).async_remove()


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
        """Return when a call that is still to be told began at the earliest."""
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


class CallHistory:
    """The calls of a PBX that were told, the last of them, and today's missed ones.

    Attributes:
        told: which calls were told.
        last_call: the one that ended last, None if there was none yet.
        begun: calls that were told and not to their end, and whether as answered.
        heard: what each phone heard last of those.
        ids_are_times: whether the last live call has shown that the ids of calls begin
            with a time.
        monitored: the extensions of which reports have told the status; of others
            they may never do, because that is a setting of each.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Start empty; `async_load` has to follow."""
        self._store = _store(hass, entry_id)
        self._save_pending = self._closed = False
        self._missed_on: date | None = None
        self._missed = 0
        self.told = ToldCalls(dt_util.utcnow())
        self.last_call: Call | None = None
        self.begun: dict[str, tuple[Call, bool]] = {}
        self.heard: dict[str, dict[str, Step]] = {}
        self.ids_are_times = False
        self.monitored: set[str] = set()

    async def async_load(self) -> None:
        """Read what was kept; what cannot be read counts as never told."""
        if (data := await self._store.async_load()) is None:
            # Calls from before the PBX was added are not news.
            self._save_soon()
            return
        try:
            told = ToldCalls.from_dict(data["calls"])
            last = data["last_call"]
            last_call = from_dict(last) if last is not None else None
            begun = {
                one["call_id"]: (from_dict(one), answered is True)
                for one, answered in data["begun"]
            }
            missed = int(data["missed"]["count"])
            missed_on = date.fromisoformat(data["missed"]["day"])
            self.ids_are_times = data["ids_are_times"] is True
            # Files of earlier versions do not have these.
            heard = {
                call_id: {str(one): Step(step) for one, step in phones.items()}
                for call_id, phones in data.get("heard", {}).items()
            }
            self.monitored.update(map(str, data.get("monitored", ())))
        except (
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
        ) as error:
            _LOGGER.warning(
                "The file with the calls that were told is damaged (%s); calls from "
                "before now will not be looked up",
                type(error).__name__,
            )
            self._save_soon()
            return
        self.told, self.last_call, self.begun = told, last_call, begun
        self.heard = heard
        self._missed_on, self._missed = missed_on, missed

    @callback
    def note(self, transition: Transition, now: datetime) -> None:
        """Take in a step of a call, just told."""
        call = transition.call
        if transition.step not in TERMINAL:
            self.begun[call.call_id] = (call, transition.step is Step.ANSWERED)
            self._save_soon()
            return
        self.begun.pop(call.call_id, None)
        self.heard.pop(call.call_id, None)
        self.told.add(call.call_id, now)
        ended_at = call.ended_at or now
        if self.last_call is None or ended_at >= (self.last_call.ended_at or ended_at):
            self.last_call = call
        today = dt_util.as_local(now).date()
        if transition.step is Step.MISSED and (
            dt_util.as_local(ended_at).date() == today
            # Its end was waited for over midnight: it counts for one of the two days.
            or timedelta() < now - ended_at < _TOLD_WITHIN
        ):
            self._missed = self.missed_on(today) + 1
            self._missed_on = today
        self._save_soon()

    @callback
    def note_heard(self, number: str, news: Transition) -> None:
        """Take in what a phone just heard of a call that goes on."""
        call_id = news.call.call_id
        if call_id in self.begun:
            self.heard.setdefault(call_id, {})[number] = news.step
            self._save_soon()

    @callback
    def note_monitored(self, number: str) -> None:
        """Note that reports tell the status of an extension."""
        if number not in self.monitored and len(self.monitored) < _MOST_MONITORED:
            self.monitored.add(number)
            self._save_soon()

    @callback
    def checked(self, until: datetime) -> None:
        """Note that the PBX's call log was read and told up to a time."""
        self.told.checked(until)
        self._save_soon()

    @callback
    def skip_to(self, now: datetime) -> None:
        """Note that nothing up to now is to be looked up any more."""
        self.told.skip_to(now)
        self._save_soon()

    def missed_on(self, day: date) -> int:
        """Return how many calls were missed on a day, which is today."""
        return self._missed if day == self._missed_on else 0

    async def async_save(self) -> None:
        """Write now what waits to be written."""
        if self._save_pending:
            await self._store.async_save(self._data())

    async def async_close(self) -> None:
        """Write what waits to be written, and nothing from now on.

        What came later would bring the file of a removed PBX back, or overwrite what
        the next start of the entry has written.
        """
        await self.async_save()
        self._closed = True

    @callback
    def _save_soon(self) -> None:
        """Write within a second.

        The store would put each write off again at the next call, on a busy day for
        ever; so it is asked once for each write.
        """
        if not self._save_pending and not self._closed:
            self._save_pending = True
            self._store.async_delay_save(self._data, _DELAY)

    @callback
    def _data(self) -> dict[str, Any]:
        """Return what is to be kept."""
        self._save_pending = False
        day = self._missed_on or dt_util.now().date()
        return {
            "calls": self.told.as_dict(),
            "last_call": as_dict(self.last_call) if self.last_call else None,
            "begun": [
                [as_dict(call), answered] for call, answered in self.begun.values()
            ],
            "heard": self.heard,
            "ids_are_times": self.ids_are_times,
            "monitored": sorted(self.monitored),
            "missed": {"day": day.isoformat(), "count": self._missed},
        }
