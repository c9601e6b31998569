"""What all entities have in common."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from inspect import getattr_static
from typing import Any, ClassVar, Final, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.entity import Entity, cached_property
from homeassistant.helpers.entity_platform import (
    AddConfigEntryEntitiesCallback,
    async_get_platforms,
)

from .const import DOMAIN
from .coordinator import YeastarConfigEntry, YeastarCoordinator
from .switchboard.board import Switchboard
from .switchboard.devices import EXTENSION, QUEUE, TRUNK
from .switchboard.listeners import PBX, Key, extension_key, queue_key, trunk_key
from .switchboard.poll_plan import Poll
from .switchboard.slices import in_slices

# One takes a twentieth of a millisecond.
REMOVED_AT_ONCE: Final = 100

# What Home Assistant asks an entity for, and then keeps in it, although it is the same
# for all entities of a class.
_SAME_FOR_ALL = (
    "assumed_state",
    "attribution",
    "capability_attributes",
    "device_class",
    "device_info",
    "entity_category",
    "entity_picture",
    "entity_registry_enabled_default",
    "entity_registry_visible_default",
    "event_types",
    "extra_state_attributes",
    "force_update",
    "has_entity_name",
    "icon",
    "last_reset",
    "native_unit_of_measurement",
    "options",
    "should_poll",
    "state_class",
    "suggested_display_precision",
    "suggested_unit_of_measurement",
    "supported_features",
    "translation_key",
    "unit_of_measurement",
)


def numerous[AnyEntity: type[Entity]](entity_class: AnyEntity) -> AnyEntity:
    """Keep what is the same for all entities of a class in the class.

    Above 30 values Python gives each object a table of its own instead of one that
    it shares with its kind; for the entities of an extension that makes 6 KiB. Not
    for classes that others are derived from, or that set any of this per entity.
    """
    # Of another class, because the shared table remembers every name ever set.
    blank: Entity = object.__new__(type("Blank", (entity_class,), {}))
    for name in _SAME_FOR_ALL:
        if isinstance(getattr_static(entity_class, name, None), cached_property):
            setattr(entity_class, name, getattr(blank, name))
    return entity_class


async def async_remove_entities(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Take all entities of an entry away.

    Home Assistant would do so too, but thousands of them without a pause.
    """
    entities = [
        entity
        for platform in async_get_platforms(hass, DOMAIN)
        if platform.config_entry is entry
        for entity in platform.entities.values()
    ]
    async for some in in_slices(entities, REMOVED_AT_ONCE):
        for entity in some:
            await entity.async_remove()


def add_as_they_appear(
    entry: YeastarConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    *,
    of_pbx: Iterable[Callable[[YeastarCoordinator], Entity]] = (),
    of_each: Mapping[str, Sequence[Callable[[YeastarCoordinator, str], Entity]]],
) -> None:
    """Add the entities of a PBX now, and those of what it has as it appears.

    Args:
        entry: of the PBX.
        async_add_entities: from Home Assistant.
        of_pbx: the classes of its own entities.
        of_each: the classes of entities that each extension, trunk or queue has, by
            which of them it is: a kind of `switchboard.devices`.
    """
    coordinator = entry.runtime_data
    async_add_entities([entity_class(coordinator) for entity_class in of_pbx])

    def add(
        classes: Sequence[Callable[[YeastarCoordinator, str], Entity]],
        names: list[str],
    ) -> None:
        async_add_entities(
            entity_class(coordinator, name)
            for name in names
            for entity_class in classes
        )

    for kind, classes in of_each.items():
        entry.async_on_unload(
            coordinator.switchboard.devices.on_new(kind, partial(add, classes))
        )


