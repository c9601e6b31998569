"""Clients for a PBX, and what all clients of one PBX share."""

import asyncio
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

# By host and port: a lock-out and a refused password outlive the attempt that found
# out, and a form that somebody fills in must not talk to the PBX while the coordinator
# does.
_ACCESS: HassKey[dict[tuple[str, int], Access]] = HassKey("yeastar_access")


@callback
def access_to(hass: HomeAssistant, host: str, port: int) -> Access:
    """Return what all clients of the API at this host and port share."""
    return hass.data.setdefault(_ACCESS, {}).setdefault((host, port), Access())


async def async_close(hass: HomeAssistant, client: YeastarClient) -> None:
    """Wait for a client's last logout, not for long; it goes on if that is too short.

    Also if whoever waits is cancelled: else a session stays that nobody closes.
    """
    task = hass.async_create_background_task(client.close(), "yeastar logout")
    await asyncio.wait({task}, timeout=LOGOUT_TIMEOUT)


def create_client(
    hass: HomeAssistant,
    data: Mapping[str, Any],
    target: Callable[[str | None], EventTarget],
    access: Access,
    serial: str | None = None,
) -> YeastarClient:
    """Return a client for what an entry's data or a form say.

    Args:
        hass: Home Assistant.
        data: of the entry or the form.
        target: see `YeastarClient`.
        access: see `access_to`.
        serial: of the PBX that has to answer, None for any.
    """
    return YeastarClient(
        async_get_clientsession(hass),
        host=data[CONF_HOST],
        port=data[CONF_PORT],
        use_ssl=data[CONF_SSL],
        username=data[CONF_USERNAME],
        password=data[CONF_PASSWORD],
        fingerprint=data.get(CONF_FINGERPRINT),
        target=target,
        serial=serial,
        access=access,
        clock=time.monotonic,
    )
