"""Play a round: calls, faults, restarts and moves, second by second."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
import random

from freezegun.api import FrozenDateTimeFactory
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from tests.simulator import FunctionClock, Simulator
from tests.simulator.player import play
from tests.simulator.scenarios import Planner

from .door import Door
from .plan import SPOILS, Trouble, moments

# Rounds of the event loop that everybody gets in a second of PBX time; who needs more
# goes on in the next one.
TURNS = 300
MOST_CALLS = 8


@dataclass
class World:
    """A PBX, Home Assistant, and the way between them."""

    hass: HomeAssistant
    frozen: FrozenDateTimeFactory
    clock: FunctionClock
    pbx: Simulator
    entry: MockConfigEntry
    door: Door
    source: random.Random
    count: Counter[str] = field(default_factory=Counter)
    crashes: list[float] = field(default_factory=list)
    _playing: set[asyncio.Task[None]] = field(default_factory=set)
    _doing: asyncio.Task[None] | None = None

    async def second(self, length: float = 1.0) -> None:
        """Let time pass for all, and everybody do what it brings."""
        self.frozen.tick(length)
        await self.clock.tick()
        async_fire_time_changed(self.hass)
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if not self._busy:
                return

    @property
    def _busy(self) -> bool:
        """Tell whether Home Assistant is still about it."""
        if self._doing is not None and not self._doing.done():
            return True
        if self.entry.state is not ConfigEntryState.LOADED:
            return self.entry.state is ConfigEntryState.SETUP_IN_PROGRESS
        busy: bool = self.entry.runtime_data._busy
        return busy

    async def play(self, seconds: int) -> None:
        """Play a round of so many seconds, and let its calls come to their end."""
        planner = Planner(self.pbx.pbx, self.source)
        for moment in moments(self.source, seconds):
            if moment.calls and len(self._playing) < MOST_CALLS:
                self._begin_call(planner)
            if moment.trouble is not None:
                await self._make(moment.trouble)
            await self.second()
        self._calm()
        while self._playing or not self._free:
            await self.second()

    async def recover(self, seconds: float, step: float = 30.0) -> None:
        """Let time pass without any trouble."""
        self._calm()
        for _ in range(round(seconds / step)):
            self.frozen.tick(step)
            await self.clock.tick()
            async_fire_time_changed(self.hass)
            await self.hass.async_block_till_done(wait_background_tasks=True)

    @property
    def _free(self) -> bool:
        """Tell whether neither side is in the middle of a restart."""
        return self._doing is None or self._doing.done()

    def _begin_call(self, planner: Planner) -> None:
        """Let somebody call somebody."""
        if (scenario := planner.plan()) is None:
            return
        self.count["calls"] += 1

        async def one_call() -> None:
            call = await play(self.pbx, scenario)
            if not call.over:
                call.tell(call.story.hang_up())

        task = asyncio.get_running_loop().create_task(one_call())
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)

    async def _make(self, trouble: Trouble) -> None:
        """Make some trouble, unless there is the same kind of it already."""
        if trouble is Trouble.CALM:
            self._calm()
        elif trouble is Trouble.SPOIL:
            self.source.choice(SPOILS)(self.pbx, self.source)
        elif not self._free:
            return
        elif trouble is Trouble.MOVE:
            await self.door.move()
            self.hass.http.server_port = self.door.port
        else:
            self._doing = asyncio.get_running_loop().create_task(self._do(trouble))
        self.count[trouble] += 1

    async def _do(self, trouble: Trouble) -> None:
        """Do what takes its time."""
        away = self.source.uniform(5, 90)
        match trouble:
            case Trouble.REBOOT:
                await self.pbx.reboot(away)
            case Trouble.CUT:
                await self.pbx.go_down()
                await self.clock.sleep(away)
                await self.pbx.come_up()
            case Trouble.RELOAD:
                with suppress(Exception):
                    await self.hass.config_entries.async_unload(self.entry.entry_id)
                await self.clock.sleep(away)
                await self._set_up()
            case Trouble.CRASH:
                await self._crash()
                await self.clock.sleep(away)
                await self._set_up()

    async def _set_up(self) -> None:
        """Start the entry unless that is under way."""
        if self.entry.state is ConfigEntryState.NOT_LOADED:
            await self.hass.config_entries.async_setup(self.entry.entry_id)

    async def _crash(self) -> None:
        """Have Home Assistant forget all but what is on disk, and say no goodbye."""
        while self.entry.state is ConfigEntryState.SETUP_IN_PROGRESS:
            # Here it can be forgotten only before and after; a real server is killed
            # at any time (tests/server/test_power_cut.py).
            await self.clock.sleep(1)
        self.crashes.append(self.clock.now())
        if self.entry.state is ConfigEntryState.LOADED:
            coordinator = self.entry.runtime_data

            async def nothing() -> None:
                pass

            coordinator.client.logout = nothing
            coordinator.history.async_save = nothing
            store = coordinator.history._store
            store._async_cleanup_delay_listener()
            store._async_cleanup_final_write_listener()
            store._data = None
        await self.hass.config_entries.async_unload(self.entry.entry_id)

    def _calm(self) -> None:
        """End all faults that are not over by themselves."""
        self.pbx.faults.clear()
        self.pbx.delivery.clear()
