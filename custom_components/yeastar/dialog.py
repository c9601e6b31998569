"""What strangers say, as it may stand in a dialog that is written in Markdown."""

import re
from typing import Final

from .pbx.certificate import Certificate

_UNKNOWN: Final = "?"
# Whatever Markdown, or HTML within it, could take for something else than a letter.
_SIGNS: Final = re.compile(r"([\\`*_\[\]#!|<>&~]|:(?=//))")


def plain(text: str) -> str:
    """Return a text that is shown as what it is."""
    return _SIGNS.sub(r"\\\1", text)


def about(certificate: Certificate) -> dict[str, str]:
    """Return what a certificate says of itself, which need not be true."""
    expires = certificate.expires
    return {
        "subject": plain(certificate.subject) or _UNKNOWN,
        "expires": expires.date().isoformat() if expires else _UNKNOWN,
    }
