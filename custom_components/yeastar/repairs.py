"""What only the user can mend: told under Repairs for as long as it lasts, and mended.

Home Assistant mends one thing itself if the user agrees: it pins a new certificate.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
import logging
import math

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import CONF_FINGERPRINT, DOMAIN
from .dialog import about
from .pbx import certificate
from .pbx.errors import (
    ApiTooOldError,
    CertificateChangedError,
    CertificateUntrustedError,
    LockedOutError,
    PbxError,
    SessionContestedError,
)

_LOGGER = logging.getLogger(__name__)


class Notice(StrEnum):
    """Everything that is told, by its key in the translations."""

    ADDRESS_LOST = "address_lost"
    API_TOO_OLD = "api_too_old"
    CERTIFICATE_CHANGED = "certificate_changed"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    DELIVERY_FAILING = "delivery_failing"
    EVENTS_OVER_TCP = "events_over_tcp"
    LOCKED_OUT = "locked_out"
    SESSION_CONTESTED = "session_contested"


# Those that Home Assistant can mend itself if the user agrees.
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

    async def show_error(self, error: PbxError, locked_for: float) -> None:
        """Tell of an error that does not mend itself; of others, nothing.

        Args:
            error: why the PBX cannot be talked to.
            locked_for: how many seconds until it accepts a login again.
        """
        match error:
            case LockedOutError():
                until = dt_util.now() + timedelta(seconds=locked_for)
                self.show(
                    Notice.LOCKED_OUT,
                    {
                        "minutes": str(max(1, math.ceil(locked_for / 60))),
                        "until": f"{until:%H:%M}",
                    },
                )
            case CertificateChangedError() | CertificateUntrustedError():
                await self._show_certificate()
            case ApiTooOldError():
                self.show(Notice.API_TOO_OLD)
            case SessionContestedError():
                self.show(Notice.SESSION_CONTESTED)

    async def _show_certificate(self) -> None:
        """Show the certificate that is there now beside the one that was."""
        data = self._entry.data
        try:
            seen = await certificate.inspect(data[CONF_HOST], data[CONF_PORT])
        except PbxError as error:
            _LOGGER.debug("The new certificate cannot be read: %s", error)
            return
        old = data.get(CONF_FINGERPRINT)
        self.show(
            Notice.CERTIFICATE_CHANGED if old else Notice.CERTIFICATE_UNTRUSTED,
            data={
                "old": certificate.readable(old) if old else "",
                "new": seen.readable_fingerprint,
                **about(seen),
                CONF_FINGERPRINT: seen.fingerprint,
            },
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


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that mends an issue; only certificates can be mended."""
    return CertificateFlow()


class CertificateFlow(RepairsFlow):
    """Show the old and the new fingerprint, and pin the new one."""

    async def async_step_init(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Begin with the question."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask, then pin exactly the certificate that was shown.

        If another one is shown by now, it is that one that has to be looked at; if the
        PBX can be talked to again, there is nothing to pin.
        """
        assert self.data is not None
        entry = self.hass.config_entries.async_get_entry(str(self.data["entry_id"]))
        if entry is None:
            return self.async_abort(reason="entry_removed")
        offer = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        if offer is None or offer.data is None:
            return self.async_abort(reason="no_longer_offered")
        if offer.data[CONF_FINGERPRINT] != self.data[CONF_FINGERPRINT]:
            self.data = offer.data
            user_input = None
        if user_input is None:
            return self.async_show_form(
                step_id="confirm",
                description_placeholders={
                    key: str(value)
                    for key, value in self.data.items()
                    if key != "entry_id"
                }
                | {"name": entry.title},
            )
        self.hass.config_entries.async_update_entry(
            entry, data={**entry.data, CONF_FINGERPRINT: self.data[CONF_FINGERPRINT]}
        )
        self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return self.async_create_entry(data={})
