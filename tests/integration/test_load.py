"""Load: a storm of reports while the PBX is slow, refused posts, large lists."""

import asyncio
from collections import Counter
from collections.abc import Iterator
import gc
import json
import statistics
import threading
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.yeastar.const import DOMAIN
from custom_components.yeastar.coordinator import YeastarCoordinator
from custom_components.yeastar.pbx import queries
from custom_components.yeastar.pbx.inventory import Extension, ExtensionStatus
from custom_components.yeastar.pbx.transport import LARGEST_ANSWER, Answer
from homeassistant.components import webhook
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.aiohttp import MockRequest
from tests.benchmark.house import new_entry, pbx_with
from tests.conftest import WEBHOOK_ID, Wait, entry_data
from tests.pbx.answering import answering
from tests.simulator import Fault, FunctionClock, Settings, Simulator, many_calls

URL = f"/api/webhook/{WEBHOOK_ID}"
A_SECOND = 200
SECONDS = 60
# Steps of each call; one of them a second, so that this many calls run at once.
STEPS = 8
CALLS = A_SECOND * SECONDS // STEPS
PHONES = A_SECOND
SLOW = 9


def story(number: int, serial: str) -> Iterator[dict[str, Any]]:
    """Yield the reports of one inbound call, each with what is common to all."""
    phone, call_id = str(1000 + number % PHONES), f"17724420{number:05}.{number}"

    def members(caller: str, callee: str) -> list[dict[str, Any]]:
        line = {"from": f"030{number:07}", "to": "5551000", "trunkname": "siptrunk"}
        line |= {"channelid": f"SIP/siptrunk-{number}", "memberstatus": caller}
        answering = {"number": phone, "channelid": f"SIP/{phone}-{number}"}
        return [{"inbound": line}, {"ext": {**answering, "memberstatus": callee}}]

    def status(word: str) -> dict[str, Any]:
        return {"event": "ExtensionStatus", "extension": phone, "status": word}

    def call(caller: str, callee: str) -> dict[str, Any]:
        return {
            "event": "CallStatus",
            "callid": call_id,
            "members": members(caller, callee),
        }

    cdr = {"event": "NewCdr", "callid": call_id, "timestart": "2026-03-02 17:00:00"}
    cdr |= {"callfrom": f"030{number:07}", "callto": phone, "callduraction": "5"}
    cdr |= {"talkduraction": "3", "srctrunkname": "siptrunk", "status": "ANSWERED"}
    cdr |= {"type": "Inbound", "didnumber": "5551000"}
    for report in (
        status("Ringing"),
        call("ALERT", "RING"),
        status("Busy"),
        call("ANSWERED", "ANSWER"),
        {"event": "DTMF", "callid": call_id, "infos": "5", "members": []},
        call("BYE", "BYE"),
        cdr,
        status("Registered"),
    ):
        yield {**report, "sn": serial}


def storm(serial: str) -> list[list[bytes]]:
    """Return the reports of a minute, 200 for each second."""
    timed = [
        (number * STEPS // A_SECOND + step, number, json.dumps(report).encode())
        for number in range(CALLS)
        for step, report in enumerate(story(number, serial))
    ]
    timed.sort(key=lambda item: item[:2])
    bodies = [body for _, _, body in timed]
    return [bodies[at : at + A_SECOND] for at in range(0, len(bodies), A_SECOND)]


async def hand_over(hass: HomeAssistant, body: bytes, method: str = "POST") -> int:
    """Hand a report to the webhook as Home Assistant's own server does."""
    request = MockRequest(body, "test", method=method, remote="127.0.0.1")
    response = await webhook.async_handle_webhook(hass, WEBHOOK_ID, request)
    return response.status


async def post(hass: HomeAssistant, body: bytes) -> None:
    """Post a report as the PBX does: over a connection of its own."""
    port = hass.http.server_port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {URL} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()


@pytest.mark.usefixtures("http", "socket_enabled")
async def test_no_report_of_200_a_second_is_lost_while_the_pbx_is_slow(
    hass: HomeAssistant, clock: FunctionClock, frozen: FrozenDateTimeFactory
) -> None:
    """A minute of the PBX's time: what counts is what happens, not how fast.

    Every twentieth report comes over a real connection.
    """
    settings = Settings.with_extensions(PHONES, https=False)
    async with Simulator(settings=settings, clock=clock) as pbx:
        entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id=pbx.serial,
            data=entry_data(pbx, ssl=False, fingerprint=None),
        )
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        coordinator: YeastarCoordinator = entry.runtime_data
        told = async_capture_events(hass, "yeastar_event")
        calls = async_capture_events(hass, "yeastar_call")
        seconds = storm(pbx.serial)
        pbx.faults.add(Fault.SLOW, None, seconds=SLOW)

        async def pass_a_second() -> None:
            frozen.tick(1)
            await clock.tick()
            async_fire_time_changed(hass)

        busy = 0
        for bodies in seconds:
            await pass_a_second()
            busy += coordinator.client._access.lock.locked()
            for number, body in enumerate(bodies):
                if number % 20:
                    assert await hand_over(hass, body) == 200
                else:
                    await post(hass, body)
        pbx.faults.clear()
        # The PBX was in the middle of an answer nearly all the time.
        assert busy > 0.8 * len(seconds)
        for _ in range(2 * SLOW):
            await pass_a_second()
        await hass.async_block_till_done(wait_background_tasks=True)
        assert coordinator.last_update_success
        assert sum(map(len, seconds)) == A_SECOND * SECONDS
        assert dict(coordinator.receiver.counts) == {"accepted": A_SECOND * SECONDS}
        assert Counter(event.data["type"] for event in told) == {
            "extension_status": 3 * CALLS,
            "call_status": 3 * CALLS,
            "dtmf": CALLS,
            "new_cdr": CALLS,
        }
        assert Counter(event.data["type"] for event in calls) == {
            "ringing": CALLS,
            "answered": CALLS,
            "ended": CALLS,
        }
        assert len({event.data["call_id"] for event in calls}) == CALLS
        assert {
            state.state
            for state in hass.states.async_all("sensor")
            if state.entity_id.endswith("_status") and "extension" in state.entity_id
        } == {"idle"}
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)


