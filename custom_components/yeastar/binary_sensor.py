"""Binary sensors."""

from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import YeastarConfigEntry, YeastarCoordinator
from .entity import PbxEntity

# Fed by the coordinator only.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: YeastarConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors of a PBX."""
    async_add_entities([ConnectionSensor(entry.runtime_data)])


class ConnectionSensor(PbxEntity, BinarySensorEntity):
    """Whether the PBX answers and has us logged in."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, coordinator: YeastarCoordinator) -> None:
        """Name it."""
        super().__init__(coordinator, "connection")

    @property
    @override
    def available(self) -> bool:
        """Return True: that the PBX cannot be reached is what this one tells."""
        return True

    @property
    @override
    def is_on(self) -> bool:
        """Return whether the last exchange with the PBX succeeded."""
        return self.coordinator.last_update_success
