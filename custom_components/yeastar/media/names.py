"""How recordings and messages are named in media identifiers and addresses.

No file name of the PBX and no outside number is part of a name: a recording is
named by its call, a message by its box and a digest.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from .library import is_plain

_RECORDING: Final = "recording"
_VOICEMAIL: Final = "voicemail"


@dataclass(frozen=True, slots=True)
class RecordingItem:
    """A recording: the day on which its call began here, the call, which of them."""

    day: date
    call_id: str
    index: int

    def __str__(self) -> str:
        """Return its name."""
        name = f"{_RECORDING}/{self.day.isoformat()}/{self.call_id}"
        return f"{name}/{self.index}" if self.index else name


@dataclass(frozen=True, slots=True)
class MessageItem:
    """A message: the extension that it is for, and its key."""

    number: str
    key: str

    def __str__(self) -> str:
        """Return its name."""
        return f"{_VOICEMAIL}/{self.number}/{self.key}"


type MediaItem = RecordingItem | MessageItem


def parse_item(name: str) -> MediaItem:
    """Return what a name stands for.

    Raises:
        ValueError: nothing.
    """
    match name.split("/"):
        case [kind, day, call_id, *rest] if kind == _RECORDING and is_plain(call_id):
            return RecordingItem(parse_day(day), call_id, _index(rest))
        case [kind, number, key] if (
            kind == _VOICEMAIL and is_plain(number) and is_plain(key)
        ):
            return MessageItem(number, key)
    raise ValueError("not the name of a recording or a message")


def parse_day(text: str) -> date:
    """Return a day.

    Raises:
        ValueError: it is none, or none that a PBX can know.
    """
    day = date.fromisoformat(text)
    if not 2000 <= day.year <= 2100 or text != day.isoformat():
        raise ValueError("no such day")
    return day


def _index(rest: list[str]) -> int:
    """Return which recording of a call is meant, the first one if not said."""
    match rest:
        case []:
            return 0
        case [text] if text.isascii() and text.isdecimal() and len(text) <= 2:
            return int(text)
    raise ValueError("not a recording of a call")