def status_report(serial: str | None, word: str = "Ringing", **more: str) -> bytes:
    report = {"event": "ExtensionStatus", "extension": "1000", "status": word, **more}
    if serial is not None:
        report["sn"] = serial
    return json.dumps(report).encode()


def meeting(serial: str, word: str) -> bytes:
    """Return the report of a call with twelve phones."""
    phones = [
        {
            "ext": {
                "number": str(1000 + n),
                "channelid": f"SIP/{n}",
                "memberstatus": word,
            }
        }
        for n in range(12)
    ]
    report = {"event": "CallStatus", "callid": "1.1", "members": phones, "sn": serial}
    return json.dumps(report).encode()


MINE, OTHER = "369451090405", "123456789012"
WORDS = ("Ringing", "Busy", "Registered")
BIG = 65_000
REFUSED = {
    # What is refused, and by which method it comes; accepted ones to compare with.
    "no_serial": (status_report(None), "POST", [status_report(MINE, w) for w in WORDS]),
    "other_serial": (
        status_report(OTHER),
        "POST",
        [status_report(MINE, word) for word in WORDS],
    ),
    "other_call": (
        meeting(OTHER, "RING"),
        "POST",
        [meeting(MINE, word) for word in ("RING", "ANSWER", "HOLD")],
    ),
    "cut": (
        status_report(MINE)[:-1],
        "POST",
        [status_report(MINE, word) for word in WORDS],
    ),
    "empty": (b"", "POST", [status_report(MINE, word) for word in WORDS]),
    "wrong_method": (
        status_report(MINE),
        "GET",
        [status_report(MINE, word) for word in WORDS],
    ),
    "deep": (
        b'{"a":' * (BIG // 5),
        "POST",
        [status_report(MINE, word, note="x" * BIG) for word in WORDS],
    ),
    "too_large": (
        b" " * (BIG + 1_000),
        "POST",
        [status_report(MINE, word, note="x" * BIG) for word in WORDS],
    ),
}


@pytest.mark.parametrize("cause", REFUSED)
async def test_a_refused_post_costs_less_than_an_accepted_one(
    hass: HomeAssistant, loaded: MockConfigEntry, cause: str
) -> None:
    """Processor time, one of each kind in turn; half of it is Home Assistant's own."""
    refused, method, accepted = REFUSED[cause]
    spent: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(301):
        for is_refused in (True, False):
            body = refused if is_refused else accepted[turn % len(accepted)]
            start = time.thread_time()
            await hand_over(hass, body, method if is_refused else "POST")
            spent[is_refused].append(time.thread_time() - start)
    counts = loaded.runtime_data.receiver.counts
    assert counts["accepted"] == 301
    assert sum(counts.values()) == 602
    share = statistics.median(spent[True]) / statistics.median(spent[False])
    print(f"{cause}: a refused post costs {share:.2f} of an accepted one")
    assert share < 1


# What `work` takes on the machine on which 50 ms are 50 ms: two cores of a server of
# 2023. Elsewhere, and when others keep this one busy, both take longer.
WORK = 0.0033
LONGEST = 0.050


def work() -> float:
    """Do something like what Home Assistant does; return its processor time."""
    start = time.thread_time()
    _ = {f"key {number}": (number, str(number)) for number in range(20_000)}
    return time.thread_time() - start


class Steps:
    """The processor time of each step of the event loop.

    A step is what runs before anything else can. Not how long it took by the clock:
    that says more about what else the machine does.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        run, loop_thread = asyncio.Handle._run, threading.get_ident()
        self._longest = 0.0
        self._work = [work() for _ in range(5)]

        def timed(handle: asyncio.Handle) -> None:
            start = time.thread_time()
            run(handle)
            if threading.get_ident() == loop_thread:
                self._longest = max(self._longest, time.thread_time() - start)

        monkeypatch.setattr(asyncio.Handle, "_run", timed)

    def forget(self) -> None:
        """Forget what was measured: it was the test's own doing."""
        self._longest = 0.0

    async def longest(self, what: str) -> float:
        """Return the longest step since last time, in seconds of that machine."""
        await asyncio.sleep(0)
        longest, self._longest = self._longest, 0.0
        self._work += [work() for _ in range(5)]
        await asyncio.sleep(0)
        self.forget()
        longest *= WORK / statistics.median(self._work)
        print(f"{what}: {longest * 1000:.0f} ms at a time")
        return longest


def large_answer(size: int) -> bytearray:
    """Return an answer to `extension/list` of so many bytes, with long names."""
    one = {"number": "10000", "username": "x" * 1900, "status": "Registered"}
    count = size // len(json.dumps(one))
    entries = [{**one, "number": str(10_000 + number)} for number in range(count)]
    return bytearray(json.dumps({"status": "Success", "extlist": entries}).encode())


@pytest.mark.usefixtures("socket_enabled")
async def test_nothing_large_holds_up_the_loop(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand extensions and more; Home Assistant's part of it is counted too."""
    for component in ("webhook", "diagnostics"):
        assert await async_setup_component(hass, component, {})
    # Tests run with asyncio's debug mode, which notes the stack at every turn.
    hass.loop.set_debug(False)
    gc.collect()
    # A collection stops the loop for the whole process's garbage, not for ours.
    gc.disable()
    try:
        async with pbx_with(1_000) as pbx:
            entry = new_entry(hass, pbx)
            steps = Steps(monkeypatch)
            assert await hass.config_entries.async_setup(entry.entry_id)
            await hass.async_block_till_done()
            assert await steps.longest("set-up") < LONGEST

            coordinator: YeastarCoordinator = entry.runtime_data
            board = coordinator.switchboard
            assert len(hass.states.async_all("event")) > 1_000
            all_busy = {
                number: Extension(number, known.name, ExtensionStatus.BUSY)
                for number, known in board.directory.extensions.items()
            }
            board.set_extensions(all_busy, dt_util.utcnow(), continuous=True)
            await hass.async_block_till_done()
            assert await steps.longest("all extensions busy") < LONGEST

            content = large_answer(LARGEST_ANSWER - 10_000)
            await asyncio.sleep(0)
            steps.forget()
            answer = coordinator.client._transport._fields(
                "extension/list", Answer(200, content)
            )
            assert len(await queries.extensions(answering(answer))) > 1_000
            assert await steps.longest("the largest answer") < LONGEST

            others = {
                str(number): Extension(str(number), "New", ExtensionStatus.IDLE)
                for number in range(10_000, 12_000)
            }
            board.set_extensions(others, dt_util.utcnow(), continuous=True)
            await board.devices.follow()
            await hass.async_block_till_done()
            assert await steps.longest("all extensions gone, others come") < LONGEST
            assert len(hass.states.async_all("event")) > 2_000

            for success in (False, True):
                coordinator.last_update_success = success
                board.tell_all()
                await hass.async_block_till_done()
            assert await steps.longest("connection lost and back") < LONGEST

            assert await hass.config_entries.async_unload(entry.entry_id)
            await hass.async_block_till_done()
            assert await steps.longest("unloading") < LONGEST
    finally:
        gc.enable()


@pytest.mark.usefixtures("http")
async def test_the_calls_of_a_gap_hold_nobody_up(
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    clock: FunctionClock,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two thousand calls of which no report came are found and told."""
    settings = Settings.with_extensions(PHONES, https=False)
    async with Simulator(settings=settings, clock=clock) as pbx:
        entry = MockConfigEntry(
            domain=DOMAIN,
            unique_id=pbx.serial,
            data=entry_data(pbx, ssl=False, fingerprint=None),
        )
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await wait(10)
        past = many_calls(
            3, 2_000, spread=3_600, settings=settings, start=pbx.clock.now()
        )
        frozen.tick(3_700)
        pbx.pbx.cdrs += [r for _, r in past.reports if r.get("event") == "NewCdr"]
        told = async_capture_events(hass, "yeastar_call")
        hass.loop.set_debug(False)
        gc.collect()
        gc.disable()
        try:
            steps = Steps(monkeypatch)
            await wait(120, step=60)
            # Here the PBX runs in the same loop, and makes the list in one step.
            assert await steps.longest("2,000 calls of a gap") < LONGEST
        finally:
            gc.enable()
        assert sum(event.data["late"] for event in told) > 1_500
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
