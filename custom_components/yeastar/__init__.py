"""Yeastar PBX: one entry is one PBX."""

from ipaddress import ip_address

from homeassistant.const import (
    CONF_HOST,
    CONF_WEBHOOK_ID,
    EVENT_HOMEASSISTANT_STOP,
    Platform,
)
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType
from homeassistant.util.network import is_local

from . import repairs, services
from .const import DOMAIN
from .coordinator import YeastarConfigEntry, YeastarCoordinator
from .delivery.log_filter import async_hide
from .delivery.own_address import async_remove_own_address
from .entity import async_remove_entities
from .switchboard.history import CallHistory, async_remove_history

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.EVENT,
    Platform.SENSOR,
    Platform.SWITCH,
]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions; they tell themselves if no PBX is there."""
    # Home Assistant names in its log what is posted to it before an entry is set up.
    for entry in hass.config_entries.async_entries(DOMAIN):
        if webhook_id := entry.data.get(CONF_WEBHOOK_ID):
            async_hide(hass, webhook_id)
    services.async_register(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: YeastarConfigEntry) -> bool:
    """Connect to the PBX and open the webhook for its reports."""
    history = CallHistory(hass, entry.entry_id)
    await history.async_load()
    coordinator = YeastarCoordinator(hass, entry, history)

    async def stop(_event: Event) -> None:
        await coordinator.async_shutdown()

    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    # Open before the login: the first report may come right after it.
    coordinator.webhook.open(local_only=_is_private(entry.data[CONF_HOST]))
    entry.async_on_unload(coordinator.webhook.close)
    entry.async_on_unload(coordinator.receiver.close)
    await coordinator.async_config_entry_first_refresh()
    # Now it is known which address the host's name stands for.
    coordinator.webhook.open(local_only=_is_private(coordinator.client.remote_address))
    entry.runtime_data = coordinator
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    await coordinator.switchboard.devices.follow()
    return True


async def async_unload_entry(hass: HomeAssistant, entry: YeastarConfigEntry) -> bool:
    """Take the entities away; the rest goes by the entry's own clean-up."""
    await async_remove_entities(hass, entry)
    if unloaded := await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        repairs.hide(hass, entry.entry_id)
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: YeastarConfigEntry) -> None:
    """Forget what was kept of a PBX that is no longer wanted."""
    repairs.hide(hass, entry.entry_id)
    await async_remove_own_address(hass, entry.entry_id)
    await async_remove_history(hass, entry.entry_id)


def _is_private(host: str | None) -> bool:
    """Tell whether this is an address of the own network; a name is not."""
    try:
        return is_local(ip_address(host or ""))
    except ValueError:
        return False
