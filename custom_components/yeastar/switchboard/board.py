"""The picture of the PBX: what reports and readings say, for entities and the bus."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_at
from homeassistant.util import dt as dt_util

from ..const import DOMAIN, EVENT_CALL, EVENT_REPORT
from ..delivery.watch import DeliveryWatch
from ..pbx.calls.data import as_dict
from ..pbx.calls.record import CallRecord
from ..pbx.calls.tracker import (
    TERMINAL,
    Call,
    CallTracker,
    Direction,
    Outcome,
    Transition,
)
from ..pbx.inventory import (
    Directory,
    Extension,
    ExtensionStatus,
    Queue,
    Trunk,
    extension_status,
)
from ..pbx.reports import Report
from .devices import EXTENSION, QUEUE, TRUNK, Devices
from .history import CallHistory
from .listeners import PBX, Key, Listeners, extension_key, queue_key, trunk_key
from .mask import Mask
from .poll_plan import Poll
from .slices import in_slices

# A phone goes free a moment after its call; only then is a look worth it.
AFTER_CALL = 5.0
# Calls that wait to be accepted do so for ten seconds; nobody has more at once.
MOST_INVITATIONS = 50
# A second change of an extension within a minute is told by the very same bytes,
# which count as a repetition of the first report: so look once more afterwards.
AFTER_REPETITIONS = 61.0
# To show three states takes Home Assistant a tenth of a millisecond.
TOLD_AT_ONCE = 50


class Switchboard:
    """What is known of a PBX now, and who is told when it changes.

    Attributes:
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
            want: asks for a reading in so many seconds.
        """
        self._hass = hass
        self._want = want
        self._origin = {"config_entry_id": entry_id, "device_id": "", "serial": serial}
        self.serial = serial
        self.directory = Directory()
        self.trunks: dict[str, Trunk] = {}
        self.listed_in_session: int | None = None
        self.queue_names: dict[str, str] = {}
        self.invitations: dict[str, str] = {}
        self.voicemails: dict[str, int] | None = None
        self.do_not_disturb: dict[str, bool | None] = {}
        self.settings_watched: set[str] = set()
        self.history = history
        self.calls = CallTracker(self.directory, history.told, history.begun)
        self.devices = Devices(hass, entry_id, serial)
        self.changed: Listeners[()] = Listeners()
        self.called: Listeners[Transition] = Listeners()
        self.reports: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.delivery = DeliveryWatch()
        self._mask = Mask(self.directory.is_inside) if mask_numbers else None
        self._heard_of: dict[str, datetime] = {}
        self._shown_calls = 0
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
            if report.type == "invite":
                self._note_invitation(report.payload)
            self.handle(self.calls.take(report, now), now)
            if report.type == "call_status":
                self._take_hold(report.payload)
        if proven:
            self.changed.tell(PBX)

    @callback
    def handle(self, transitions: list[Transition], now: datetime) -> None:
        """Tell what happened to calls, and plan when to look at them again."""
        for transition in transitions:
            self._tell(transition)
        if transitions or self.calls.active_count != self._shown_calls:
            self._shown_calls = self.calls.active_count
            self.changed.tell(PBX)
        self._plan_expiry(now)

    def shown(self, call: Call) -> Call:
        """Return a call as it may be shown: outside numbers hidden if they are to be."""
        return self._mask.call(call) if self._mask is not None else call

    def shown_number(self, number: str) -> str:
        """Return a number, or a text with numbers in it, as it may be shown."""
        return (self._mask.number(number) if self._mask is not None else None) or number

    @callback
    def tell_found(self, call: Call, records: Iterable[CallRecord]) -> None:
        """Tell the end of a call that the PBX's call log has and nobody reported."""
        now = dt_util.utcnow()
        self.handle([self.calls.found_over(call, records, now)], now)

    @callback
    def end_forgotten(self) -> None:
        """Tell the end of calls that were told before a restart and are nowhere now.

        A power cut may take PBX and Home Assistant down together: then the call is
        not running any more, and has no record.
        """
        now = dt_util.utcnow()
        for call, answered in list(self.history.begun.values()):
            if call.call_id in self.calls:
                continue
            if answered:
                outcome = Outcome.ANSWERED
            elif call.direction is Direction.OUTBOUND:
                outcome = Outcome.FAILED
            else:
                outcome = Outcome.MISSED
            call = replace(call, outcome=outcome, ended_at=now)
            self.handle([self.calls.found_over(call, (), now)], now)

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
        """Take in a list of extensions.

        Args:
            extensions: from number to extension; is changed and kept.
            asked_at: when the list was asked for; what a report said since then is
                newer than the list.
            continuous: whether reports should have told all changes since the last
                list; not so after a gap.
        """
        old = self.directory.extensions
        for number, extension in extensions.items():
            heard = self._heard_of.get(number)
            known = old.get(number)
            if known is None:
                continue
            if heard is not None and heard >= asked_at:
                extensions[number] = Extension(number, extension.name, known.status)
            elif continuous and _reported_differently(known.status, extension.status):
                self.delivery.missed(dt_util.utcnow())
        self.directory.extensions = extensions
        for number in [number for number in self._heard_of if number not in extensions]:
            del self._heard_of[number]
        self.devices.update(
            EXTENSION,
            {
                number: f"{number} {extension.name}".strip()
                for number, extension in extensions.items()
            },
        )
        self._tell_many(
            extension_key(number)
            for number, extension in extensions.items()
            if old.get(number) != extension
        )

    @callback
    def set_trunks(self, trunks: dict[str, Trunk]) -> None:
        """Take in a list of trunks."""
        old, self.trunks = self.trunks, trunks
        self.devices.update(TRUNK, {name: name for name in trunks})
        self._tell_many(
            trunk_key(name) for name, trunk in trunks.items() if old.get(name) != trunk
        )

    @callback
    def set_queues(self, queues: dict[str, Queue]) -> None:
        """Take in the status of all queues."""
        old, self.directory.queues = self.directory.queues, queues
        self.devices.update(
            QUEUE,
            {
                number: f"{number} {queue.name}".strip()
                for number, queue in queues.items()
            },
        )
        self._tell_many(
            queue_key(number)
            for number, queue in queues.items()
            if old.get(number) != queue
        )

    @callback
    def set_voicemails(self, unread: dict[str, int]) -> None:
        """Take in how many unread messages there are; who is missing has none."""
        old, self.voicemails = self.voicemails, unread
        self._tell_many(
            extension_key(number)
            for number in self.directory.extensions
            if old is None or old.get(number, 0) != unread.get(number, 0)
        )

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
            self.do_not_disturb.pop(number, None)

        return stop

    @callback
    def set_do_not_disturb(self, states: dict[str, bool | None]) -> None:
        """Take in which extensions take no calls, None if the PBX does not say."""
        for number, state in states.items():
            if self.do_not_disturb.get(number) is not state:
                self.do_not_disturb[number] = state
                self.changed.tell(extension_key(number))

    @callback
    def _take_config_change(self, payload: dict[str, Any]) -> None:
        """Look at what was changed; the report says no more than whose (5.12)."""
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
        """Take in what an extension does now (event-ExtensionStatus.html)."""
        number = payload.get("extension")
        if not isinstance(number, str):
            return
        known = self.directory.extensions.get(number)
        if known is None:
            # New since the last list; an invented one would find nothing there.
            self._want(Poll.EXTENSIONS, 1.0)
            return
        self._heard_of[number] = now
        self._set_status(known, extension_status(str(payload.get("status") or "")))

    @callback
    def _note_invitation(self, payload: dict[str, Any]) -> None:
        """Keep how to accept a call that is offered for ten seconds (5.4)."""
        call_id = payload.get("call_id")
        for member in payload.get("members", ()):
            if isinstance(call_id, str) and (channel := member.get("channel_id")):
                self.invitations.pop(call_id, None)
                self.invitations[call_id] = str(channel)
        while len(self.invitations) > MOST_INVITATIONS:
            del self.invitations[next(iter(self.invitations))]

    @callback
    def _take_hold(self, payload: dict[str, Any]) -> None:
        """Take in who is held; extensions have no report of their own for it."""
        for member in payload.get("members", ()):
            number = member.get("number")
            if member["kind"] != "ext" or number is None:
                continue
            known = self.directory.extensions.get(number)
            if known is None:
                continue
            held = str(member.get("member_status") or "").upper() == "HOLD"
            if held and known.status is ExtensionStatus.BUSY:
                self._set_status(known, ExtensionStatus.ON_HOLD)
            elif not held and known.status is ExtensionStatus.ON_HOLD:
                self._set_status(known, ExtensionStatus.BUSY)

    @callback
    def _set_status(self, known: Extension, status: ExtensionStatus | None) -> None:
        """Change an extension's status, and tell if it is another one."""
        if known.status is status:
            return
        self.directory.extensions[known.number] = Extension(
            known.number, known.name, status
        )
        self.changed.tell(extension_key(known.number))

    @callback
    def _tell(self, transition: Transition) -> None:
        """Tell one step of a call to the bus and to the parties' entities."""
        if self._mask is not None:
            transition = Transition(transition.step, self._mask.call(transition.call))
        call = transition.call
        self.told[transition.step] += 1
        self.history.note(transition, dt_util.utcnow())
        if transition.step in TERMINAL:
            if call.outcome is Outcome.VOICEMAIL:
                self._want(Poll.VOICEMAILS, AFTER_CALL)
            if any(self._seems_in_call(number) for number in call.extensions):
                self._want(Poll.EXTENSIONS, AFTER_CALL)
        self._hass.bus.async_fire(
            EVENT_CALL, {**self._origin, "type": transition.step, **as_dict(call)}
        )
        self.called.tell(PBX, transition)
        for number in call.extensions:
            self.called.tell(extension_key(number), transition)
        if call.path is not None:
            self.called.tell(queue_key(call.path), transition)

    def _seems_in_call(self, number: str) -> bool:
        """Tell whether an extension is shown as ringing or talking."""
        extension = self.directory.extensions.get(number)
        return extension is not None and extension.status in (
            ExtensionStatus.RINGING,
            ExtensionStatus.BUSY,
            ExtensionStatus.ON_HOLD,
        )

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


def _reported_differently(
    old: ExtensionStatus | None, new: ExtensionStatus | None
) -> bool:
    """Tell whether an `ExtensionStatus` report lies between two states.

    There is none for being held (5.1).
    """
    if old is None or new is None:
        return False
    in_call = (ExtensionStatus.BUSY, ExtensionStatus.ON_HOLD)
    return old is not new and not (old in in_call and new in in_call)
