"""Set-up and unload: how long the machine works for it, and what the PBX is asked."""

import gc
from time import perf_counter, process_time
from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant

from .figures import Figure, Ratio, Section
from .house import home_assistant, new_entry, pbx_with

# Contract 9, for 1,000 extensions.
SECONDS, REQUESTS = 1.0, 8
MILLISECONDS = 1e3


def note_requests(
    hass: HomeAssistant, entry: MockConfigEntry, waited: dict[int, int], size: int
) -> None:
    """Note how much the PBX was asked when the first entities are made."""
    forward = hass.config_entries.async_forward_entry_setups

    async def noted(*arguments: Any) -> None:
        waited[size] = entry.runtime_data.client.counts["requests"]
        await forward(*arguments)

    hass.config_entries.async_forward_entry_setups = noted  # type: ignore[method-assign]


async def measured(sizes: list[int], *, rounds: int) -> Section:
    """Set entries up and unload them, in a fresh Home Assistant each time.

    The PBX runs in another process, so that the time this one works is that without
    the PBX's answers.
    """
    section = Section(
        "Set-up and unload",
        [
            "extensions",
            "set-up, own work, ms",
            "with the PBX's answers, ms",
            "requests waited for",
            "and in the background",
            "unload, ms",
        ],
    )
    works: dict[int, list[float]] = {size: [] for size in sizes}
    wholes: dict[int, list[float]] = {size: [] for size in sizes}
    unloads: dict[int, list[float]] = {size: [] for size in sizes}
    waited: dict[int, int] = {}
    later: dict[int, int] = {}
    for number in range(rounds + 1):
        for size in sizes:
            async with pbx_with(size) as pbx, home_assistant() as hass:
                entry = new_entry(hass, pbx)
                note_requests(hass, entry, waited, size)
                # What other rounds have left is not to be swept up in this one.
                gc.collect()
                started, worked = perf_counter(), process_time()
                assert await hass.config_entries.async_setup(entry.entry_id)
                # As long as Home Assistant waits for the entry.
                work, whole = process_time() - worked, perf_counter() - started
                await hass.async_block_till_done(wait_background_tasks=True)
                asked = entry.runtime_data.client.counts["requests"]
                later[size] = asked - waited[size]
                worked = process_time()
                await hass.config_entries.async_unload(entry.entry_id)
                await hass.async_block_till_done(wait_background_tasks=True)
                unload = process_time() - worked
            # The first round warms up: modules are imported in it.
            if number:
                works[size].append(work)
                wholes[size].append(whole)
                unloads[size].append(unload)
    for size in sizes:
        section.rows.append(
            [
                size,
                Figure.of(works[size], MILLISECONDS),
                Figure.of(wholes[size], MILLISECONDS),
                waited[size],
                later[size],
                Figure.of(unloads[size], MILLISECONDS),
            ]
        )
    if 1000 in sizes:
        section.ratios += [
            # Machines differ; so the first is shown, and only the second checked.
            Ratio(
                "seconds of own work to set 1,000 extensions up",
                Figure.of(works[1000]).median,
                SECONDS,
            ),
            Ratio("requests that it waits for", waited[1000], REQUESTS, REQUESTS),
        ]
        small = sizes[0]
        # Without what does not depend on their number, one extension costs the same.
        per_large = (min(works[sizes[-1]]) - min(works[small])) / (sizes[-1] - small)
        per_1000 = (min(works[1000]) - min(works[small])) / (1000 - small)
        if sizes[-1] > 1000:
            section.ratios.append(
                Ratio(
                    f"set-up of an extension among {sizes[-1]:,} to among 1,000",
                    per_large / per_1000,
                    limit=1.6,
                )
            )
    return section
