"""Whether the base URL that the user gave still leads to this machine."""

from ipaddress import ip_address
import socket
from typing import TypedDict

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store

from ..const import DOMAIN
from .target import BaseUrl

_VERSION = 1


class _Kept(TypedDict):
    """What is kept on disk."""

    base_url: str
    was_own: bool


def _store(hass: HomeAssistant, entry_id: str) -> Store[_Kept]:
    """Return the file of an entry."""
    return Store(hass, _VERSION, f"{DOMAIN}.{entry_id}.address")


async def async_remove_own_address(hass: HomeAssistant, entry_id: str) -> None:
    """Delete what was kept for an entry."""
    await _store(hass, entry_id).async_remove()


class OwnAddress:
    """Tells when this machine lost an address that the PBX reports to.

    A base URL may rightly be another machine's: a router's, a proxy's, that of a
    container's host. Only one that was this machine's and is no longer is wrong.
    """

    def __init__(
        self, hass: HomeAssistant, entry_id: str, base_url: str | None
    ) -> None:
        """Take the base URL, None for the automatic one, which is never wrong."""
        self._hass = hass
        self._store = _store(hass, entry_id)
        self._base_url = base_url
        self._was_own: bool | None = None

    async def async_is_lost(self) -> bool:
        """Look, and tell whether the address was this machine's and is not now."""
        if self._base_url is None:
            return False
        addresses = await self._addresses(BaseUrl.parse(self._base_url).host)
        if not addresses:
            # Nothing is known of a name that cannot be looked up now.
            return False
        if self._was_own is None:
            kept = await self._store.async_load()
            self._was_own = (
                kept is not None
                and kept.get("base_url") == self._base_url
                and kept.get("was_own") is True
            )
        own = any(map(_is_own, addresses))
        if own and not self._was_own:
            self._was_own = True
            await self._store.async_save({"base_url": self._base_url, "was_own": True})
        return self._was_own and not own

    async def _addresses(self, host: str) -> set[str]:
        """Return the addresses of a host, none if they cannot be found out."""
        try:
            return {str(ip_address(host))}
        except ValueError:
            pass
        try:
            found = await self._hass.loop.getaddrinfo(host, None)
        except OSError:
            return set()
        return {str(address[0]) for *_, address in found}


def _is_own(address: str) -> bool:
    """Tell whether an address is one of this machine's, as it is now.

    Home Assistant's own list of adapters is made when it starts.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
