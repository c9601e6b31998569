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
from .entity import ExtensionEntity, PbxEntity, TrunkEntity, numerous
from .switchboard.devices import EXTENSION, TRUNK

# Fed by the coordinator only.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: YeastarConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors of a PBX, and those of what it has as it appears."""
    coordinator = entry.runtime_data
    devices = coordinator.switchboard.devices
    async_add_entities([ConnectionSensor(coordinator)])
    entry.async_on_unload(
        devices.on_new(
            EXTENSION,
            lambda numbers: async_add_entities(
                RegisteredSensor(coordinator, number) for number in numbers
            ),
        )
    )
    entry.async_on_unload(
        devices.on_new(
            TRUNK,
            lambda names: async_add_entities(
                TrunkConnectionSensor(coordinator, name) for name in names
            ),
        )
    )


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
        return self._coordinator.last_update_success


@numerous
class RegisteredSensor(ExtensionEntity, BinarySensorEntity):
    """Whether an extension has a phone that can be called."""

    _attr_translation_key = "registered"

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY

    def __init__(self, coordinator: YeastarCoordinator, number: str) -> None:
        """Name it."""
        super().__init__(coordinator, "registered", number)

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether there is a phone."""
        extension = self._board.directory.extensions.get(self._number)
        return extension.registered if extension else None


class TrunkConnectionSensor(TrunkEntity, BinarySensorEntity):
    """Whether calls can go through a trunk."""

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY

    def __init__(self, coordinator: YeastarCoordinator, name: str) -> None:
        """Name it."""
        super().__init__(coordinator, "connection", name)

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether the trunk works."""
        trunk = self._board.picture.trunks.get(self._name)
        return trunk.connected if trunk else None
