"""Reports in: from a POST of the PBX to one typed report, or a counted refusal."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import tzinfo
from http import HTTPStatus
import logging
import time
from typing import Final

from aiohttp import ClientError, StreamReader, hdrs
from aiohttp.web import Request, Response

from homeassistant.components import webhook
from homeassistant.core import HomeAssistant, callback

from ..const import DOMAIN
from ..pbx.reports import (
    LARGEST_REPORT,
    MalformedReportError,
    Report,
    Retransmissions,
    decode,
    serial_of,
    understand,
)
from . import log_filter

_LOGGER = logging.getLogger(__name__)

# A report is one small segment; whoever needs longer is not a PBX.
READ_TIMEOUT: Final = 10
WARNING_INTERVAL: Final = 3600

# Home Assistant's own refusal of a method would name the webhook id in the log
# and could not be counted, so every method comes here.
_METHODS = (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_POST, hdrs.METH_PUT)

ACCEPTED: Final = "accepted"
REPEATED: Final = "repeated"
LEGACY: Final = "legacy_version"
UNKNOWN: Final = "unknown_event"
NO_SERIAL: Final = "no_serial"
OTHER_SERIAL: Final = "other_serial"
MALFORMED: Final = "malformed"
TOO_LARGE: Final = "too_large"
WRONG_METHOD: Final = "wrong_method"
FAILED: Final = "failed"

# Told once an hour and cause, in words that lead to what to do.
_WARNINGS = {
    NO_SERIAL: "Ignored a report without serial number: it does not come from a "
    "PBX with API 2.0.0",
    OTHER_SERIAL: "Ignored a report of another PBX: two PBXs send to the address of "
    "one, or somebody else knows it",
    MALFORMED: "Refused a report that is not one: something else than the PBX posts "
    "to this address",
    TOO_LARGE: "Refused a report of more than 64 KiB",
    WRONG_METHOD: "Refused a request that is not a POST: something else than the PBX "
    "opens this address",
}


class ReportReceiver:
    """The webhook of one PBX, from registration to removal.

    Attributes:
        counts: how many requests ended in which way.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        webhook_id: str,
        serial: str,
        accept: Callable[[Report], None],
        zone: Callable[[], tzinfo],
    ) -> None:
        """Prepare; nothing is registered yet.

        Args:
            hass: Home Assistant.
            webhook_id: the secret part of the address.
            serial: of the PBX whose reports are taken.
            accept: gets each report once; must not wait for anything.
            zone: of the PBX's clock, now.
        """
        self._hass = hass
        self._webhook_id = webhook_id
        self._serial = serial
        self._accept = accept
        self._zone = zone
        self._retransmissions = Retransmissions(time.monotonic)
        self._warned: dict[str, float] = {}
        self.counts: Counter[str] = Counter()

    @callback
    def register(self, *, local_only: bool) -> None:
        """Open the webhook, or change whether it takes posts of local sources only."""
        log_filter.async_hide(self._hass, self._webhook_id)
        self.unregister()
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
    def unregister(self) -> None:
        """Close the webhook, if it is open."""
        webhook.async_unregister(self._hass, self._webhook_id)

    async def _handle(
        self, hass: HomeAssistant, webhook_id: str, request: Request
    ) -> Response:
        """Answer one request; never raises, because that would log the id."""
        if request.method != hdrs.METH_POST:
            status = self._refuse(WRONG_METHOD, HTTPStatus.METHOD_NOT_ALLOWED)
        else:
            try:
                body = await _read(request)
            except TimeoutError, ClientError, OSError:
                status = self._refuse(MALFORMED, HTTPStatus.BAD_REQUEST)
            else:
                status = self._take(body)
        # event handling: the server should close the connection (s2:api-reports).
        response = Response(status=status, headers={hdrs.CONNECTION: "close"})
        response.force_close()
        return response

    @callback
    def _take(self, body: bytes | None) -> HTTPStatus:
        """Take one report from its bytes to the entities, in one step."""
        if body is None:
            return self._refuse(TOO_LARGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            wire = decode(body)
            if (serial := serial_of(wire)) != self._serial:
                return self._refuse(
                    OTHER_SERIAL if serial else NO_SERIAL, HTTPStatus.OK
                )
            report = understand(wire, self._zone())
        except MalformedReportError as error:
            _LOGGER.debug("Not a report: %s", error)
            return self._refuse(MALFORMED, HTTPStatus.BAD_REQUEST)
        if self._retransmissions.seen(report, body):
            self.counts[REPEATED] += 1
            return HTTPStatus.OK
        self.counts[ACCEPTED] += 1
        if report.legacy:
            self.counts[LEGACY] += 1
        if not report.known:
            self.counts[UNKNOWN] += 1
        try:
            self._accept(report)
        except Exception:
            # Ours to mend, not the PBX's to repeat.
            self.counts[FAILED] += 1
            _LOGGER.exception("Unexpected error in handling a %s report", report.type)
        return HTTPStatus.OK

    @callback
    def _refuse(self, cause: str, status: HTTPStatus) -> HTTPStatus:
        """Count a refusal and warn of it, at most once an hour and cause."""
        self.counts[cause] += 1
        now = time.monotonic()
        if now - self._warned.get(cause, -WARNING_INTERVAL) >= WARNING_INTERVAL:
            self._warned[cause] = now
            _LOGGER.warning("%s", _WARNINGS[cause])
        return status


async def _read(request: Request) -> bytes | None:
    """Return the body, None if it is too large; never reads much beyond that.

    Raises:
        TimeoutError: it does not come.
        OSError, ClientError: the connection broke.
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
