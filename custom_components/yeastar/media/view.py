"""Plays recordings and messages to a browser, straight from the PBX.

The PBX's link to a file is asked for here, used here at once, and known to nobody
else. Nothing is kept.
"""

import asyncio
from http import HTTPStatus
import logging
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import HomeAssistantView

from ..const import DOMAIN
from ..pbx.errors import ClosedError, NoFileError, PbxError, RefusedError
from ..pbx.sounds import FileRequest
from .names import MediaItem, MessageItem, RecordingItem, parse_item
from .read_ahead import ReadAhead

if TYPE_CHECKING:
    from ..coordinator import YeastarConfigEntry

_LOGGER = logging.getLogger(__name__)

MIME_TYPE: Final = "audio/wav"
# A browser that is paused takes nothing; the PBX is free again long before.
LISTENER_PATIENCE: Final = 600
# Each needs the memory of one `ReadAhead`. Browsers jump by asking anew.
MOST_LISTENERS: Final = 8

_GONE = frozenset({"recording_unknown", "voicemail_unknown"})


def loaded_entry(hass: HomeAssistant, entry_id: str) -> YeastarConfigEntry | None:
    """Return the entry of a PBX that is connected, None if it is not."""
    entry: YeastarConfigEntry | None = hass.config_entries.async_get_entry(entry_id)
    if (
        entry is None
        or entry.domain != DOMAIN
        or entry.state is not ConfigEntryState.LOADED
    ):
        return None
    return entry


async def find(entry: YeastarConfigEntry, item: MediaItem) -> FileRequest | None:
    """Return how to ask for a file, None if it does not exist.

    Raises:
        PbxError: the PBX cannot be asked now.
    """
    library = entry.runtime_data.library
    match item:
        case RecordingItem(day=day, call_id=call_id, index=index):
            recording = await library.recording(day, call_id, index)
            return recording.request if recording else None
        case MessageItem(number=number, key=key):
            message = await library.message(number, key)
            return message.request if message else None


class MediaView(HomeAssistantView):
    """One address for each thing to hear; needs a signature or a login."""

    url = "/api/yeastar/media/{entry_id}/{item:.+}"
    name = "api:yeastar:media"

    def __init__(self, hass: HomeAssistant) -> None:
        """Start with no listener."""
        self._hass = hass
        self._listeners = 0

    async def get(
        self, request: web.Request, entry_id: str, item: str
    ) -> web.StreamResponse:
        """Play one thing, or the part of it that is asked for."""
        entry = loaded_entry(self._hass, entry_id)
        try:
            wanted = parse_item(item)
        except ValueError:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        if entry is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        if self._listeners >= MOST_LISTENERS:
            return web.Response(
                status=HTTPStatus.SERVICE_UNAVAILABLE, headers={hdrs.RETRY_AFTER: "10"}
            )
        self._listeners += 1
        try:
            return await self._play(request, entry, wanted)
        except PbxError as error:
            _LOGGER.debug("Could not be played: %s", error)
            return web.Response(status=_status(error))
        finally:
            self._listeners -= 1

    async def head(
        self, request: web.Request, entry_id: str, item: str
    ) -> web.StreamResponse:
        """Tell what `get` would send; some players ask for that first."""
        return await self.get(request, entry_id, item)

    async def _play(
        self, request: web.Request, entry: YeastarConfigEntry, item: MediaItem
    ) -> web.StreamResponse:
        """Find a file and send it; a message that moved meanwhile is found again."""
        for last in (False, True):
            asked = await find(entry, item)
            if asked is None:
                break
            try:
                return await self._stream(request, entry, asked)
            except RefusedError as error:
                if last or error.refusal not in _GONE:
                    raise
        return web.Response(status=HTTPStatus.NOT_FOUND)

    async def _stream(
        self, request: web.Request, entry: YeastarConfigEntry, asked: FileRequest
    ) -> web.StreamResponse:
        """Send a file.

        Raises:
            PbxError: it cannot be had; nothing was sent yet.
        """
        client = entry.runtime_data.client
        ahead = ReadAhead(lambda: client.open_file(asked), lambda: client.wanted)
        task = entry.async_create_background_task(
            self._hass, ahead.run(), f"{DOMAIN} sound", eager_start=True
        )
        try:
            size = await ahead.size()
            response, start, stop = _answer(request, size)
            if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return response
            await response.prepare(request)
            if request.method != hdrs.METH_HEAD:
                await _send(request, response, ahead, start, stop)
            return response
        finally:
            task.cancel()
            await asyncio.wait([task])


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    ahead: ReadAhead,
    start: int,
    stop: int | None,
) -> None:
    """Send chunks as they come; break off in a way that shows if they end too early."""
    try:
        async for chunk in ahead.chunks(start, stop):
            async with asyncio.timeout(LISTENER_PATIENCE):
                await response.write(chunk)
    except (PbxError, TimeoutError, ConnectionError) as error:
        _LOGGER.debug("Broken off: %s", type(error).__name__)
        if request.transport is not None:
            request.transport.abort()


def _answer(
    request: web.Request, size: int | None
) -> tuple[web.StreamResponse, int, int | None]:
    """Return the answer's head, and from where to where the file is sent.

    Some browsers play nothing that they cannot ask for in parts, and all of them
    come back for the rest of what was broken off.
    """
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: MIME_TYPE,
            hdrs.CACHE_CONTROL: "private, no-store",
            "X-Content-Type-Options": "nosniff",
        }
    )
    # What is broken off must not look as if there could be more on this connection.
    response.force_close()
    if size is None:
        return response, 0, None
    response.headers[hdrs.ACCEPT_RANGES] = "bytes"
    start, stop = 0, size
    try:
        part = request.http_range
    except ValueError:
        part = slice(None, None, 1)
    if part.start is not None or part.stop is not None:
        start, stop, _ = part.indices(size)
        if start >= stop:
            response.set_status(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            response.headers[hdrs.CONTENT_RANGE] = f"bytes */{size}"
            response.content_length = 0
            return response, 0, 0
        response.set_status(HTTPStatus.PARTIAL_CONTENT)
        response.headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{size}"
    response.content_length = stop - start
    return response, start, stop


def _status(error: PbxError) -> HTTPStatus:
    """Return what a browser is told of a problem of the PBX."""
    if isinstance(error, NoFileError) or (
        isinstance(error, RefusedError) and error.refusal in _GONE
    ):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, ClosedError):
        # The entry is being unloaded.
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.BAD_GATEWAY
