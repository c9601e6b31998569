"""One session with the PBX: one request at a time, heartbeats, no login storm."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import md5
import logging
import time
from typing import Any, Literal, override

import aiohttp

from .errors import (
    ApiTooOldError,
    ClosedError,
    InvalidAuthError,
    LockedOutError,
    NoFileError,
    NotReadyError,
    NotYeastarError,
    PbxError,
    RefusedError,
    SessionContestedError,
    TokenRejectedError,
    WrongDeviceError,
)
from .models import Device, EventTarget, text
from .sounds import FileRequest, SoundFile
from .transport import Transport

_LOGGER = logging.getLogger(__name__)

_NOT_SUPPORTED = 10003
_LOCKED = 20002
_WRONG_PASSWORD = 20003
# s2:login: five failed logins block the caller's address for 10 minutes.
LOCK_SECONDS = 600
# Sessions that end sooner are probably ended by somebody else who uses the account, on
# a PBX that allows one at a time (protocol 2.3).
SHORT_SESSION = 600
# How long to wait before the next one, after one, two, … of them in a row.
PAUSES = (0, 0, 60, 300, 600, 900)
# From the third one on there is a pause, and reason to tell the user.
CONTESTED = 3
_JUST_NOW = 2
# A file may hold the PBX for four minutes, and no session shall be without a
# heartbeat for ten.
_HEARTBEAT_BEFORE_FILE = 240


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
        refused: user names and passwords that the PBX refused, and when; one wrong
            password must cost one of the PBX's five tries, not all.
        short_sessions: how many sessions in a row ended soon after they began.
        paused_until: when to open another one, because of that.
    """

    lock: CountedLock = field(default_factory=CountedLock)
    locked_until: float = 0.0
    files: CountedLock = field(default_factory=CountedLock)
    refused: dict[tuple[str, str], float] = field(default_factory=dict, repr=False)
    short_sessions: int = 0
    paused_until: float = 0.0

    def for_a_person(self, now: float) -> Access:
        """Return it for somebody who is waiting.

        He may have lifted a lock-out in the PBX, and after ten minutes have put right
        there what was refused.
        """
        for key, refused_at in list(self.refused.items()):
            if now - refused_at >= LOCK_SECONDS:
                del self.refused[key]
        return Access(self.lock, files=self.files, refused=self.refused)


