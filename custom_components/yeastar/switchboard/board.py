"""A report or a list goes in; events and listeners hear what it means."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from homeassistant.core import CALLBACK_TYPE, Context, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_at
from homeassistant.util import dt as dt_util

from ..const import DOMAIN, EVENT_CALL, EVENT_REPORT
from ..delivery.watch import DeliveryWatch
from ..pbx.calls import TERMINAL, Call, CallTracker, Outcome, Transition
from ..pbx.calls.data import as_dict
from ..pbx.calls.record import CallRecord
from ..pbx.inventory import Extension, Queue, Trunk
from ..pbx.reports import Report
from .call_news import CallNews, tell_call_news
from .devices import EXTENSION, QUEUE, TRUNK, Devices
from .history import CallHistory
from .listeners import PBX, Key, Listeners, extension_key, queue_key
from .mask import Mask
from .picture import Picture
from .poll_plan import Poll
from .slices import in_slices

# A phone goes free a moment after its call; only then is a look worth it.
AFTER_CALL = 5.0
# A second change of an extension within a minute is told by the very same bytes,
# which count as a repetition of the first report: so look once more afterwards.
AFTER_REPETITIONS = 61.0
# Extensions that the list does not have: how many are looked for in so long a time.
MOST_LOOKED_FOR = 10
_LOOKED_FOR = timedelta(hours=1)
# To show three states takes Home Assistant a tenth of a millisecond.
TOLD_AT_ONCE = 50


class Switchboard:
    """What is known of a PBX now, and who is told when it changes.

    Attributes:
        picture: what the PBX has and what each thing is doing.
        directory: the part of the picture that knows who is behind a number.
        changed: tells the listeners of a key that its state is another one.
        called: tells the listeners of a key what happened to a call.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        entry_id: str,
        serial: str,
        mask_numbers: bool,
        history: CallHistory,
        want: Callable[[Poll, float], None],
    ) -> None:
        """Start with an empty picture.

        Args:
            hass: Home Assistant.
            entry_id: of the PBX's entry.
            serial: of the PBX.
            mask_numbers: show only the last three digits of outside numbers.
            history: of the calls that were told, loaded.
            want: has a list read in so many seconds.
        """
        self._hass = hass
        self._want = want
        self._origin = {"config_entry_id": entry_id, "device_id": "", "serial": serial}
        self.serial = serial
        self.picture = Picture(history.monitored)
        self.directory = self.picture.directory
        self.listed_in_session: int | None = None
        self.settings_watched: set[str] = set()
        self.history = history
        self.calls = CallTracker(
            self.directory, history.told, history.begun, history.heard
        )
        self.calls.resume()
        self.devices = Devices(hass, entry_id, serial)
        self.changed: Listeners[()] = Listeners()
        self.called: Listeners[Transition] = Listeners()
        self.reports: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.delivery = DeliveryWatch()
        self._mask = Mask(self.directory.is_inside) if mask_numbers else None
        self._shown_calls = 0
        self._looked_for: dict[str, datetime] = {}
        self._cancel_expiry: CALLBACK_TYPE | None = None
        self._expiry_at: datetime | None = None
        self._cancel_second_look: CALLBACK_TYPE | None = None

    @callback
    def set_pbx_device(self, device_id: str) -> None:
        """Say which device is the PBX."""
        self.devices.pbx_id = device_id
        self._origin["device_id"] = device_id

    @callback
    def take(self, report: Report) -> None:
        """Take a report in: to the bus, to the calls, to whom it concerns."""
        now = dt_util.utcnow()
        proven = self.delivery.heard(now)
        self.reports[report.type if report.known else "unknown"] += 1
        payload = report.payload
        if self._mask is not None:
            payload = self._mask.payload(payload)
        self._hass.bus.async_fire(
            EVENT_REPORT, {**self._origin, "type": report.type, "payload": payload}
        )
        if report.type == "extension_status":
            self._take_status(report.payload, now)
        elif report.type == "config_change":
            self._take_config_change(report.payload)
        else:
            members = report.payload.get("members", ())
            if report.type == "invite":
                self.picture.note_invitation(report.payload.get("call_id"), members)
            self.handle(self.calls.take(report, now), now)
            if report.type == "new_cdr" and (
                doubt := self.calls.doubt(payload.get("call_id"))
            ):
                self._want(Poll.SILENT_CALLS, (doubt - now).total_seconds())
            if report.type == "call_status":
                for key in self.picture.take_hold(payload.get("call_id"), members):
                    self.changed.tell(key)
        if proven:
            self.changed.tell(PBX)

    @callback
    def handle(self, transitions: list[Transition], now: datetime) -> None:
        """Tell what happened to calls, and plan when to look at them again."""
        context: Context | None = None
        for transition in transitions:
            context = Context()
            self._tell(transition, context)
        for heard in self.calls.heard():
            context = context or Context()
            key = extension_key if heard.kind == "extension" else queue_key
            news = Transition(heard.step, self.shown(heard.call))
            if heard.kind == "extension":
                self.history.note_heard(heard.who, news)
            self._tell_news(key(heard.who), news, context)
        if transitions or self.calls.active_count != self._shown_calls:
            self._shown_calls = self.calls.active_count
            self.changed.tell(PBX)
        self._plan_expiry(now)

    def shown(self, call: Call) -> Call:
        """Return a call as it may be shown, outside numbers hidden if need be."""
        return self._mask.call(call) if self._mask is not None else call

    def shown_fields(self, call: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a call that was told before, as they may be shown."""
        return self._mask.fields(call) if self._mask is not None else call

    def shown_number(self, number: str) -> str:
        """Return a number, or a text with numbers in it, as it may be shown."""
        return (self._mask.number(number) if self._mask is not None else None) or number

    @callback
    def tell_found(self, call_id: str, records: Iterable[CallRecord]) -> None:
        """Tell the end of a call that the PBX's call log has and nobody reported."""
        now = dt_util.utcnow()
        self.handle(self.calls.found(call_id, records, now), now)

    @property
    def last_call(self) -> Call | None:
        """Return the call that ended last, as it may be shown."""
        # It may have been told before numbers were to be hidden.
        call = self.history.last_call
        return self.shown(call) if call is not None else None

    @callback
    def stop(self) -> None:
        """Cancel what is planned."""
        self._forget_expiry()
        if self._cancel_second_look is not None:
            self._cancel_second_look()
            self._cancel_second_look = None

    @callback
    def _forget_expiry(self) -> None:
        """Cancel the closing of calls."""
        if self._cancel_expiry is not None:
            self._cancel_expiry()
            self._cancel_expiry = None

    @callback
    def set_extensions(
        self, extensions: dict[str, Extension], asked_at: datetime, *, continuous: bool
    ) -> None:
        """Show a new list of extensions; see `Picture.set_extensions`."""
        changes = self.picture.set_extensions(
            extensions,
            asked_at,
            continuous=continuous,
            unheard=self.delivery.last_report_at is None and not self.history.monitored,
        )
        for _ in range(changes.unreported):
            self.delivery.missed(dt_util.utcnow())
        self.devices.update(
            EXTENSION,
            {
                number: f"{number} {extension.name}".strip()
                for number, extension in extensions.items()
            },
        )
        self._tell_many(changes.keys)

    @callback
    def set_trunks(self, trunks: dict[str, Trunk]) -> None:
        """Show a new list of trunks."""
        changed = self.picture.set_trunks(trunks)
        self.devices.update(TRUNK, {name: name for name in trunks})
        self._tell_many(changed)

    @callback
    def set_queues(self, queues: dict[str, Queue]) -> None:
        """Show the status of all queues."""
        changed = self.picture.set_queues(queues)
        self.devices.update(
            QUEUE,
            {
                number: f"{number} {queue.name}".strip()
                for number, queue in queues.items()
            },
        )
        self._tell_many(changed)

    @callback
    def set_voicemails(self, unread: dict[str, int]) -> None:
        """Show how many unread messages there are; who is missing has none."""
        self._tell_many(self.picture.set_voicemails(unread))

    @callback
    def set_do_not_disturb(self, states: dict[str, bool | None]) -> None:
        """Show which extensions take no calls, None if the PBX does not say."""
        for key in self.picture.set_do_not_disturb(states):
            self.changed.tell(key)

    @callback
    def tell_all(self) -> None:
        """Tell everybody that something changed for all of them."""
        self._tell_many(self.changed.keys())

    @callback
    def _tell_many(self, keys: Iterable[Key]) -> None:
        """Tell the listeners of perhaps thousands of keys."""
        # Home Assistant keeps the task.
        _ = self._hass.async_create_task(
            self._tell_in_slices(list(keys)), f"{DOMAIN} changes", eager_start=True
        )

    async def _tell_in_slices(self, keys: list[Key]) -> None:
        """Tell the listeners of some keys, then let others run."""
        async for some in in_slices(keys, TOLD_AT_ONCE):
            for key in some:
                self.changed.tell(key)

    @callback
    def watch_settings(self, number: str) -> CALLBACK_TYPE:
        """Have the settings of an extension read; return how to stop."""
        self.settings_watched.add(number)
        self._want(Poll.EXTENSION_SETTINGS, 1.0)

        @callback
        def stop() -> None:
            self.settings_watched.discard(number)
            self.picture.do_not_disturb.pop(number, None)

        return stop

    @callback
    def _take_config_change(self, payload: dict[str, Any]) -> None:
        """Look at what was changed: the report only says whose (protocol 5.12)."""
        if payload.get("type") == "trunk":
            self._want(Poll.TRUNKS, 1.0)
            return
        self._want(Poll.EXTENSIONS, 1.0)
        number = payload.get("extension")
        if self.settings_watched and (
            not isinstance(number, str) or number in self.settings_watched
        ):
            self._want(Poll.EXTENSION_SETTINGS, 1.0)
            self._plan_second_look()

    @callback
    def _plan_second_look(self) -> None:
        """Plan when to read the settings of extensions once more."""
        if self._cancel_second_look is not None:
            self._cancel_second_look()

        @callback
        def look(_now: datetime) -> None:
            self._cancel_second_look = None
            self._want(Poll.EXTENSION_SETTINGS, 0.0)

        self._cancel_second_look = async_call_at(
            self._hass,
            HassJob(look, f"{DOMAIN} settings", cancel_on_shutdown=True),
            self._hass.loop.time() + AFTER_REPETITIONS,
        )

    @callback
    def _take_status(self, payload: dict[str, Any], now: datetime) -> None:
        """Show what an extension is doing now."""
        number = payload.get("extension")
        if not isinstance(number, str):
            return
        known = self.directory.extensions.get(number)
        if known is None:
            self._look_for(number, now)
            return
        self.history.note_monitored(number)
        key = self.picture.take_status(known, str(payload.get("status") or ""), now)
        if key is not None:
            self.changed.tell(key)

    @callback
    def _look_for(self, number: str, now: datetime) -> None:
        """Have the list read because of an extension that it did not have.

        It may be new; but one that the PBX never lists, or an invented one, must not
        have the list read for ever.
        """
        for known, since in list(self._looked_for.items()):
            if now - since >= _LOOKED_FOR:
                del self._looked_for[known]
        if number not in self._looked_for and len(self._looked_for) < MOST_LOOKED_FOR:
            self._looked_for[number] = now
            self._want(Poll.EXTENSIONS, 1.0)

    @callback
    def _tell_news(self, key: Key, news: Transition, context: Context) -> None:
        """Tell what somebody hears of a call to his entities and to automations."""
        self.called.tell(key, news)
        tell_call_news(self._hass, CallNews(self._origin, key, news, context))

    @callback
    def _tell(self, transition: Transition, context: Context) -> None:
        """Tell one step of a call to the bus and to the PBX's entities."""
        if self._mask is not None:
            transition = Transition(transition.step, self._mask.call(transition.call))
        call = transition.call
        self.told[transition.step] += 1
        self.history.note(transition, dt_util.utcnow())
        if transition.step in TERMINAL:
            if call.outcome is Outcome.VOICEMAIL:
                self._want(Poll.VOICEMAILS, AFTER_CALL)
            if any(self.picture.seems_in_call(number) for number in call.extensions):
                self._want(Poll.EXTENSIONS, AFTER_CALL)
        self._hass.bus.async_fire(
            EVENT_CALL,
            {**self._origin, "type": transition.step, **as_dict(call)},
            context=context,
        )
        self._tell_news(PBX, transition, context)

    @callback
    def _plan_expiry(self, now: datetime) -> None:
        """Plan when a call has to be closed without its other half."""
        due = self.calls.next_due
        if due == self._expiry_at and self._cancel_expiry is not None:
            return
        self._forget_expiry()
        self._expiry_at = due
        if due is not None:
            self._cancel_expiry = async_call_at(
                self._hass,
                HassJob(self._expire, f"{DOMAIN} calls", cancel_on_shutdown=True),
                self._hass.loop.time() + max(0.0, (due - now).total_seconds()),
            )

    @callback
    def _expire(self, _now: datetime) -> None:
        """Close what has waited long enough."""
        self._cancel_expiry = None
        now = dt_util.utcnow()
        self.handle(self.calls.expire(now), now)
