"""Between the PBX and a slow listener: so that the PBX is free again soon.

The PBX serves one request at a time, and heartbeats and calls must not wait for a
browser that plays an hour of sound in an hour. So a file is fetched as fast as the
PBX sends it, into memory of a fixed size; most files fit in as a whole. With a
longer one the PBX is let go as soon as the listener is too slow, and the listener
comes back for the rest.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from ..pbx.errors import CannotConnectError, PbxError, SlowListenerError
from ..pbx.sounds import SoundFile

# Four minutes of a telephone's sound, uncompressed.
MOST_BUFFERED: Final = 4 * 1024 * 1024
# Seconds: after these a listener who takes nothing at all loses the PBX,
STALL: Final = 20
# after these a slow one does if somebody else wants it,
FAIR: Final = 10
# and after these everybody. The client sends a heartbeat before a file if the last
# one is four minutes old, so no session gets ten minutes old meanwhile.
HELD_LONGEST: Final = 240
_SLICE: Final = 1


class ReadAhead:
    """One file on its way from the PBX to one listener."""

    def __init__(
        self,
        open_file: Callable[[], AbstractAsyncContextManager[SoundFile]],
        wanted: Callable[[], bool],
    ) -> None:
        """Prepare; nothing is asked for until `run`.

        Args:
            open_file: has the PBX for itself while it is open.
            wanted: tells whether somebody else waits for the PBX.
        """
        self._open_file = open_file
        self._wanted = wanted
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._size: int | None = None
        self._opened = self._ended = False
        self._error: PbxError | None = None
        # Told by the one side, awaited by the other.
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._window: tuple[int, int | None] | None = None
        self._held_since = 0.0

    async def run(self) -> None:
        """Fetch the file; to be run as a task, which may be cancelled at any time."""
        error: PbxError | None = CannotConnectError("the download was stopped")
        try:
            async with self._open_file() as file, asyncio.timeout(HELD_LONGEST):
                self._held_since = asyncio.get_running_loop().time()
                self._size, self._opened = file.size, True
                self._arrived.set()
                await self._fetch(file)
            error = None
        except TimeoutError:
            error = SlowListenerError("the PBX was held for too long")
        except PbxError as problem:
            error = problem
        finally:
            self._error = error
            self._ended = True
            self._arrived.set()

    async def size(self) -> int | None:
        """Return the size of the file as soon as it is open, None if unknown.

        Raises:
            PbxError: it cannot be had.
        """
        while not self._opened:
            await self._more()
        return self._size

    async def chunks(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """Yield the file from byte `start` to before byte `stop`; to be called once.

        Raises:
            PbxError: there is no more of it now.
        """
        self._window = start, stop
        self._taken.set()
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._buffered -= len(chunk)
                self._taken.set()
                yield chunk
            if self._ended and self._error is None:
                return
            await self._more()

    async def _more(self) -> None:
        """Wait for news of the fetching side, raise what ended it."""
        if self._ended and self._error is not None:
            raise self._error
        self._arrived.clear()
        if not self._ended:
            await self._arrived.wait()

    async def _fetch(self, file: SoundFile) -> None:
        """Put the wanted part of the file into memory."""
        await self._wait_for(lambda: self._window is not None)
        assert self._window is not None
        start, stop = self._window
        position = 0
        async for chunk in file.chunks():
            # Whether the PBX can begin in the middle is not documented. That a part
            # is left out here works with every one.
            end = position + len(chunk)
            last = len(chunk) if stop is None else max(0, stop - position)
            part = chunk[max(0, start - position) : last]
            position = end
            if part:
                await self._wait_for(lambda: self._buffered < MOST_BUFFERED)
                self._chunks.append(part)
                self._buffered += len(part)
                self._arrived.set()
            if stop is not None and position >= stop:
                return

    async def _wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until the listener has done something, but not for ever.

        Raises:
            SlowListenerError: it takes too long.
        """
        loop = asyncio.get_running_loop()
        last_taken = loop.time()
        while not condition():
            self._taken.clear()
            try:
                async with asyncio.timeout(_SLICE):
                    await self._taken.wait()
            except TimeoutError:
                if loop.time() - last_taken >= STALL:
                    raise SlowListenerError("the listener takes nothing") from None
            else:
                last_taken = loop.time()
            if self._wanted() and loop.time() - self._held_since >= FAIR:
                raise SlowListenerError("the PBX is wanted by somebody else")
