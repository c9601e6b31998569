"""Talk to the PBX: one request at a time, one session, no login storm.

Every request is a POST to `/api/v2.0.0/<endpoint>?token=<token>` with a JSON
object, every answer HTTP 200 with `status` and, if it failed, `errno`
(api-request-structure.html, api-response-structure.html).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import md5
from http import HTTPStatus
import json
import logging
import time
from typing import Any, Literal, override
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
    InvalidAuthError,
    LockedOutError,
    NoFileError,
    NotReadyError,
    NotYeastarError,
    PbxError,
    RefusedError,
    TokenRejectedError,
    WrongSchemeError,
    error_for,
)
from .models import EventTarget, text
from .sounds import HEAD, FileRequest, SoundFile, is_sound

_LOGGER = logging.getLogger(__name__)

TIMEOUT = 10
# A file is made when it is asked for; old firmware needed longer than its own web
# server waits (v1:api_change_logs_s, 30.10.0.67).
DOWNLOAD_TIMEOUT = 30
# Without these there is no API 2.0.0 (7.1: an unknown request, or HTTP 404).
_BASIC = ("login", "heartbeat")
_NOT_SUPPORTED = 10003
# Answers are small; 1,000 extensions with all their fields stay below 2 MiB.
LARGEST_ANSWER = 8 * 1024 * 1024
# s2:login: five failed logins block the caller's address for 10 minutes.
LOCK_SECONDS = 600
# A file may hold the PBX for four minutes, and no session shall be without a
# heartbeat for ten.
FRESH = 240
# An answer that begins like JSON where a file should be.
LONGEST_REFUSAL = 64 * 1024


class CountedLock(asyncio.Lock):
    """A lock that knows how many wait for it."""

    waiting = 0

    @override
    async def acquire(self) -> Literal[True]:
        """Wait for the lock."""
        self.waiting += 1
        try:
            return await super().acquire()
        finally:
            self.waiting -= 1


@dataclass(slots=True)
class Access:
    """What all clients of one PBX share, also one after the other.

    Attributes:
        lock: held by the one request that is under way.
        files: held by whoever fetches a sound file or is next to do so, so that
            at most one file is before any other request.
        locked_until: when the PBX accepts a login again, by the clients' clock;
            0 if it does now.
    """

    lock: CountedLock = field(default_factory=CountedLock)
    locked_until: float = 0.0
    files: CountedLock = field(default_factory=CountedLock)


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


class YeastarClient:
    """One session with one PBX.

    Attributes:
        local_address: our own address on the last connection to the PBX.
        remote_address: the PBX's address on that connection.
        transport: `HTTP` or `TCP`, the report method that the last login told.
        session_number: counts the sessions that were opened.
        announced: where the PBX reports to in this session, None without one.
        counts: how often what happened, for diagnostics.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        host: str,
        port: int,
        use_ssl: bool,
        username: str,
        password: str,
        fingerprint: str | None,
        target: Callable[[str | None], EventTarget],
        access: Access | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a session; nothing is sent yet.

        Args:
            session: for all requests; its default of verifying certificates is
                used, or the pin.
            host: name or address of the PBX, IPv6 without brackets.
            port: the PBX's web port.
            use_ssl: HTTPS instead of HTTP.
            username: of the PBX's API account.
            password: of that account.
            fingerprint: SHA-256 of the one certificate to accept, 64 hex digits;
                None to verify as usual.
            target: from our own address on the way to the PBX (None before the
                first login) to where it shall report to.
            access: shared by all clients of this PBX.
            clock: seconds that never go back.
        """
        self._session = session
        self._host = host
        self._port = port
        self._use_ssl = use_ssl
        scheme = "https" if use_ssl else "http"
        authority = f"[{host}]" if ":" in host else host
        self._base = f"{scheme}://{authority}:{port}/api/v2.0.0/"
        self._username = username
        # s2:login wants the MD5 as lower-case hex. It protects nothing: whoever
        # has it can log in (protocol 8.3).
        self._password_digest = md5(
            password.encode(), usedforsecurity=False
        ).hexdigest()
        self._ssl: bool | aiohttp.Fingerprint = True
        if fingerprint is not None:
            self._ssl = aiohttp.Fingerprint(bytes.fromhex(fingerprint))
        self._target = target
        self._access = access or Access()
        self._clock = clock
        self._token: str | None = None
        self._extended_at = 0.0
        self._refused: InvalidAuthError | None = None
        self._answered = False
        self.announced: EventTarget | None = None
        self.local_address: str | None = None
        self.remote_address: str | None = None
        self.transport: str | None = None
        self.session_number = 0
        self.counts: Counter[str] = Counter()

    @property
    def logged_in(self) -> bool:
        """Tell whether there is a session, as far as we know."""
        return self._token is not None

    @property
    def retargeting_due(self) -> bool:
        """Tell whether the PBX reports to another place than it should now."""
        return self.announced != self._target(self.local_address)

    async def login(self) -> None:
        """Open a session, whether there is one or not.

        Raises:
            InvalidAuthError: refused, or refused before with the same password.
            LockedOutError: refused, or asked too early after it was refused.
            ApiTooOldError: no API 2.0.0 here.
            PbxError: anything else.
        """
        async with self._access.lock:
            await self._login()

    async def heartbeat(self) -> None:
        """Extend the session by 30 minutes and tell where to report to."""
        async with self._access.lock:
            if self._token is None:
                await self._login()
            await self._heartbeat()

    async def _heartbeat(self) -> None:
        """Send a heartbeat; the caller holds the lock."""
        target = self._target(self.local_address)

        def parameters() -> dict[str, str]:
            # A login in between may have shown that our address changed.
            nonlocal target
            target = self._target(self.local_address)
            return {"ipaddr": target.address or "", **target.as_parameters()}

        try:
            await self._in_session(
                lambda: self._post("heartbeat", parameters(), self._token)
            )
        except RefusedError as error:
            if error.errno == _NOT_SUPPORTED:
                # It had the API when we logged in: older firmware was installed.
                self._token = self.announced = None
                raise ApiTooOldError("the PBX no longer has API 2.0.0") from error
            raise
        self._extended_at = self._clock()
        self.announced = target

    async def request(
        self, endpoint: str, parameters: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send one request within the session and return the answer's fields.

        A session that the PBX has forgotten is renewed, once, and the request
        repeated, once; the caller does not notice.

        Raises:
            RefusedError: the PBX declined, with its `errno`.
            InvalidAuthError: the session was gone and the login was refused.
            PbxError: anything else.
        """
        async with self._access.lock:
            if self._token is None:
                await self._login()
            answer = await self._in_session(
                lambda: self._post(endpoint, parameters, self._token)
            )
            if self.retargeting_due:
                # This request went out from another address than the last one: the
                # PBX reports into the void until it knows.
                try:
                    await self._heartbeat()
                except PbxError as error:
                    _LOGGER.debug("New report address not taken: %s", error)
            return answer

    async def download(self, endpoint: str, query: Mapping[str, str]) -> bytes:
        """Return a small file, such as call records, within the session.

        Args:
            endpoint: one of the downloads (6.11), the only requests that are GETs.
            query: its parameters without the token, not encoded.

        Raises:
            NoFileError: the PBX gave none and no reason.
            RefusedError: the PBX declined, with its `errno`.
            PbxError: anything else.
        """
        async with self._access.lock:
            if self._token is None:
                await self._login()
            return await self._in_session(lambda: self._get(endpoint, query))

    @asynccontextmanager
    async def open_file(self, asked: FileRequest) -> AsyncIterator[SoundFile]:
        """Have the PBX send a sound file; it serves nobody else while this is open.

        Raises:
            NoFileError: the PBX gave none and no reason.
            RefusedError: the PBX declined, with its `errno`.
            PbxError: anything else.
        """
        async with self._access.files, self._access.lock:
            if self._token is None:
                await self._login()
            elif self._clock() - self._extended_at >= FRESH:
                # Nothing else can be sent while the file comes.
                await self._heartbeat()
            file = await self._in_session(lambda: self._open(asked))
            try:
                yield file
            finally:
                file.close()

    @property
    def wanted(self) -> bool:
        """Tell whether anybody waits to send a request."""
        return bool(self._access.lock.waiting or self._access.files.waiting)

    async def logout(self) -> None:
        """Close the session, if there is one; a refusal or silence is ignored."""
        async with self._access.lock:
            token, self._token, self.announced = self._token, None, None
            if token is None:
                return
            try:
                await self._post("logout", None, token)
            except PbxError as error:
                _LOGGER.debug("Logout not confirmed: %s", error)

    async def _login(self) -> None:
        """Log in; the caller holds the lock."""
        if self._refused is not None:
            # One wrong password must cost one of the PBX's five tries, not all.
            raise self._refused
        if self._clock() < self._access.locked_until:
            raise LockedOutError(20002)
        self._token = self.announced = None
        target = self._target(None)
        parameters = {
            "username": self._username,
            "password": self._password_digest,
            **target.as_parameters(),
        }
        self.counts["logins"] += 1
        try:
            answer = await self._post("login", parameters, None)
        except InvalidAuthError as error:
            self._refused = error
            raise
        except LockedOutError:
            self._access.locked_until = self._clock() + LOCK_SECONDS
            raise
        except RefusedError as error:
            if error.errno == _NOT_SUPPORTED:
                raise ApiTooOldError("the PBX does not know API 2.0.0") from error
            raise
        token = text(answer.get("token"))
        if not token:
            raise NotYeastarError("login answered without a token")
        self._token = token
        self._extended_at = self._clock()
        self.session_number += 1
        self.transport = text(answer.get("transport")).upper() or None
        # A relative target means the address from which the login came.
        self.announced = self._target(self.local_address)

    async def _in_session[Answer](
        self, send: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Send a request with the token, after one new login if it is rejected."""
        try:
            return await send()
        except TokenRejectedError as error:
            self.counts[f"token_errno_{error.errno}"] += 1
            _LOGGER.debug("Session gone (errno %s), logging in again", error.errno)
        await self._login()
        try:
            return await send()
        except TokenRejectedError:
            self._token = self.announced = None
            raise

    async def _post(
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
            status, content = await self._exchange(hdrs.METH_POST, url, body, TIMEOUT)
        finally:
            if body.local_address:
                self.local_address = body.local_address
                self.remote_address = body.remote_address
        return self._fields(endpoint, status, content)

    async def _get(self, endpoint: str, query: Mapping[str, str]) -> bytes:
        """Fetch one file, or raise what the PBX gave instead."""
        status, content = await self._exchange(
            hdrs.METH_GET, self._file_url(endpoint, query), None, DOWNLOAD_TIMEOUT
        )
        self._check_file(endpoint, status, content)
        return bytes(content)

    def _file_url(self, endpoint: str, query: Mapping[str, str]) -> str:
        """Return the address of one file."""
        # A blank in a time, a plus in a name: encoded so that both stay (6.11).
        encoded = urlencode({**query, "token": self._token or ""}, quote_via=quote)
        return f"{self._base}{endpoint}?{encoded}"

    def _check_file(self, endpoint: str, status: int, content: bytearray) -> None:
        """Raise what the PBX gave instead of a file, if it did."""
        if status == HTTPStatus.NOT_FOUND or (status == HTTPStatus.OK and not content):
            raise NoFileError("the PBX gave no file")
        if status != HTTPStatus.OK or content.lstrip().startswith(b"{"):
            # How a bad link answers is not documented; no file begins like JSON.
            self._fields(endpoint, status, content)
            raise NotYeastarError("an answer where a file should be")

    async def _open(self, asked: FileRequest) -> SoundFile:
        """Ask for a link to a file and open it; a link that fails is asked for again.

        It lives 30 s and works once: what the first one fails of, a second need not.
        """
        for last in (False, True):
            answer = await self._post(asked.prepare, asked.parameters, self._token)
            link = {**asked.parameters, "random": text(answer.get("random"))}
            try:
                return await self._open_link(asked.download, link)
            except NoFileError:
                if last:
                    raise
            except RefusedError as error:
                if last or error.refusal != "download_link_invalid":
                    raise
        raise AssertionError

    async def _open_link(self, endpoint: str, query: Mapping[str, str]) -> SoundFile:
        """Open one file and make sure that it is sound."""
        self.counts["requests"] += 1
        async with self._explained(), asyncio.timeout(TIMEOUT):
            response = await self._session.get(
                self._file_url(endpoint, query),
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
        self._check_file(endpoint, response.status, content)
        raise NotYeastarError("an answer where a file should be")

    async def _exchange(
        self, method: str, url: str, body: BytesPayload | None, timeout: float
    ) -> tuple[int, bytearray]:
        """Send one request, return the HTTP status and the content of its answer."""
        self.counts["requests"] += 1
        async with (
            self._explained(),
            asyncio.timeout(timeout),
            self._session.request(
                method,
                url,
                data=body,
                ssl=self._ssl,
                allow_redirects=False,
                # The PBX closes each connection after its answer (1.2), and a
                # pooled one would be found dead at the next request.
                headers={"Connection": "close"},
            ) as response,
        ):
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    raise NotYeastarError("the answer is too long")
            return response.status, content

    @asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        """Turn what may go wrong on the way to the PBX into its cause."""
        try:
            yield
        except TimeoutError as error:
            raise CannotConnectError("no answer in time") from error
        except aiohttp.ServerFingerprintMismatch as error:
            raise CertificateChangedError("not the pinned certificate") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise CertificateUntrustedError("unknown certificate") from error
        except aiohttp.ClientSSLError as error:
            raise await certificate.explain(
                self._host, self._port, error.__cause__ or error
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise await self._explain(error) from error

    def _fields(self, endpoint: str, status: int, content: bytearray) -> dict[str, Any]:
        """Return the fields of a `Success` or raise what else it was."""
        if status == HTTPStatus.NOT_FOUND and endpoint in _BASIC:
            raise ApiTooOldError("the PBX has no API 2.0.0")
        if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN) and (
            b"HTTPS" in content and not self._use_ssl
        ):
            raise WrongSchemeError("plain HTTP sent to an HTTPS port")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NotReadyError(f"the PBX's web server answered HTTP {status}")
        if status != HTTPStatus.OK:
            raise NotYeastarError(f"answered HTTP {status}")
        try:
            # A name in another encoding must not cost the whole answer.
            answer = json.loads(content.decode(errors="replace"))
        except (ValueError, RecursionError) as error:
            raise NotYeastarError("the answer is not JSON") from error
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
