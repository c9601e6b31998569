"""Event entities: what happens to calls, at the PBX and at whom it concerns."""

from datetime import datetime, timedelta
from typing import Final, override

from homeassistant.components.event import (
    DOMAIN as EVENT_DOMAIN,
    DoorbellEventType,
    EventDeviceClass,
    EventEntity,
    EventExtraStoredData,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .const import CONF_DOOR_STATIONS
from .coordinator import YeastarConfigEntry
from .entity import (
    ExtensionEntity,
    PbxEntity,
    QueueEntity,
    YeastarEntity,
    add_as_they_appear,
    numerous,
)
from .pbx.calls import Step, Transition
from .pbx.calls.data import as_dict
from .pbx.inventory import ExtensionStatus
from .switchboard.devices import EXTENSION, QUEUE

# Fed by the coordinator only.
PARALLEL_UPDATES = 0

_DOORBELL: Final = "doorbell"
# How long a door station may ring itself before somebody answers there.
LONGEST_RING: Final = timedelta(minutes=1)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: YeastarConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the event entities of a PBX, and those of what it has as it appears."""
    coordinator = entry.runtime_data
    door_stations = frozenset(entry.options.get(CONF_DOOR_STATIONS, ()))
    _remove_other_doorbells(hass, entry, door_stations)
    add_as_they_appear(
        entry,
        async_add_entities,
        of_pbx=[PbxCallEvent],
        of_each={EXTENSION: [ExtensionCallEvent], QUEUE: [QueueCallEvent]},
    )
    entry.async_on_unload(
        coordinator.switchboard.devices.on_new(
            EXTENSION,
            lambda numbers: async_add_entities(
                DoorbellEvent(coordinator, number)
                for number in numbers
                if number in door_stations
            ),
        )
    )


@callback
def _remove_other_doorbells(
    hass: HomeAssistant, entry: YeastarConfigEntry, door_stations: frozenset[str]
) -> None:
    """Remove the doorbells of extensions that are no longer door stations."""
    registry = er.async_get(hass)
    prefix = f"{entry.unique_id}_{EXTENSION}_"
    wanted = {f"{prefix}{number}_{_DOORBELL}" for number in door_stations}
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        if (
            entity.domain == EVENT_DOMAIN
            and entity.unique_id.startswith(prefix)
            and entity.unique_id.endswith(f"_{_DOORBELL}")
            and entity.unique_id not in wanted
        ):
            registry.async_remove(entity.entity_id)


class CallEntity(YeastarEntity, EventEntity):
    """An event entity that hears of the calls that something takes part in."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen from now on."""
        await super().async_added_to_hass()
        self._board.called.add(self._about, self._called)

    @override
    async def async_get_last_event_data(self) -> EventExtraStoredData | None:
        """Return what was told last; numbers may have to be hidden since then."""
        last = await super().async_get_last_event_data()
        if last is not None and last.last_event_attributes is not None:
            last.last_event_attributes = self._board.shown_fields(
                last.last_event_attributes
            )
        return last

    @override
    @callback
    def _stop_listening(self) -> None:
        """Hear no more."""
        super()._stop_listening()
        self._board.called.remove(self._about, self._called)

    @override
    @callback
    def _state_changed(self) -> None:
        """Show whether the PBX is connected; a call comes by itself."""
        if self.available is not self._shown_available:
            self._shown_available = self.available
            self.async_write_ha_state()

    _shown_available = True

    @callback
    def _called(self, transition: Transition) -> None:
        """Take in one step of a call."""
        raise NotImplementedError


class CallEvent(CallEntity):
    """The steps of the calls that something takes part in."""

    _key = _attr_translation_key = "call"

    _attr_event_types = [step for step in Step if step is not Step.ANSWERED_ELSEWHERE]

    @override
    @callback
    def _called(self, transition: Transition) -> None:
        """Show one step of a call."""
        self._trigger_event(transition.step, as_dict(transition.call))
        self.async_write_ha_state()


class PbxCallEvent(CallEvent, PbxEntity):
    """All calls of the PBX."""


@numerous
class ExtensionCallEvent(CallEvent, ExtensionEntity):
    """The calls of an extension."""

    _attr_event_types = list(Step)


class QueueCallEvent(CallEvent, QueueEntity):
    """The calls of a queue."""


class DoorbellEvent(CallEntity, ExtensionEntity):
    """Somebody at the door pressed the button, so the door station calls.

    Whom it calls and which way does not matter: an extension, a group, or a mobile
    through a trunk. Only a call that starts ringing now counts; a bell that rings
    for a call of an hour ago would send people to an empty door.
    """

    _key = _attr_translation_key = "doorbell"

    _attr_device_class = EventDeviceClass.DOORBELL
    _attr_event_types = [DoorbellEventType.RING]

    _rung_at: datetime | None = None

    @override
    @callback
    def _called(self, transition: Transition) -> None:
        """Ring if the door station itself calls."""
        call = transition.call
        if (
            transition.step is Step.RINGING
            and call.caller_number == self._number
            and not call.late
            and not self._was_called
        ):
            self._trigger_event(DoorbellEventType.RING, as_dict(call))
            self.async_write_ha_state()

    @override
    @callback
    def _state_changed(self) -> None:
        """Note whether somebody calls the door station."""
        super()._state_changed()
        extension = self._board.directory.extensions.get(self._number)
        match extension.status if extension else None:
            case ExtensionStatus.RINGING:
                self._rung_at = dt_util.utcnow()
            case ExtensionStatus.BUSY | ExtensionStatus.ON_HOLD:
                pass
            case _:
                self._rung_at = None

    @property
    def _was_called(self) -> bool:
        """Tell whether the door station rang itself a moment ago.

        It does when a call is dialed for it through the API, with it as the caller
        (protocol 5.17). Only for a moment: that it is free again may have got lost, and
        a bell that stays silent is worse than one that rings too often.
        """
        return (
            self._rung_at is not None
            and dt_util.utcnow() - self._rung_at < LONGEST_RING
        )
