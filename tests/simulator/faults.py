"""Ways in which an answer of the PBX can go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Any


class Fault(Enum):
    """What happens to a request instead of a proper answer."""

    HTML = auto()
    """A page of the web server, status 200."""
    EMPTY = auto()
    """Proper headers, no body."""
    HALF = auto()
    """The answer ends in the middle, of its JSON or its sound."""
    GARBAGE = auto()
    """Bytes that are neither JSON nor text."""
    NOT_OBJECT = auto()
    """JSON, but no object."""
    SLOW = auto()
    """The answer after `seconds` by the clock; None: never."""
    STALL = auto()
    """Headers and half of the answer, then silence."""
    RESET = auto()
    """The connection is reset without an answer."""
    CUT = auto()
    """Half of the answer, then the connection is reset."""
    DRIP = auto()
    """A file of which each part comes `seconds` by the clock after the one before."""
    HTTP_404 = auto()
    HTTP_500 = auto()
    HTTP_504 = auto()
    REDIRECT = auto()
    """A redirect to `location`."""
    ERRNO = auto()
    """Failed with `errno`, by default 30003: the API daemon is down."""
    BARE = auto()
    """Success and nothing else, not even the list that was asked for."""


# These show what the request did, so it has to be carried out first.
_AFTER_THE_ACT = {Fault.HALF, Fault.SLOW, Fault.STALL, Fault.CUT, Fault.DRIP}


@dataclass(slots=True)
class PlannedFault:
    """One fault and the requests that it still waits for."""

    fault: Fault
    count: int | None
    endpoint: str | None
    errno: str
    seconds: float | None
    location: str
    handled: bool
    asked: Mapping[str, str]
    hits: int = 0

    def applies_to(self, endpoint: str, body: Mapping[str, Any]) -> bool:
        """Tell whether a request is hit."""
        return (
            self.count != 0
            and self.endpoint in (None, endpoint)
            and all(str(body.get(key)) == value for key, value in self.asked.items())
        )


@dataclass(slots=True)
class Faults:
    """All faults planned, in the order of their adding."""

    planned: list[PlannedFault] = field(default_factory=list)

    def add(
        self,
        fault: Fault,
        count: int | None = 1,
        endpoint: str | None = None,
        *,
        errno: str | int = "30003",
        seconds: float | None = None,
        location: str = "https://127.0.0.1:8088/",
        handled: bool | None = None,
        asked: Mapping[str, str] = MappingProxyType({}),
    ) -> PlannedFault:
        """Let the next requests go wrong.

        Args:
            fault: what happens.
            count: how many requests are hit; None until cleared.
            endpoint: only this one, for example `login`; None for all.
            errno: for `ERRNO`.
            seconds: for `SLOW`, by the clock; None never answers.
            location: for `REDIRECT`.
            handled: whether the PBX carries the request out before its answer goes
                wrong; by default only where the answer needs it.
            asked: parameters that a request has to have to be hit: a PBX may refuse
                some questions and answer others.
        """
        plan = PlannedFault(
            fault=fault,
            count=count,
            endpoint=endpoint,
            errno=str(errno),
            seconds=seconds,
            location=location,
            handled=fault in _AFTER_THE_ACT if handled is None else handled,
            asked=asked,
        )
        self.planned.append(plan)
        return plan

    def clear(self) -> None:
        """Forget every fault that is planned."""
        self.planned.clear()

    def take(
        self, endpoint: str, body: Mapping[str, Any] = MappingProxyType({})
    ) -> PlannedFault | None:
        """Return the fault for this request, if any, and count it."""
        for plan in self.planned:
            if plan.applies_to(endpoint, body):
                plan.hits += 1
                if plan.count is not None:
                    plan.count -= 1
                    if plan.count == 0:
                        self.planned.remove(plan)
                return plan
        return None
