"""The address that the PBX is told to send its reports to."""

from dataclasses import dataclass
from ipaddress import ip_address
import re
from urllib.parse import urlsplit

from homeassistant.core import HomeAssistant, callback

from ..pbx.models import EventTarget

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """An address under which the PBX reaches Home Assistant, given by the user."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> BaseUrl:
        """Read `http://host:port`; a port that is left out is the scheme's own.

        Raises:
            ValueError: anything else, such as another scheme or a path.
        """
        parts = urlsplit(text.strip())
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        host = parts.hostname or ""
        extras = (parts.username, parts.password, parts.query, parts.fragment)
        if (
            parts.scheme not in _DEFAULT_PORTS
            or parts.path not in ("", "/")
            or any(extras)
            or len(host) > 253
        ):
            raise ValueError("not a base URL")
        if not is_host(host):
            raise ValueError("not the address of a machine")
        return cls(parts.scheme, host, port)

    @property
    def authority(self) -> str:
        """Return `host:port`, the port always there."""
        return f"{_bracketed(self.host)}:{self.port}"

    def __str__(self) -> str:
        """Return it as the user would type it."""
        return f"{self.scheme}://{self.authority}"


class EventTargets:
    """Where the PBX shall report to, at any moment.

    Automatic without a base URL: a path below the address from which we speak
    to the PBX, at Home Assistant's own port. With one: the documented absolute
    form `host:port/path` (s1000:login), with scheme only for https, which the
    documentation does not mention at all.
    """

    def __init__(
        self, hass: HomeAssistant, webhook_id: str, base_url: str | None
    ) -> None:
        """Keep what does not change; `base_url` must be valid or None."""
        self._hass = hass
        self._path = f"api/webhook/{webhook_id}"
        self._base_url = BaseUrl.parse(base_url) if base_url else None

    @callback
    def __call__(self, local_address: str | None) -> EventTarget:
        """Return the target, given our address on the way to the PBX if known."""
        base = self._base_url
        if base is None:
            return EventTarget(
                port=own_port(self._hass),
                url=self._path,
                absolute=False,
                address=local_address,
            )
        scheme = "https://" if base.scheme == "https" else ""
        return EventTarget(
            port=base.port,
            url=f"{scheme}{base.authority}/{self._path}",
            absolute=True,
            address=_address(base.host) or local_address,
        )


@callback
def own_port(hass: HomeAssistant) -> int:
    """Return the port on which Home Assistant itself listens."""
    return hass.http.server_port


@callback
def speaks_only_https(hass: HomeAssistant) -> bool:
    """Tell whether Home Assistant's own port is TLS: no report can come in then."""
    return hass.config.api is not None and hass.config.api.use_ssl


@callback
def automatic_base_url(hass: HomeAssistant, local_address: str | None) -> str:
    """Return the automatic address as the user would type it."""
    scheme = "https" if speaks_only_https(hass) else "http"
    return f"{scheme}://{_bracketed(local_address or '?')}:{own_port(hass)}"


# The name of a network interface; Python takes anything for one.
_ZONE = re.compile(r"[A-Za-z0-9._-]{1,15}")


def is_host(text: str) -> bool:
    """Tell whether this can be the name or the address of a machine."""
    if (address := _address(text)) is None:
        return _HOST_NAME.fullmatch(text) is not None
    return not ip_address(address).is_unspecified


def _address(host: str) -> str | None:
    """Return the host if it is an IP address, else None."""
    _, percent, zone = host.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        return None
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    """Return the host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
