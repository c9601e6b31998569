"""Look at the PBX's certificate before anything secret is sent.

The factory certificate of a Yeastar PBX is self-signed (k2:api-requests), so
somebody has to look at its fingerprint once. Nothing but a TLS handshake
happens here; every request goes through `client`, which verifies or pins.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
import hashlib
import ssl

from .errors import CannotConnectError, TlsFailedError, WrongSchemeError

TIMEOUT = 10
# Too short for a fingerprint: nothing that a certificate says can look like its own.
LONGEST_SUBJECT = 64
# OpenSSL's X509_V_FLAG_NO_CHECK_TIME: an expired certificate can be shown too.
_NO_CHECK_TIME = 0x200000
# What OpenSSL calls an answer that is not TLS at all.
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE"}
_NOT_TLS |= {"RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as a person would check it.

    `fingerprint` is SHA-256, 64 lower-case hex digits. `subject` is "" and
    `expires` None where the certificate is too odd to be read.
    """

    fingerprint: str
    subject: str
    expires: datetime | None

    @property
    def readable_fingerprint(self) -> str:
        """Return the fingerprint in the pairs in which browsers show it."""
        return readable(self.fingerprint)


def readable(fingerprint: str) -> str:
    """Return a fingerprint in the pairs in which browsers show it."""
    return ":".join(fingerprint[i : i + 2].upper() for i in range(0, 64, 2))


def tls_error(error: ssl.SSLError) -> CannotConnectError:
    """Return the cause that a failed handshake stands for."""
    reason = (error.reason or "").upper()
    if reason in _NOT_TLS:
        return WrongSchemeError("the PBX speaks plain HTTP on this port")
    return TlsFailedError(f"TLS handshake failed ({reason or 'no reason given'})")


async def explain(host: str, port: int, error: BaseException) -> CannotConnectError:
    """Return the cause of a connection that never got to be TLS."""
    if isinstance(error, ssl.SSLError):
        found = tls_error(error)
        if isinstance(found, WrongSchemeError):
            return found
    elif isinstance(error, ConnectionRefusedError):
        return CannotConnectError("connection refused")
    elif isinstance(error, ConnectionResetError):
        # Hung up in the middle of the handshake.
        found = TlsFailedError("TLS handshake broken off")
    elif isinstance(error, TimeoutError):
        found = CannotConnectError("no answer in time")
    else:
        return CannotConnectError("no connection for TLS")
    # A web server that gets a handshake instead of a request may complain in
    # plain HTTP, but also hang up, or wait for the end of the request.
    if await speaks_http(host, port):
        return WrongSchemeError("the PBX speaks plain HTTP on this port")
    return found


async def _handshake(
    host: str, port: int, context: ssl.SSLContext
) -> tuple[bytes, dict[str, object]]:
    """Return the peer's certificate, encoded and (if verified) decoded."""
    async with asyncio.timeout(TIMEOUT):
        _reader, writer = await asyncio.open_connection(
            host, port, ssl=context, ssl_shutdown_timeout=1
        )
    try:
        tls = writer.get_extra_info("ssl_object")
        return tls.getpeercert(binary_form=True) or b"", tls.getpeercert() or {}
    finally:
        writer.close()


def _context() -> ssl.SSLContext:
    """Return a context that accepts any certificate, only ever for looking."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def is_trusted(host: str, port: int, context: ssl.SSLContext) -> bool:
    """Tell whether a verifying `context` accepts the certificate for this host.

    Raises:
        CannotConnectError: and its kinds, as `inspect`.
    """
    try:
        await _handshake(host, port, context)
    except ssl.SSLCertVerificationError:
        return False
    except (OSError, TimeoutError, ValueError) as error:
        raise await explain(host, port, error) from error
    return True


async def inspect(host: str, port: int) -> Certificate:
    """Return the certificate that is shown at this address, trusted or not.

    Raises:
        WrongSchemeError: the port speaks plain HTTP.
        TlsFailedError: no common TLS version or cipher.
        CannotConnectError: nothing there, or it hung up.
    """
    try:
        encoded, _ = await _handshake(host, port, _context())
    except (OSError, TimeoutError, ValueError) as error:
        raise await explain(host, port, error) from error
    decoded: dict[str, object] = {}
    # The standard library decodes only what it verified. So the certificate is
    # verified against itself, whatever its age and the strength of its key.
    context = _context()
    try:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_verify_locations(cadata=encoded)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        context.verify_mode = ssl.CERT_REQUIRED
        again, decoded = await _handshake(host, port, context)
        if again != encoded:
            decoded = {}
    except OSError, TimeoutError, ValueError:
        pass
    return Certificate(
        fingerprint=hashlib.sha256(encoded).hexdigest(),
        subject=_distinguished_name(decoded.get("subject")),
        expires=_expires(decoded.get("notAfter")),
    )


def _distinguished_name(value: object) -> str:
    """Return the subject as `CN=…, O=…`."""
    short = {"commonName": "CN", "organizationName": "O"}
    short |= {"organizationalUnitName": "OU", "countryName": "C"}
    parts = []
    for relative_name in value if isinstance(value, tuple) else ():
        parts += [f"{short.get(key, key)}={text}" for key, text in relative_name]
    # Whoever made the certificate wrote this: one line, and nothing invisible.
    written = "".join(
        " " if sign.isspace() or not sign.isprintable() else sign
        for sign in ", ".join(reversed(parts))
    )
    return " ".join(written.split())[:LONGEST_SUBJECT]


def _expires(value: object) -> datetime | None:
    """Return OpenSSL's text of a time as aware time."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(value), UTC)
    except ValueError, OverflowError, OSError:
        return None


async def speaks_tls(host: str, port: int) -> bool:
    """Tell whether this port does TLS, for an error text after plain HTTP failed."""
    try:
        await _handshake(host, port, _context())
    except ssl.SSLError as error:
        return isinstance(tls_error(error), TlsFailedError)
    except OSError, TimeoutError, ValueError:
        return False
    return True


async def speaks_http(host: str, port: int) -> bool:
    """Tell whether this port does plain HTTP, for an error text after TLS failed."""
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
                return (await reader.read(5)).startswith(b"HTTP/")
            finally:
                writer.transport.abort()
    except OSError, TimeoutError, ValueError:
        return False
