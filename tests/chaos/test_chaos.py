"""Four minutes of trouble a round; then all is told once, and shown as it is."""

from collections import Counter
from collections.abc import AsyncIterator
import logging
import random
import secrets

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.yeastar.const import DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from tests.conftest import entry_data
from tests.simulator import FunctionClock, Settings, Simulator
from tests.simulator.settings import EXTENSIONS, ExtensionSpec

from .door import Door
from .judge import wrong_calls, wrong_states
from .plan import all_readings, values_covered
from .play import World

FRESH = 10
SEEDS = {str(seed): seed for seed in (1, 2, 3)}
SEEDS |= {f"fresh {number}": secrets.randbelow(2**32) for number in range(FRESH)}
ROUNDS = 4
SECONDS = 240
PHONES = (
    *EXTENSIONS,
    *(
        ExtensionSpec(number=str(number), name=f"N{number}")
        for number in range(1010, 1024)
    ),
)
# The hourly look into the call log finds what else was lost.
RECOVERY = 70 * 60.0


@pytest.fixture
async def door(http: None, hass: HomeAssistant) -> AsyncIterator[Door]:
    """Return the way in, which can be moved."""
    async with Door(hass.http.server_port) as door:
        hass.http.server_port = door.port
        yield door


@pytest.mark.usefixtures("hass_storage")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
@pytest.mark.usefixtures("long_run")
async def test_after_chaos_every_call_is_told_once_and_every_state_is_true(
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    clock: FunctionClock,
    door: Door,
    caplog: pytest.LogCaptureFixture,
    seed: int,
) -> None:
    caplog.set_level(logging.INFO)
    source = random.Random(seed)
    readings = all_readings(source, ROUNDS)
    covered, size = values_covered(readings)
    assert covered == size
    print(f"seed {seed}: {ROUNDS} rounds, {size} readings")
    told = async_capture_events(hass, "yeastar_call")
    heard = async_capture_events(hass, "yeastar_event")
    count: Counter[str] = Counter()
    wrong: list[str] = []
    for number, reading in enumerate(readings):
        settings = Settings(
            extensions=PHONES, https=number == 0, serial=f"36945109040{number}"
        )
        async with Simulator(
            settings=settings, readings=reading, clock=clock, seed=seed
        ) as pbx:
            entry = MockConfigEntry(
                domain=DOMAIN,
                unique_id=pbx.serial,
                data=entry_data(
                    pbx,
                    ssl=settings.https,
                    fingerprint=pbx.fingerprint if settings.https else None,
                    webhook_id=f"{number}" * 64,
                ),
            )
            entry.add_to_hass(hass)
            assert await hass.config_entries.async_setup(entry.entry_id)
            world = World(hass, frozen, clock, pbx, entry, door, source)
            await world.recover(30)
            await world.play(SECONDS)
            await world.recover(RECOVERY)
            assert entry.state is ConfigEntryState.LOADED
            problems = [
                *wrong_calls(pbx, told, heard, world.crashes),
                *wrong_states(hass, pbx),
                *(["two requests at once"] if pbx.overlaps else []),
            ]
            logins = len(pbx.requests_of("login"))
            if logins > 100:
                problems.append(f"{logins} logins")
            wrong += [f"round {number}: {problem}" for problem in problems]
            count += world.count
            token = entry.runtime_data.client._token
            assert token in pbx.tokens
            assert await hass.config_entries.async_remove(entry.entry_id)
            await hass.async_block_till_done(wait_background_tasks=True)
            # Others may be left of crashes, which say no goodbye.
            assert token not in pbx.tokens
    print(dict(count), "told", len(told))
    errors = [
        r.getMessage()
        for r in caplog.records
        if r.levelno >= logging.ERROR
        # aiohttp measures with a clock of its own, which does not stand still.
        and r.name != "aiohttp.access"
        # The one line that tells of a PBX that cannot be used (log-when-unavailable).
        and not r.getMessage().startswith("Error fetching yeastar data: ")
    ]
    for problem in (*wrong, *errors):
        print(problem)
    assert (wrong, errors) == ([], [])
    assert count["calls"] > 50
    late = sum(event.data["late"] for event in told)
    assert 0 < late < len(told)
