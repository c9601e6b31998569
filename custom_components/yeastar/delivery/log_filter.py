"""Keep webhook ids out of the lines that Home Assistant itself logs about them.

The id is all that a stranger would need to invent calls. Home Assistant's own
webhook component, its view and the web server's access log name it in full, at
debug level for each report and as a warning for each refused one.
"""

import logging
import traceback
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
        """Rewrite the record if it names an id, in its message or its exception.

        An exception of the web server quotes the request that it could not read.
        """
        if (hidden := self._hide(message := record.getMessage())) != message:
            record.msg, record.args = hidden, None
        if record.exc_info:
            trace = "".join(traceback.format_exception(*record.exc_info))
            if (hidden := self._hide(trace)) != trace:
                # Handlers format the exception anew; they print this text as it is.
                record.exc_info, record.exc_text = None, hidden.rstrip("\n")
        return True

    def _hide(self, text: str) -> str:
        """Return a text without the ids in it."""
        for webhook_id in self.ids:
            text = text.replace(webhook_id, "**REDACTED**")
        return text


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
