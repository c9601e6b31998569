"""Stay logged in: heartbeat, silent login, event target, retry with patience."""

import asyncio
from collections.abc import Collection
from datetime import datetime
import logging
import math
import time
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_WEBHOOK_ID
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .connection import access_to, async_close, create_client
from .const import (
    CONF_BASE_URL,
    CONF_CATCH_UP,
    CONF_MASK_NUMBERS,
    DOMAIN,
    HEARTBEAT_INTERVAL,
    MANUFACTURER,
)
from .delivery.own_address import OwnAddress
from .delivery.receiver import ReportReceiver
from .delivery.target import EventTargets, automatic_base_url
from .delivery.watch import Delivery
from .delivery.webhook import WebhookSource
from .media.library import SoundLibrary
from .pbx import queries
from .pbx.clock import PbxClock
from .pbx.errors import (
    CannotConnectError,
    InvalidAuthError,
    NoFileError,
    NoListError,
    NotReadyError,
    NotYeastarError,
    PbxError,
    RefusedError,
)
from .pbx.models import Device
from .pbx.reports import Report
from .pbx.settings_writer import SettingsWriter
from .repairs import OF_CONNECTION, Notice, Notices
from .switchboard.board import Switchboard
from .switchboard.catch_up import LOOK_AGAIN_IN, CatchUp
from .switchboard.history import CallHistory
from .switchboard.listeners import PBX
from .switchboard.poll_plan import AT_SETUP, HOUR, MINUTE, TOLERANCE, Poll, PollPlan
from .switchboard.questions import Questions
from .switchboard.readers import read

_LOGGER = logging.getLogger(__name__)

TICK: Final = 60.0
# A PBX takes some minutes to start; asking a closed port costs nobody anything.
RETRY_DELAYS: Final = (10.0, 20.0, 40.0, 60.0)
# The report method that brings nothing here, and how often to look if it was changed.
TCP: Final = "TCP"
METHOD_INTERVAL: Final = 10 * MINUTE

type YeastarConfigEntry = ConfigEntry[YeastarCoordinator]


