"""What Home Assistant shows of all PBXs under System information."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.loader import async_get_integration

from .const import DOMAIN
from .coordinator import YeastarConfigEntry


@callback
def async_register(
    hass: HomeAssistant, register: system_health.SystemHealthRegistration
) -> None:
    """Offer the information."""
    register.async_register_info(_info, "/config/integrations/integration/yeastar")


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    """Return counts and versions, nothing that names a PBX or a person."""
    integration = await async_get_integration(hass, DOMAIN)
    entries: list[YeastarConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=False
    )
    loaded = [
        entry.runtime_data
        for entry in entries
        if entry.state is ConfigEntryState.LOADED
    ]
    return {
        "version": str(integration.version),
        "systems": len(entries),
        "connected": sum(one.last_update_success for one in loaded),
        "reporting": sum(one.switchboard.delivery.state == "working" for one in loaded),
        "models": ", ".join(
            sorted(f"{one.data.name} {one.data.firmware}" for one in loaded)
        ),
        "active_calls": sum(one.switchboard.calls.active_count for one in loaded),
    }
