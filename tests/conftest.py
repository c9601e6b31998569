"""Fixtures: a PBX on a real socket, and Home Assistant set up with it."""

import asyncio
from collections.abc import AsyncIterator
import time
from typing import Any, Protocol

from aiohttp.test_utils import TestServer
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

# Home Assistant finds the integration only if its package is imported.
import custom_components.yeastar
from custom_components.yeastar.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.simulator import FunctionClock, Readings, Settings, Simulator

WEBHOOK_ID = "5ec7e7" * 10 + "c0de"
START = "2026-03-02T09:00:00+00:00"

assert custom_components.yeastar


@pytest.fixture(autouse=True)
def _custom_integrations(enable_custom_integrations: None) -> None:
    """Let Home Assistant load this repository's integration."""


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Return snapshots without ids and dates that change with every run."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture
async def long_run(enable_event_loop_debug: None) -> None:
    """Spare a test of very many turns the noting of where each of them was planned.

    It is more than half of its time, and the short tests look at the same code.
    """
    asyncio.get_running_loop().set_debug(False)


@pytest.fixture
def frozen(freezer: FrozenDateTimeFactory) -> FrozenDateTimeFactory:
    """Stop the clock."""
    freezer.move_to(START)
    return freezer


@pytest.fixture
def clock(frozen: FrozenDateTimeFactory) -> FunctionClock:
    """Return the stopped clock as PBXs see it."""
    return FunctionClock(lambda: time.time())


@pytest.fixture
def readings() -> Readings:
    """Return how the PBX tells; a test may say another way."""
    return Readings()


@pytest.fixture
def settings() -> Settings:
    """Return what the PBX has; a test may say something else."""
    return Settings()


@pytest.fixture
async def pbx(
    socket_enabled: None, clock: FunctionClock, readings: Readings, settings: Settings
) -> AsyncIterator[Simulator]:
    """Return a PBX whose clock is the test's."""
    async with Simulator(settings, readings, clock) as simulator:
        yield simulator


@pytest.fixture
async def http(
    hass: HomeAssistant, socket_enabled: None, frozen: FrozenDateTimeFactory
) -> AsyncIterator[None]:
    """Have Home Assistant's web server on a real port, where reports can come in."""
    for component in ("webhook", "diagnostics", "repairs"):
        assert await async_setup_component(hass, component, {})
    await hass.async_block_till_done()
    # As Home Assistant's own start does: components come later, too.
    hass.http.app._router.freeze = lambda: None
    server = TestServer(hass.http.app, host="127.0.0.1")
    await server.start_server()
    assert server.port is not None
    hass.http.server_port = server.port
    yield
    await server.close()


def entry_data(pbx: Simulator, **changes: Any) -> dict[str, Any]:
    """Return the data of an entry for this PBX."""
    return {
        "host": pbx.host,
        "port": pbx.port,
        "ssl": True,
        "username": pbx.username,
        "password": pbx.password,
        "fingerprint": pbx.fingerprint,
        "base_url": None,
        "webhook_id": WEBHOOK_ID,
        **changes,
    }


@pytest.fixture
def entry(hass: HomeAssistant, pbx: Simulator) -> MockConfigEntry:
    """Return an entry for the PBX, not set up yet."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Yeastar S100",
        unique_id=pbx.serial,
        data=entry_data(pbx),
        options={"mask_numbers": False, "catch_up": True},
    )
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def loaded(
    hass: HomeAssistant, http: None, entry: MockConfigEntry
) -> AsyncIterator[MockConfigEntry]:
    """Return the entry, set up; unload it afterwards."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    yield entry
    if hass.config_entries.async_get_entry(entry.entry_id) and entry.state.recoverable:
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)


class Wait(Protocol):
    """A way to let time pass."""

    async def __call__(self, seconds: float, step: float = 10.0) -> None:
        """Let so many seconds pass in steps."""


@pytest.fixture
def wait(
    hass: HomeAssistant, frozen: FrozenDateTimeFactory, clock: FunctionClock
) -> Wait:
    """Return a way to let time pass, for Home Assistant and any PBX alike."""

    async def passing(seconds: float, step: float = 10.0) -> None:
        left = seconds
        while left > 0:
            now = min(step, left)
            left -= now
            frozen.tick(now)
            await clock.tick()
            async_fire_time_changed(hass)
            await hass.async_block_till_done(wait_background_tasks=True)

    return passing


@pytest.fixture
def pass_by(
    hass: HomeAssistant, frozen: FrozenDateTimeFactory, clock: FunctionClock
) -> Wait:
    """Return a way to let time pass for what itself waits for the time.

    `wait` waits for every task to end first; one that sleeps never would.
    """

    async def passing(seconds: float, step: float = 1.0) -> None:
        for _ in range(int(seconds / step)):
            frozen.tick(step)
            await clock.tick()
            async_fire_time_changed(hass)
            for _ in range(40):
                await asyncio.sleep(0)

    return passing
