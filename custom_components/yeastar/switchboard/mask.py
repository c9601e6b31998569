"""Hide outside numbers: only their last three digits stay.

What a field holds is known by its name, so each is hidden as what it is: a number in
any writing, a text that has numbers in it, the channel of a call.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
import re
from typing import Any, Final

from ..pbx.calls import Call
from ..pbx.numbers import plain

SHOWN: Final = 3
# Shorter ones are extensions, feature codes, prompts and pressed keys.
FEWEST_HIDDEN: Final = 5
# A shorter part of a name may be one piece of a number, and others may follow.
_LONG_PART: Final = 7

# Fields that hold a number and nothing else, of reports and of calls.
_NUMBERS: Final = frozenset(
    {
        "answered_by",
        "call_from",
        "call_to",
        "called_number",
        "caller",
        "caller_number",
        "callernum",
        "did_number",
        "from",
        "infos",
        "number",
        "path",
        "playtonum",
        "to",
    }
)
# Identifiers and times of the PBX that look like numbers and are none.
_HARMLESS: Final = frozenset(
    {
        "answered_at",
        "call_id",
        "ended_at",
        "extension",
        "extensions",
        "ip_address",
        "registered_ip",
        "started_at",
        "time_start",
    }
)
# Asterisk gives each channel a number of its own at the end; what is before may be
# the number at the other side, as in DAHDI/i1/030123456-2.
_CHANNEL: Final = re.compile(r"(.*?)((?:-[0-9a-fA-F]+)?(?:;\d)?)")
# protocol 6.11: when, the call's id, from whom, to whom, and more.
_RECORDING: Final = re.compile(r"(\d{14}-(?:\d{9,10}\.\d+-)?)(.*)")
# What people and programs put between the digits of a number: all but letters, and
# escaped signs of a URI.
_BETWEEN: Final = r"(?:[^\w;:@<>\"]|_|%(?:2[0-9a-fA-F]|3[abAB])){0,3}"
_IN_TEXT: Final = re.compile(rf"(?:\+|%2[bB])?\d(?:{_BETWEEN}\d)+")
# Within names of files a dash is between two things.
_IN_NAME: Final = re.compile(r"\+?\d(?:[\s()./_]{0,3}\d)+")
# A group and who of it: protocol 5.3.
_GROUP: Final = re.compile(r"([^()]+)\(([^()]+)\)")
_DIGIT: Final = re.compile(r"(?<!%)(?<!%\d)\d")


class Mask:
    """Hides the numbers that are not the PBX's own."""

    def __init__(self, is_inside: Callable[[str], bool]) -> None:
        """Take a way to tell which numbers are inside."""
        self._is_inside = is_inside

    def number(self, number: str | None) -> str | None:
        """Return a number, or a text with one in it, without most of its digits."""
        if number is None or self._is_inside(number):
            return number
        if match := _GROUP.fullmatch(number):
            group, member = map(self.number, match.groups())
            return f"{group}({member})"
        if plain(number) and not _IN_TEXT.fullmatch(number):
            # With a name before it, or as a URI.
            return self._text(number)
        return self._hide(number)

    def call(self, call: Call) -> Call:
        """Return a call with its outside numbers hidden, the file name included."""
        return replace(
            call,
            caller_number=self.number(call.caller_number),
            called_number=self.number(call.called_number),
            did_number=self.number(call.did_number),
            answered_by=self.number(call.answered_by),
            path=self.number(call.path),
            recording=self._recording(call.recording) if call.recording else None,
        )

    def fields(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a call that was told before, numbers hidden."""
        return {name: self.payload(value, name) for name, value in call.items()}

    def payload(self, value: Any, key: str = "") -> Any:
        """Return a report's payload with its outside numbers hidden."""
        if isinstance(value, dict):
            return {name: self.payload(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.payload(item, key) for item in value]
        if not isinstance(value, str) or key in _HARMLESS:
            return value
        if key in _NUMBERS:
            return self.number(value)
        if key == "recording":
            return self._recording(value)
        return self._channel(value) if key.endswith("channel_id") else self._text(value)

    def _hide(self, number: str) -> str:
        """Return one number as it is shown, in whatever way it is written."""
        digits = "".join(_DIGIT.findall(number))
        if len(digits) < FEWEST_HIDDEN or self._is_inside(digits):
            return number
        hidden = len(digits) - SHOWN
        return _DIGIT.sub("*", number, count=hidden)

    def _text(self, text: str) -> str:
        """Return a text with the numbers in it hidden."""
        return _IN_TEXT.sub(lambda match: self._hide(match[0]), text)

    def _channel(self, channel: str) -> str:
        """Return the id of a channel, without the number at its other side."""
        match = _CHANNEL.fullmatch(channel)
        before, own = (match[1], match[2]) if match else (channel, "")
        return "/".join(map(self._text, before.split("/"))) + own

    def _recording(self, name: str) -> str:
        """Return the name of a recording without the numbers of who talked."""
        match = _RECORDING.fullmatch(name)
        before, parties = (match[1], match[2]) if match else ("", name)
        if match is not None:
            # A number with dashes in it looks like several fields.
            parts = parties.split("-")
            inside = [self._is_inside_or_group(one) for one in parts]
            digits = sum(
                len(_DIGIT.findall(one))
                for one, known in zip(parts, inside, strict=True)
                if not known
            )
            if digits < FEWEST_HIDDEN:
                return name
            return before + "-".join(
                one if known else self._hide_part(one)
                for one, known in zip(parts, inside, strict=True)
            )
        return before + _IN_NAME.sub(lambda found: self._hide(found[0]), parties)

    def _is_inside_or_group(self, part: str) -> bool:
        """Return True if this is a number inside, or a group with one (protocol 5.3)."""
        match = _GROUP.fullmatch(part)
        return self._is_inside(match[2] if match else part)

    def _hide_part(self, part: str) -> str:
        """Return a part of a name: of a long number the end stays, of others nothing."""
        digits = len(_DIGIT.findall(part))
        shown = SHOWN if digits >= _LONG_PART else 0
        return _DIGIT.sub("*", part, count=digits - shown) if digits else part
