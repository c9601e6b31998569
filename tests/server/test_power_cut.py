"""A real Home Assistant is killed during calls, and misses none of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.simulator import RealClock, Simulator
from tests.simulator.calls import Call

from .demo import add_integration
from .harness import BusEvent, HomeAssistantServer

TERMINAL = ("ended", "missed", "failed")
# Told calls are on disk a second later, the new entry as well.
ON_DISK = 2.0
# Call records have whole seconds, rounded down twice; the PBX's clock is real here.
SECONDS = 2.1


async def talk(pbx: Simulator) -> Call:
    """Have two talk."""
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer()
    return call


async def miss(pbx: Simulator, *callers: str) -> list[Call]:
    """Have somebody call in vain, long enough for it to be a call."""
    calls = []
    for caller in callers:
        calls.append(await pbx.calls.inbound("siptrunk", caller, "5551000", to="1003"))
        await calls[-1].ring()
    await asyncio.sleep(SECONDS)
    for call in calls:
        await call.hang_up()
    return calls


async def last_call(server: HomeAssistantServer) -> str | None:
    """Return the id of the last call that Home Assistant knows to be over."""
    state = (await server.states()).get("sensor.yeastar_s100_last_call", {})
    found: str | None = state.get("attributes", {}).get("call_id")
    return found


async def until_told(events: AsyncIterator[BusEvent], call: Call) -> None:
    """Wait for the end of a call."""
    async for event in events:
        if event.data["call_id"] == call.callid and event.data["type"] in TERMINAL:
            return


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.timeout(240)
async def test_every_call_around_a_power_cut_is_told_once() -> None:
    async with (
        Simulator(clock=RealClock()) as pbx,
        HomeAssistantServer() as server,
    ):
        await add_integration(server, pbx)
        async with server.events("yeastar_call") as events:
            before = await talk(pbx)
            await before.hang_up()
            await until_told(events, before)
            across = await talk(pbx)
            (missed_before,) = await miss(pbx, "0301234567")
            await until_told(events, missed_before)
        await asyncio.sleep(ON_DISK)
        server.kill()
        # What the PBX reports now goes nowhere.
        missed = await miss(pbx, *(f"03012345{number}" for number in range(10, 15)))
        await asyncio.sleep(SECONDS)
        await across.hang_up()
        during = await pbx.calls.internal("1002", "1003")
        await during.ring()
        await during.answer()
        await pbx.idle()
        await server.start()
        # Those that ended last are left to their reports at first.
        async with asyncio.timeout(90):
            while await last_call(server) != across.callid:
                await asyncio.sleep(0.2)
        async with server.events("yeastar_call") as events:
            await during.hang_up()
            (after,) = await miss(pbx, "0301239999")
            await until_told(events, after)
        states = await server.states()
        await server.stop()
        told = server.recorded_events("yeastar_call")

    ends = Counter(
        event.data["call_id"] for event in told if event.data["type"] in TERMINAL
    )
    calls = (before, missed_before, across, *missed, during, after)
    # What was told just before the cut may be missing in the recorder's database.
    told_before = {before.callid, missed_before.callid}
    assert set(ends) - told_before == {call.callid for call in calls} - told_before
    assert set(ends.values()) == {1}
    wanted = {call.callid for call in (across, *missed)}
    late = {event.data["call_id"] for event in told if event.data["late"]}
    assert late == wanted
    steps = [
        (event.data["call_id"], event.data["type"])
        for event in told
        if event.data["late"]
    ]
    assert steps == [
        *((call.callid, "missed") for call in missed),
        (across.callid, "ended"),
    ]
    assert states["sensor.yeastar_s100_missed_calls_today"]["state"] == "7"
    assert not [
        line
        for line in server.log.splitlines()
        if "ERROR" in line and "yeastar" in line
    ]