class YeastarClient:
    """One session with one PBX.

    Attributes:
        report_method: `HTTP` or `TCP`, as the last login told.
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
        serial: str | None = None,
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
            serial: of the PBX that has to answer; None for any.
            access: shared by all clients of this PBX.
            clock: seconds that never go back.
        """
        self._transport = Transport(
            session, host=host, port=port, use_ssl=use_ssl, fingerprint=fingerprint
        )
        self._username = username
        # s2:login wants the MD5 as lower-case hex. It protects nothing: whoever
        # has it can log in (protocol 8.3).
        self._password_digest = md5(
            password.encode(), usedforsecurity=False
        ).hexdigest()
        self._target = target
        self._serial = serial
        self._identified = False
        self._introduced: tuple[float, Device | None] = (0.0, None)
        self._access = access or Access()
        self._clock = clock
        self._token: str | None = None
        self._extended_at = 0.0
        self._opened_at = 0.0
        self._closed = False
        self.announced: EventTarget | None = None
        self.report_method: str | None = None
        self.session_number = 0
        self.counts = self._transport.counts

    @property
    def local_address(self) -> str | None:
        """Our own address on the last connection to the PBX."""
        return self._transport.local_address

    @property
    def remote_address(self) -> str | None:
        """The PBX's address on that connection."""
        return self._transport.remote_address

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
        await self._alone(self._login)

    async def heartbeat(self) -> None:
        """Extend the session by 30 minutes and tell where to report to."""

        async def beat() -> None:
            await self._ready()
            await self._heartbeat()

        await self._alone(beat)

    @property
    def contested(self) -> bool:
        """Tell whether somebody else seems to end our sessions."""
        return self._access.short_sessions >= CONTESTED

    async def _alone[Result](self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do something while nobody else talks to the PBX.

        Also if the caller is cancelled it is done to its end, in the background: the
        PBX would be at it while the next request comes, and of a login nobody would
        know the session.

        Raises:
            ClosedError: this client said goodbye.
        """
        await self._access.lock.acquire()

        async def guarded() -> Result:
            try:
                if self._closed:
                    raise ClosedError("this client is closed")
                return await work()
            finally:
                self._access.lock.release()

        task = asyncio.get_running_loop().create_task(guarded())
        try:
            # Unlike the task itself, this can be cancelled.
            await asyncio.wait({task})
        except asyncio.CancelledError:
            # Nobody is left to take what comes of it.
            task.add_done_callback(_look_away)
            raise
        return task.result()

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
                lambda: self._transport.post("heartbeat", parameters(), self._token)
            )
        except RefusedError as error:
            if error.errno == _NOT_SUPPORTED:
                # It had the API when we logged in: older firmware was installed.
                self._token = self.announced = None
                raise ApiTooOldError("the PBX no longer has API 2.0.0") from None
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

        async def ask() -> dict[str, Any]:
            await self._ready()
            answer = await self._in_session(
                lambda: self._transport.post(endpoint, parameters, self._token)
            )
            if self.retargeting_due:
                # This request went out from another address than the last one: the
                # PBX reports into the void until it knows.
                try:
                    await self._heartbeat()
                except PbxError as error:
                    _LOGGER.debug("New report address not taken: %s", error)
            return answer

        return await self._alone(ask)

    async def download(self, endpoint: str, query: Mapping[str, str]) -> bytes:
        """Return a small file, such as call records, within the session.

        Args:
            endpoint: a download (protocol 6.11); only they are GETs.
            query: its parameters without the token, not encoded.

        Raises:
            NoFileError: the PBX gave none and no reason.
            RefusedError: the PBX declined, with its `errno`.
            PbxError: anything else.
        """

        async def fetch() -> bytes:
            await self._ready()
            return await self._in_session(
                lambda: self._transport.get(endpoint, query, self._token or "")
            )

        return await self._alone(fetch)

    @asynccontextmanager
    async def open_file(self, asked: FileRequest) -> AsyncIterator[SoundFile]:
        """Have the PBX send a sound file; it serves nobody else while this is open.

        Raises:
            NoFileError: the PBX gave none and no reason.
            RefusedError: the PBX declined, with its `errno`.
            PbxError: anything else.
        """
        async with self._access.files, self._access.lock:
            if self._closed:
                raise ClosedError("this client is closed")
            await self._ready()
            if self._clock() - self._extended_at >= _HEARTBEAT_BEFORE_FILE:
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

    async def close(self) -> None:
        """Close the session for good: what is asked from now on is not sent."""
        self._closed = True
        await self.logout()

    async def logout(self) -> None:
        """Close the session, if there is one; a refusal or silence is ignored."""
        async with self._access.lock:
            await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        """Log out; the caller holds the lock."""
        token, self._token, self.announced = self._token, None, None
        if token is None:
            return
        try:
            await self._transport.post("logout", None, token)
        except PbxError as error:
            _LOGGER.debug("Logout not confirmed: %s", error)

    async def _ready(self) -> None:
        """Have a session with the right PBX; the caller holds the lock.

        Nothing that is answered in a new session is believed before that: another
        PBX may stand at this address and have the same password.

        Raises:
            WrongDeviceError: it is another PBX.
            PbxError: there is no session.
        """
        if self._token is None:
            await self._login()
        if self._identified or self._serial is None:
            return
        with self._right_after_login():
            answer = await self._transport.post("deviceinfo/query", None, self._token)
        device = Device.from_answer(answer)
        if device.serial != self._serial:
            await self._say_goodbye()
            raise WrongDeviceError("another PBX answers at this address")
        self._identified = True
        self._introduced = self._clock(), device

    def introduced(self) -> Device | None:
        """Return what the PBX has just said of itself, once; None if it has not."""
        said_at, device = self._introduced
        self._introduced = (0.0, None)
        # It has the PBX's time, too.
        return device if self._clock() - said_at < _JUST_NOW else None

    async def _login(self) -> None:
        """Log in; the caller holds the lock."""
        access, now = self._access, self._clock()
        key = (self._username, self._password_digest)
        if key in access.refused:
            raise InvalidAuthError(_WRONG_PASSWORD)
        if now < access.locked_until:
            raise LockedOutError(_LOCKED)
        self._token = self.announced = None
        if now < access.paused_until:
            raise SessionContestedError("sessions end soon after they began")
        target = self._target(None)
        parameters = {
            "username": self._username,
            "password": self._password_digest,
            **target.as_parameters(),
        }
        self.counts["logins"] += 1
        try:
            answer = await self._transport.post("login", parameters, None)
        except InvalidAuthError:
            access.refused[key] = self._clock()
            raise
        except LockedOutError:
            self._note_lock()
            raise
        except RefusedError as error:
            if error.errno == _NOT_SUPPORTED:
                raise ApiTooOldError("the PBX does not know API 2.0.0") from None
            raise
        token = text(answer.get("token"))
        if not token:
            raise NotYeastarError("login answered without a token")
        self._token = token
        self._identified = False
        access.refused.clear()
        self._extended_at = self._opened_at = self._clock()
        self.session_number += 1
        self.report_method = text(answer.get("transport")).upper() or None
        # A relative target means the address from which the login came.
        self.announced = self._target(self.local_address)

    def _note_lock(self) -> None:
        """Note that the PBX refuses this machine for ten minutes."""
        self._access.locked_until = self._clock() + LOCK_SECONDS

    async def _in_session[Answer](
        self, send: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Send a request with the token, after one new login if it is rejected."""
        try:
            answer = await send()
        except TokenRejectedError as error:
            self.counts[f"token_errno_{error.errno}"] += 1
            _LOGGER.debug("Session gone (errno %s), logging in again", error.errno)
            self._note_end_of_session()
        except InvalidAuthError:
            # Not to a login, where it is about the password: whether that is still
            # right only a login can tell.
            _LOGGER.debug("Refused within a session, logging in again")
        except LockedOutError:
            self._note_lock()
            raise
        else:
            if self._clock() - self._opened_at >= SHORT_SESSION:
                self._access.short_sessions = 0
            return answer
        self._token = self.announced = None
        await self._ready()
        with self._right_after_login():
            return await send()

    @contextmanager
    def _right_after_login(self) -> Iterator[None]:
        """Send what a new session begins with; refusals are not of the password."""
        try:
            yield
        except TokenRejectedError:
            self._note_end_of_session()
            self._token = self.announced = None
            raise
        except InvalidAuthError:
            # The login was accepted a moment ago.
            self._token = self.announced = None
            raise NotReadyError("refused right after a login") from None
        except LockedOutError:
            self._note_lock()
            raise

    def _note_end_of_session(self) -> None:
        """Note that the PBX forgot our session; how soon says who may have ended it."""
        access, now = self._access, self._clock()
        if now - self._opened_at >= SHORT_SESSION:
            access.short_sessions = 0
            return
        access.short_sessions += 1
        pause = PAUSES[min(access.short_sessions, len(PAUSES)) - 1]
        access.paused_until = now + pause

    async def _open(self, asked: FileRequest) -> SoundFile:
        """Ask for a link to a file and open it; a link that fails is asked for again.

        It lives 30 s and works once: what the first one fails of, a second need not.
        """
        token = self._token or ""
        for last in (False, True):
            answer = await self._transport.post(asked.prepare, asked.parameters, token)
            link = {**asked.parameters, "random": text(answer.get("random"))}
            try:
                return await self._transport.open_file(asked.download, link, token)
            except NoFileError:
                if last:
                    raise
            except RefusedError as error:
                if last or error.refusal != "download_link_invalid":
                    raise
        raise AssertionError


def _look_away(task: asyncio.Task[Any]) -> None:
    """Take what comes of a task that nobody waits for."""
    if not task.cancelled():
        _ = task.exception()
