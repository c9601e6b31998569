"""Event entities: what happens to calls, at the PBX and at whom it concerns."""

from typing import override

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import YeastarConfigEntry
from .devices import EXTENSION, QUEUE
from .entity import ExtensionEntity, PbxEntity, QueueEntity, YeastarEntity, numerous
from .pbx.calls import Step, Transition
from .switchboard import as_dict

# Fed by the coordinator only.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: YeastarConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the event entities of a PBX, and those of what it has as it appears."""
    coordinator = entry.runtime_data
    devices = coordinator.switchboard.devices
    async_add_entities([PbxCallEvent(coordinator, "call")])
    entry.async_on_unload(
        devices.on_new(
            EXTENSION,
            lambda numbers: async_add_entities(
                ExtensionCallEvent(coordinator, "call", number) for number in numbers
            ),
        )
    )
    entry.async_on_unload(
        devices.on_new(
            QUEUE,
            lambda numbers: async_add_entities(
                QueueCallEvent(coordinator, "call", number) for number in numbers
            ),
        )
    )


class CallEvent(YeastarEntity, EventEntity):
    """The steps of the calls that something takes part in."""

    _attr_event_types = list(Step)

    @override
    async def async_added_to_hass(self) -> None:
        """Listen from now on."""
        await super().async_added_to_hass()
        self._board.called.add(self._about, self._called)

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
        """Show one step of a call."""
        self._trigger_event(transition.step, as_dict(transition.call))
        self.async_write_ha_state()


class PbxCallEvent(CallEvent, PbxEntity):
    """All calls of the PBX."""


@numerous
class ExtensionCallEvent(CallEvent, ExtensionEntity):
    """The calls of an extension."""

    _attr_translation_key = "call"


class QueueCallEvent(CallEvent, QueueEntity):
    """The calls of a queue."""
