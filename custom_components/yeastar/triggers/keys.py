"""The trigger for keys pressed during calls: each fires once, however it is reported.

A report has the key (`info`) and its place (`flag`), or all keys so far (`infos`),
or both; which of them come together is not known (event-DTMF.html, protocol 5.8).
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, override

import voluptuous as vol

from homeassistant.const import CONF_SEQUENCE
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import TriggerActionRunner, TriggerConfig

from ..const import CONF_MASK_NUMBERS, EVENT_REPORT
from ..switchboard.listeners import PBX, Key, extension_key, queue_key
from ..switchboard.mask import Mask
from .party import PartyTrigger, Reject, schema_of

CONF_KEY: Final = "key"

# The keys of a telephone, and those that only some have.
DTMF_KEYS: Final = tuple("0123456789*#ABCD")
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


class DtmfReceivedTrigger(PartyTrigger):
    """Somebody pressed a key during a call.

    `trigger.key` is the key, `trigger.sequence` all keys of the call so far,
    `trigger.number` who pressed it.
    """

    _schema = schema_of(
        {
            vol.Optional(CONF_KEY): vol.All(
                cv.ensure_list, [vol.All(cv.string, vol.Upper, vol.In(DTMF_KEYS))]
            ),
            vol.Optional(CONF_SEQUENCE): vol.All(
                cv.string, vol.Upper, vol.Match(r"^[0-9A-D*#]*$")
            ),
        }
    )

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take target and options."""
        super().__init__(hass, config)
        self._keypad = Keypad()
        self._wanted = frozenset(self._options.get(CONF_KEY, ()))
        self._sequence: str = self._options.get(CONF_SEQUENCE, "")

    @override
    def _listen(self, run_action: TriggerActionRunner, reject: Reject) -> CALLBACK_TYPE:
        """Run the action for each key that is meant."""

        @callback
        def hear(event: Event) -> None:
            """Take in what the PBX reports."""
            parties = self._parties.of(event.data.get("config_entry_id", ""))
            if parties and event.data.get("type") == "dtmf":
                self._hear(event, parties, run_action, reject)

        return self._hass.bus.async_listen(EVENT_REPORT, hear)

    def _hear(
        self,
        event: Event,
        parties: set[Key],
        run_action: TriggerActionRunner,
        reject: Reject,
    ) -> None:
        """Run the action for each key that is meant."""
        payload = event.data.get("payload") or {}
        # Only who pressed the key is in the report.
        member: dict[str, Any] = next(iter(payload.get("members") or ()), {})
        number = member.get("number" if member.get("kind") == "ext" else "from")
        path = member.get("call_path")
        mask = self._mask_of(event.data["config_entry_id"])
        pressed = self._keypad.take(payload, masked=mask is not None)
        if not parties & {PBX, extension_key(str(number)), queue_key(str(path))}:
            return
        for press in pressed:
            if self._wanted and press.key.upper() not in self._wanted:
                reject(CONF_KEY, event.context)
            elif not press.keys.upper().endswith(self._sequence):
                reject(CONF_SEQUENCE, event.context)
            else:
                _ = run_action(
                    {
                        "key": press.key,
                        # Not `keys`, which in a template is the method of a dict.
                        "sequence": mask.number(press.keys) if mask else press.keys,
                        "number": number,
                        "path": path,
                        "call_id": payload["call_id"],
                        "config_entry_id": event.data["config_entry_id"],
                        "device_id": event.data.get("device_id"),
                    },
                    "a key that was pressed",
                    event.context,
                )

    def _mask_of(self, config_entry_id: str) -> Mask | None:
        """Return what hides the numbers that somebody dials, if they are to be."""
        entry = self._hass.config_entries.async_get_entry(config_entry_id)
        if entry is None or not entry.options.get(CONF_MASK_NUMBERS, False):
            return None
        return Mask(lambda _number: False)
