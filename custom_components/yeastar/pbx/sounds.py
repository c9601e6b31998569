"""Sound files of the PBX, taken as they come: recordings and messages.

A file is opened by a string that the PBX gives out for it, which lives 30 s and
works once (recording-get-random.html, voicemail-get-random.html).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
import re
from typing import Final

import aiohttp

from .errors import CannotConnectError

# How long the PBX may be silent in the middle of a file, in seconds.
SILENCE: Final = 10
# RIFF, the length of what follows, WAVE: where a file proves to be sound.
HEAD: Final = 12
# A WAV file without any sound in it has this size.
_SMALLEST: Final = 44
_UNFINISHED: Final = 0xFFFFFFFF
_FILE_NAME = re.compile(r"[^./\\][^/\\]{0,250}\.wav", re.IGNORECASE)
# Not an audio type, but what a web server says that does not know any.
_UNSPECIFIC: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class FileRequest:
    """What to ask for to get one file.

    Attributes:
        prepare: the endpoint that gives out the string that opens the file.
        download: the endpoint of the file.
        parameters: the ones that both want.
    """

    prepare: str
    download: str
    # Names of recordings have the numbers of who talked.
    parameters: Mapping[str, str] = field(repr=False)


def recording(name: str) -> FileRequest:
    """Return how to ask for a recording (protocol 6.11)."""
    return FileRequest(
        "recording/get_random", "recording/download", {"recording": name}
    )


def voicemail(number: str, name: str, status: str) -> FileRequest:
    """Return how to ask for a message in an extension's box (protocol 6.10)."""
    return FileRequest(
        "voicemail/get_random",
        "voicemail/download",
        {"number": number, "voicemailfile": name, "voicemailstatus": status},
    )


def is_file_name(name: str) -> bool:
    """Tell whether this is the plain name of a sound file, and no path."""
    return name.isprintable() and _FILE_NAME.fullmatch(name) is not None


def is_sound(content_type: str, head: bytes) -> bool:
    """Tell whether an answer that begins like this is a sound file."""
    kind = content_type.lower()
    return (
        (kind.startswith("audio/") or kind == _UNSPECIFIC)
        and head[:4] == b"RIFF"
        and head[8:HEAD] == b"WAVE"
    )


class SoundFile:
    """A file that the PBX is sending.

    Attributes:
        size: in bytes, None if neither the web server nor the file itself says it.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        head: bytes,
        explained: Callable[[Awaitable[bytes]], Awaitable[bytes]],
    ) -> None:
        """Take over an answer of which the first bytes are read.

        Args:
            response: the answer.
            head: its first bytes, at least `HEAD`.
            explained: turns what may go wrong on the way into `PbxError`.
        """
        self._response = response
        self._head = head
        self._explained = explained
        self.size = response.content_length
        if self.size is None:
            # No sample of an answer has a length (protocol 1.3); sound knows its own.
            stated = int.from_bytes(head[4:8], "little")
            if stated + 8 >= _SMALLEST and stated != _UNFINISHED:
                self.size = stated + 8

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the file from its beginning.

        Raises:
            CannotConnectError: it came to a halt, or was cut.
            PbxError: anything else.
        """
        left = self.size
        chunk = self._head
        while chunk:
            if left is not None:
                chunk = chunk[:left]
                left -= len(chunk)
            yield chunk
            if left == 0:
                return
            chunk = await self._explained(self._next())
        if left:
            raise CannotConnectError("the file is not complete")

    async def _next(self) -> bytes:
        """Return some more of it, nothing at its end."""
        async with asyncio.timeout(SILENCE):
            return await self._response.content.readany()

    def close(self) -> None:
        """Take no more of it."""
        self._response.close()
