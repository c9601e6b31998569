"""Extensions, trunks and queues as devices: they come, are renamed, and go."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN, MANUFACTURER

EXTENSION: Final = "extension"
TRUNK: Final = "trunk"
QUEUE: Final = "queue"

MODELS: Final = {EXTENSION: "Extension", TRUNK: "Trunk", QUEUE: "Queue"}

type NewObjects = Callable[[list[str]], None]


def identifier(serial: str, kind: str, name: str) -> tuple[str, str]:
    """Return the identifier of the device for an object of a PBX."""
    return (DOMAIN, f"{serial}_{kind}_{name}")


class Devices:
    """Keep the device registry in step with what the PBX has."""

    def __init__(self, hass: HomeAssistant, entry_id: str, serial: str) -> None:
        """Start with nothing known; the registry may know more from before."""
        self._hass = hass
        self._entry_id = entry_id
        self._serial = serial
        self._known: dict[str, dict[str, str]] = {EXTENSION: {}, TRUNK: {}, QUEUE: {}}
        self._compared: set[str] = set()
        self._new_objects: dict[str, list[NewObjects]] = {}
        self.pbx_id = ""

    def known(self, kind: str) -> Iterable[str]:
        """Return the objects of a kind that are there now."""
        return self._known[kind]

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
        """Make the devices of a kind those in `names`, from object to its name."""
        registry = dr.async_get(self._hass)
        known = self._known[kind]
        new = [key for key in names if key not in known]
        first = kind not in self._compared
        self._compared.add(kind)
        for key, name in names.items():
            if known.get(key) != name:
                registry.async_get_or_create(
                    config_entry_id=self._entry_id,
                    identifiers={identifier(self._serial, kind, key)},
                    manufacturer=MANUFACTURER,
                    model=MODELS[kind],
                    name=name,
                    via_device_id=self.pbx_id,
                )
        self._known[kind] = dict(names)
        if first or any(key not in names for key in known):
            self._remove_others(registry, kind)
        if new:
            for added in tuple(self._new_objects.get(kind, ())):
                added(new)

    @callback
    def _remove_others(self, registry: dr.DeviceRegistry, kind: str) -> None:
        """Remove devices of a kind that the PBX no longer has, also from before."""
        wanted = {identifier(self._serial, kind, key) for key in self._known[kind]}
        prefix = identifier(self._serial, kind, "")[1]
        for device in dr.async_entries_for_config_entry(registry, self._entry_id):
            ours = {i for i in device.identifiers if i[1].startswith(prefix)}
            if ours and not ours & wanted:
                registry.async_update_device(
                    device.id, remove_config_entry_id=self._entry_id
                )
