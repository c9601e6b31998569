"""What was told of calls, on disk: it outlives restarts and power cuts."""

from datetime import date, datetime
import logging
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..pbx.calls.data import as_dict, from_dict
from ..pbx.calls.tracker import TERMINAL, Call, Step, Transition
from .told_calls import ToldCalls

_LOGGER = logging.getLogger(__name__)

_VERSION = 1
# Contract: a power cut may cost what was told within the last second.
_DELAY = 1.0


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    """Return the file of an entry; it holds phone numbers, so it is private."""
    return Store(hass, _VERSION, f"{DOMAIN}.{entry_id}", private=True)


async def async_remove_history(hass: HomeAssistant, entry_id: str) -> None:
    """Delete what was kept for an entry."""
    await _store(hass, entry_id).async_remove()


class CallHistory:
    """The calls of a PBX that were told, the last of them, and today's missed ones.

    Attributes:
        told: which calls were told.
        last_call: the one that ended last, None if there was none yet.
        begun: calls that were told and not to their end, and whether as answered.
        ids_are_times: whether the last live call has shown that the ids of calls begin
            with a time.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Start empty; `async_load` has to follow."""
        self._store = _store(hass, entry_id)
        self._save_pending = False
        self._missed_on: date | None = None
        self._missed = 0
        self.told = ToldCalls(dt_util.utcnow())
        self.last_call: Call | None = None
        self.begun: dict[str, tuple[Call, bool]] = {}
        self.ids_are_times = False

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
        self.told.add(call.call_id, now)
        ended_at = call.ended_at or now
        if self.last_call is None or ended_at >= (self.last_call.ended_at or ended_at):
            self.last_call = call
        today = dt_util.as_local(now).date()
        if transition.step is Step.MISSED and (
            dt_util.as_local(ended_at).date() == today
        ):
            self._missed = self.missed_on(today) + 1
            self._missed_on = today
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

    @callback
    def _save_soon(self) -> None:
        """Write within a second.

        The store would put each write off again at the next call, on a busy day for
        ever; so it is asked once for each write.
        """
        if not self._save_pending:
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
            "ids_are_times": self.ids_are_times,
            "missed": {"day": day.isoformat(), "count": self._missed},
        }
