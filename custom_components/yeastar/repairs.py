"""What only the user can mend, in plain words, for as long as it lasts."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import CONF_BASE_URL, DOMAIN


@callback
def tell_of_failing_delivery(
    hass: HomeAssistant, entry: ConfigEntry, automatic: str
) -> None:
    """Say that reports do not arrive, and to which address the PBX sends them.

    Args:
        hass: Home Assistant.
        entry: of the PBX.
        automatic: the address that is used when none is given; without the secret
            part of the webhook, as everything that is shown.
    """
    ir.async_create_issue(
        hass,
        DOMAIN,
        _delivery(entry),
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key="delivery_failing",
        translation_placeholders={
            "name": entry.title,
            "address": entry.data.get(CONF_BASE_URL) or automatic,
        },
    )


@callback
def delivery_works(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Take the issue back."""
    ir.async_delete_issue(hass, DOMAIN, _delivery(entry))


def _delivery(entry: ConfigEntry) -> str:
    return f"delivery_failing_{entry.entry_id}"
