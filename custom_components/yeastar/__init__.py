"""Yeastar PBX: one entry is one PBX."""

from ipaddress import ip_address

from homeassistant.const import CONF_HOST, EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant
from homeassistant.util.network import is_local

from .coordinator import YeastarConfigEntry, YeastarCoordinator
from .entity import async_remove_entities

PLATFORMS = [Platform.BINARY_SENSOR, Platform.EVENT, Platform.SENSOR]


async def async_setup_entry(hass: HomeAssistant, entry: YeastarConfigEntry) -> bool:
    """Connect to the PBX and open the webhook for its reports."""
    coordinator = YeastarCoordinator(hass, entry)

    async def stop(_event: Event) -> None:
        await coordinator.async_shutdown()

    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    # Open before the login: the first report may come right after it.
    coordinator.receiver.register(local_only=_is_private(entry.data[CONF_HOST]))
    entry.async_on_unload(coordinator.receiver.unregister)
    await coordinator.async_config_entry_first_refresh()
    # Now it is known which address the host's name stands for.
    coordinator.receiver.register(
        local_only=_is_private(coordinator.client.remote_address)
    )
    entry.runtime_data = coordinator
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    await coordinator.switchboard.devices.follow()
    return True


async def async_unload_entry(hass: HomeAssistant, entry: YeastarConfigEntry) -> bool:
    """Take the entities away; the rest goes by the entry's own clean-up."""
    await async_remove_entities(hass, entry)
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


def _is_private(host: str | None) -> bool:
    """Tell whether this is an address of the own network; a name is not."""
    try:
        return is_local(ip_address(host or ""))
    except ValueError:
        return False
