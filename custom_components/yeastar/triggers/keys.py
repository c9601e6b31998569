"""Keys pressed during calls, each told once, however the PBX reports them.

A report has the key (`info`) and its place (`flag`), or all keys so far (`infos`),
or both; which of them come together is not known (event-DTMF.html, protocol 5.8).
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Calls in which keys were pressed lately; the longest ago is forgotten first.
MOST_CALLS = 200
MOST_KEYS = 100
MOST_DIGITS = 6


@dataclass(frozen=True, slots=True)
class KeyPress:
    """One key, and all keys of the call up to it."""

    key: str
    keys: str


@dataclass(slots=True)
class _Pressed:
    """The keys of one call, and which of them only the whole string told."""

    keys: str = ""
    early: dict[int, str] = field(default_factory=dict)


class Keypad:
    """The keys of all calls."""

    def __init__(self) -> None:
        """Start with no keys."""
        self._calls: OrderedDict[str, _Pressed] = OrderedDict()

    def take(self, payload: Mapping[str, Any], *, masked: bool) -> list[KeyPress]:
        """Return the keys that a `dtmf` report tells and none before it did.

        `masked`: digits of a long string are hidden behind stars, which are keys too.
        """
        call_id = payload.get("call_id")
        if not isinstance(call_id, str):
            return []
        pressed = self._calls.setdefault(call_id, _Pressed())
        self._calls.move_to_end(call_id)
        if len(self._calls) > MOST_CALLS:
            self._calls.popitem(last=False)
        key, keys = payload.get("info"), payload.get("infos")
        if isinstance(key, str) and key:
            if pressed.early.pop(_place(payload.get("flag")), None) == key:
                # The string that had it overtook it.
                return []
            return [_press(pressed, key)]
        if not isinstance(keys, str) or pressed.keys.endswith(keys):
            return []
        if not keys.startswith(pressed.keys) or (masked and "*" in keys):
            # Which of its keys were not told yet cannot be known.
            return []
        told = []
        for place in range(len(pressed.keys), min(len(keys), MOST_KEYS)):
            pressed.early[place] = keys[place]
            told.append(_press(pressed, keys[place]))
        return told


def _press(pressed: _Pressed, key: str) -> KeyPress:
    """Note a key."""
    pressed.keys = (pressed.keys + key)[-MOST_KEYS:]
    return KeyPress(key, pressed.keys)


def _place(flag: object) -> int:
    """Return a key's place, counted from 0, -1 if it is not told."""
    if isinstance(flag, str) and flag.isdecimal() and len(flag) < MOST_DIGITS:
        return int(flag)
    return -1