class YeastarCoordinator(DataUpdateCoordinator[Device]):
    """The connection to one PBX. Nobody else talks to it.

    Its schedule is its own. The base class polls only while an entity listens
    and polling is allowed for the entry; without heartbeats, though, the PBX
    forgets us after 30 minutes and says nothing any more.

    Attributes:
        client: speaks to the PBX.
        switchboard: what is known of it.
        receiver: takes what it says by itself.
        webhook: where that comes in.
        clock: of the PBX.
        catch_up: finds the calls whose reports were lost.
        library: what there is to hear of it.
        settings: changes those of its extensions.
    """

    config_entry: YeastarConfigEntry

    def __init__(
        self, hass: HomeAssistant, entry: YeastarConfigEntry, history: CallHistory
    ) -> None:
        """Prepare; nothing is sent yet. `history` is loaded."""
        super().__init__(
            hass, _LOGGER, config_entry=entry, name=DOMAIN, update_interval=None
        )
        assert entry.unique_id is not None
        self.serial: str = entry.unique_id
        self._access = access_to(hass, entry.data[CONF_HOST], entry.data[CONF_PORT])
        self.client = create_client(
            hass,
            entry.data,
            EventTargets(
                hass, entry.data[CONF_WEBHOOK_ID], entry.data.get(CONF_BASE_URL)
            ),
            access=self._access,
            serial=self.serial,
        )
        self.notices = Notices(hass, entry)
        self._own_address = OwnAddress(
            hass, entry.entry_id, entry.data.get(CONF_BASE_URL)
        )
        self.plan = PollPlan()
        self.history = history
        self.switchboard = Switchboard(
            hass,
            entry_id=entry.entry_id,
            serial=self.serial,
            mask_numbers=entry.options.get(CONF_MASK_NUMBERS, False),
            history=history,
            want=self.want,
        )
        self.catch_up = CatchUp(
            self.client,
            self.switchboard,
            Questions(self.client, self.switchboard),
            lambda: self.clock,
            self.plan,
            enabled=entry.options.get(CONF_CATCH_UP, True),
        )
        self.receiver = ReportReceiver(
            serial=self.serial,
            accept=self._take_report,
            zone=lambda: self.clock.zone,
        )
        self.webhook = WebhookSource(hass, entry.data[CONF_WEBHOOK_ID], self.receiver)
        self.settings = SettingsWriter(self.client, time.monotonic)
        self.clock = PbxClock(dt_util.get_default_time_zone())
        self.library = SoundLibrary(
            self.client,
            self.switchboard,
            lambda: self.clock,
            secret=entry.data[CONF_WEBHOOK_ID],
        )
        self._register_pbx(None)
        self._told_connected = False
        self._failures = 0
        self._session = 0
        self._heartbeat_at: float | None = None
        self._logged_in_at = -math.inf
        self._mended_at: float | None = None
        self._cancel_timer: CALLBACK_TYPE | None = None
        self._tick_at = math.inf
        self._running: asyncio.Task[None] | None = None

    @callback
    def want(self, poll: Poll, delay: float) -> None:
        """Have something read soon; if the PBX does not answer, when it does again."""
        wait = self.plan.hasten(poll, time.monotonic(), delay)
        if self.data is not None and self.last_update_success and not self._busy:
            self._schedule_by(wait)

    @callback
    def queues_changed(self) -> None:
        """Have the queues read: one of their agents was changed."""
        self.want(Poll.QUEUES, 1.0)

    @callback
    def check_now(self) -> None:
        """Do what is due at once, because something else saw trouble."""
        self._heartbeat_at = None
        self.want(Poll.DEVICE, 0)

    async def async_ask_now(self, polls: Collection[Poll]) -> None:
        """Make some polls now, or find out whether the PBX is there."""
        for poll in polls or (Poll.DEVICE,):
            self.plan.due_now(poll)
        await self.async_refresh()

    @property
    def _busy(self) -> bool:
        """Tell whether a tick is under way; it plans the next one itself."""
        return self._running is not None and not self._running.done()

    @callback
    def _register_pbx(self, device: Device | None) -> None:
        """Put the PBX into the device registry."""
        # Without a name Home Assistant calls a new device what the entry is called.
        details: dict[str, Any] = {}
        if device is not None:
            details = {
                "name": device.name or self.config_entry.title,
                "model": device.name.removeprefix(MANUFACTURER).strip() or None,
                "sw_version": device.firmware,
                "hw_version": device.hardware,
            }
        registered = dr.async_get(self.hass).async_get_or_create(
            config_entry_id=self.config_entry.entry_id,
            identifiers={(DOMAIN, self.serial)},
            manufacturer=MANUFACTURER,
            serial_number=self.serial,
            **details,
        )
        self.switchboard.set_pbx_device(registered.id)

    @override
    async def _async_update_data(self) -> Device:
        """Do what is due.

        Raises:
            ConfigEntryAuthFailed: a login was refused; there will be no other.
            UpdateFailed: anything else; there will be another try.
        """
        try:
            device = await self._tick()
        except InvalidAuthError as error:
            self.notices.hide(*OF_CONNECTION)
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN, translation_key="invalid_auth"
            ) from error
        except PbxError as error:
            locked_for = self._access.locked_until - time.monotonic()
            await self.notices.show_error(error, locked_for)
            raise UpdateFailed(
                translation_domain=DOMAIN, translation_key=error.reason
            ) from error
        self.notices.hide(*OF_CONNECTION)
        if not self.client.contested:
            self.notices.hide(Notice.SESSION_CONTESTED)
        if self.client.report_method == TCP:
            self.notices.show(Notice.EVENTS_OVER_TCP)
        else:
            self.notices.hide(Notice.EVENTS_OVER_TCP)
        return device

    async def _tick(self) -> Device:
        """Send the heartbeat if it is due, and read what is due."""
        first = self.data is None
        if self.client.report_method == TCP and self._method_due:
            await self._open_new_session()
        elif self._heartbeat_due or self.client.retargeting_due:
            await self._heartbeat()
        device = self.data
        if first or not self.last_update_success:
            # Anything may have changed while nothing could be heard.
            self.plan.everything()
            self.switchboard.listed_in_session = None
        failing = set(self.plan.failing)
        for poll in AT_SETUP if first else Poll:
            if self._session != self.client.session_number:
                # A new session: the PBX may have been started anew.
                self._session = self.client.session_number
                self._logged_in_at = time.monotonic()
                self.plan.everything()
            if not self.plan.is_due(poll, time.monotonic()):
                continue
            if poll is Poll.DEVICE:
                device = await self._read_device()
                self.plan.done(poll, time.monotonic())
            elif not await self._poll(poll):
                # Is it this poll alone, or the PBX?
                device = await self._read_device()
        if failing != self.plan.failing.keys():
            self.switchboard.tell_all()
        if not first:
            # At set-up this has to wait until the platforms are there.
            await self.switchboard.devices.follow()
        if self.switchboard.delivery.fails_now(dt_util.utcnow()):
            await self._mend_delivery()
        return device

    async def _poll(self, poll: Poll) -> bool:
        """Read one thing; that it fails costs nothing else.

        Returns:
            False if it failed in a way in which the whole PBX may be out of reach.

        Raises:
            PbxError: the session is refused, or the PBX is not ours.
        """
        try:
            match poll:
                case Poll.CALL_LOG:
                    # It plans its next time itself.
                    await self.catch_up.read_log()
                    return True
                case Poll.SILENT_CALLS:
                    await self.catch_up.ask()
                case _:
                    await read(poll, self.client, self.switchboard)
        except (RefusedError, NoListError, NotYeastarError, NoFileError) as error:
            self._note_failure(poll, error)
            return True
        except (NotReadyError, CannotConnectError) as error:
            if type(error) not in {NotReadyError, CannotConnectError}:
                # Of the connection as such: scheme, TLS, certificate.
                raise
            self._note_failure(poll, error)
            return False
        self.plan.done(poll, time.monotonic())
        return True

    def _note_failure(self, poll: Poll, error: PbxError) -> None:
        """Leave a poll alone for a while; say so once."""
        if poll not in self.plan.failing:
            _LOGGER.debug("Reading %s failed: %s", poll, error)
        why = f"{type(error).__name__}: {error}"
        self.plan.failed(poll, time.monotonic(), why)

    async def _mend_delivery(self) -> None:
        """Say so, and open a new session: perhaps the PBX only forgot its target."""
        self.switchboard.changed.tell(PBX)
        self.plan.hasten(Poll.CALL_LOG, time.monotonic())
        self.notices.show(Notice.DELIVERY_FAILING, {"address": self._told_address})
        now = time.monotonic()
        if self._mended_at is not None and now - self._mended_at < HOUR:
            # It did not help lately. Lists that contradict reports for ever must not
            # become logins for ever.
            return
        self._mended_at = now
        _LOGGER.warning(
            "The PBX's reports do not arrive, although it answers. Logging in again"
        )
        await self._open_new_session()
        if self.client.report_method == TCP:
            # That is the cause, and there is a notice of its own for it.
            self.notices.hide(Notice.DELIVERY_FAILING)

    async def _open_new_session(self) -> None:
        """Log out and in again; the answer also tells the report method."""
        await self.client.logout()
        await self._heartbeat()

    async def _read_device(self) -> Device:
        """Read what the PBX is."""
        device = self.client.introduced() or await queries.device(self.client)
        self.clock = PbxClock.read(
            device.system_time, dt_util.utcnow(), dt_util.get_default_time_zone()
        )
        self.switchboard.calls.drift = self.clock.drift
        self._register_pbx(device)
        await self._look_at_own_address()
        return device

    @property
    def _told_address(self) -> str:
        """Return where the PBX reports to, without the secret part."""
        return self.config_entry.data.get(CONF_BASE_URL) or automatic_base_url(
            self.hass, self.client.local_address
        )

    async def _look_at_own_address(self) -> None:
        """Tell if this machine lost the address that the user gave for it."""
        working = self.switchboard.delivery.state is Delivery.WORKING
        if await self._own_address.async_is_lost() and not working:
            self.notices.show(
                Notice.ADDRESS_LOST,
                {
                    "address": self._told_address,
                    "automatic": automatic_base_url(
                        self.hass, self.client.local_address
                    ),
                },
            )
        else:
            self.notices.hide(Notice.ADDRESS_LOST)

    async def _heartbeat(self) -> None:
        """Extend the session and say where to report to."""
        await self.client.heartbeat()
        self._heartbeat_at = time.monotonic()

    @property
    def _method_due(self) -> bool:
        """Tell whether to look if reports come over HTTP again; only a login tells."""
        return time.monotonic() - self._logged_in_at >= METHOD_INTERVAL

    @property
    def _heartbeat_due(self) -> bool:
        """Tell whether the last heartbeat is five minutes old."""
        if self._heartbeat_at is None:
            return True
        age = time.monotonic() - self._heartbeat_at
        return age >= HEARTBEAT_INTERVAL.total_seconds() - TOLERANCE

    @override
    @callback
    def _async_refresh_finished(self) -> None:
        """Plan the next tick, sooner after a failure; tell all if it is one."""
        if isinstance(self.last_exception, ConfigEntryAuthFailed) and (
            not self.last_update_success
        ):
            # Every further try would cost one of the five that the PBX grants.
            self._unschedule()
        elif self.last_update_success:
            self._failures = 0
            self._schedule(min(TICK, self.plan.next_in(time.monotonic())))
        else:
            self._schedule(RETRY_DELAYS[min(self._failures, len(RETRY_DELAYS) - 1)])
            self._failures += 1
        if self._told_connected is not self.last_update_success:
            self._told_connected = self.last_update_success
            self.switchboard.tell_all()

    @callback
    def _schedule_by(self, delay: float) -> None:
        """Plan a tick in so many seconds, unless there is one before."""
        if self.hass.loop.time() + delay < self._tick_at:
            self._schedule(delay)

    @callback
    def _schedule(self, delay: float) -> None:
        """Plan a tick in so many seconds instead of any that is planned."""
        self._unschedule()
        if self._shutdown_requested or self.hass.is_stopping:
            return
        self._tick_at = self.hass.loop.time() + delay
        self._cancel_timer = async_call_later(
            self.hass,
            delay,
            HassJob(self._start_tick, f"{DOMAIN} tick", cancel_on_shutdown=True),
        )

    @callback
    def _unschedule(self) -> None:
        """Forget the planned tick."""
        self._tick_at = math.inf
        if self._cancel_timer is not None:
            self._cancel_timer()
            self._cancel_timer = None

    @callback
    def _start_tick(self, _now: datetime) -> None:
        """Start a tick in the background."""
        self._cancel_timer = None
        self._tick_at = math.inf
        self._running = self.config_entry.async_create_background_task(
            self.hass, self.async_refresh(), f"{DOMAIN} tick", eager_start=True
        )

    @callback
    def _take_report(self, report: Report) -> None:
        """Hand a report on to the picture of the PBX."""
        failing = self.switchboard.delivery.state is Delivery.FAILING
        self.switchboard.take(report)
        if self.client.report_method == TCP:
            # Changed since the login.
            self.client.report_method = None
            self.notices.hide(Notice.EVENTS_OVER_TCP)
        if failing:
            self.notices.hide(Notice.DELIVERY_FAILING, Notice.ADDRESS_LOST)
            self.want(Poll.CALL_LOG, LOOK_AGAIN_IN)
        if report.type == "boot_up":
            # Its sessions died with it (protocol 2.3): find out now.
            self.check_now()

    @override
    async def async_shutdown(self) -> None:
        """Stop, and log out so that the PBX does not report into the void."""
        await super().async_shutdown()
        self._unschedule()
        self.switchboard.stop()
        self.settings.stop()
        if self._running is not None:
            self._running.cancel()
        await self.history.async_close()
        await async_close(self.hass, self.client)
