"""What an extension and a call leave in memory, each measured in a fresh process."""

import argparse
import asyncio
import gc
import json
from pathlib import Path
import sys
import tracemalloc

from .figures import Ratio, Section
from .house import ROOT, WEBHOOK_ID, home_assistant, house_with, new_entry, pbx_with
from .reports import inside
from .traffic import whole_call

# Contract, section 9.
KIB_AN_EXTENSION = 25.0
KIB_HAD = 33.0
KIB = 1024
CALLS_AT_ONCE = 100
# Finished calls are kept in mind for ten minutes, at most 20,000 of them; so growth
# counts from there on.
FULL = 25_000


def _rss() -> int:
    """Return the bytes of memory that the process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4 * KIB


async def _extensions(size: int, *, traced: bool) -> dict[str, float]:
    """Return the bytes that an entry adds."""

    def now() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] if traced else _rss()

    async with pbx_with(10) as first, pbx_with(size) as pbx, home_assistant() as hass:
        # Modules, translations and what else comes once.
        entry = new_entry(hass, first)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        await hass.config_entries.async_remove(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        if traced:
            tracemalloc.start()
        before = now()
        entry = new_entry(hass, pbx)
        assert await hass.config_entries.async_setup(entry.entry_id)
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
    section = Section(
        "Memory",
        ["what", "KiB", "KiB each"],
    )
    small = sizes[0]
    for how in ("tracemalloc", "rss"):
        found = {
            size: await _in_a_process("extensions", str(size), how) for size in sizes
        }
        for size in sizes[1:]:
            added = (found[size]["bytes"] - found[small]["bytes"]) / KIB
            each = added / (size - small)
            section.rows.append([f"{size:,} extensions, {how}", added, each])
            if how == "rss":
                continue
            own = (found[size]["own"] - found[small]["own"]) / KIB
            section.rows.append(
                ["of it by the integration's own lines", own, own / (size - small)]
            )
            if size == 1000:
                section.ratios.append(
                    Ratio(
                        "KiB an extension, among 1,000",
                        each,
                        KIB_AN_EXTENSION,
                        # The goal is not met; see docs/performance.md.
                        KIB_HAD,
                    )
                )
    if calls:
        kept = await _in_a_process("calls", str(calls))
        growth = (kept["after"] - kept["full"]) / KIB
        later = calls - min(FULL, calls // 2)
        section.rows.append(
            [
                f"growth over the last {later:,} of {calls:,} calls",
                growth,
                growth / later,
            ]
        )
        assert kept["told"] == calls
        section.ratios.append(
            Ratio(
                f"memory after {calls:,} calls to that after {calls - later:,}",
                kept["after"] / kept["full"],
                limit=1.1,
            )
        )
    return section


def main() -> None:
    """Measure one thing, print it as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["extensions", "calls"])
    parser.add_argument("number", type=int)
    parser.add_argument("how", nargs="?", default="tracemalloc")
    options = parser.parse_args()
    if options.what == "calls":
        figures = asyncio.run(_calls(options.number))
    else:
        figures = asyncio.run(
            _extensions(options.number, traced=options.how == "tracemalloc")
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
