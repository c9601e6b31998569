"""Which calls a trigger is for: the options that a user sets, put to a call."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
import re
from typing import Any, Final

from homeassistant.const import CONF_PATH

from ..pbx.calls import Direction
from ..pbx.inventory import number_end
from ..switchboard.listeners import PBX, Key, extension_key, queue_key

CONF_DID_NUMBER: Final = "did_number"
CONF_DIRECTION: Final = "direction"
CONF_INCLUDE_LATE: Final = "include_late"
CONF_MIN_RING_TIME: Final = "min_ring_time"
CONF_NUMBER: Final = "number"
CONF_OUTCOME: Final = "outcome"
CONF_ROLE: Final = "role"


class Role(StrEnum):
    """What an extension does in a call."""

    ANY = "any"
    CALLER = "caller"
    CALLED = "called"
    ANSWERED = "answered"


# What people put into a number to read it more easily.
_DECORATION = re.compile(r"[\s\-/().]")
_WILDCARDS: Final = {"*": ".*", "?": "."}


class NumberPatterns:
    """Numbers that a user typed, `*` standing for any digits and `?` for one.

    A number without these is recognised with and without its country code, as
    the same number comes in both forms.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Prepare the patterns; none at all match every number, even a missing one."""
        self._ends: set[str] = set()
        self._patterns: list[re.Pattern[str]] = []
        for typed in patterns:
            if not (pattern := _DECORATION.sub("", typed)):
                continue
            if not _WILDCARDS.keys() & set(pattern) and (end := number_end(pattern)):
                self._ends.add(end)
            self._patterns.append(
                re.compile(
                    "".join(
                        _WILDCARDS.get(sign) or re.escape(sign) for sign in pattern
                    ),
                    re.IGNORECASE,
                )
            )

    def match(self, *numbers: str | None) -> bool:
        """Tell whether one of the numbers is meant."""
        return not self._patterns or any(
            number_end(number) in self._ends
            or any(pattern.fullmatch(number) for pattern in self._patterns)
            for number in (_DECORATION.sub("", number) for number in numbers if number)
        )


class CallFilter:
    """The options of a call trigger.

    Calls are those of the bus event `yeastar_call`.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Take the options; each may be missing."""
        self._role = Role(options.get(CONF_ROLE, Role.ANY))
        self._directions = frozenset(options.get(CONF_DIRECTION, ()))
        self._numbers = NumberPatterns(options.get(CONF_NUMBER, ()))
        self._dids = NumberPatterns(options.get(CONF_DID_NUMBER, ()))
        self._paths = NumberPatterns(options.get(CONF_PATH, ()))
        self._outcomes = frozenset(options.get(CONF_OUTCOME, ()))
        self._include_late = bool(options.get(CONF_INCLUDE_LATE, False))
        shortest: timedelta = options.get(CONF_MIN_RING_TIME, timedelta())
        self._shortest = shortest.total_seconds()

    def concerns(self, call: Mapping[str, Any], parties: set[Key]) -> bool:
        """Tell whether any of these took part in a call, in the role asked for."""
        if PBX in parties:
            return True
        path = call.get("path")
        if path is not None and queue_key(path) in parties:
            return True
        caller = call.get("caller_number")
        extensions = call.get("extensions", ())
        match self._role:
            case Role.ANY:
                numbers = extensions
            case Role.CALLER:
                numbers = [caller]
            case Role.CALLED:
                numbers = [one for one in extensions if one != caller]
            case _:
                numbers = [call.get("answered_by")]
        return any(extension_key(number) in parties for number in numbers if number)

    def objection(self, call: Mapping[str, Any]) -> str | None:
        """Return the option because of which a call is not meant, None if it is."""
        ring = call.get("ring_seconds")
        if call.get("late") and not self._include_late:
            return CONF_INCLUDE_LATE
        if self._directions and call.get("direction") not in self._directions:
            return CONF_DIRECTION
        if not self._numbers.match(*_other_numbers(call)):
            return CONF_NUMBER
        if not self._dids.match(*_dialed_numbers(call)):
            return CONF_DID_NUMBER
        if not self._paths.match(call.get("path")):
            return CONF_PATH
        if self._outcomes and call.get("outcome") not in self._outcomes:
            return CONF_OUTCOME
        # How long is not always known; then the call counts rather than be lost.
        if ring is not None and ring < self._shortest:
            return CONF_MIN_RING_TIME
        return None


def _other_numbers(call: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Return the numbers that a call is from or to, not the PBX's own lines."""
    caller: str | None = call.get("caller_number")
    called: str | None = call.get("called_number")
    match call.get("direction"):
        case Direction.INBOUND:
            return (caller,)
        case Direction.OUTBOUND:
            return (called,)
        case _:
            return (caller, called)


def _dialed_numbers(call: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Return what a caller from outside dialed, as far as it is known.

    Before the CDR only `to` of the inbound member can tell, and whether that is the
    number dialed or where the inbound route leads is not known (protocol 5.2).
    """
    did: str | None = call.get("did_number")
    if call.get("direction") != Direction.INBOUND:
        return (did,)
    return (did, call.get("called_number"))
