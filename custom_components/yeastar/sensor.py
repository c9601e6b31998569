"""Sensors."""

from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorStateClass,
)
from homeassistant.const import EntityCategory
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_point_in_time
from homeassistant.util import dt as dt_util

from .coordinator import YeastarConfigEntry
from .delivery.watch import Delivery
from .entity import (
    ExtensionEntity,
    PbxEntity,
    QueueEntity,
    Stateful,
    TrunkEntity,
    add_as_they_appear,
    numerous,
)
from .pbx.calls.data import as_dict
from .pbx.inventory import ExtensionStatus, TrunkStatus
from .switchboard.devices import EXTENSION, QUEUE, TRUNK
from .switchboard.poll_plan import Poll

# Fed by the coordinator only.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: YeastarConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of a PBX, and those of what it has as it appears."""
    add_as_they_appear(
        entry,
        async_add_entities,
        of_pbx=[
            EventDeliverySensor,
            ActiveCallsSensor,
            LastCallSensor,
            MissedCallsSensor,
        ],
        of_each={
            EXTENSION: [ExtensionStatusSensor, UnreadVoicemailsSensor],
            TRUNK: [TrunkStatusSensor],
            QUEUE: [WaitingCallsSensor, AgentsAvailableSensor],
        },
    )


class EventDeliverySensor(Stateful, PbxEntity, SensorEntity):
    """Whether the PBX's reports arrive."""

    _key = _attr_translation_key = "event_delivery"

    _attr_device_class = SensorDeviceClass.ENUM
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_options = list(Delivery)

    @property
    @override
    def native_value(self) -> str:
        """Return what reports and lists together prove."""
        return self._board.delivery.state


class ActiveCallsSensor(Stateful, PbxEntity, SensorEntity):
    """How many calls there are now."""

    _key = _attr_translation_key = "active_calls"

    _attr_state_class = SensorStateClass.MEASUREMENT

    @property
    @override
    def native_value(self) -> int:
        """Return the number of open calls."""
        return self._board.calls.active_count


class LastCallSensor(Stateful, PbxEntity, SensorEntity):
    """When the last call ended, and what it was."""

    _key = _attr_translation_key = "last_call"

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
        """Return when the last call ended."""
        call = self._board.last_call
        return (call.ended_at or call.started_at) if call else None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return the last call."""
        call = self._board.last_call
        return as_dict(call) if call else None


class MissedCallsSensor(Stateful, PbxEntity, SensorEntity):
    """How many calls nobody has answered since midnight."""

    _key = _attr_translation_key = "missed_calls_today"

    _attr_state_class = SensorStateClass.TOTAL

    _cancel_midnight: CALLBACK_TYPE

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

        self.async_on_remove(lambda: self._cancel_midnight())
        self._plan_midnight()

    @callback
    def _plan_midnight(self) -> None:
        """Plan when to start anew: where clocks jump at midnight there may be no 0:00."""
        tomorrow = dt_util.start_of_local_day(dt_util.now().date() + timedelta(days=1))

        @callback
        def midnight(_now: datetime) -> None:
            self.async_write_ha_state()
            self._plan_midnight()

        self._cancel_midnight = async_track_point_in_time(self.hass, midnight, tomorrow)


@numerous
class ExtensionStatusSensor(Stateful, ExtensionEntity, SensorEntity):
    """What an extension does."""

    _key = "status"
    _polls = frozenset({Poll.EXTENSIONS})
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
class UnreadVoicemailsSensor(Stateful, ExtensionEntity, SensorEntity):
    """How many voicemails nobody has listened to yet."""

    _key = _attr_translation_key = "unread_voicemails"
    _polls = frozenset({Poll.VOICEMAILS})

    _attr_state_class = SensorStateClass.MEASUREMENT

    @property
    @override
    def native_value(self) -> int | None:
        """Return the number of unread messages."""
        if self._board.picture.voicemails is None:
            return None
        return self._board.picture.voicemails.get(self._number, 0)


class TrunkStatusSensor(Stateful, TrunkEntity, SensorEntity):
    """What a trunk is good for."""

    _key = "status"
    _polls = frozenset({Poll.TRUNKS})
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


class WaitingCallsSensor(Stateful, QueueEntity, SensorEntity):
    """How many callers wait in a queue."""

    _key = _attr_translation_key = "waiting_calls"
    _polls = frozenset({Poll.QUEUES})

    _attr_state_class = SensorStateClass.MEASUREMENT

    @property
    @override
    def native_value(self) -> int | None:
        """Return the number of callers."""
        queue = self._board.directory.queues.get(self._number)
        return queue.waiting if queue else None


class AgentsAvailableSensor(Stateful, QueueEntity, SensorEntity):
    """How many agents of a queue could take a call now."""

    _key = _attr_translation_key = "agents_available"
    _polls = frozenset({Poll.QUEUES})

    _attr_state_class = SensorStateClass.MEASUREMENT

    @property
    @override
    def native_value(self) -> int | None:
        """Return the number of agents."""
        queue = self._board.directory.queues.get(self._number)
        return queue.available_agents if queue else None
