"""The main job under every reading that the documentation leaves open."""

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.yeastar.const import DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from tests.conftest import Wait, entry_data
from tests.simulator import FunctionClock, Readings, Settings, Simulator

VARIANTS = dict(Readings.variants())


@pytest.mark.usefixtures("http", "socket_enabled")
@pytest.mark.parametrize("readings", VARIANTS.values(), ids=VARIANTS.keys())
async def test_it_stays_logged_in_and_tells_a_call(
    hass: HomeAssistant, clock: FunctionClock, wait: Wait, readings: Readings
) -> None:
    settings = Settings(https=False)
    async with Simulator(settings=settings, readings=readings, clock=clock) as pbx:
        entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id=pbx.serial,
            data=entry_data(pbx, ssl=False, fingerprint=None),
        )
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await wait(1)
        pbx.forget_tokens()
        await wait(61)
        assert len(pbx.requests_of("login")) == 2
        assert len(pbx.targets) >= 1
        reports = async_capture_events(hass, "yeastar_event")
        told = async_capture_events(hass, "yeastar_call")
        call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
        await call.ring()
        await wait(4)
        await call.answer(by="1001")
        await wait(8)
        await call.hang_up(by="1001")
        await wait(30)
        kinds = {event.data["type"] for event in reports}
        assert {"extension_status", "call_status", "new_cdr"} <= kinds
        assert [event.data["type"] for event in told] == [
            "ringing",
            "answered",
            "ended",
        ]
        end = told[-1].data
        assert end["outcome"] == "answered"
        assert end["direction"] == "inbound"
        assert end["caller_number"] == "0301234567"
        assert end["answered_by"] == "1001"
        assert pbx.overlaps == 0
        busy = [
            state.entity_id
            for state in hass.states.async_all("sensor")
            if state.state in ("ringing", "busy", "on_hold")
        ]
        assert busy == []
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert entry.state is ConfigEntryState.NOT_LOADED
        assert pbx.tokens == {} or readings.second_login.name != "FIRST_DIES"
