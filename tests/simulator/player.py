"""Plays random calls on a live PBX."""

import asyncio
import random
from typing import TYPE_CHECKING

from .calls import Call
from .scenarios import Kind, Planner, Scenario, apply_step

if TYPE_CHECKING:
    from .simulator import Simulator


async def play(sim: Simulator, scenario: Scenario, pace: float = 1.0) -> Call:
    """Play one call; `pace` times the waiting of its steps, by the PBX's clock."""
    call = sim.calls.begin(scenario.begin(sim.pbx))
    for step in scenario.steps:
        await sim.clock.sleep(step.wait * pace)
        call.tell(apply_step(step, call.story))
        if call.over:
            break
    return call


async def play_for_ever(
    sim: Simulator,
    seed: int = 0,
    pace: float = 1.0,
    pause: float = 5.0,
    kind: Kind | None = None,
) -> None:
    """Play one random call after the other until cancelled."""
    planner = Planner(sim.pbx, random.Random(seed))
    while True:
        scenario = planner.plan(kind)
        if scenario is not None:
            await play(sim, scenario, pace)
        await sim.clock.sleep(pause)
        # A pause of nothing must not stop everything else.
        await asyncio.sleep(0)
