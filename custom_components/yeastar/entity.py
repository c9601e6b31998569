"""What all entities have in common."""

from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import YeastarCoordinator


class PbxEntity(CoordinatorEntity[YeastarCoordinator]):
    """An entity of the PBX itself."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: YeastarCoordinator, key: str) -> None:
        """Tie the entity to the PBX's device."""
        super().__init__(coordinator)
        self._attr_unique_id = f"{coordinator.serial}_{key}"
        self._attr_translation_key = key
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, coordinator.serial)})
