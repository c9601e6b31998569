"""Hide outside numbers: only their last three digits stay."""

from collections.abc import Callable
from dataclasses import replace
import re
from typing import Any

from ..pbx.calls import Call

SHOWN = 3
# Shorter ones are extensions, feature codes, prompts and pressed keys.
FEWEST_HIDDEN = 5

# Fields that hold a number and nothing else, and those that have one in them.
_NUMBERS = frozenset(
    {
        "call_from",
        "call_to",
        "caller",
        "callernum",
        "did_number",
        "from",
        "infos",
        "number",
        "playtonum",
        "to",
    }
)
_CONTAIN_NUMBERS = frozenset({"recording", "sms_id"})
_DIGITS = re.compile(rf"\+?\d{{{FEWEST_HIDDEN},}}")
# Identifiers of the PBX that look like numbers and are none.
_HARMLESS = frozenset(
    {
        "call_id",
        "channel_id",
        "csta_call_id",
        "extension",
        "ip_address",
        "registered_ip",
        "time_start",
    }
)


class Mask:
    """Hides the numbers that are not the PBX's own."""

    def __init__(self, is_inside: Callable[[str], bool]) -> None:
        """Take a way to tell which numbers are inside."""
        self._is_inside = is_inside

    def number(self, number: str | None) -> str | None:
        """Return a number with all but its last three digits hidden."""
        if number is None or self._is_inside(number):
            return number
        return _DIGITS.sub(self._hide, number)

    def call(self, call: Call) -> Call:
        """Return a call with its outside numbers hidden, the file name included."""
        return replace(
            call,
            caller_number=self.number(call.caller_number),
            called_number=self.number(call.called_number),
            did_number=self.number(call.did_number),
            answered_by=self.number(call.answered_by),
            path=self.number(call.path),
            recording=self._text(call.recording) if call.recording else None,
        )

    def payload(self, value: Any, key: str = "") -> Any:
        """Return a report's payload with its outside numbers hidden."""
        if isinstance(value, dict):
            return {name: self.payload(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.payload(item, key) for item in value]
        if not isinstance(value, str) or key in _HARMLESS:
            return value
        return self.number(value) if key in _NUMBERS else self._text(value)

    def _hide(self, match: re.Match[str]) -> str:
        """Return the digits of one number as they are shown."""
        digits = match[0]
        if self._is_inside(digits):
            return digits
        return "*" * (len(digits) - SHOWN) + digits[-SHOWN:]

    def _text(self, text: str) -> str:
        """Return text, such as a file name, with the numbers in it hidden."""
        return _DIGITS.sub(self._hide, text)
