"""One HTTP exchange with the PBX: pin, limits, envelope, and why it failed if it did.

Every request is a POST to `/api/v2.0.0/<endpoint>?token=<token>` with a JSON
object, every answer HTTP 200 with `status` and, if it failed, `errno`
(api-request-structure.html, api-response-structure.html). Files are GETs.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
import json
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload

from . import certificate
from .errors import (
    TOKEN_REJECTED,
    ApiTooOldError,
    CannotConnectError,
    CertificateChangedError,
    CertificateUntrustedError,
    NoFileError,
    NotReadyError,
    NotYeastarError,
    PbxError,
    WrongSchemeError,
    error_for,
)
from .models import clean, text
from .sounds import HEAD, SoundFile, is_sound

TIMEOUT = 10
# A file is made when it is asked for; old firmware needed longer than its own web
# server waits (v1:api_change_logs_s, 30.10.0.67).
DOWNLOAD_TIMEOUT = 30
# Without these there is no API 2.0.0 (protocol 7.1: an unknown request, or HTTP 404).
_BASIC = ("login", "heartbeat")
# Answers are small; 1,000 extensions with all their fields stay below 2 MiB.
LARGEST_ANSWER = 8 * 1024 * 1024
# An answer that begins like JSON where a file should be.
LONGEST_REFUSAL = 64 * 1024


class _WitnessedBody(BytesPayload):
    """A request's body that notes over which connection it went out.

    The local end of that connection is the address under which the PBX sees
    us, whatever routes, bridges and VPNs there are in between.
    """

    local_address: str | None = None
    remote_address: str | None = None

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Note both ends, then write."""
        transport = getattr(writer, "transport", None)
        if transport is not None:
            if name := transport.get_extra_info("sockname"):
                self.local_address = name[0]
            if name := transport.get_extra_info("peername"):
                self.remote_address = name[0]
        await super().write_with_length(writer, content_length)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a web server answered.

    Attributes:
        of_a_pbx: the server is the one that these PBXs have (protocol 1.3).
    """

    status: int
    content: bytearray
    of_a_pbx: bool = False


def _answer(response: aiohttp.ClientResponse, content: bytearray) -> Answer:
    """Return an answer that was read to its end."""
    server = response.headers.get(hdrs.SERVER, "")
    return Answer(response.status, content, server.lower().startswith("boa"))


def _decoded(content: bytearray) -> Any:
    """Return the JSON of an answer, None if it is none; it is cleaned here for all."""
    try:
        # A name in another encoding must not cost the whole answer.
        answer = json.loads(content.decode(errors="replace"))
        return clean(answer) if b"\\u" in content else answer
    except ValueError, RecursionError:
        return None


class Transport:
    """The way to one PBX. Knows no session: whoever sends brings the token.

    Attributes:
        local_address: our own address on the last connection to the PBX.
        remote_address: the PBX's address on that connection.
        counts: how often what happened, for diagnostics.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        host: str,
        port: int,
        use_ssl: bool,
        fingerprint: str | None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            session: for all requests; its default of verifying certificates is
                used, or the pin.
            host: name or address of the PBX, IPv6 without brackets.
            port: the PBX's web port.
            use_ssl: HTTPS instead of HTTP.
            fingerprint: SHA-256 of the one certificate to accept, 64 hex digits;
                None to verify as usual.
        """
        self._session = session
        self._host = host
        self._port = port
        self._use_ssl = use_ssl
        scheme = "https" if use_ssl else "http"
        authority = f"[{host}]" if ":" in host else host
        self._base = f"{scheme}://{authority}:{port}/api/v2.0.0/"
        self._ssl: bool | aiohttp.Fingerprint = True
        if fingerprint is not None:
            self._ssl = aiohttp.Fingerprint(bytes.fromhex(fingerprint))
        self._answered = False
        self.local_address: str | None = None
        self.remote_address: str | None = None
        self.counts: Counter[str] = Counter()

    async def post(
        self, endpoint: str, parameters: Mapping[str, str] | None, token: str | None
    ) -> dict[str, Any]:
        """Send one POST, return the fields of its answer or raise its error."""
        url = self._base + endpoint
        if token is not None:
            url += f"?token={quote(token, safe='')}"
        body = _WitnessedBody(
            b"" if parameters is None else json.dumps(dict(parameters)).encode(),
            content_type="application/json; charset=utf-8",
        )
        try:
            answer = await self._exchange(hdrs.METH_POST, url, body, TIMEOUT)
        finally:
            if body.local_address:
                self.local_address = body.local_address
                self.remote_address = body.remote_address
        return self._fields(endpoint, answer)

    async def get(self, endpoint: str, query: Mapping[str, str], token: str) -> bytes:
        """Fetch one file.

        Args:
            endpoint: of the file.
            query: its parameters without the token, not encoded.
            token: of the session.

        Raises:
            NoFileError: the PBX gave none and no reason.
            RefusedError: the PBX declined, with its `errno`.
            PbxError: anything else.
        """
        answer = await self._exchange(
            hdrs.METH_GET,
            self._file_url(endpoint, query, token),
            None,
            DOWNLOAD_TIMEOUT,
        )
        self._check_file(endpoint, answer)
        return bytes(answer.content)

    def _file_url(self, endpoint: str, query: Mapping[str, str], token: str) -> str:
        """Return the address of one file."""
        # A blank in a time, a plus in a name: both stay (protocol 6.11).
        encoded = urlencode({**query, "token": token}, quote_via=quote)
        return f"{self._base}{endpoint}?{encoded}"

    def _check_file(self, endpoint: str, answer: Answer) -> None:
        """Raise what the PBX gave instead of a file, if it did."""
        status, content = answer.status, answer.content
        if status == HTTPStatus.NOT_FOUND or (status == HTTPStatus.OK and not content):
            raise NoFileError("the PBX gave no file")
        if status != HTTPStatus.OK or content.lstrip().startswith(b"{"):
            # How a bad link answers is not documented; no file begins like JSON.
            self._fields(endpoint, answer)
            raise NotYeastarError("an answer where a file should be")

    async def open_file(
        self, endpoint: str, query: Mapping[str, str], token: str
    ) -> SoundFile:
        """Open one file and make sure that it is sound."""
        self.counts["requests"] += 1
        return await self._explained(
            self._open_file(endpoint, self._file_url(endpoint, query, token))
        )

    async def _open_file(self, endpoint: str, url: str) -> SoundFile:
        async with asyncio.timeout(TIMEOUT):
            response = await self._session.get(
                url,
                ssl=self._ssl,
                allow_redirects=False,
                headers={"Connection": "close", "Accept-Encoding": "identity"},
                # Who takes the file has the limits.
                timeout=aiohttp.ClientTimeout(),
            )
            try:
                return await self._sound_file(endpoint, response)
            except BaseException:
                response.close()
                raise

    async def _sound_file(
        self, endpoint: str, response: aiohttp.ClientResponse
    ) -> SoundFile:
        """Return the file that an answer is, or raise what it is instead."""
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            refusal = content.startswith(b"{") and len(content) <= LONGEST_REFUSAL
            if len(content) >= HEAD and not refusal:
                break
        head = bytes(content)
        if response.status == HTTPStatus.OK and is_sound(response.content_type, head):
            return SoundFile(response, head, self._explained)
        self._check_file(endpoint, _answer(response, content))
        raise NotYeastarError("an answer where a file should be")

    async def _exchange(
        self, method: str, url: str, body: BytesPayload | None, timeout: float
    ) -> Answer:
        """Send one request, return its answer."""
        self.counts["requests"] += 1
        return await self._explained(self._send(method, url, body, timeout))

    async def _send(
        self, method: str, url: str, body: BytesPayload | None, timeout: float
    ) -> Answer:
        async with (
            asyncio.timeout(timeout),
            self._session.request(
                method,
                url,
                data=body,
                ssl=self._ssl,
                allow_redirects=False,
                # The PBX closes each connection after its answer (protocol 1.2), and a
                # pooled one would be found dead at the next request.
                headers={"Connection": "close"},
            ) as response,
        ):
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    raise NotYeastarError("the answer is too long")
            return _answer(response, content)

    async def _explained[Result](self, work: Awaitable[Result]) -> Result:
        """Return what comes of an exchange, or raise why it failed.

        The library's own errors have the address in them, and in that the token: they
        are no cause and no context of what is raised (contract 8).
        """
        try:
            return await work
        except PbxError as error:
            cause = error
        except TimeoutError:
            cause = CannotConnectError("no answer in time")
        except aiohttp.ServerFingerprintMismatch:
            cause = CertificateChangedError("not the pinned certificate")
        except aiohttp.ClientConnectorCertificateError:
            cause = CertificateUntrustedError("unknown certificate")
        except aiohttp.ClientSSLError as error:
            cause = await certificate.explain(
                self._host, self._port, error.__cause__ or error
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = await self._explain(error)
        raise cause

    def _fields(self, endpoint: str, answered: Answer) -> dict[str, Any]:
        """Return the fields of a `Success` or raise what else it was."""
        status, content = answered.status, answered.content
        if status == HTTPStatus.NOT_FOUND and endpoint in _BASIC:
            if not answered.of_a_pbx:
                raise NotYeastarError("another web server has no such page")
            raise ApiTooOldError("the PBX has no API 2.0.0")
        if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN) and (
            b"HTTPS" in content and not self._use_ssl
        ):
            raise WrongSchemeError("plain HTTP sent to an HTTPS port")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NotReadyError(f"the PBX's web server answered HTTP {status}")
        if status != HTTPStatus.OK:
            raise NotYeastarError(f"answered HTTP {status}")
        answer = _decoded(content)
        if not isinstance(answer, dict):
            raise NotYeastarError("the answer is not a JSON object")
        status_word = text(answer.get("status")).lower()
        if status_word not in ("success", "failed", "failure"):
            raise NotYeastarError("the answer has no status")
        self._answered = True
        if status_word == "success":
            return answer
        errno = text(answer.get("errno"))
        if not errno.isdecimal() or len(errno) > 6:
            raise NotYeastarError("the answer fails without a reason")
        if int(errno) not in TOKEN_REJECTED:
            self.counts[f"errno_{errno}"] += 1
        raise error_for(int(errno))

    async def _explain(self, error: Exception) -> PbxError:
        """Return the cause of a connection or an exchange that failed."""
        refused = isinstance(error, aiohttp.ClientConnectorError)
        if refused and isinstance(error.__cause__, ConnectionRefusedError):
            return CannotConnectError("connection refused")
        if not self._answered:
            # Once the API has answered, scheme and port are known to be right.
            if not self._use_ssl and await certificate.speaks_tls(
                self._host, self._port
            ):
                return WrongSchemeError("plain HTTP sent to an HTTPS port")
        if isinstance(error, aiohttp.ClientResponseError):
            return NotYeastarError("the answer is not HTTP")
        return CannotConnectError(f"connection failed ({type(error).__name__})")
