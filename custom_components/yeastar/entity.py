"""What all entities have in common."""

from typing import override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity

from .const import DOMAIN
from .coordinator import YeastarCoordinator
from .devices import EXTENSION, QUEUE, TRUNK, identifier
from .listeners import PBX, Key, extension_key, queue_key, trunk_key
from .switchboard import Switchboard


class YeastarEntity(Entity):
    """An entity that hears only what concerns it."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self,
        coordinator: YeastarCoordinator,
        key: str,
        *,
        about: Key,
        device: tuple[str, str],
        prefix: str = "",
    ) -> None:
        """Tie the entity to its device and to what it is about."""
        self._coordinator = coordinator
        self._board: Switchboard = coordinator.switchboard
        self._about = about
        if not hasattr(self, "_attr_translation_key"):
            self._attr_translation_key = key
        self._attr_unique_id = f"{coordinator.serial}_{prefix}{key}"
        self._attr_device_info = DeviceInfo(identifiers={device})

    @override
    async def async_added_to_hass(self) -> None:
        """Listen from now on."""
        await super().async_added_to_hass()
        self.async_on_remove(self._board.changed.add(self._about, self._state_changed))

    @callback
    def _state_changed(self) -> None:
        """Show what is known now."""
        self.async_write_ha_state()

    @property
    @override
    def available(self) -> bool:
        """Return whether what is shown is known to be true."""
        return self._coordinator.last_update_success


class PbxEntity(YeastarEntity):
    """An entity of the PBX itself."""

    def __init__(self, coordinator: YeastarCoordinator, key: str) -> None:
        """Tie the entity to the PBX's device."""
        super().__init__(
            coordinator, key, about=PBX, device=(DOMAIN, coordinator.serial)
        )


class ExtensionEntity(YeastarEntity):
    """An entity of an extension."""

    def __init__(self, coordinator: YeastarCoordinator, key: str, number: str) -> None:
        """Tie the entity to the extension's device."""
        self._number = number
        super().__init__(
            coordinator,
            key,
            about=extension_key(number),
            device=identifier(coordinator.serial, EXTENSION, number),
            prefix=f"{EXTENSION}_{number}_",
        )


class TrunkEntity(YeastarEntity):
    """An entity of a trunk."""

    def __init__(self, coordinator: YeastarCoordinator, key: str, name: str) -> None:
        """Tie the entity to the trunk's device."""
        self._name = name
        super().__init__(
            coordinator,
            key,
            about=trunk_key(name),
            device=identifier(coordinator.serial, TRUNK, name),
            prefix=f"{TRUNK}_{name}_",
        )


class QueueEntity(YeastarEntity):
    """An entity of a queue."""

    def __init__(self, coordinator: YeastarCoordinator, key: str, number: str) -> None:
        """Tie the entity to the queue's device."""
        self._number = number
        super().__init__(
            coordinator,
            key,
            about=queue_key(number),
            device=identifier(coordinator.serial, QUEUE, number),
            prefix=f"{QUEUE}_{number}_",
        )
