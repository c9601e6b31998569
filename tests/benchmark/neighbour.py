"""The same call told by Home Assistant's own monitor of Fritz!Box calls.

Its parser and its entity, in the same Home Assistant, from the line that the box sends
to the state; ours, from the report to all entities and events. The story has what both
can tell: it rings, is answered, is over.
"""

from itertools import count
from time import perf_counter
from types import SimpleNamespace
from typing import Any

from homeassistant.components.fritzbox_callmonitor.base import Contact
from homeassistant.components.fritzbox_callmonitor.sensor import (
    FritzBoxCallMonitor,
    FritzBoxCallSensor,
)
from homeassistant.core import HomeAssistant

from .figures import Figure, Ratio, Section
from .house import WEBHOOK_ID, House
from .reports import MICROSECONDS, Sources, inside

BATCH = 30
KIND = "CallStatus, 2 members"


class _Sensor(FritzBoxCallSensor):
    """The sensor without a box to connect to."""

    async def async_added_to_hass(self) -> None:
        """Leave the monitor to the benchmark."""


def _monitor(hass: HomeAssistant) -> FritzBoxCallMonitor:
    """Return what parses the lines, with the entity that it shows them by."""
    box = SimpleNamespace(
        fc=SimpleNamespace(address="127.0.0.1", system_version="8.00"),
        modelname="box",
    )
    phonebook: Any = SimpleNamespace(
        fph=box, get_contact=lambda number: Contact(name="Ada Lovelace")
    )
    sensor = _Sensor("Phonebook", "box-0", phonebook, None, "127.0.0.1", 1012)
    sensor.hass = hass
    sensor.entity_id = "sensor.box"
    # No platform and no registry; that much less is done for it than for ours.
    sensor._attr_has_entity_name = False
    sensor._attr_name = "Box"
    sensor._attr_translation_key = None
    return FritzBoxCallMonitor("127.0.0.1", 1012, sensor)


def _lines(number: int) -> list[str]:
    """Return what a box sends of a call from outside."""
    caller = f"030{number:07}"
    return [
        f"02.03.26 09:00:00;RING;0;{caller};5551000;SIP0;",
        f"02.03.26 09:00:04;CONNECT;0;4;{caller};",
        "02.03.26 09:00:20;DISCONNECT;0;16;",
    ]


async def measured(house: House, sources: Sources, *, rounds: int) -> Section:
    """Let both tell calls in turns."""
    monitor = _monitor(house.hass)
    size = len(house.numbers)
    source = sources[size, KIND]
    theirs: list[float] = []
    ours: list[float] = []
    numbers = count()
    for turn in range(rounds + 1):
        lines = []
        for _ in range(BATCH // 3):
            lines += _lines(next(numbers))
        turns = [next(source) for _ in range(BATCH)]
        started = perf_counter()
        for line in lines:
            monitor._parse(line)
            # The state is written by the event loop, a line at a time.
            await house.hass.async_block_till_done()
        their = perf_counter() - started
        started = perf_counter()
        for report in turns:
            await inside(house, WEBHOOK_ID, report.measured)
            await house.hass.async_block_till_done()
        our = perf_counter() - started
        for report in turns:
            for body in report.after:
                await inside(house, WEBHOOK_ID, body)
        if turn:
            theirs.append(their / len(lines))
            ours.append(our / len(turns))
    assert house.hass.states.get("sensor.box") is not None
    section = Section(
        "The same call in Home Assistant's fritzbox_callmonitor, an event",
        ["", "µs an event", "what is told"],
    )
    section.rows += [
        ["fritzbox_callmonitor", Figure.of(theirs, MICROSECONDS), "1 state"],
        [
            "this integration",
            Figure.of(ours, MICROSECONDS),
            "2 bus events, states of the PBX, the phone and the call",
        ],
    ]
    ratios = [mine / their for mine, their in zip(ours, theirs, strict=True)]
    section.ratios.append(
        Ratio("an event, ours to theirs", Figure.of(ratios).median, limit=6.0)
    )
    return section
