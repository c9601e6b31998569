"""The demonstration: a simulated PBX calls, a real Home Assistant tells.

Started by `scripts/demo`, which has prepared the environments.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
import logging
import signal
import sys
import time
from typing import Any

import aiohttp

from tests.simulator import RealClock, Settings, Simulator

from .harness import (
    PASSWORD,
    USERNAME,
    BusEvent,
    ConnectionLostError,
    HomeAssistantServer,
    Json,
    RefusedError,
    StartError,
)

# Seconds.
CHECK_LIMIT = 120.0
PACE = 3.0
CHECK_PACE = 0.5

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# What the bus must carry of an inbound call, by the type of `yeastar_event`.
INBOUND = {"extension_status", "call_status", "new_cdr"}


class DemoError(Exception):
    """What was to be shown could not be; the text says why."""


FAILURES = (
    DemoError,
    StartError,
    RefusedError,
    ConnectionLostError,
    TimeoutError,
    aiohttp.ClientError,
)


def say(text: str) -> None:
    """Print one line at once."""
    print(text, flush=True)


def brief(value: Any) -> str:
    """Return JSON as short text for one line, without what is empty."""
    match value:
        case dict():
            full = (
                (key, part) for key, part in value.items() if part not in (None, [])
            )
            return " ".join(f"{key}={brief(part)}" for key, part in full)
        case list():
            return "[" + ", ".join(map(brief, value)) + "]"
        case _:
            return str(value)


def line(event: BusEvent) -> str:
    """Return what an event says, as one line."""
    hidden = {"config_entry_id", "device_id", "serial", "type"}
    data = {key: part for key, part in event.data.items() if key not in hidden}
    told = brief(data.get("payload", data))
    fired_at = event.fired_at.astimezone()
    return f"{fired_at:%H:%M:%S} {event.type:13} {event.data['type']:16} {told}"


async def add_integration(server: HomeAssistantServer, pbx: Simulator) -> None:
    """Add the PBX as a user would: through the config flow."""
    answers: dict[str, Json] = {
        "user": {
            "host": pbx.host,
            "port": pbx.port,
            "ssl": True,
            "username": pbx.username,
            "password": pbx.password,
        },
        "certificate": {},
        # No address: Home Assistant finds out where the PBX reaches it.
        "events": {},
    }
    step = await server.flow("yeastar")
    while step["type"] == "form" and not step["errors"]:
        step = await server.flow_step(step["flow_id"], answers[step["step_id"]])
    if step["type"] != "create_entry":
        told = step.get("errors") or step.get("reason")
        raise DemoError(f"the config flow ended in {step['type']}: {told}")
    entry = step["result"]
    if entry["state"] != "loaded":
        raise DemoError(f"the entry is {entry['state']}: {entry['reason']}")


async def show(events: AsyncIterator[BusEvent], seen: set[str]) -> None:
    """Print what happens on the bus and remember the types of the PBX's reports."""
    async for event in events:
        say(line(event))
        if event.type == "yeastar_event":
            seen.add(event.data["type"])


async def call_in(pbx: Simulator, pace: float) -> None:
    """Play an inbound call that is answered."""
    call = await pbx.calls.inbound("Line 1", "0301234567", "5551000", to="1001")
    await call.ring()
    await asyncio.sleep(pace)
    await call.answer(by="1001")
    await asyncio.sleep(pace)
    await call.hang_up(by="1001")


async def play(pbx: Simulator) -> None:
    """Play calls of all kinds for as long as somebody watches."""
    while True:
        await call_in(pbx, PACE)
        await asyncio.sleep(PACE)
        internal = await pbx.calls.internal("1000", "1001")
        await internal.ring()
        await asyncio.sleep(PACE)
        await internal.answer(by="1001")
        await asyncio.sleep(PACE)
        await internal.hang_up(by="1000")
        await asyncio.sleep(PACE)
        missed = await pbx.calls.inbound("Line 1", "0307654321", "5551000", to="1001")
        await missed.ring()
        await asyncio.sleep(PACE)
        await missed.hang_up(by="0307654321")
        await asyncio.sleep(PACE)
        outbound = await pbx.calls.outbound("1000", "0309876543", "Line 1")
        await outbound.ring()
        await asyncio.sleep(PACE)
        await outbound.answer(by="0309876543")
        await asyncio.sleep(PACE)
        await outbound.hang_up(by="1000")
        await asyncio.sleep(PACE)


async def until(what: str, happened: Callable[[], bool]) -> None:
    """Wait for something and say so."""
    say(f"waiting for {what}")
    started = time.monotonic()
    while not happened():
        await asyncio.sleep(0.1)
    say(f"  seen after {time.monotonic() - started:.1f} s")


async def check(pbx: Simulator, seen: set[str]) -> None:
    """Return when the three things were seen that prove the whole way."""
    await until("a login at the PBX", lambda: bool(pbx.requests_of("login")))
    await until("a heartbeat at the PBX", lambda: bool(pbx.requests_of("heartbeat")))
    seen.clear()
    await call_in(pbx, CHECK_PACE)
    await until("the inbound call on the bus", lambda: seen >= INBOUND)


async def demonstrate(server: HomeAssistantServer, checking: bool) -> None:
    """Start PBX and server, connect them, let calls happen."""
    say("starting a simulated PBX and Home Assistant, about 10 s")
    async with Simulator(settings=Settings(), clock=RealClock()) as pbx, server:
        say(f"the PBX is {pbx.host}:{pbx.port}, Home Assistant is {server.url}")
        async with server.events("yeastar_event", "yeastar_call") as events:
            await add_integration(server, pbx)
            say(f"open {server.url} as user {USERNAME}, password {PASSWORD}")
            seen: set[str] = set()
            work = check(pbx, seen) if checking else play(pbx)
            tasks = [asyncio.create_task(show(events, seen)), asyncio.create_task(work)]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()


async def run(checking: bool) -> int:
    """Demonstrate until done, failed or interrupted; return the exit code."""
    # It warns of peers that hang up right after the handshake, as somebody does who
    # only looks at the certificate.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    loop = asyncio.get_running_loop()
    this = asyncio.current_task()
    assert this is not None
    for number in ENDING:
        loop.add_signal_handler(number, this.cancel)
    # scripts/demo held them back until somebody listens.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    started = time.monotonic()
    server = HomeAssistantServer()
    try:
        async with asyncio.timeout(CHECK_LIMIT if checking else None):
            await demonstrate(server, checking)
    except asyncio.CancelledError:
        say("interrupted: all is ended and removed")
        return int(checking)
    except FAILURES as error:
        say(f"Home Assistant's log:\n{server.last_log_lines()}")
        say(f"FAILED after {time.monotonic() - started:.0f} s: {error!r}")
        return 1
    say(f"all seen, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run("--check" in sys.argv[1:])))
