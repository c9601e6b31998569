"""What only the user can mend, told under Repairs for as long as it lasts."""

from collections.abc import Mapping
from enum import StrEnum

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN


class Notice(StrEnum):
    """Everything that is told, by its key in the translations."""

    ADDRESS_LOST = "address_lost"
    API_TOO_OLD = "api_too_old"
    CERTIFICATE_CHANGED = "certificate_changed"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    DELIVERY_FAILING = "delivery_failing"
    EVENTS_OVER_TCP = "events_over_tcp"
    LOCKED_OUT = "locked_out"


# Those that Home Assistant can mend itself if the user agrees (see repairs.py).
FIXABLE = frozenset({Notice.CERTIFICATE_CHANGED, Notice.CERTIFICATE_UNTRUSTED})
# Those that a connection disproves.
OF_CONNECTION = (
    Notice.API_TOO_OLD,
    Notice.CERTIFICATE_CHANGED,
    Notice.CERTIFICATE_UNTRUSTED,
    Notice.LOCKED_OUT,
)


class Notices:
    """The notices of one PBX."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Tell nothing yet; what was told before a retry stays."""
        self._hass = hass
        self._entry = entry

    @callback
    def show(
        self,
        notice: Notice,
        placeholders: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> None:
        """Tell something, or tell it with other details.

        Args:
            notice: what.
            placeholders: for its text; nothing secret.
            data: for the flow that mends it.
        """
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            _issue_id(notice, self._entry.entry_id),
            is_fixable=notice in FIXABLE,
            severity=ir.IssueSeverity.ERROR
            if notice in OF_CONNECTION
            else ir.IssueSeverity.WARNING,
            translation_key=notice,
            translation_placeholders={
                "name": self._entry.title,
                **(placeholders or {}),
            },
            data={"entry_id": self._entry.entry_id, **data} if data else None,
        )

    @callback
    def hide(self, *notices: Notice) -> None:
        """Take notices back; those that are not shown do not matter."""
        hide(self._hass, self._entry.entry_id, *notices)


@callback
def hide(hass: HomeAssistant, entry_id: str, *notices: Notice) -> None:
    """Take notices of an entry back, all of them if none is named."""
    for notice in notices or Notice:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(notice, entry_id))


def _issue_id(notice: Notice, entry_id: str) -> str:
    """Return the id of an issue."""
    return f"{notice}_{entry_id}"
