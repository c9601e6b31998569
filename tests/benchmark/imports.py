"""What it takes to import the integration, in a fresh interpreter."""

import asyncio
import json
import sys

from .figures import Figure, Section
from .house import ROOT

MILLISECONDS = 1e3
# What Home Assistant imports anyway, then one integration with its platforms.
CODE = """
import importlib, json, logging, pkgutil, sys, time
import homeassistant.bootstrap, homeassistant.components.recorder
for name in {base}:
    importlib.import_module("homeassistant.components." + name)
before = set(sys.modules)
started = time.perf_counter()
for name in {modules}:
    importlib.import_module(name)
taken = time.perf_counter() - started
new = set(sys.modules) - before
print(json.dumps([taken, sum(n.startswith({package!r}) for n in new), len(new)]))
"""
BASE = [
    "binary_sensor", "diagnostics", "event", "frontend", "http", "logbook",
    "media_player", "media_source", "repairs", "sensor", "switch", "system_health",
    "webhook",
]  # fmt: skip
OURS = "custom_components.yeastar"
OUR_MODULES = [
    OURS,
    *(
        f"{OURS}.{name}"
        for name in (
            "binary_sensor", "condition", "config_flow", "diagnostics", "event",
            "logbook", "media_source", "repairs", "sensor", "switch",
            "system_health", "trigger",
        )
    ),
]  # fmt: skip
THEIRS = "homeassistant.components.fritzbox_callmonitor"
THEIR_MODULES = [THEIRS, f"{THEIRS}.config_flow", f"{THEIRS}.sensor"]


async def _import(package: str, modules: list[str]) -> tuple[float, int, int]:
    """Return the seconds, the package's own modules, and all that came."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "ignore",
        "-c",
        CODE.format(base=BASE, modules=modules, package=package),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    seconds, own, new = json.loads(output)
    return seconds, own, new


async def measured(*, rounds: int) -> Section:
    """Import both in turns; the first time also compiles."""
    section = Section(
        "Import, in a thread of Home Assistant's own",
        ["", "ms", "its own modules", "with what else came"],
    )
    names = {OURS: OUR_MODULES, THEIRS: THEIR_MODULES}
    times: dict[str, list[float]] = {package: [] for package in names}
    counts: dict[str, tuple[int, int]] = {}
    for number in range(rounds + 1):
        for package, modules in names.items():
            seconds, own, new = await _import(package, modules)
            counts[package] = own, new
            if number:
                times[package].append(seconds)
    for package in names:
        section.rows.append(
            [package, Figure.of(times[package], MILLISECONDS), *counts[package]]
        )
    return section
