"""Many calls at once in a real Home Assistant, against what the PBX knows itself."""

import random

import pytest

from tests.simulator import RealClock, Settings, Simulator
from tests.simulator.calls import Call

from .demo import add_integration
from .harness import HomeAssistantServer

SEED = 20
CALLS = 20
STEPS = 12

# `extension/list` of the PBX, to what Home Assistant shows.
SHOWN = {"Registered": "idle", "Ringing": "ringing", "Busy": "busy", "Hold": "on_hold"}


async def shown(server: HomeAssistantServer) -> dict[str, str]:
    """Return the status of each extension as Home Assistant shows it."""
    return {
        entity_id.split(".")[1].split("_")[0]: state["state"]
        for entity_id, state in (await server.states()).items()
        if entity_id.startswith("sensor.") and entity_id.endswith("_status")
        if entity_id.split(".")[1][0].isdigit()
    }


async def begin(pbx: Simulator, index: int, numbers: list[str]) -> Call:
    """Let every other call come from outside."""
    if index % 2:
        return await pbx.calls.internal(numbers[2 * index], numbers[2 * index + 1])
    return await pbx.calls.inbound(
        "siptrunk", f"03012345{index:02}", "5551", numbers[2 * index]
    )


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.timeout(180)
async def test_20_calls_at_once_are_shown_as_the_pbx_has_them() -> None:
    print(f"seed {SEED}")
    source = random.Random(SEED)
    settings = Settings.with_extensions(2 * CALLS)
    async with (
        Simulator(settings=settings, clock=RealClock()) as pbx,
        HomeAssistantServer() as server,
    ):
        await add_integration(server, pbx)
        numbers = [number for number, e in pbx.pbx.extensions.items() if e.registered]
        calls: dict[int, Call] = {}
        async with server.events("yeastar_call") as events:
            stages = dict.fromkeys(range(CALLS), 0)
            compared = 0
            for _ in range(STEPS):
                for index in source.sample(range(CALLS), 12):
                    stage = stages[index]
                    if stage == 0:
                        calls[index] = await begin(pbx, index, numbers)
                        await calls[index].ring()
                    elif stage == 1 and source.random() < 0.7:
                        await calls[index].answer()
                    elif stage in (1, 2):
                        await calls[index].hang_up()
                        stage = 2
                    else:
                        continue
                    stages[index] = stage + 1
                await pbx.idle()
                phones = pbx.pbx.phones()
                expected = {
                    number: SHOWN[
                        pbx.pbx.list_status(pbx.pbx.extensions[number], phones)
                    ]
                    for number in numbers
                }
                seen = await shown(server)
                assert {number: seen[number] for number in numbers} == expected
                compared += len({*expected.values()})
            for index, stage in stages.items():
                if stage in (1, 2):
                    await calls[index].hang_up()
            await pbx.idle()
            ends: dict[str, str] = {}
            wanted = {truth.callid: truth for truth in pbx.calls.finished}
            while len(ends) < len(wanted):
                event = await anext(events)
                if event.data["outcome"] is not None:
                    assert event.data["call_id"] not in ends
                    ends[event.data["call_id"]] = event.data["outcome"]
        assert len(wanted) > CALLS // 2
        assert compared > STEPS
        for call_id, truth in wanted.items():
            assert ends[call_id] == truth.outcome
        assert not [
            line
            for line in server.log.splitlines()
            if "ERROR" in line and "yeastar" in line
        ]
