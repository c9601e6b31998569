"""What one report costs Home Assistant, beside a webhook that does the least."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
import gc
from time import perf_counter
from typing import Any

from custom_components.yeastar.const import EVENT_REPORT
from homeassistant.components.webhook import async_handle_webhook
from homeassistant.core import Event, callback
from homeassistant.util.aiohttp import MockRequest

from .figures import Figure, Ratio, Section
from .house import BARE_EVENT, BARE_ID, WEBHOOK_ID, House
from .post import post
from .traffic import KINDS, REFUSED, Turn

MICROSECONDS = 1e6
# Contract 9.
TO_FLOOR, TO_SMALL = 1.5, 1.2
# Other tests may run at the same time.
NOISE = 1.25
BATCH = 40
# Over HTTP, the goal is met. Without HTTP, this is what is had, with room for noise.
INSIDE_TO_BUS = 3.5


# By size and kind.
type Sources = dict[tuple[int, str], Iterator[Turn]]
type Post = Callable[[House, str, bytes], Awaitable[None]]


class Stopwatch:
    """Notes when an event of the measured webhooks is on the bus."""

    def __init__(self, house: House) -> None:
        """Start to listen."""
        self.seen_at = 0.0
        for event in (BARE_EVENT, EVENT_REPORT):
            house.hass.bus.async_listen(event, self._note)

    @callback
    def _note(self, _event: Event) -> None:
        self.seen_at = perf_counter()


@dataclass(slots=True)
class Times:
    """Seconds for a report, round by round: of the floor, and ours."""

    floor: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    floor_to_bus: list[float] = field(default_factory=list)
    ours_to_bus: list[float] = field(default_factory=list)


async def inside(house: House, webhook_id: str, body: bytes) -> None:
    """Hand a report to Home Assistant's webhooks as if it had just been read."""
    request: Any = MockRequest(
        content=body,
        mock_source="benchmark",
        method="POST",
        headers={"Content-Type": "application/json"},
        remote="127.0.0.1",
    )
    await async_handle_webhook(house.hass, webhook_id, request)


async def _over_http(house: House, webhook_id: str, body: bytes) -> None:
    """Post a report as the PBX does, over a connection of its own."""
    assert house.hass.http.server_port is not None
    assert await post(house.hass.http.server_port, webhook_id, body) == 200


async def _sent(send: Post, house: House, webhook_id: str, body: bytes) -> float:
    """Return the seconds that a report took until it was answered."""
    started = perf_counter()
    await send(house, webhook_id, body)
    return perf_counter() - started


async def _take_turns(
    send: Post, house: House, bodies: list[bytes], watch: Stopwatch, times: Times
) -> None:
    """Send each report to the floor, then to us.

    One by one: a real report comes alone, so neither of them finds the caches of the
    processor filled by others of its kind.
    """
    floor = ours = floor_to_bus = ours_to_bus = 0.0
    for body in bodies:
        started = perf_counter()
        floor += await _sent(send, house, BARE_ID, body)
        floor_to_bus += watch.seen_at - started
        started = perf_counter()
        ours += await _sent(send, house, WEBHOOK_ID, body)
        ours_to_bus += watch.seen_at - started
    # What was put off belongs to the cost; the floor puts nothing off.
    started = perf_counter()
    await house.hass.async_block_till_done()
    ours += perf_counter() - started
    number = len(bodies)
    times.floor.append(floor / number)
    times.ours.append(ours / number)
    times.floor_to_bus.append(floor_to_bus / number)
    times.ours_to_bus.append(ours_to_bus / number)


async def _send_all(house: House, bodies: list[bytes]) -> None:
    """Send what has to be there before or after, without a look at the time."""
    for body in bodies:
        await inside(house, WEBHOOK_ID, body)
    await house.hass.async_block_till_done()


async def _measure(
    houses: dict[int, House], sources: Sources, send: Post, rounds: int, batch: int
) -> dict[tuple[int, str], Times]:
    """Let all kinds and sizes take turns."""
    times = {key: Times() for key in sources}
    watches = {size: Stopwatch(house) for size, house in houses.items()}
    gc.collect()
    gc.freeze()
    try:
        for number in range(rounds + 1):
            for key, source in sources.items():
                house, watch = houses[key[0]], watches[key[0]]
                turns = [next(source) for _ in range(batch)]
                await _send_all(house, [body for turn in turns for body in turn.before])
                measured = [turn.measured for turn in turns]
                # The first round warms up.
                found = times[key] if number else Times()
                await _take_turns(send, house, measured, watch, found)
                await _send_all(house, [body for turn in turns for body in turn.after])
    finally:
        gc.unfreeze()
    return times


def sources_of(houses: dict[int, House]) -> Sources:
    """Return the reports of all kinds; no report and no call comes twice."""
    return {
        (size, kind): turns(house)
        for size, house in houses.items()
        for kind, turns in KINDS.items()
    }


def _ratios(ours: list[float], floor: list[float]) -> Figure:
    """Return the ratios of values that were measured side by side."""
    return Figure.of([a / b for a, b in zip(ours, floor, strict=True)])


async def measured(
    title: str,
    houses: dict[int, House],
    sources: Sources,
    *,
    http: bool,
    rounds: int,
) -> Section:
    """Measure reports of all kinds in houses of all sizes.

    Args:
        title: of the section.
        houses: by their number of extensions.
        sources: of reports.
        http: post them over real connections, a new one each.
        rounds: how often each kind has its turn.
    """
    send, batch = (_over_http, BATCH // 2) if http else (inside, BATCH)
    times = await _measure(houses, sources, send, rounds, batch)
    section = Section(
        title,
        ["report", "extensions", "floor, µs", "to the bus", "ours, whole, µs", "ratio"],
    )
    sizes = sorted(houses)
    large = 1000 if 1000 in sizes else sizes[-1]
    for kind in KINDS:
        accepted = kind != REFUSED
        to_bus = []
        for size in sizes:
            found = times[size, kind]
            if accepted:
                to_bus.append(_ratios(found.ours_to_bus, found.floor_to_bus))
            section.rows.append(
                [
                    kind,
                    size,
                    Figure.of(found.floor, MICROSECONDS),
                    to_bus[-1] if accepted else "never",
                    Figure.of(found.ours, MICROSECONDS),
                    _ratios(found.ours, found.floor),
                ]
            )
        if accepted:
            worst = max(one.median for one in to_bus)
            name = f"{kind}: until its event is on the bus, to the floor"
            limit = TO_FLOOR * NOISE if http else INSIDE_TO_BUS
            section.ratios.append(Ratio(name, worst, TO_FLOOR, limit))
        small_times, large_times = times[sizes[0], kind], times[large, kind]
        growth = _ratios(large_times.ours, small_times.ours).median
        name = f"{kind}: {large:,} extensions to {sizes[0]}"
        section.ratios.append(Ratio(name, growth, TO_SMALL, TO_SMALL * NOISE))
    return section
