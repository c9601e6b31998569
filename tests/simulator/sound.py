"""Recordings of any length, made while they are sent (protocol 6.11: WAV)."""

from collections.abc import Iterator
from dataclasses import dataclass
import struct

# 8 kHz, 16 bit, mono: what a telephone sounds like.
RATE = 8000
HEADER = 44
# A prime, so that a part that is missing or moved shows.
_PERIOD = 251
_BLOCK = bytes(range(_PERIOD)) * 261


@dataclass(frozen=True, slots=True)
class Sound:
    """A WAV file of `size` bytes, its header included.

    The header of one that was never finished does not say how long it is.
    """

    size: int = HEADER + 1600
    finished: bool = True

    def header(self) -> bytes:
        """Return the 44 bytes before the sound."""
        following = self.size - 8 if self.finished else 0
        samples = self.size - HEADER if self.finished else 0
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF",
            following,
            b"WAVE",
            b"fmt ",
            16,
            1,
            1,
            RATE,
            RATE * 2,
            2,
            16,
            b"data",
            samples,
        )

    def parts(self) -> Iterator[bytes]:
        """Yield the file, never much of it at once."""
        yield self.header()
        left = self.size - HEADER
        while left > 0:
            part = _BLOCK[:left]
            left -= len(part)
            yield part

    def content(self) -> bytes:
        """Return the whole file."""
        return b"".join(self.parts())
