"""What can go wrong between us and the PBX, as exceptions that name the cause.

The PBX answers HTTP 200 to everything and puts a number, `errno`, into the body
(api-v2/api_error_code.html). No text of an exception carries an address, a
credential, a token or a phone number, so that every one of them may be logged.
"""

from typing import ClassVar, Final


class PbxError(Exception):
    """Base of everything that the PBX or the way to it can do wrong.

    Attributes:
        reason: a stable word for what went wrong, the key of a text for the user.
    """

    reason: ClassVar[str] = "unknown"


class CannotConnectError(PbxError):
    """No connection, connection lost, or no answer in time."""

    reason = "cannot_connect"


class WrongSchemeError(CannotConnectError):
    """HTTP was spoken to an HTTPS port, or the reverse."""

    reason = "wrong_scheme"


class TlsFailedError(CannotConnectError):
    """Both sides speak TLS, but have no version or cipher in common."""

    reason = "tls_failed"


class CertificateUntrustedError(CannotConnectError):
    """The certificate is not signed by a known authority and none is pinned."""

    reason = "certificate_untrusted"


class CertificateChangedError(CannotConnectError):
    """The certificate is not the one that was pinned."""

    reason = "certificate_changed"


class NotYeastarError(PbxError):
    """Something answered, but not the API: HTML, half an answer, a redirect."""

    reason = "not_yeastar"


class NotReadyError(PbxError):
    """The PBX's web server is up, its API service is not (20010, 30001, 30003)."""

    reason = "not_ready"


class NoListError(PbxError):
    """Success without the list that was asked for: what is in it is not known."""


class WrongDeviceError(PbxError):
    """Another PBX answers at this address, and takes our password."""

    reason = "wrong_device"


class SessionContestedError(PbxError):
    """Somebody else uses the account and ends our sessions; the next one has to wait."""

    reason = "session_contested"


class ClosedError(PbxError):
    """The client has said goodbye to the PBX and sends nothing any more."""

    reason = "cannot_connect"


class SlowListenerError(PbxError):
    """Whoever takes a file is so slow that the PBX had to be let go."""


class NoFileError(PbxError):
    """A download brought nothing; whether there is none or the link was bad is open."""


class ApiTooOldError(PbxError):
    """The firmware has no API 2.0.0 (10003 or HTTP 404 on login)."""

    reason = "api_too_old"


class DeclinedError(PbxError):
    """The PBX understood and declined: a request, a login or the session.

    Attributes:
        errno: the PBX's number for the reason.
        refusal: a stable word for why.
    """

    def __init__(self, errno: int) -> None:
        """Keep the number and find its word."""
        self.errno = errno
        self.refusal = REFUSALS.get(errno, "refused")
        super().__init__(f"{self.refusal.replace('_', ' ')} (errno {errno})")


class RefusedError(DeclinedError):
    """The PBX declined a request, and would one like it; the session goes on."""


class InvalidAuthError(DeclinedError):
    """Wrong API user name or password (20003): must never be tried again as is."""

    reason = "invalid_auth"


class LockedOutError(DeclinedError):
    """Five bad logins blocked this machine for 10 minutes (20002)."""

    reason = "locked_out"


class TokenRejectedError(DeclinedError):
    """The session is gone (20004, 20005, 20006): log in again."""

    # It was opened anew and rejected again, as by a PBX that is only starting.
    reason = "not_ready"


# api-v2/api_error_code.html; the 2xxxx block from the same products' v1.1.0 guide.
REFUSALS: Final = {
    10003: "not_supported",
    10004: "parameter_missing",
    10005: "call_unknown",
    10006: "extension_unknown",
    10007: "call_unknown",
    10008: "extension_not_idle",
    10011: "number_unknown",
    10012: "ivr_unknown",
    10013: "queue_unknown",
    10014: "ring_group_unknown",
    10015: "call_not_connected",
    10016: "too_late",
    10017: "extension_not_saved",
    10019: "queue_not_saved",
    10023: "prompt_unknown",
    10024: "no_outbound_permission",
    10025: "too_frequent",
    10026: "sms_trunk_unknown",
    10027: "sms_trunk_busy",
    10028: "number_missing",
    10029: "sms_not_stored",
    10030: "message_empty",
    10031: "number_not_acceptable",
    10032: "password_wrong",
    10110: "conference_unknown",
    20002: "locked_out",
    20003: "invalid_auth",
    20004: "token_unknown",
    20005: "token_missing",
    20006: "token_expired",
    20008: "port_wrong",
    20011: "heartbeat_not_saved",
    20012: "download_link_invalid",
    20014: "recording_unknown",
    20015: "download_address_wrong",
    20016: "voicemail_status_wrong",
    20017: "download_link_invalid",
    20018: "voicemail_unknown",
    20019: "time_wrong",
    20020: "download_link_invalid",
    20021: "no_call_records",
}

TOKEN_REJECTED = frozenset({20004, 20005, 20006})
# api-v2/api_error_code.html: the request did not reach the API service.
NOT_READY = frozenset({20010, 30001, 30003})


def error_for(errno: int) -> PbxError:
    """Return the exception for an `errno` of the PBX."""
    if errno in NOT_READY:
        return NotReadyError(f"the PBX's API service is not ready (errno {errno})")
    if errno in TOKEN_REJECTED:
        return TokenRejectedError(errno)
    if errno == 20002:
        return LockedOutError(errno)
    if errno == 20003:
        return InvalidAuthError(errno)
    return RefusedError(errno)
