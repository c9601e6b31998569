"""Change settings of extensions, no faster than the PBX takes them.

Each change makes the PBX load its configuration anew; one that comes too soon after
another is refused with errno 10025 (api_error_code.html). How soon that is, is not
documented, so it is found out.
"""

import asyncio
from collections.abc import Callable, Mapping
import contextlib
import math
from typing import Final

from .client import YeastarClient
from .errors import CannotConnectError, RefusedError

# Seconds between two changes: at first, and at most.
PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 30.0
# One minute in all, with pauses of 4, 8, 16 and 30 s in between.
TRIES: Final = 5
_TOO_FREQUENT = "too_frequent"


class SettingsWriter:
    """All changes to one PBX, one after the other."""

    def __init__(self, client: YeastarClient, clock: Callable[[], float]) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: to write with.
            clock: seconds that never go back.
        """
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._stopped = asyncio.Event()
        self._pause = PAUSE
        self._written_at = -math.inf

    async def update_extension(self, number: str, changes: Mapping[str, str]) -> None:
        """Change settings of an extension (extension-update.html).

        Args:
            number: of the extension.
            changes: the settings by their names on the wire; all others stay.
                Never empty values, and `ringtimeout` and `maxduration` never
                together with forwards (protocol 6.3).

        Raises:
            RefusedError: the PBX declined, in the end also for being too frequent.
            PbxError: whether the PBX has changed anything is not known.
        """
        async with self._lock:
            for last in (*(False,) * (TRIES - 1), True):
                await self._wait()
                try:
                    await self._client.request(
                        "extension/update", {"number": number, **changes}
                    )
                except RefusedError as error:
                    if error.refusal != _TOO_FREQUENT:
                        raise
                    self._pause = min(2 * self._pause, LONGEST_PAUSE)
                    if last:
                        raise
                else:
                    # Somebody may have been at the PBX's own page only just then.
                    self._pause = max(PAUSE, self._pause / 2)
                    return
                finally:
                    self._written_at = self._clock()

    async def _wait(self) -> None:
        """Wait until the PBX should take another change.

        Raises:
            CannotConnectError: there is no PBX to write to any more.
        """
        delay = self._written_at + self._pause - self._clock()
        if delay > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopped.wait()
        if self._stopped.is_set():
            raise CannotConnectError("the session is closed")

    def stop(self) -> None:
        """Change nothing any more; who waits is told so."""
        self._stopped.set()
