"""Sensors."""

from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorStateClass,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_time_change
from homeassistant.util import dt as dt_util

from .coordinator import YeastarConfigEntry
from .delivery.watch import Delivery
from .entity import ExtensionEntity, PbxEntity, QueueEntity, TrunkEntity, numerous
from .pbx.calls.data import as_dict
from .pbx.inventory import ExtensionStatus, TrunkStatus
from .switchboard.devices import EXTENSION, QUEUE, TRUNK

# Fed by the coordinator only.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: YeastarConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of a PBX, and those of what it has as it appears."""
    coordinator = entry.runtime_data
    devices = coordinator.switchboard.devices
    async_add_entities(
        [
            EventDeliverySensor(coordinator, "event_delivery"),
            ActiveCallsSensor(coordinator, "active_calls"),
            LastCallSensor(coordinator, "last_call"),
            MissedCallsSensor(coordinator, "missed_calls_today"),
        ]
    )

    @callback
    def add_extensions(numbers: list[str]) -> None:
        async_add_entities(
            entity
            for number in numbers
            for entity in (
                ExtensionStatusSensor(coordinator, "status", number),
                UnreadVoicemailsSensor(coordinator, "unread_voicemails", number),
            )
        )

    @callback
    def add_trunks(names: list[str]) -> None:
        async_add_entities(
            TrunkStatusSensor(coordinator, "status", name) for name in names
        )

    @callback
    def add_queues(numbers: list[str]) -> None:
        async_add_entities(
            entity
            for number in numbers
            for entity in (
                WaitingCallsSensor(coordinator, "waiting_calls", number),
                AgentsAvailableSensor(coordinator, "agents_available", number),
            )
        )

    entry.async_on_unload(devices.on_new(EXTENSION, add_extensions))
    entry.async_on_unload(devices.on_new(TRUNK, add_trunks))
    entry.async_on_unload(devices.on_new(QUEUE, add_queues))


class EventDeliverySensor(PbxEntity, SensorEntity):
    """Whether the PBX's reports arrive."""

    _attr_device_class = SensorDeviceClass.ENUM
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_options = list(Delivery)

    @property
    @override
    def native_value(self) -> str:
        """Return what reports and readings together prove."""
        return self._board.delivery.state


class ActiveCallsSensor(PbxEntity, SensorEntity):
    """How many calls there are now."""

    _attr_state_class = SensorStateClass.MEASUREMENT

    @property
    @override
    def native_value(self) -> int:
        """Return the number of open calls."""
        return self._board.calls.active_count


class LastCallSensor(PbxEntity, SensorEntity):
    """When the last call was that has ended, and what it was."""

    _attr_device_class = SensorDeviceClass.TIMESTAMP
    # Phone numbers do not belong into the database's history.
    _unrecorded_attributes = frozenset(
        {
            "call_id",
            "caller_number",
            "caller_name",
            "called_number",
            "did_number",
            "answered_by",
            "extensions",
            "path",
            "recording",
        }
    )

    @property
    @override
    def native_value(self) -> datetime | None:
        """Return when the last call began."""
        call = self._board.last_call
        return (call.started_at or call.ended_at) if call else None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return the last call."""
        call = self._board.last_call
        return as_dict(call) if call else None


class MissedCallsSensor(PbxEntity, SensorEntity):
    """How many calls nobody has answered since midnight."""

    _attr_state_class = SensorStateClass.TOTAL

    @property
    @override
    def native_value(self) -> int:
        """Return today's count, which outlives restarts."""
        return self._board.history.missed_on(dt_util.now().date())

    @property
    @override
    def last_reset(self) -> datetime:
        """Return when today began."""
        return dt_util.start_of_local_day()

    @override
    async def async_added_to_hass(self) -> None:
        """Start anew at midnight."""
        await super().async_added_to_hass()

        @callback
        def midnight(_now: datetime) -> None:
            self.async_write_ha_state()

        self.async_on_remove(
            async_track_time_change(self.hass, midnight, hour=0, minute=0, second=0)
        )


@numerous
class ExtensionStatusSensor(ExtensionEntity, SensorEntity):
    """What an extension does."""

    _attr_translation_key = "extension_status"

    _attr_device_class = SensorDeviceClass.ENUM
    _attr_options = list(ExtensionStatus)

    @property
    @override
    def native_value(self) -> str | None:
        """Return the status."""
        extension = self._board.directory.extensions.get(self._number)
        return extension.status if extension else None


@numerous
class UnreadVoicemailsSensor(ExtensionEntity, SensorEntity):
    """How many voicemails nobody has listened to yet."""

    _attr_translation_key = "unread_voicemails"

    _attr_state_class = SensorStateClass.MEASUREMENT

    @property
    @override
    def native_value(self) -> int | None:
        """Return the number of unread messages."""
        if self._board.picture.voicemails is None:
            return None
        return self._board.picture.voicemails.get(self._number, 0)


class TrunkStatusSensor(TrunkEntity, SensorEntity):
    """What a trunk is good for."""

    _attr_translation_key = "trunk_status"

    _attr_device_class = SensorDeviceClass.ENUM
    _attr_options = list(TrunkStatus)

    @property
    @override
    def native_value(self) -> str | None:
        """Return the status."""
        trunk = self._board.picture.trunks.get(self._name)
        return trunk.status if trunk else None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return the PBX's own word for it."""
        trunk = self._board.picture.trunks.get(self._name)
        return {"detail": trunk.detail} if trunk else None


class WaitingCallsSensor(QueueEntity, SensorEntity):
    """How many callers wait in a queue."""

    _attr_state_class = SensorStateClass.MEASUREMENT

    @property
    @override
    def native_value(self) -> int | None:
        """Return the number of callers."""
        queue = self._board.directory.queues.get(self._number)
        return queue.waiting if queue else None


class AgentsAvailableSensor(QueueEntity, SensorEntity):
    """How many agents of a queue could take a call now."""

    _attr_state_class = SensorStateClass.MEASUREMENT

    @property
    @override
    def native_value(self) -> int | None:
        """Return the number of agents."""
        queue = self._board.directory.queues.get(self._number)
        return queue.available_agents if queue else None
