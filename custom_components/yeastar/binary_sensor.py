"""Binary sensors."""

from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import YeastarConfigEntry
from .entity import (
    ExtensionEntity,
    PbxEntity,
    Stateful,
    TrunkEntity,
    add_as_they_appear,
    numerous,
)
from .switchboard.devices import EXTENSION, TRUNK
from .switchboard.poll_plan import Poll

# Fed by the coordinator only.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: YeastarConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors of a PBX, and those of what it has as it appears."""
    add_as_they_appear(
        entry,
        async_add_entities,
        of_pbx=[ConnectionSensor],
        of_each={EXTENSION: [RegisteredSensor], TRUNK: [TrunkConnectionSensor]},
    )


class ConnectionSensor(Stateful, PbxEntity, BinarySensorEntity):
    """Whether the PBX answers and has us logged in."""

    _key = _attr_translation_key = "connection"

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_entity_category = EntityCategory.DIAGNOSTIC

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
class RegisteredSensor(Stateful, ExtensionEntity, BinarySensorEntity):
    """Whether an extension has a phone that can be called."""

    _key = _attr_translation_key = "registered"
    _polls = frozenset({Poll.EXTENSIONS})

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether there is a phone."""
        extension = self._board.directory.extensions.get(self._number)
        return extension.registered if extension else None


class TrunkConnectionSensor(Stateful, TrunkEntity, BinarySensorEntity):
    """Whether calls can go through a trunk."""

    _key = _attr_translation_key = "connection"
    _polls = frozenset({Poll.TRUNKS})

    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether the trunk works."""
        trunk = self._board.picture.trunks.get(self._name)
        return trunk.connected if trunk else None
