"""The download answers what a maintainer would have to ask."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)

from custom_components.yeastar.diagnostics import async_get_config_entry_diagnostics
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.conftest import Wait, entry_data
from tests.simulator import FunctionClock, Readings, Settings, Simulator
from tests.simulator.readings import LogRows


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


@pytest.mark.parametrize("oddity", [one for one in LogRows if one is not LogRows.PLAIN])
async def test_records_that_cannot_be_read_are_counted_and_logged_once(
    hass: HomeAssistant,
    http: None,
    entry: MockConfigEntry,
    clock: FunctionClock,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    oddity: LogRows,
) -> None:
    told = async_capture_events(hass, "yeastar_call")
    async with Simulator(Settings(), Readings(log_rows=oddity), clock) as pbx:
        hass.config_entries.async_update_entry(entry, data=entry_data(pbx))
        assert await hass.config_entries.async_setup(entry.entry_id)
        await wait(60)
        pbx.delivery.drop()
        ids = []
        for _ in range(4):
            call = await pbx.calls.inbound("siptrunk", "0301234567")
            await call.ring()
            await wait(10)
            await call.hang_up()
            ids.append(call.callid)
        pbx.delivery.clear()
        await wait(3 * 3600, step=60)
        readable = [one for one in ids if not one.endswith("3")]
        assert [one.data["call_id"] for one in told] == readable
        found = await async_get_config_entry_diagnostics(hass, entry)
        assert found["calls"]["call_log"]["unreadable_records"] == 1
        lines = [one for one in caplog.messages if "cannot be read" in one]
        assert len(lines) == 1
        assert "030" not in lines[0]
        await hass.config_entries.async_unload(entry.entry_id)
