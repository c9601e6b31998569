"""What Home Assistant can mend itself if the user agrees: pin a new certificate."""

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant

from .const import CONF_FINGERPRINT


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
        """Ask, then pin exactly the certificate that was shown."""
        assert self.data is not None
        entry = self.hass.config_entries.async_get_entry(str(self.data["entry_id"]))
        if entry is None:
            return self.async_abort(reason="entry_removed")
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
