"""Reports that nobody would send in good faith: none of them may upset anything."""

import json
import random
from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.yeastar.pbx.reports import CALL_STEPS, KEYS, TYPES
from homeassistant.components import webhook
from homeassistant.core import HomeAssistant
from homeassistant.util.aiohttp import MockRequest
from tests.conftest import WEBHOOK_ID, Wait
from tests.simulator import Simulator

POSTS = 1_500
EVENTS = [*TYPES, *CALL_STEPS, "NewThing", "", " ", "x" * 300]
FIELDS = [*KEYS, "members", "call", "ext", "inbound", "outbound", "status", "type"]
FIELDS += [
    "number",
    "from",
    "to",
    "memberstatus",
    "extension",
    "reason",
    "ivr",
    "queue",
]
TEXTS = ["", "1000", "1001", "RING", "ANSWER", "BYE", "HOLD", "Ringing", "Registered"]
TEXTS += ["1.1", "1.2", "1.3", "NO ANSWER", "ANSWERED", "6200(4002)", "(", "extension"]
TEXTS += ["2026-03-02 09:00:00", "9999-99-99 99:99:99", "-5", "1e9", "ä\u0000\ud800"]
TEXTS += ["9" * 400, "{}", "__class__", "%s%n", "{0.__class__}", "../../etc"]


def value(source: random.Random, depth: int) -> Any:
    """Return something that JSON can say."""
    kind = source.randrange(12 if depth < 4 else 8)
    if kind < 6:
        return source.choice(TEXTS)
    if kind == 6:
        return source.choice([None, True, False, 0, -1, 10**30, 1.5, -0.0])
    if kind == 7:
        return source.randrange(5)
    if kind == 8:
        return [value(source, depth + 1) for _ in range(source.randrange(4))]
    fields = source.sample(FIELDS, source.randrange(5))
    return {field: value(source, depth + 1) for field in fields}


async def test_no_report_upsets_anything(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    source = random.Random(seed)
    await wait(1)
    counts = loaded.runtime_data.receiver.counts
    for _ in range(POSTS):
        report: dict[str, Any] = {
            field: value(source, 0)
            for field in source.sample(FIELDS, source.randrange(8))
        }
        name = source.choice(["event", "event", "action"])
        report[name] = source.choice(EVENTS)
        report["sn"] = pbx.serial
        response = await webhook.async_handle_webhook(
            hass,
            WEBHOOK_ID,
            MockRequest(
                json.dumps(report).encode(), "test", method="POST", remote="127.0.0.1"
            ),
        )
        assert response.status in (200, 400)
        if source.random() < 0.02:
            await wait(4)
    assert counts["failed"] == 0
    assert counts["accepted"] > POSTS // 3
    # And it still works.
    await wait(30 * 60, step=60)
    state = hass.states.get("sensor.yeastar_s100_active_calls")
    assert state is not None
    assert state.state == "0"
