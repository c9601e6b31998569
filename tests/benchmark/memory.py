"""What an extension and a call leave in memory, each measured in a fresh process."""

import argparse
import asyncio
from collections.abc import Callable
import gc
import json
from pathlib import Path
import sys
import tracemalloc

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from . import bare
from .figures import Ratio, Section
from .house import ROOT, WEBHOOK_ID, home_assistant, house_with, new_entry, pbx_with
from .reports import inside
from .traffic import whole_call

# Contract 9.
KIB_AN_EXTENSION = 25.0
# Home Assistant's part is the same in both; ours must not be more than what it saves.
TO_FLOOR = 1.05
KIB = 1024
CALLS_AT_ONCE = 100
MANY = 1000
# Finished calls are kept in mind for ten minutes, at most 20,000 of them; so growth
# counts from there on.
FULL = 25_000


def _rss() -> int:
    """Return the bytes of memory that the process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4 * KIB


async def _extensions(size: int, *, traced: bool) -> dict[str, float]:
    """Return the bytes that an entry adds."""
    async with pbx_with(10) as first, pbx_with(size) as pbx, home_assistant() as hass:
        return await _added(
            hass, new_entry(hass, first), lambda: new_entry(hass, pbx), traced=traced
        )


async def _bare(size: int, *, traced: bool) -> dict[str, float]:
    """Return the bytes that the same entities add that do nothing."""
    async with home_assistant() as hass:
        with bare.installed(hass):
            added = await _added(
                hass,
                bare.new_entry(hass, 10),
                lambda: bare.new_entry(hass, size),
                traced=traced,
            )
            # As many as ours has.
            assert hass.states.async_entity_ids_count() == 4 * size
            return added


async def _added(
    hass: HomeAssistant,
    first: ConfigEntry,
    second: Callable[[], ConfigEntry],
    *,
    traced: bool,
) -> dict[str, float]:
    """Return the bytes that a second entry adds after a first one was removed."""

    def now() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] if traced else _rss()

    # Modules, translations and what else comes once.
    assert await hass.config_entries.async_setup(first.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await hass.config_entries.async_remove(first.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    if traced:
        tracemalloc.start()
    before = now()
    assert await hass.config_entries.async_setup(second().entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    added = now() - before
    own = 0
    if traced:
        lines = [tracemalloc.Filter(True, "*/custom_components/yeastar/*")]
        snapshot = tracemalloc.take_snapshot().filter_traces(lines)
        own = sum(one.size for one in snapshot.statistics("filename"))
    return {"bytes": added, "own": own}


async def _calls(number: int) -> dict[str, float]:
    """Return how much memory there is when it is full, and after so many calls."""
    async with house_with(100) as house:
        tracemalloc.start()
        full = 0
        for call in range(number):
            for body in whole_call(house, call):
                await inside(house, WEBHOOK_ID, body)
            if call % CALLS_AT_ONCE == 0:
                await house.hass.async_block_till_done()
            if call + 1 == min(FULL, number // 2):
                gc.collect()
                full = tracemalloc.get_traced_memory()[0]
        await house.hass.async_block_till_done()
        gc.collect()
        return {
            "full": full,
            "after": tracemalloc.get_traced_memory()[0],
            "told": house.entry.runtime_data.switchboard.told["ended"],
        }


async def _in_a_process(*arguments: str) -> dict[str, float]:
    """Measure in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmark.memory",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    figures: dict[str, float] = json.loads(output)
    return figures


async def measured(sizes: list[int], *, calls: int) -> Section:
    """Measure extensions, and unless `calls` is none, many calls."""
    section = Section("Memory", ["what", "KiB", "KiB each"])
    small = sizes[0]
    traced = {size: await _in_a_process("extensions", str(size)) for size in sizes}
    rss = {size: await _in_a_process("extensions", str(size), "rss") for size in sizes}
    bare_of = {size: await _in_a_process("bare", str(size)) for size in (small, MANY)}

    def row(
        what: str, found: dict[int, dict[str, float]], figure: str, size: int
    ) -> float:
        """Add a row; return the KiB of each extension."""
        added = (found[size][figure] - found[small][figure]) / KIB
        each = added / (size - small)
        section.rows.append([what.format(size), added, each])
        return each

    each = {}
    for size in sizes[1:]:
        each[size] = row("{:,} extensions, tracemalloc", traced, "bytes", size)
        row("of it by the integration's own lines", traced, "own", size)
    for size in sizes[1:]:
        row("{:,} extensions, rss", rss, "bytes", size)
    floor = row(
        "{:,} times the same entities, idle, tracemalloc", bare_of, "bytes", MANY
    )
    section.ratios += [
        # The goal is below what the entities cost without us; docs/performance.md.
        Ratio(f"KiB an extension, among {MANY:,}", each[MANY], KIB_AN_EXTENSION),
        Ratio(
            "to the same entities that do nothing", each[MANY] / floor, limit=TO_FLOOR
        ),
    ]
    if calls:
        await _measure_calls(section, calls)
    return section


async def _measure_calls(section: Section, calls: int) -> None:
    """Measure what many calls leave."""
    kept = await _in_a_process("calls", str(calls))
    growth = (kept["after"] - kept["full"]) / KIB
    later = calls - min(FULL, calls // 2)
    what = f"growth over the last {later:,} of {calls:,} calls"
    section.rows.append([what, growth, growth / later])
    assert kept["told"] == calls
    name = f"memory after {calls:,} calls to that after {calls - later:,}"
    section.ratios.append(Ratio(name, kept["after"] / kept["full"], limit=1.1))


def main() -> None:
    """Measure one thing, print it as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["extensions", "bare", "calls"])
    parser.add_argument("number", type=int)
    parser.add_argument("how", nargs="?", default="tracemalloc")
    options = parser.parse_args()
    if options.what == "calls":
        figures = asyncio.run(_calls(options.number))
    else:
        measure = _bare if options.what == "bare" else _extensions
        figures = asyncio.run(
            measure(options.number, traced=options.how == "tracemalloc")
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
