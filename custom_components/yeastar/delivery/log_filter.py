"""Keep webhook ids out of the lines that Home Assistant itself logs about them.

The id is all that a stranger would need to invent calls. Home Assistant's own
webhook component, its view and the web server's access log name it in full, at
debug level for each report and as a warning for each refused one.
"""

import logging
from typing import override

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

_LOGGERS = (
    "aiohttp.access",
    "aiohttp.server",
    "homeassistant.components.http.ban",
    "homeassistant.components.http.security_filter",
    "homeassistant.components.webhook",
    "homeassistant.helpers.http",
)


class _WebhookIdFilter(logging.Filter):
    """Replace ids in a record before any handler sees it; drop nothing."""

    def __init__(self) -> None:
        """Start with no id to hide."""
        super().__init__()
        self.ids: set[str] = set()

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record if it names an id."""
        message = record.getMessage()
        for webhook_id in self.ids:
            if webhook_id in message:
                message = message.replace(webhook_id, "**REDACTED**")
                record.msg, record.args = message, None
        return True


_DATA: HassKey[_WebhookIdFilter] = HassKey("yeastar_log_privacy")


@callback
def async_hide(hass: HomeAssistant, webhook_id: str) -> None:
    """Keep this id out of the log until Home Assistant stops.

    Not only until it is unregistered: the PBX may go on sending for a while.
    """
    if (id_filter := hass.data.get(_DATA)) is None:
        id_filter = hass.data[_DATA] = _WebhookIdFilter()
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(id_filter)
    id_filter.ids.add(webhook_id)
