"""Extensions, trunks and queues as devices: they come, are renamed, and go."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from ..const import DOMAIN, MANUFACTURER
from .slices import in_slices

EXTENSION: Final = "extension"
TRUNK: Final = "trunk"
QUEUE: Final = "queue"

MODELS: Final = {EXTENSION: "Extension", TRUNK: "Trunk", QUEUE: "Queue"}

# A device and its entities take Home Assistant up to a millisecond.
AT_ONCE: Final = 16

type NewObjects = Callable[[list[str]], None]


def identifier(serial: str, kind: str, name: str) -> tuple[str, str]:
    """Return the identifier of the device for an object of a PBX."""
    return (DOMAIN, f"{serial}_{kind}_{name}")


class Devices:
    """Keep the device registry in step with what the PBX has.

    Attributes:
        pbx_id: the device that is the PBX.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str, serial: str) -> None:
        """Start with nothing known; the registry may know more from before."""
        self._hass = hass
        self._entry_id = entry_id
        self._serial = serial
        # From object to its name: as the PBX lists it, and as it is registered.
        self._listed: dict[str, Mapping[str, str]] = {}
        self._known: dict[str, dict[str, str]] = {EXTENSION: {}, TRUNK: {}, QUEUE: {}}
        self._compared: set[str] = set()
        self._new_objects: dict[str, list[NewObjects]] = {}
        self._following = asyncio.Lock()
        self.pbx_id = ""

    @property
    def pbx(self) -> dr.DeviceEntry | None:
        """The device that is the PBX."""
        return dr.async_get(self._hass).async_get_device_by_identifier(
            (DOMAIN, self._serial), self._entry_id
        )

    def device(self, kind: str, key: str) -> dr.DeviceEntry | None:
        """Return the device of an object."""
        return dr.async_get(self._hass).async_get_device_by_identifier(
            identifier(self._serial, kind, key), self._entry_id
        )

    @callback
    def on_new(self, kind: str, added: NewObjects) -> Callable[[], None]:
        """Hand over the objects of a kind, now and whenever new ones appear."""
        listeners = self._new_objects.setdefault(kind, [])
        listeners.append(added)
        if present := list(self._known[kind]):
            added(present)
        return lambda: listeners.remove(added)

    @callback
    def update(self, kind: str, names: Mapping[str, str]) -> None:
        """Note what the PBX has of a kind, from object to its name.

        Devices and entities come with the next `follow`.
        """
        self._listed[kind] = dict(names)

    async def follow(self) -> None:
        """Make the devices those that the PBX has, and have their entities made."""
        async with self._following:
            for kind, names in list(self._listed.items()):
                if kind not in self._compared or self._known[kind].keys() - names:
                    await self._remove_others(kind, names)
                    self._compared.add(kind)
                await self._add(kind, names)

    async def _add(self, kind: str, names: Mapping[str, str]) -> None:
        """Add new devices, rename those with another name."""
        registry = dr.async_get(self._hass)
        known = self._known[kind]
        changed = [item for item in names.items() if known.get(item[0]) != item[1]]
        # The first one alone: Python makes room for the attributes of a class by those
        # of its first object, as long as there is no second one (entity.numerous).
        async for some in in_slices(changed, AT_ONCE, first=1):
            new = [key for key, _ in some if key not in known]
            for key, name in some:
                registry.async_get_or_create(
                    config_entry_id=self._entry_id,
                    identifiers={identifier(self._serial, kind, key)},
                    manufacturer=MANUFACTURER,
                    model=MODELS[kind],
                    name=name,
                    via_device_id=self.pbx_id,
                    # A telephone can be touched; a trunk or a queue cannot.
                    entry_type=None
                    if kind == EXTENSION
                    else dr.DeviceEntryType.SERVICE,
                )
                known[key] = name
            if new:
                for added in tuple(self._new_objects.get(kind, ())):
                    added(new)

    async def _remove_others(self, kind: str, names: Mapping[str, str]) -> None:
        """Remove devices of a kind that the PBX no longer has, also from before."""
        registry = dr.async_get(self._hass)
        wanted = {identifier(self._serial, kind, key) for key in names}
        prefix = identifier(self._serial, kind, "")[1]
        others = [
            device.id
            for device in dr.async_entries_for_config_entry(registry, self._entry_id)
            if (ours := {i for i in device.identifiers if i[1].startswith(prefix)})
            and not ours & wanted
        ]
        async for some in in_slices(others, AT_ONCE):
            for device_id in some:
                if registry.async_get(device_id) is not None:
                    registry.async_remove_device(device_id)
        known = self._known[kind]
        for key in [key for key in known if key not in names]:
            del known[key]
