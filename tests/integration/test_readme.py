"""The examples of the README, run in Home Assistant with a PBX."""

from dataclasses import replace
import json
from pathlib import Path
import re
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
    async_mock_service,
)
import yaml

from homeassistant.components.recorder import CONFIG_SCHEMA as RECORDER
from homeassistant.core import HomeAssistant, ServiceCall
from tests.conftest import Wait
from tests.simulator import Simulator

from .helpers import set_up

README = (Path(__file__).parents[2] / "README.md").read_text()
EXAMPLES = {
    "announce": "alias: Announce who is calling",
    "prompt": "action: yeastar.play_prompt",
    "look_up": "action: yeastar.get_calls",
    "event": "event_type: yeastar_call\ndata:",
    "recorder": "recorder:",
}


def example(name: str) -> Any:
    """Return an example of the README."""
    (found,) = [
        block
        for block in re.findall(
            r"^```yaml\n(.*?)^```", README, re.DOTALL | re.MULTILINE
        )
        if EXAMPLES[name] in block
    ]
    return yaml.safe_load(found)


@pytest.fixture
def notes(hass: HomeAssistant) -> list[ServiceCall]:
    """Return what is sent to the mobile phone of the examples."""
    return async_mock_service(hass, "notify", "mobile_app_your_phone")


async def run(hass: HomeAssistant, actions: list[dict[str, Any]]) -> None:
    """Run the actions of an example."""
    triggers = [{"trigger": "event", "event_type": "now"}]
    await set_up(hass, {"alias": "Now", "triggers": triggers, "actions": actions})
    hass.bus.async_fire("now")
    await hass.async_block_till_done()


def test_each_one_is_here() -> None:
    assert README.count("```yaml") == len(EXAMPLES)


@pytest.mark.usefixtures("loaded")
async def test_who_is_calling_is_announced(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, notes: list[ServiceCall]
) -> None:
    await set_up(hass, example("announce"))
    # The PBX's contacts are read after the set-up.
    await wait(60)
    for caller in ("0301234567", "0309876543"):
        call = await pbx.calls.inbound("siptrunk", caller, "5551000", to="1001")
        await call.ring()
        await wait(5)
        await call.hang_up()
        await wait(10)
    assert [note.data["message"] for note in notes] == [
        "Ada Lovelace is calling 1001",
        "0309876543 is calling 1001",
    ]


@pytest.mark.usefixtures("loaded")
async def test_prompts_are_played(hass: HomeAssistant, pbx: Simulator) -> None:
    pbx.settings = replace(pbx.settings, prompts=("gong", "closing"))
    await run(hass, example("prompt")["actions"])
    (request,) = pbx.requests_of("call/playprompt")
    assert {"prompt": "gong+closing", "volume": "15"}.items() <= request.body.items()


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("callers", "message"),
    [
        ([], "0 missed calls since yesterday"),
        (
            ["0309876543", "0301234567"],
            "2 missed calls since yesterday, the last one from Ada Lovelace",
        ),
        (
            ["0301234567", "0309876543"],
            "2 missed calls since yesterday, the last one from 0309876543",
        ),
    ],
    ids=["none", "a contact", "a number"],
)
async def test_missed_calls_are_looked_up(
    hass: HomeAssistant,
    pbx: Simulator,
    wait: Wait,
    notes: list[ServiceCall],
    callers: list[str],
    message: str,
) -> None:
    for caller in callers:
        call = await pbx.calls.inbound("siptrunk", caller, "5551000", to="1001")
        await call.ring()
        await wait(20)
        await call.hang_up()
        await wait(60)
    await run(hass, example("look_up")["actions"])
    assert [note.data["message"] for note in notes] == [message]


@pytest.mark.usefixtures("loaded")
async def test_a_call_has_what_is_shown(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    events = async_capture_events(hass, "yeastar_call")
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await wait(5)
    await call.answer()
    await wait(30)
    await call.hang_up()
    await wait(10)
    shown = example("event")["data"]
    told = json.loads(json.dumps(events[-1].data))
    assert list(told) == list(shown)
    kinds = {key: type(value) for key, value in told.items() if value is not None}
    # This call went through no queue.
    assert kinds | {"path": str} == {
        key: type(value) for key, value in shown.items() if value is not None
    }


def test_home_assistant_takes_what_keeps_events_out_of_the_database() -> None:
    RECORDER(example("recorder"))
