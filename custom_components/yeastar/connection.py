"""Clients for a PBX, and what all clients of one PBX share."""

from collections.abc import Callable, Mapping
import time
from typing import Any, Final

from homeassistant.const import (
    CONF_HOST,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_SSL,
    CONF_USERNAME,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util.hass_dict import HassKey

from .const import CONF_FINGERPRINT
from .pbx.client import Access, YeastarClient
from .pbx.models import EventTarget

# Seconds. Whoever logs out is about to stop, and nobody waits longer for that.
LOGOUT_TIMEOUT: Final = 5

# By host: a lock-out outlives the attempt that found out, and a form that somebody
# fills in must not talk to the PBX while the coordinator does.
_ACCESS: HassKey[dict[str, Access]] = HassKey("yeastar_access")


@callback
def access_to(hass: HomeAssistant, host: str) -> Access:
    """Return what all clients of the PBX at this host share."""
    return hass.data.setdefault(_ACCESS, {}).setdefault(host, Access())


def create_client(
    hass: HomeAssistant,
    data: Mapping[str, Any],
    target: Callable[[str | None], EventTarget],
    access: Access,
) -> YeastarClient:
    """Return a client for what an entry's data or a form say."""
    return YeastarClient(
        async_get_clientsession(hass),
        host=data[CONF_HOST],
        port=data[CONF_PORT],
        use_ssl=data[CONF_SSL],
        username=data[CONF_USERNAME],
        password=data[CONF_PASSWORD],
        fingerprint=data.get(CONF_FINGERPRINT),
        target=target,
        access=access,
        clock=time.monotonic,
    )
