"""Logins, tokens, the lock and the address that reports go to (protocol 2)."""

from dataclasses import dataclass, field
import hashlib
import ipaddress
import random
from urllib.parse import urlsplit

from .clock import Clock
from .errors import ApiError
from .readings import (
    AbsoluteUrl,
    FailedCountReset,
    LockScope,
    NoAddress,
    Omitted,
    Readings,
    SecondLogin,
)
from .settings import DEFAULT_REPORT_PORT, Settings

TOKEN_LIFE = 30 * 60.0
LOCK_TIME = 10 * 60.0
ALLOWED_FAILURES = 5
VERSIONS = ("1.0.0", "1.0.2", "2.0.0")
# Absent or unknown versions fall back to the oldest, protocol 2.1.
DEFAULT_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the reports of one token go. `problem` says why none can be sent."""

    token: str
    address: str
    port: int
    path: str
    version: str
    tls: bool = False
    problem: str = ""


@dataclass(slots=True, kw_only=True)
class Session:
    """A live token and what its client asked for."""

    token: str
    client_ip: str
    last_used: float
    address: str
    version: str = DEFAULT_VERSION
    port: str = ""
    url: str = ""
    urltag: str = ""


def checked_port(text: str) -> int:
    """Return the port that a client sent, the default if it sent none.

    Raises:
        ApiError: 20008, no port.
    """
    if not text:
        return DEFAULT_REPORT_PORT
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 65535:
        raise ApiError("20008")
    return int(text)


@dataclass(slots=True)
class Sessions:
    """All tokens, all failed logins."""

    settings: Settings
    readings: Readings
    clock: Clock
    source: random.Random
    live: dict[str, Session] = field(default_factory=dict)
    # Tokens that once lived, with the errno that their next use gives.
    dead: dict[str, str] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    locked_until: dict[str, float] = field(default_factory=dict)

    # --- login ---

    def login(self, client_ip: str, body: dict[str, str]) -> str:
        """Return a new token.

        Raises:
            ApiError: 20002 locked, 20003 wrong, 10004 incomplete, 20008 bad port.
        """
        if self.is_locked(client_ip):
            if self.readings.attempt_extends_lock:
                self.locked_until[client_ip] = self.clock.now() + LOCK_TIME
            raise ApiError("20002")
        if not body.get("username") or not body.get("password"):
            raise ApiError("10004")
        if not self._is_right(body["username"], body["password"]):
            raise ApiError(self._count_failure(client_ip))
        checked_port(body.get("port", ""))
        if self.readings.failed_count_reset is FailedCountReset.SUCCESS:
            self.failures.pop(client_ip, None)
        if self.readings.second_login is SecondLogin.FIRST_DIES:
            for token in list(self.live):
                self._bury(token, self.readings.unknown_token.value)
        token = f"{self.source.getrandbits(128):032x}"
        self.live[token] = Session(
            token=token,
            client_ip=client_ip,
            last_used=self.clock.now(),
            address=client_ip,
            version=_version(body),
            port=body.get("port", ""),
            url=body.get("url", ""),
            urltag=body.get("urltag", ""),
        )
        return token

    def _is_right(self, username: str, password: str) -> bool:
        digest = hashlib.md5(self.settings.password.encode()).hexdigest()
        if self.readings.upper_case_md5:
            password = password.lower()
        return username == self.settings.username and password == digest

    def _count_failure(self, client_ip: str) -> str:
        self.failures[client_ip] = self.failures.get(client_ip, 0) + 1
        if self.failures[client_ip] < ALLOWED_FAILURES:
            return "20003"
        del self.failures[client_ip]
        self.locked_until[client_ip] = self.clock.now() + LOCK_TIME
        return "20002" if self.readings.lock_told_at_once else "20003"

    def is_locked(self, client_ip: str) -> bool:
        """Tell whether logins from that address are refused."""
        until = self.locked_until.get(client_ip)
        if until is None:
            return False
        if self.clock.now() < until:
            return True
        del self.locked_until[client_ip]
        return False

    def refuses(self, client_ip: str) -> bool:
        """Tell whether any request from that address is refused."""
        everything = self.readings.lock_scope is LockScope.EVERYTHING
        return everything and self.is_locked(client_ip)

    def unblock(self) -> None:
        """Delete all `API-IP` entries of the blocked-IP list."""
        self.locked_until.clear()
        self.failures.clear()

    # --- tokens ---

    def use(self, token: str) -> Session:
        """Return the session of a token and count this as an interaction.

        Raises:
            ApiError: 20005 no token; 20004 or 20006 not a live one.
        """
        if not token:
            raise ApiError("20005")
        self.expire()
        session = self.live.get(token)
        if session is None:
            raise ApiError(self.dead.get(token, self.readings.unknown_token.value))
        session.last_used = self.clock.now()
        return session

    def expire(self) -> None:
        """Erase tokens that were idle for half an hour."""
        oldest = self.clock.now() - TOKEN_LIFE
        for token, session in list(self.live.items()):
            if session.last_used <= oldest:
                self._bury(token, self.readings.expired_token.value)

    def logout(self, token: str) -> None:
        """Erase a token at its owner's wish."""
        self._bury(token, self.readings.unknown_token.value)

    def forget(self, errno: str | None = None) -> None:
        """Erase all tokens; their next use gives `errno`."""
        for token in list(self.live):
            self._bury(token, errno or self.readings.unknown_token.value)

    def _bury(self, token: str, errno: str) -> None:
        del self.live[token]
        self.dead[token] = errno

    # --- report targets ---

    def heartbeat(self, session: Session, body: dict[str, str]) -> None:
        """Take over what a heartbeat says.

        Raises:
            ApiError: 20008 bad port, 20011 bad address, 10004 no address.
        """
        address = body.get("ipaddr", "")
        if not address:
            match self.readings.heartbeat_without_address:
                case NoAddress.ERROR_20011:
                    raise ApiError("20011")
                case NoAddress.ERROR_10004:
                    raise ApiError("10004")
        else:
            try:
                ipaddress.ip_address(address)
            except ValueError as error:
                raise ApiError("20011") from error
        checked_port(body.get("port", ""))
        session.address = address or session.address
        session.version = _version(body)
        for name in ("port", "url", "urltag"):
            if name in body or self.readings.heartbeat_omits is Omitted.CLEARS:
                setattr(session, name, body.get(name, ""))

    def targets(self) -> list[Target]:
        """Return where a report goes now; none if the PBX is set to TCP."""
        self.expire()
        if self.settings.transport != "HTTP":
            return []
        sessions = list(self.live.values())
        if self.readings.second_login is SecondLogin.LAST_GETS_REPORTS:
            sessions = sessions[-1:]
        return [self.target_of(session) for session in sessions]

    def target_of(self, session: Session) -> Target:
        """Return where the reports of a session go (protocol 2.1)."""
        port = checked_port(session.port)
        if session.urltag != "1":
            return Target(
                token=session.token,
                address=session.address,
                port=port,
                path="/" + session.url.lstrip("/"),
                version=session.version,
            )
        has_scheme = "://" in session.url
        parts = urlsplit(session.url if has_scheme else f"http://{session.url}")
        tls = parts.scheme == "https"
        try:
            url_port = parts.port
        except ValueError:
            url_port = None
        if url_port is None:
            url_port = (443 if tls else 80) if has_scheme else port
        path = parts.path or "/"
        return Target(
            token=session.token,
            address=parts.hostname or "",
            port=url_port,
            path=f"{path}?{parts.query}" if parts.query else path,
            version=session.version,
            tls=tls,
            problem=self._problem(has_scheme, tls, parts.hostname or ""),
        )

    def _problem(self, has_scheme: bool, tls: bool, host: str) -> str:
        allowed = self.readings.absolute_url
        if has_scheme and allowed is AbsoluteUrl.WITHOUT_SCHEME:
            return "absolute URL with a scheme"
        if not has_scheme and allowed is AbsoluteUrl.WITH_SCHEME:
            return "absolute URL without a scheme"
        if tls and not self.readings.https_targets:
            return "no HTTPS targets"
        if not host:
            return "no host"
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return "" if self.readings.host_name_targets else "no host names"
        return ""


def _version(body: dict[str, str]) -> str:
    version = body.get("version", DEFAULT_VERSION)
    return version if version in VERSIONS else DEFAULT_VERSION
