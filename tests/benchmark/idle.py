"""How many requests the PBX gets from a Home Assistant that nobody uses, in a day."""

from collections import Counter
import time

from freezegun import freeze_time
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.yeastar.const import DOMAIN
from tests.conftest import entry_data
from tests.simulator import FunctionClock, Settings, Simulator

from .figures import Ratio, Section
from .house import home_assistant

START = "2026-03-02T09:00:00+00:00"
STEP = 10.0
# What part 1 allows.
MOST = 200


async def measured(*, hours: int) -> Section:
    """Let hours pass in which nothing happens."""
    with freeze_time(START) as frozen:
        clock = FunctionClock(lambda: time.time())
        async with (
            Simulator(settings=Settings(), clock=clock) as pbx,
            home_assistant() as hass,
        ):
            entry = MockConfigEntry(
                domain=DOMAIN, unique_id=pbx.serial, data=entry_data(pbx)
            )
            entry.add_to_hass(hass)
            assert await hass.config_entries.async_setup(entry.entry_id)
            await hass.async_block_till_done(wait_background_tasks=True)
            before = Counter(request.endpoint for request in pbx.requests)
            for _ in range(int(hours * 3600 / STEP)):
                frozen.tick(STEP)
                await clock.tick()
                async_fire_time_changed(hass)
                await hass.async_block_till_done(wait_background_tasks=True)
            asked = Counter(request.endpoint for request in pbx.requests)
            asked.subtract(before)
            await hass.config_entries.async_unload(entry.entry_id)
            await hass.async_block_till_done(wait_background_tasks=True)
    section = Section(
        f"Requests an hour when nothing happens, over {hours} hours",
        ["request", "an hour"],
    )
    for endpoint, number in asked.most_common():
        if number:
            section.rows.append([endpoint, number / hours])
    total = asked.total() / hours
    section.rows.append(["all", total])
    section.ratios.append(Ratio("requests an hour", total, MOST, MOST))
    return section
