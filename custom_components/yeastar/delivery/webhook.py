"""Reports by HTTP: from a POST of the PBX to the receiver, and an answer back."""

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import StreamReader, hdrs
from aiohttp.web import Request, RequestPayloadError, Response

from homeassistant.components import webhook
from homeassistant.core import HomeAssistant, callback

from ..const import DOMAIN
from ..pbx.reports import LARGEST_REPORT
from . import log_filter
from .receiver import Fate, ReportReceiver

# Seconds. A report is one small segment; whoever needs longer is not a PBX.
READ_TIMEOUT: Final = 10

# Home Assistant's own refusal of a method would name the webhook id in the log
# and could not be counted, so every method comes here.
_METHODS: Final = (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_POST, hdrs.METH_PUT)

# A report of another PBX is answered like any other: it is not its sender's to mend.
_STATUSES: Final = {
    Fate.MALFORMED: HTTPStatus.BAD_REQUEST,
    Fate.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Fate.WRONG_METHOD: HTTPStatus.METHOD_NOT_ALLOWED,
}


class WebhookSource:
    """The webhook of one PBX, from registration to removal."""

    def __init__(
        self, hass: HomeAssistant, webhook_id: str, receiver: ReportReceiver
    ) -> None:
        """Prepare; nothing is registered yet.

        Args:
            hass: Home Assistant.
            webhook_id: the secret part of the address.
            receiver: takes what is posted there.
        """
        self._hass = hass
        self._webhook_id = webhook_id
        self._receiver = receiver

    @callback
    def open(self, *, local_only: bool) -> None:
        """Open the webhook, or change whether it takes posts of local sources only."""
        log_filter.async_hide(self._hass, self._webhook_id)
        self.close()
        webhook.async_register(
            self._hass,
            DOMAIN,
            "Yeastar PBX",
            self._webhook_id,
            self._handle,
            local_only=local_only,
            allowed_methods=_METHODS,
        )

    @callback
    def close(self) -> None:
        """Close the webhook, if it is open."""
        webhook.async_unregister(self._hass, self._webhook_id)

    async def _handle(
        self, hass: HomeAssistant, webhook_id: str, request: Request
    ) -> Response:
        """Answer one request; never raises, because that would log the id."""
        if request.method != hdrs.METH_POST:
            fate = self._receiver.refuse(Fate.WRONG_METHOD)
        else:
            try:
                body = await _read(request)
            except TimeoutError, OSError, RequestPayloadError:
                fate = self._receiver.refuse(Fate.MALFORMED)
            else:
                if body is None:
                    fate = self._receiver.refuse(Fate.TOO_LARGE)
                else:
                    fate = self._receiver.take(body)
        status = _STATUSES.get(fate, HTTPStatus.OK)
        # event handling: the server should close the connection (s2:api-reports).
        response = Response(status=status, headers={hdrs.CONNECTION: "close"})
        response.force_close()
        return response


async def _read(request: Request) -> bytes | None:
    """Return the body, None if it is too large; never reads much beyond that.

    Raises:
        TimeoutError: it does not come.
        OSError: the connection broke.
        RequestPayloadError: the body cannot be decoded.
    """
    # What Home Assistant's cloud hands on is no full request.
    if (getattr(request, "content_length", None) or 0) > LARGEST_REPORT:
        return None
    stream = request.content
    if not isinstance(stream, StreamReader) or stream.is_eof():
        # Nearly always all of it is there, and a timer costs as much as to decode it.
        whole = await stream.read(LARGEST_REPORT + 1)
        return whole if len(whole) <= LARGEST_REPORT else None
    body = bytearray()
    async with asyncio.timeout(READ_TIMEOUT):
        while chunk := await stream.read(LARGEST_REPORT + 1):
            body += chunk
            if len(body) > LARGEST_REPORT:
                return None
    return bytes(body)
