"""docs/mqtt.md, done as it says: calls reach a broker and a second Home Assistant."""

import asyncio
from collections.abc import Iterator
import re

import pytest
import yaml

from tests.simulator import RealClock, Settings, Simulator

from .broker import broker, messages, missing_broker
from .demo import add_integration
from .harness import HOST, ROOT, BusEvent, HomeAssistantServer, Json

CALLER = "0301234567"
# Seconds in which what was published has to be everywhere.
ARRIVAL = 20.0


def blocks() -> Iterator[str]:
    """Give the YAML of the page, in its order."""
    text = (ROOT / "docs/mqtt.md").read_text()
    yield from re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


async def add_mqtt(server: HomeAssistantServer, port: int) -> None:
    """Set up the integration MQTT as a user would."""
    step = await server.flow("mqtt")
    assert step["step_id"] == "broker"
    answers = {
        "broker": HOST,
        "port": port,
        "other_settings": {"set_client_cert": False, "set_ca_cert": "off"},
    }
    step = await server.flow_step(step["flow_id"], answers)
    assert step["type"] == "create_entry", step
    # What was in the YAML before there was MQTT starts now.
    await server.restart()


def about_calls(events: list[Json]) -> list[tuple[str, str]]:
    """Return type and call of the events that mean something."""
    return [
        (event["event_data"]["type"], event["event_data"]["call_id"])
        for event in events
        if event["event_type"] == "yeastar_call"
    ]


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.skipif(bool(missing_broker()), reason=str(missing_broker()))
@pytest.mark.timeout(300)
async def test_a_call_reaches_the_broker_and_a_second_home_assistant() -> None:
    publish, subscribe, whole_bus = blocks()
    async with (
        broker() as port,
        Simulator(settings=Settings(), clock=RealClock()) as pbx,
        HomeAssistantServer(yaml=whole_bus) as first,
        HomeAssistantServer(yaml=subscribe) as second,
    ):
        await asyncio.gather(add_mqtt(first, port), add_mqtt(second, port))
        path = "/api/config/automation/config/telephone_to_mqtt"
        await first.post(path, yaml.safe_load(publish))
        await add_integration(first, pbx)
        async with (
            messages(port, "yeastar/+/+") as published,
            messages(port, "homeassistant-main/events") as streamed,
            second.events("yeastar_call", "yeastar_event") as remote,
            asyncio.timeout(ARRIVAL),
        ):
            call = await pbx.calls.inbound("siptrunk", CALLER, "5551000", to="1001")
            await call.ring()
            await call.answer(by="1001")
            await call.hang_up(by="1001")
            told: list[Json] = []
            while ("ended", call.callid) not in about_calls(told):
                topic, event = await published.get()
                assert topic == f"yeastar/{pbx.serial}/{event['event_type']}"
                told.append(event)
            heard: list[BusEvent] = []
            while len(heard) < len(told):
                heard.append(await anext(remote))
            whole: list[Json] = []
            while ("ended", call.callid) not in about_calls(whole):
                whole.append((await streamed.get())[1])
    steps = [
        ("ringing", call.callid),
        ("answered", call.callid),
        ("ended", call.callid),
    ]
    assert about_calls(told) == steps
    assert about_calls(whole) == steps
    assert {event["event_type"] for event in told} == {"yeastar_call", "yeastar_event"}
    # The second Home Assistant's bus carries the same, in the same order.
    assert [(event.type, event.data) for event in heard] == [
        (event["event_type"], event["event_data"]) for event in told
    ]
    answered = next(
        e["event_data"] for e in told if e["event_data"]["type"] == "answered"
    )
    assert answered["caller_number"] == CALLER
    assert answered["answered_by"] == "1001"
    assert "state_changed" not in {event["event_type"] for event in whole}
