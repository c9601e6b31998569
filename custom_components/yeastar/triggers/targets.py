"""What the target of a trigger or condition means: phones, queues, trunks, PBXs."""

from collections.abc import Callable, Mapping
from typing import Any, override

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback, split_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.target import TargetEntityChangeTracker, TargetSelection

from ..const import DOMAIN
from ..switchboard.devices import EXTENSION, QUEUE
from ..switchboard.listeners import PBX, Key, extension_key, queue_key

_CALL = "call"
_KEY_OF_KIND: Mapping[str, Callable[[str], Key]] = {
    EXTENSION: extension_key,
    QUEUE: queue_key,
}


def entities_of_kind(
    hass: HomeAssistant,
    entity_ids: set[str],
    platform: Platform,
    key: str,
    kind: str | None,
) -> set[str]:
    """Return those of some entities that are this integration's of one sort.

    An area has entities of all sorts, and device classes cannot tell an extension's
    status from a trunk's.

    Args:
        hass: Home Assistant.
        entity_ids: the entities.
        platform: of the sort, such as sensor.
        key: of the sort, such as `status` (contract 6).
        kind: what it is about: extension, trunk or queue, None for the PBX.
    """
    registry = er.async_get(hass)
    found = set()
    for entity_id in entity_ids:
        if split_entity_id(entity_id)[0] != platform:
            continue
        entry = registry.async_get(entity_id)
        if entry is None or entry.platform != DOMAIN:
            continue
        name = _name_in_pbx(hass, entry)
        if kind is None:
            if name == key:
                found.add(entity_id)
        elif name.startswith(f"{kind}_") and name.endswith(f"_{key}"):
            found.add(entity_id)
    return found


def _name_in_pbx(hass: HomeAssistant, entry: er.RegistryEntry) -> str:
    """Return an entity's unique id without the serial number of the PBX."""
    pbx = hass.config_entries.async_get_entry(entry.config_entry_id or "")
    return entry.unique_id.removeprefix(f"{pbx.unique_id}_") if pbx else ""


class CallParties(TargetEntityChangeTracker):
    """The PBXs, extensions and queues in a target, kept up to date.

    They are found by their call entities, so that what a user leaves out of an
    area's automations (a hidden or disabled entity) is left out here as well.
    """

    def __init__(self, hass: HomeAssistant, target: dict[str, Any]) -> None:
        """Prepare.

        Raises:
            HomeAssistantError: the target is empty.
        """
        selection = TargetSelection(target)
        if not selection.has_any_target:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="empty_target"
            )
        super().__init__(hass, selection, self._call_entities)
        self._keys: dict[str, set[Key]] = {}

    def of(self, config_entry_id: str) -> set[Key]:
        """Return whom the target names at one PBX; `PBX` is everybody."""
        return self._keys.get(config_entry_id, set())

    def _call_entities(self, entity_ids: set[str]) -> set[str]:
        """Return the call entities among some entities."""
        return {
            entity_id
            for kind in (None, EXTENSION, QUEUE)
            for entity_id in entities_of_kind(
                self._hass, entity_ids, Platform.EVENT, _CALL, kind
            )
        }

    @override
    @callback
    def _handle_entities_update(self, tracked_entities: set[str]) -> None:
        """Note whom the entities belong to."""
        registry = er.async_get(self._hass)
        self._keys = {}
        for entity_id in tracked_entities:
            entry = registry.async_get(entity_id)
            if entry is not None and entry.config_entry_id is not None:
                key = _key_of(_name_in_pbx(self._hass, entry))
                self._keys.setdefault(entry.config_entry_id, set()).add(key)


def _key_of(name: str) -> Key:
    """Return whose calls a call entity tells of (contract 6)."""
    kind, _, rest = name.partition("_")
    if (key := _KEY_OF_KIND.get(kind)) is None:
        return PBX
    return key(rest.removesuffix(f"_{_CALL}"))