class YeastarEntity(Entity):
    """An entity that hears only what concerns it.

    Attributes:
        _key: the last part of the contract's unique id, the same for a whole class.
        _polls: those without which what it shows is not known.
    """

    _attr_has_entity_name = True
    _attr_should_poll = False
    _key: ClassVar[str]
    _polls: ClassVar[frozenset[Poll]] = frozenset()

    def __init__(
        self, coordinator: YeastarCoordinator, about: Key, device: DeviceEntry | None
    ) -> None:
        """Tie the entity to its device and to what it is about."""
        self._coordinator = coordinator
        self._about = about
        # Registered already; a description of it would be looked up, and kept, for
        # each entity.
        self.device_entry = device

    @property
    @override
    def unique_id(self) -> str:
        """Return the contract's id; the registry keeps it, so this need not."""
        kind, name = self._about
        prefix = f"{kind}_{name}_" if self._about != PBX else ""
        return f"{self._coordinator.serial}_{prefix}{self._key}"

    @property
    def _board(self) -> Switchboard:
        """What is known of the PBX."""
        return self._coordinator.switchboard

    @override
    async def async_added_to_hass(self) -> None:
        """Listen from now on."""
        await super().async_added_to_hass()
        self._board.changed.add(self._about, self._state_changed)
        self.async_on_remove(self._stop_listening)

    @callback
    def _stop_listening(self) -> None:
        """Hear no more."""
        self._board.changed.remove(self._about, self._state_changed)

    @callback
    def _state_changed(self) -> None:
        """Show what is known now."""
        self.async_write_ha_state()

    async def async_update(self) -> None:
        """Ask the PBX now, because somebody wants it: it is not polled as such."""
        await self._coordinator.async_ask_now(self._polls)

    @property
    @override
    def available(self) -> bool:
        """Return whether what is shown is known to be true."""
        coordinator = self._coordinator
        return coordinator.last_update_success and not (
            self._polls and self._polls & coordinator.plan.failing.keys()
        )


class Stateful(YeastarEntity):
    """An entity whose state is what is known now, and no event.

    To write a state costs ten times as much as to see that it is the same, and of
    what is told to the entities of an extension or of the PBX most concerns only one
    of them.
    """

    _shown: object = None

    @override
    @callback
    def _state_changed(self) -> None:
        """Show what is known now, unless it is shown already."""
        if self._content != self._shown:
            self.async_write_ha_state()

    @override
    @callback
    def _async_write_ha_state(self) -> None:
        """Remember what is shown, whoever wanted it to be shown."""
        self._shown = self._content
        super()._async_write_ha_state()

    @property
    def _content(self) -> object:
        """What there is to be shown."""
        if not self.available:
            return STATE_UNAVAILABLE
        attributes = self.extra_state_attributes
        return (self.state, attributes) if attributes else self.state


class PbxEntity(YeastarEntity):
    """An entity of the PBX itself."""

    def __init__(self, coordinator: YeastarCoordinator) -> None:
        """Tie the entity to the PBX's device."""
        super().__init__(coordinator, PBX, coordinator.switchboard.devices.pbx)


class ExtensionEntity(YeastarEntity):
    """An entity of an extension."""

    def __init__(self, coordinator: YeastarCoordinator, number: str) -> None:
        """Tie the entity to the extension's device."""
        device = coordinator.switchboard.devices.device(EXTENSION, number)
        super().__init__(coordinator, extension_key(number), device)

    @property
    def _number(self) -> str:
        """The extension's number."""
        return self._about[1]


class TrunkEntity(YeastarEntity):
    """An entity of a trunk."""

    def __init__(self, coordinator: YeastarCoordinator, name: str) -> None:
        """Tie the entity to the trunk's device."""
        device = coordinator.switchboard.devices.device(TRUNK, name)
        super().__init__(coordinator, trunk_key(name), device)

    @property
    def _name(self) -> str:
        """The trunk's name."""
        return self._about[1]


class QueueEntity(YeastarEntity):
    """An entity of a queue."""

    def __init__(self, coordinator: YeastarCoordinator, number: str) -> None:
        """Tie the entity to the queue's device."""
        device = coordinator.switchboard.devices.device(QUEUE, number)
        super().__init__(coordinator, queue_key(number), device)

    @property
    def _number(self) -> str:
        """The queue's number."""
        return self._about[1]
