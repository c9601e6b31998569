"""What happens in a round of chaos, drawn from a seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
import random

from tests.simulator import Fault, Readings, Simulator


class Trouble(StrEnum):
    """What happens to Home Assistant, or needs it to be done."""

    RELOAD = "reload"
    CRASH = "crash"
    MOVE = "move"
    REBOOT = "reboot"
    CUT = "cut"
    CALM = "calm"
    SPOIL = "spoil"


def all_readings(source: random.Random, rounds: int) -> list[Readings]:
    """Return one reading for each round, so that together they have every value.

    Raises:
        ValueError: too few rounds for the switch with the most values.
    """
    columns: dict[str, list[object]] = {}
    for name, values in Readings.matrix().items():
        if len(values) > rounds:
            raise ValueError(name)
        shuffled = source.sample(values, len(values))
        column = [shuffled[index % len(values)] for index in range(rounds)]
        source.shuffle(column)
        columns[name] = column
    return [
        Readings(**{name: column[index] for name, column in columns.items()})  # type: ignore[arg-type]
        for index in range(rounds)
    ]


def values_covered(readings: list[Readings]) -> tuple[int, int]:
    """Return how many values of switches occur, and how many there are."""
    matrix = Readings.matrix()
    covered = sum(
        any(getattr(one, name) == value for one in readings)
        for name, values in matrix.items()
        for value in values
    )
    return covered, sum(map(len, matrix.values()))


type Spoil = Callable[[Simulator, random.Random], None]


def _answers(fault: Fault) -> Spoil:
    def spoil(pbx: Simulator, source: random.Random) -> None:
        seconds = source.choice((2.0, 8.0, None)) if fault is Fault.SLOW else None
        pbx.faults.add(
            fault,
            count=source.randint(1, 6),
            errno=source.choice(("30003", "20010", "30001")),
            seconds=seconds,
        )

    return spoil


def _forget(pbx: Simulator, source: random.Random) -> None:
    pbx.forget_tokens(source.choice((None, "20004", "20005", "20006")))


SPOILS: tuple[Spoil, ...] = (
    *(_answers(fault) for fault in Fault if fault is not Fault.REDIRECT),
    _forget,
    lambda pbx, source: pbx.delivery.drop(count=source.randint(1, 12)),
    lambda pbx, source: pbx.delivery.drop("NewCdr", count=source.randint(1, 4)),
    lambda pbx, source: pbx.delivery.drop("CallStatus", count=source.randint(1, 9)),
    lambda pbx, source: pbx.delivery.duplicate(
        times=source.randint(1, 3), count=source.randint(1, 20)
    ),
    lambda pbx, source: pbx.delivery.delay(
        source.uniform(0.5, 40.0), count=source.randint(1, 6)
    ),
    lambda pbx, source: pbx.delivery.reorder(source.randint(2, 6)),
    lambda pbx, source: pbx.delivery.late_call_status(),
    lambda pbx, source: pbx.delivery.empty_members(
        count=source.randint(1, 5), instead=source.random() < 0.5
    ),
    lambda pbx, source: pbx.delivery.unknown_keys(count=source.randint(1, 9)),
    lambda pbx, source: pbx.delivery.wrong_case(count=source.randint(1, 9)),
    lambda pbx, source: pbx.delivery.invalid_json(count=source.randint(1, 5)),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """What happens in one second, besides the calls that go on."""

    calls: int
    trouble: Trouble | None


def moments(source: random.Random, seconds: int) -> Iterator[Moment]:
    """Yield the seconds of a round."""
    weights = {
        Trouble.SPOIL: 12,
        Trouble.CALM: 4,
        Trouble.RELOAD: 1,
        Trouble.CRASH: 2,
        Trouble.MOVE: 2,
        Trouble.REBOOT: 1,
        Trouble.CUT: 1,
    }
    kinds, shares = list(weights), list(weights.values())
    for _ in range(seconds):
        trouble = None
        if source.random() < 1 / 15:
            trouble = source.choices(kinds, shares)[0]
        yield Moment(calls=int(source.random() < 1 / 10), trouble=trouble)
