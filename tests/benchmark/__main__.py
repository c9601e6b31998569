"""Run the benchmark: `python -m tests.benchmark --help`."""

import argparse
import asyncio
import json
import os
import sys
from typing import Any

from . import idle, imports, lifecycle, memory, neighbour, reports
from .figures import Section
from .house import houses_with

SIZES = [10, 100, 1_000, 5_000]
SHORT_SIZES = [10, 1_000]


async def measure(*, short: bool) -> list[Section]:
    """Return all sections."""
    sizes = SHORT_SIZES if short else SIZES
    # First, while there is little in memory for Python to look through.
    sections = [await lifecycle.measured(sizes, rounds=1 if short else 5)]
    async with houses_with(sizes) as houses:
        sources = reports.sources_of(houses)
        sections += [
            await reports.measured(
                "A report inside Home Assistant",
                houses,
                sources,
                http=False,
                rounds=12 if short else 30,
            ),
            await reports.measured(
                "A report over HTTP, a new connection each",
                houses,
                sources,
                http=True,
                rounds=6 if short else 15,
            ),
            await neighbour.measured(
                houses[min(houses)], sources, rounds=8 if short else 30
            ),
        ]
    sections.append(await memory.measured(sizes, calls=0 if short else 100_000))
    sections.append(await imports.measured(rounds=1 if short else 5))
    sections.append(await idle.measured(hours=2 if short else 24))
    return sections


def machine() -> str:
    """Return what the figures were measured on, by cores and memory only."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = ".".join(map(str, sys.version_info[:2]))
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {python}"


def main() -> int:
    """Measure and print; return how the program ends."""
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON, not tables")
    parser.add_argument("--short", action="store_true", help="less, in a minute")
    parser.add_argument(
        "--check", action="store_true", help="fail when a ratio is above its limit"
    )
    options = parser.parse_args()
    sections = asyncio.run(measure(short=options.short))
    if options.json:
        content: dict[str, Any] = {
            "machine": machine(),
            "sections": [section.as_json() for section in sections],
        }
        print(json.dumps(content, indent=2))
    else:
        print(f"{machine()}\n")
        print("\n\n".join(section.as_text() for section in sections))
    complaints = too_high(sections)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints and options.check else 0


def too_high(sections: list[Section]) -> list[str]:
    """Return what is to be said of ratios above their limits."""
    return [
        f"{section.title}: {ratio.name}: {ratio.value:.2f} is above {ratio.limit:.2f}"
        for section in sections
        for ratio in section.ratios
        if ratio.limit is not None and ratio.value > ratio.limit
    ]


if __name__ == "__main__":
    sys.exit(main())
