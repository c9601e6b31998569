"""The download answers what a maintainer would have to ask."""

from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.conftest import Wait
from tests.simulator import Simulator


async def test_it_tells_what_the_pbx_was_seen_to_do(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    hass_client: Any,
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    call = await pbx.calls.inbound("siptrunk", "0301234567")
    await call.ring()
    await wait(5)
    await call.answer("1001")
    await wait(20)
    await call.hang_up()
    await wait(10)
    pbx.forget_tokens()
    await wait(330)
    found = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
    assert found["pbx"]["firmware"] == "30.13.0.30"
    session = found["session"]
    assert session["connected"] is True
    assert session["sessions_opened"] == 2
    assert session["counts"]["logins"] == 2
    assert [key for key in session["counts"] if key.startswith("token_errno_")]
    reports = found["reports"]
    assert reports["by_type"]["new_cdr"] == 1
    assert reports["by_type"]["call_status"] >= 3
    assert reports["delivery_history"][-1]["state"] == "working"
    calls = found["calls"]
    assert calls["told"] == {"ringing": 1, "answered": 1, "ended": 1}
    seen = calls["observed"]
    assert any(key.endswith("said_bye") for key in seen)
    assert seen["1_records"] == 1
    assert "record_after_hang_up" in seen or "record_before_hang_up" in seen
    assert calls["call_log"]["last_problem"] is None
    assert found["objects"]["extensions"]
    assert 0 <= found["poll_plan"]["trunks"] <= 60
