"""What Home Assistant shows under System information."""

import json
from pathlib import Path

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.simulator import Simulator

INTEGRATION = Path(__file__).parents[2] / "custom_components/yeastar"


@pytest.mark.usefixtures("loaded")
async def test_it_counts_what_works(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, "system_health", {})
    info = await get_system_health_info(hass, "yeastar")
    version = json.loads((INTEGRATION / "manifest.json").read_text())["version"]
    assert info == {
        "version": version,
        "systems": 1,
        "connected": 1,
        "reporting": 0,
        "models": "Yeastar S100 30.13.0.30",
        "active_calls": 0,
    }
    # No text may be missing for any of it.
    texts = json.loads((INTEGRATION / "translations/en.json").read_text())
    assert texts["system_health"]["info"].keys() == info.keys()


async def test_it_tells_when_nothing_works(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry
) -> None:
    await pbx.go_down()
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert await async_setup_component(hass, "system_health", {})
    info = await get_system_health_info(hass, "yeastar")
    assert (info["systems"], info["connected"], info["models"]) == (1, 0, "")
