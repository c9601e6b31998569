"""A busy day: 2,000 calls on 200 extensions, told by reports alone."""

from collections import Counter
import json
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.yeastar.const import DOMAIN
from homeassistant.components import webhook
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.aiohttp import MockRequest
from tests.conftest import WEBHOOK_ID, entry_data
from tests.simulator import FunctionClock, Settings, Simulator, many_calls

SEED = 20_260_302
CALLS = 2_000
EXTENSIONS = 200


async def post(hass: HomeAssistant, report: dict[str, Any]) -> None:
    """Hand a report to the webhook as Home Assistant's own server does."""
    response = await webhook.async_handle_webhook(
        hass,
        WEBHOOK_ID,
        MockRequest(
            json.dumps(report).encode(), "test", method="POST", remote="127.0.0.1"
        ),
    )
    assert response.status == 200


@pytest.mark.usefixtures("http", "socket_enabled", "long_run")
async def test_a_day_ends_with_all_phones_idle_and_every_call_told_once(
    hass: HomeAssistant, clock: FunctionClock, frozen: FrozenDateTimeFactory
) -> None:
    print(f"seed {SEED}")
    settings = Settings.with_extensions(EXTENSIONS, https=False)
    async with Simulator(settings=settings, clock=clock) as pbx:
        entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id=pbx.serial,
            data=entry_data(pbx, ssl=False, fingerprint=None),
        )
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        frozen.tick(1)
        async_fire_time_changed(hass)
        await hass.async_block_till_done(wait_background_tasks=True)
        # This PBX does not play the calls, so it must not be asked about them.
        entry.runtime_data._unschedule()
        start = dt_util.utcnow().timestamp()
        day = many_calls(SEED, CALLS, spread=86_400, settings=settings, start=start)
        told = async_capture_events(hass, "yeastar_call")
        most_active = 0
        remembered: list[int] = []
        for number, (offset, report) in enumerate(day.reports):
            moment = dt_util.utc_from_timestamp(start + offset)
            if moment > dt_util.utcnow():
                frozen.move_to(moment)
                async_fire_time_changed(hass)
            await post(hass, report)
            calls = entry.runtime_data.switchboard.calls
            most_active = max(most_active, calls.active_count)
            if number in (len(day.reports) // 2, len(day.reports) - 1):
                remembered.append(len(calls._finished))
        frozen.tick(5)
        async_fire_time_changed(hass)
        await hass.async_block_till_done()
        assert most_active > 3
        board = entry.runtime_data.switchboard
        assert board.calls.active_count == 0
        busy = [
            state.entity_id
            for state in hass.states.async_all("sensor")
            if state.entity_id.endswith("_status")
            and state.state in ("ringing", "busy", "on_hold")
        ]
        assert busy == []
        # Finished calls are forgotten after ten minutes.
        assert max(remembered) < 100
        steps = Counter(event.data["call_id"] for event in told)
        ends = Counter(
            event.data["call_id"]
            for event in told
            if event.data["type"] in ("ended", "missed", "failed")
        )
        assert set(ends.values()) == {1}
        assert set(steps.values()) <= {1, 2, 3}
        heard_of = {
            report["callid"]
            for _, report in day.reports
            if report.get("event") == "CallStatus"
            # A shorter one alone looks like that of a call that never was.
            or (report.get("event") == "NewCdr" and int(report["callduraction"]) > 1)
        }
        assert set(ends) <= heard_of
        truths = {
            truth.callid: truth for truth in day.truths if truth.outcome != "refused"
        }
        assert set(ends) == set(truths) & heard_of
        wrong = {
            event.data["call_id"]: (
                event.data["outcome"],
                truths[event.data["call_id"]],
            )
            for event in told
            if event.data["call_id"] in ends
            and event.data["outcome"] is not None
            and (event.data["outcome"] == "answered")
            is not (truths[event.data["call_id"]].outcome == "answered")
        }
        assert wrong == {}
        await hass.config_entries.async_unload(entry.entry_id)
