"""An integration that does nothing: what its devices and entities cost is the floor.

Per extension the same device and the same five entities, written as Home Assistant's
documentation shows it, without a state that ever changes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    MockPlatform,
    mock_config_flow,
    mock_integration,
    mock_platform,
)

from custom_components.yeastar.pbx.calls import Step
from custom_components.yeastar.pbx.inventory import ExtensionStatus
from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
)
from homeassistant.components.event import EventEntity
from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorStateClass,
)
from homeassistant.components.switch import SwitchEntity
from homeassistant.config_entries import ConfigEntry, ConfigFlow
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .house import FIRST_EXTENSION

DOMAIN = "bare"
SERIAL = "369451090405"


class _Bare(Entity):
    """An entity of an extension that is there, and no more."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, number: int, pbx_id: str) -> None:
        identifier = f"{SERIAL}_extension_{number}"
        self._attr_unique_id = f"{identifier}_{self._attr_translation_key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, identifier)},
            manufacturer="Yeastar",
            model="Extension",
            name=f"{number} Phone {number}",
            via_device_id=pbx_id,
        )


class _Status(_Bare, SensorEntity):
    _attr_translation_key = "status"
    _attr_device_class = SensorDeviceClass.ENUM
    _attr_options = list(ExtensionStatus)
    _attr_native_value = ExtensionStatus.IDLE


class _Voicemails(_Bare, SensorEntity):
    _attr_translation_key = "unread_voicemails"
    _attr_state_class = SensorStateClass.MEASUREMENT
    _attr_native_value = 0


class _Registered(_Bare, BinarySensorEntity):
    _attr_translation_key = "registered"
    _attr_device_class = BinarySensorDeviceClass.CONNECTIVITY
    _attr_is_on = True


class _Call(_Bare, EventEntity):
    _attr_translation_key = "call"
    _attr_event_types = list(Step)


class _DoNotDisturb(_Bare, SwitchEntity):
    _attr_translation_key = "do_not_disturb"
    _attr_entity_category = EntityCategory.CONFIG
    _attr_entity_registry_enabled_default = False


_PLATFORMS: dict[str, tuple[type[_Bare], ...]] = {
    "binary_sensor": (_Registered,),
    "event": (_Call,),
    "sensor": (_Status, _Voicemails),
    "switch": (_DoNotDisturb,),
}


class _Flow(ConfigFlow):
    """There has to be one."""


async def _set_up(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    pbx = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, SERIAL)}, name="PBX"
    )
    entry.runtime_data = pbx.id
    await hass.config_entries.async_forward_entry_setups(entry, list(_PLATFORMS))
    return True


async def _unload(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    return await hass.config_entries.async_unload_platforms(entry, list(_PLATFORMS))


def _platform(*kinds: Callable[[int, str], Entity]) -> MockPlatform:
    async def add_all(
        _hass: HomeAssistant, entry: ConfigEntry, add: AddConfigEntryEntitiesCallback
    ) -> None:
        add(
            kind(FIRST_EXTENSION + index, entry.runtime_data)
            for index in range(entry.data["extensions"])
            for kind in kinds
        )

    return MockPlatform(async_setup_entry=add_all)


@contextmanager
def installed(hass: HomeAssistant) -> Iterator[None]:
    """Have the integration in Home Assistant for a while."""
    module = MockModule(DOMAIN, async_setup_entry=_set_up, async_unload_entry=_unload)
    mock_integration(hass, module)
    mock_platform(hass, f"{DOMAIN}.config_flow")
    for name, kinds in _PLATFORMS.items():
        mock_platform(hass, f"{DOMAIN}.{name}", _platform(*kinds))
    with mock_config_flow(DOMAIN, _Flow):
        yield


def new_entry(hass: HomeAssistant, extensions: int) -> MockConfigEntry:
    """Return an entry with so many extensions, not set up yet."""
    entry = MockConfigEntry(domain=DOMAIN, data={"extensions": extensions})
    entry.add_to_hass(hass)
    return entry
