"""A Home Assistant with one PBX of so many extensions, ready to be measured."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
import json
import logging
from pathlib import Path
import re
import sys
import tempfile
from typing import Any

from aiohttp.test_utils import TestServer
from aiohttp.web import Request
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from custom_components.yeastar.const import DOMAIN
from homeassistant.components import webhook
from homeassistant.core import HomeAssistant
from homeassistant.helpers import frame
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component

ROOT = Path(__file__).resolve().parents[2]
WEBHOOK_ID = "5ec7e7" * 10 + "c0de"
BARE_ID = "ba5e" * 16
BARE_EVENT = "bare_event"
FIRST_EXTENSION = 1000


@dataclass(slots=True)
class Pbx:
    """A simulated PBX in a process of its own, so that its work is not counted."""

    process: asyncio.subprocess.Process
    port: int
    serial: str
    fingerprint: str
    username: str
    password: str


@asynccontextmanager
async def pbx_with(extensions: int) -> AsyncIterator[Pbx]:
    """Yield a PBX with so many extensions, on HTTPS as in real life."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.simulator",
        "--port=0",
        f"--extensions={extensions}",
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    listener: asyncio.Task[None] | None = None
    try:
        said = [(await process.stdout.readline()).decode() for _ in range(3)]
        match = re.search(
            r"PBX (\S+) at https://[^:]+:(\d+).*"
            r"user (\S+), password (\S+)\ncertificate (\S+)",
            "".join(said),
            re.DOTALL,
        )
        assert match is not None, said
        listener = asyncio.create_task(_ignore(process.stdout))
        yield Pbx(
            process,
            port=int(match[2]),
            serial=match[1],
            fingerprint=match[5],
            username=match[3],
            password=match[4],
        )
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        if listener is not None:
            await listener


async def _ignore(stream: asyncio.StreamReader) -> None:
    """Read on, so that the other side never waits for us."""
    while await stream.read(65_536):
        pass


@asynccontextmanager
async def home_assistant() -> AsyncIterator[HomeAssistant]:
    """Yield a Home Assistant with its web server listening on loopback."""
    # Lines that nobody reads would be counted, and access logs are off in real life.
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        async with async_test_home_assistant(config_dir=folder) as hass:
            frame.async_setup(hass)
            hass.data.pop(DATA_CUSTOM_COMPONENTS, None)
            assert await async_setup_component(hass, "http", {})
            assert await async_setup_component(hass, "webhook", {})
            # Only for the own network, as a PBX there is treated.
            webhook.async_register(
                hass, "bare", "Bare", BARE_ID, _bare, local_only=True
            )
            await hass.async_block_till_done()
            server = TestServer(hass.http.app, host="127.0.0.1")
            await server.start_server()
            assert server.port is not None
            hass.http.server_port = server.port
            try:
                yield hass
            finally:
                await server.close()
                await hass.async_stop(force=True)


async def _bare(hass: HomeAssistant, _webhook_id: str, request: Request) -> None:
    """Do the least that a webhook can do: decode JSON, fire one event."""
    hass.bus.async_fire(BARE_EVENT, await request.json())


def new_entry(hass: HomeAssistant, pbx: Pbx) -> MockConfigEntry:
    """Return an entry for the PBX, not set up yet."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Yeastar S100",
        unique_id=pbx.serial,
        data={
            "host": "127.0.0.1",
            "port": pbx.port,
            "ssl": True,
            "username": pbx.username,
            "password": pbx.password,
            "fingerprint": pbx.fingerprint,
            "base_url": None,
            "webhook_id": WEBHOOK_ID,
        },
        options={"mask_numbers": False, "catch_up": True},
    )
    entry.add_to_hass(hass)
    return entry


@dataclass(slots=True)
class House:
    """Home Assistant, the PBX and its entry, set up."""

    hass: HomeAssistant
    pbx: Pbx
    entry: MockConfigEntry
    numbers: list[str]

    def body(self, report: dict[str, Any]) -> bytes:
        """Return a report as the PBX posts it."""
        return json.dumps({"sn": self.pbx.serial, **report}).encode()


@asynccontextmanager
async def house_with(extensions: int) -> AsyncIterator[House]:
    """Yield a house whose PBX has so many extensions."""
    async with pbx_with(extensions) as pbx, home_assistant() as hass:
        entry = new_entry(hass, pbx)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        numbers = [str(FIRST_EXTENSION + index) for index in range(extensions)]
        yield House(hass, pbx, entry, numbers)
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)


@asynccontextmanager
async def houses_with(sizes: list[int]) -> AsyncIterator[dict[int, House]]:
    """Yield several houses at the same time, so that they can take turns."""
    async with AsyncExitStack() as stack:
        yield {
            size: await stack.enter_async_context(house_with(size)) for size in sizes
        }
