"""Time as the simulated PBX sees it: real, advanced by hand, or somebody else's."""

import asyncio
from collections.abc import Awaitable, Callable
import heapq
import itertools
import time
from typing import Protocol

# Rounds of the event loop that a woken task gets before time moves on. A task
# that only waits for other tasks, not for the network, is through by then.
ROUNDS = 5

type Settler = Callable[[], Awaitable[None]]


class Clock(Protocol):
    """What the simulator asks of a clock."""

    @property
    def runs_by_itself(self) -> bool:
        """Tell whether time passes without anybody's doing."""
        ...

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that many seconds have passed."""
        ...


class RealClock:
    """The machine's time."""

    runs_by_itself = True

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return when that many real seconds have passed."""
        await asyncio.sleep(seconds)


class _Sleepers:
    """Tasks that wait for a moment, in the order of their moments."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, asyncio.Future[None]]] = []
        # Keeps those that wait for the same moment in the order of their coming.
        self._order = itertools.count()
        # Called after each waking, so that what it set off on the network is
        # over before time moves on; the simulator puts its `idle` here.
        self.settlers: list[Settler] = []

    def __len__(self) -> int:
        return sum(not future.done() for _, _, future in self._heap)

    async def wait_until(self, moment: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._heap, (moment, next(self._order), future))
        await future

    def next_moment(self) -> float | None:
        while self._heap and self._heap[0][2].done():
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def wake_next(self) -> None:
        _, _, future = heapq.heappop(self._heap)
        if not future.done():
            future.set_result(None)

    async def settle(self) -> None:
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
        for settler in list(self.settlers):
            await settler()


class ManualClock:
    """A clock that stands still until it is advanced.

    A day of token life costs no real time with it.
    """

    runs_by_itself = False

    def __init__(self, start: float = 1_571_897_930.0) -> None:
        """Start at `start`, by default the moment of the documents' samples."""
        self._now = start
        self.sleepers = _Sleepers()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return when somebody has advanced the clock that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        await self.sleepers.wait_until(self._now + seconds)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; wake sleepers in the order of their moments.

        After each waking the tasks concerned run, reports under way are
        delivered, and only then time goes on.
        """
        await self.sleepers.settle()
        target = self._now + seconds
        while (moment := self.sleepers.next_moment()) is not None and moment <= target:
            self._now = max(self._now, moment)
            self.sleepers.wake_next()
            await self.sleepers.settle()
        self._now = target
        await self.sleepers.settle()


class FunctionClock:
    """A clock whose time somebody else keeps, for example freezegun.

    Nobody tells it that time has moved: call `tick` after each move.
    """

    runs_by_itself = False

    def __init__(self, function: Callable[[], float] | None = None) -> None:
        """Take the time from `function`, which returns seconds since the epoch.

        Without one it is `time.time`, looked up each time: freezegun replaces it.
        """
        self._function = function or RealClock().now
        self.sleepers = _Sleepers()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._function()

    async def sleep(self, seconds: float) -> None:
        """Return at the first `tick` that far from now."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        await self.sleepers.wait_until(self.now() + seconds)

    async def tick(self) -> None:
        """Wake every sleeper whose moment has come, in order."""
        await self.sleepers.settle()
        while True:
            moment = self.sleepers.next_moment()
            if moment is None or moment > self.now():
                return
            self.sleepers.wake_next()
            await self.sleepers.settle()
