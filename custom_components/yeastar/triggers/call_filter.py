"""Which calls a trigger is for: the options that a user sets, put to a call."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
import re
from typing import Any, Final

from homeassistant.const import CONF_PATH

from ..pbx.calls import Direction
from ..pbx.numbers import (
    FEWEST_DIGITS,
    FullNumber,
    NumberBook,
    full_number,
    plain,
    read_number,
)

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


_WILDCARDS: Final = {"*": ".*", "?": "."}
# Besides digits, what a number or pattern may have.
_SIGNS: Final = "*?#"


class NumberPatterns:
    """Numbers that a user typed, `*` standing for any digits and `?` for one.

    A number without these is recognized in whatever way it is written, with and
    without its country code (`pbx.numbers`). So is one with them if it has as many
    digits as that takes; with fewer, such as `030*`, it means what is written there.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Prepare the patterns; none at all match every number, even a missing one."""
        self._numbers: NumberBook[bool] = NumberBook()
        self._patterns: list[_Pattern] = []
        for typed in patterns:
            pattern = plain(typed, _SIGNS)
            if pattern and not _WILDCARDS.keys() & set(pattern):
                self._numbers.add(typed, True)
            elif pattern or any(map(str.isalnum, typed)):
                self._patterns.append(_Pattern(pattern or typed.strip()))

    def match(self, *numbers: str | None) -> bool:
        """Return True if one of the numbers is meant."""
        if not self._numbers and not self._patterns:
            return True
        return any(
            self._numbers.find(number)
            or any(one.match(number) for one in self._patterns)
            for number in numbers
            if number
        )


class _Pattern:
    """A word, or a number with wildcards."""

    def __init__(self, pattern: str) -> None:
        """Prepare a pattern; as far as it is a number, it comes without decoration."""
        full = full_number(pattern)
        fixed = full.rest if full is not None else pattern
        self._as_typed = _expression([pattern])
        self._whole = _expression([_whole(pattern, full)])
        self._tells_enough = sum(map(str.isdecimal, fixed)) >= FEWEST_DIGITS
        self._at_home = _expression(full.at_home() if full is not None else ())

    def match(self, text: str) -> bool:
        """Return True if a number or word is like this."""
        number = plain(text) or text.strip()
        if self._as_typed(number) or self._whole(_whole(number, full_number(number))):
            return True
        if not self._tells_enough or (reading := read_number(text)) is None:
            return False
        return bool(reading.national and self._at_home(reading.national)) or any(
            self._whole(f"+{full.digits}") or any(map(self._as_typed, full.at_home()))
            for full in reading.full
        )


def _whole(number: str, full: FullNumber | None) -> str:
    """Return a number or pattern with `+` in front if it is a full number."""
    if full is not None:
        return f"+{full.digits}"
    return f"+{number[2:]}" if number.startswith("00") else number


def _expression(patterns: Iterable[str]) -> Callable[[str], object]:
    """Return what tells whether a text is like one of the patterns."""
    return re.compile(
        "|".join(
            "".join(_WILDCARDS.get(sign) or re.escape(sign) for sign in pattern)
            for pattern in patterns
        ),
        re.IGNORECASE,
    ).fullmatch


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

    def in_role(self, call: Mapping[str, Any], extension: str) -> bool:
        """Tell whether an extension took part in a call, in the role asked for."""
        calls = extension == call.get("caller_number")
        if self._role is Role.CALLER:
            return calls
        if self._role is Role.ANSWERED:
            return extension == call.get("answered_by")
        if self._role is Role.CALLED and calls:
            return False
        return extension in call.get("extensions", ())

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
