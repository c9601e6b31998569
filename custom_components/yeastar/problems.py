"""From what went wrong with the PBX to the text that tells the user."""

from .pbx import errors

# The most specific class comes first. The values are keys in the translations,
# of the config flow's errors and of exceptions alike.
_KEYS: tuple[tuple[type[errors.PbxError], str], ...] = (
    (errors.WrongSchemeError, "wrong_scheme"),
    (errors.TlsFailedError, "tls_failed"),
    (errors.CertificateUntrustedError, "certificate_untrusted"),
    (errors.CertificateChangedError, "certificate_changed"),
    (errors.CannotConnectError, "cannot_connect"),
    (errors.NotYeastarError, "not_yeastar"),
    (errors.NotReadyError, "not_ready"),
    (errors.ApiTooOldError, "api_too_old"),
    (errors.InvalidAuthError, "invalid_auth"),
    (errors.LockedOutError, "locked_out"),
    (errors.TokenRejectedError, "not_ready"),
)


def problem_key(error: errors.PbxError) -> str:
    """Return the translation key for an error of the PBX."""
    for kind, key in _KEYS:
        if isinstance(error, kind):
            return key
    return "unknown"
