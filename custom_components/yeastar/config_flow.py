"""The way from an address and a password to an entry, and back to a good one."""

from collections.abc import Mapping
import logging
import time
from typing import TYPE_CHECKING, Any, override
from urllib.parse import urlsplit

import voluptuous as vol

from homeassistant.components import webhook
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlowWithReload,
)
from homeassistant.const import (
    CONF_HOST,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_SSL,
    CONF_USERNAME,
    CONF_WEBHOOK_ID,
)
from homeassistant.core import callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.util.ssl import get_default_context

from .connection import access_to, async_close, create_client
from .const import (
    CONF_BASE_URL,
    CONF_CATCH_UP,
    CONF_DOOR_STATIONS,
    CONF_FINGERPRINT,
    CONF_MASK_NUMBERS,
    DEFAULT_PORT,
    DOMAIN,
)
from .delivery.log_filter import async_hide
from .delivery.target import (
    BaseUrl,
    EventTargets,
    automatic_base_url,
    is_host,
    speaks_only_https,
)
from .dialog import about
from .pbx import certificate, queries
from .pbx.certificate import Certificate
from .pbx.errors import LockedOutError, PbxError
from .pbx.models import Device

if TYPE_CHECKING:
    from .coordinator import YeastarConfigEntry

_LOGGER = logging.getLogger(__name__)

_TEXT = TextSelector()
_PASSWORD = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password")
)
_CREDENTIALS = {
    vol.Required(CONF_USERNAME): _TEXT,
    vol.Required(CONF_PASSWORD): _PASSWORD,
}
_USER_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_HOST): _TEXT,
        vol.Required(CONF_PORT, default=DEFAULT_PORT): cv.port,
        vol.Required(CONF_SSL, default=True): BooleanSelector(),
        **_CREDENTIALS,
    }
)
_EVENTS_SCHEMA = vol.Schema({vol.Optional(CONF_BASE_URL): _TEXT})
_REAUTH_SCHEMA = vol.Schema(_CREDENTIALS)
_RECONFIGURE_SCHEMA = _USER_SCHEMA.extend(_EVENTS_SCHEMA.schema)
_OPTIONS_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_MASK_NUMBERS, default=False): BooleanSelector(),
        vol.Required(CONF_CATCH_UP, default=True): BooleanSelector(),
    }
)


class YeastarConfigFlow(ConfigFlow, domain=DOMAIN):
    """Add a PBX, give it new credentials, or move it to another address."""

    VERSION = 1

    def __init__(self) -> None:
        """Start with nothing known."""
        self._data: dict[str, Any] = {}
        self._device: Device | None = None
        self._certificate: Certificate | None = None
        self._confirmed: str | None = None
        self._local_address: str | None = None

    @staticmethod
    @callback
    @override
    def async_get_options_flow(
        config_entry: YeastarConfigEntry,
    ) -> YeastarOptionsFlow:
        """Return the flow for the options."""
        return YeastarOptionsFlow()

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask where the PBX is and who we are to it."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._data = {
                **_with_url_as_host(user_input),
                CONF_FINGERPRINT: None,
                CONF_WEBHOOK_ID: webhook.async_generate_id(),
            }
            errors = await self._async_look()
            if not errors:
                if self._certificate is not None:
                    return await self.async_step_certificate()
                return await self._async_finish_user()
        return self._form("user", _USER_SCHEMA, user_input, errors)

    async def _async_finish_user(self) -> ConfigFlowResult:
        """Log in at a PBX that may be trusted, and go on."""
        if errors := await self._async_log_in():
            return self._form("user", _USER_SCHEMA, self._data, errors)
        self._abort_if_unique_id_configured()
        return await self.async_step_events()

    async def async_step_certificate(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Have somebody look at a certificate that no known authority signed.

        Nothing secret is sent before that, and afterwards only to this certificate.
        """
        assert self._certificate is not None
        if user_input is not None:
            self._confirmed = self._certificate.fingerprint
            self._data[CONF_FINGERPRINT] = self._confirmed
            self._certificate = None
            if self.source == SOURCE_REAUTH:
                return await self._async_finish_reauth()
            if self.source == SOURCE_RECONFIGURE:
                return await self._async_finish_reconfigure()
            return await self._async_finish_user()
        return self.async_show_form(
            step_id="certificate",
            description_placeholders={
                **about(self._certificate),
                "fingerprint": self._certificate.readable_fingerprint,
            },
        )

    async def async_step_events(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask under which address the PBX reaches Home Assistant."""
        errors: dict[str, str] = {}
        if user_input is not None:
            base_url, errors = self._base_url(user_input)
            if not errors:
                assert self._device is not None
                return self.async_create_entry(
                    title=self._device.name or "Yeastar PBX",
                    data={**self._data, CONF_BASE_URL: base_url},
                )
        return self._form(
            "events",
            _EVENTS_SCHEMA,
            user_input,
            errors,
            {"address": automatic_base_url(self.hass, self._local_address)},
        )

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Start over with the credentials, because a login was refused."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for new credentials."""
        entry = self._get_reauth_entry()
        if user_input is not None:
            self._data = {**entry.data, **_trimmed(user_input)}
            if errors := await self._async_look():
                return self._reauth_form(errors)
            if self._certificate is not None:
                return await self.async_step_certificate()
            return await self._async_finish_reauth()
        return self._reauth_form({})

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for everything again; the PBX must stay the same."""
        entry = self._get_reconfigure_entry()
        if user_input is None:
            return self._reconfigure_form(dict(entry.data), {})
        self._data = {**entry.data, **_with_url_as_host(user_input)}
        base_url, errors = self._base_url(user_input)
        self._data[CONF_BASE_URL] = base_url
        if errors := errors or await self._async_look():
            return self._reconfigure_form(user_input, errors)
        if self._certificate is not None:
            return await self.async_step_certificate()
        return await self._async_finish_reconfigure()

    async def _async_finish_reauth(self) -> ConfigFlowResult:
        """Log in with the new credentials and keep them."""
        if errors := await self._async_log_in():
            return self._reauth_form(errors)
        self._abort_if_unique_id_mismatch(reason="wrong_device")
        return self.async_update_reload_and_abort(
            self._get_reauth_entry(), data=self._data
        )

    async def _async_finish_reconfigure(self) -> ConfigFlowResult:
        """Log in at the new address and keep it."""
        if errors := await self._async_log_in():
            return self._reconfigure_form(self._data, errors)
        self._abort_if_unique_id_mismatch(reason="wrong_device")
        return self.async_update_reload_and_abort(
            self._get_reconfigure_entry(), data=self._data
        )

    async def _async_look(self) -> dict[str, str]:
        """Find out whether the certificate is known; nothing secret is sent.

        Afterwards `_certificate` is the one that somebody has to confirm, or None.
        """
        self._certificate = None
        if not is_host(self._data[CONF_HOST]):
            return {"base": "cannot_connect"}
        if not self._data[CONF_SSL]:
            self._data[CONF_FINGERPRINT] = None
            return {}
        host, port = self._data[CONF_HOST], self._data[CONF_PORT]
        try:
            seen = await certificate.inspect(host, port)
            if seen.fingerprint in (self._data[CONF_FINGERPRINT], self._confirmed):
                self._data[CONF_FINGERPRINT] = seen.fingerprint
            elif await certificate.is_trusted(host, port, get_default_context()):
                self._data[CONF_FINGERPRINT] = None
            else:
                self._certificate = seen
        except PbxError as error:
            _LOGGER.warning("The PBX could not be looked at: %s", error)
            return {"base": error.reason}
        return {}

    async def _async_log_in(self) -> dict[str, str]:
        """Log in once, learn which PBX this is, and log out again."""
        data = self._data
        shared = access_to(self.hass, data[CONF_HOST], data[CONF_PORT])
        # Somebody is waiting and may have lifted the lock-out in the PBX.
        access = shared.for_a_person(time.monotonic())
        async_hide(self.hass, data[CONF_WEBHOOK_ID])
        client = create_client(
            self.hass,
            data,
            EventTargets(self.hass, data[CONF_WEBHOOK_ID], data.get(CONF_BASE_URL)),
            access,
        )
        try:
            device = await queries.device(client)
        except LockedOutError as error:
            shared.locked_until = access.locked_until
            return {"base": error.reason}
        except PbxError as error:
            _LOGGER.warning("The PBX could not be logged in to: %s", error)
            return {"base": error.reason}
        except Exception:
            _LOGGER.exception("Unexpected error while logging in")
            return {"base": "unknown"}
        finally:
            await async_close(self.hass, client)
        shared.locked_until = 0
        if client.report_method == "TCP":
            return {"base": "events_over_tcp"}
        self._device = device
        self._local_address = client.local_address
        await self.async_set_unique_id(
            device.serial, raise_on_progress=self.source == SOURCE_USER
        )
        return {}

    def _base_url(
        self, user_input: dict[str, Any]
    ) -> tuple[str | None, dict[str, str]]:
        """Return the base URL that was typed, None for automatic, and errors."""
        typed = (user_input.get(CONF_BASE_URL) or "").strip()
        if not typed:
            if speaks_only_https(self.hass):
                return None, {CONF_BASE_URL: "base_url_required"}
            return None, {}
        try:
            return str(BaseUrl.parse(typed)), {}
        except ValueError:
            return None, {CONF_BASE_URL: "base_url_invalid"}

    def _reauth_form(self, errors: dict[str, str]) -> ConfigFlowResult:
        """Show the form for new credentials."""
        return self._form(
            "reauth_confirm",
            _REAUTH_SCHEMA,
            {CONF_USERNAME: self._get_reauth_entry().data[CONF_USERNAME], **self._data},
            errors,
            {"name": self._get_reauth_entry().title},
        )

    def _reconfigure_form(
        self, values: dict[str, Any], errors: dict[str, str]
    ) -> ConfigFlowResult:
        """Show the form for everything."""
        return self._form("reconfigure", _RECONFIGURE_SCHEMA, values, errors)

    def _form(
        self,
        step_id: str,
        schema: vol.Schema,
        values: Mapping[str, Any] | None,
        errors: dict[str, str],
        placeholders: dict[str, str] | None = None,
    ) -> ConfigFlowResult:
        """Show a form with what was typed before, except the password."""
        shown = {
            key: value
            for key, value in (values or {}).items()
            if key != CONF_PASSWORD and value is not None
        }
        return self.async_show_form(
            step_id=step_id,
            # By its own types Home Assistant wants the library that it serves under
            # the name of voluptuous; the one installed beside it has others.
            data_schema=self.add_suggested_values_to_schema(
                schema,  # type: ignore[arg-type]
                shown,
            ),
            errors=errors,
            description_placeholders=placeholders,
        )


class YeastarOptionsFlow(OptionsFlowWithReload):
    """Change what is shown, what is looked up, and which extensions are at doors."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the options."""
        if user_input is not None:
            if CONF_DOOR_STATIONS in user_input:
                typed = (number.strip() for number in user_input[CONF_DOOR_STATIONS])
                user_input[CONF_DOOR_STATIONS] = list(
                    dict.fromkeys(filter(None, typed))
                )
            return self.async_create_entry(data=user_input)
        schema = _OPTIONS_SCHEMA.extend(
            {vol.Optional(CONF_DOOR_STATIONS): self._extensions()}
        )
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                schema,  # type: ignore[arg-type] # As above.
                self.config_entry.options,
            ),
        )

    def _extensions(self) -> SelectSelector:
        """Return a choice of the extensions; others may be typed.

        While the PBX is away none are known, and those chosen before must stay.
        """
        names: dict[str, str] = {}
        if self.config_entry.state is ConfigEntryState.LOADED:
            board = self.config_entry.runtime_data.switchboard
            names = {
                number: f"{number} {extension.name}".strip()
                for number, extension in board.directory.extensions.items()
            }
        return SelectSelector(
            SelectSelectorConfig(
                options=[
                    SelectOptionDict(value=number, label=name)
                    for number, name in sorted(names.items())
                ],
                multiple=True,
                custom_value=True,
                mode=SelectSelectorMode.DROPDOWN,
            )
        )


def _trimmed(user_input: dict[str, Any]) -> dict[str, Any]:
    """Return the input with the blanks around the user name taken away."""
    return {**user_input, CONF_USERNAME: user_input[CONF_USERNAME].strip()}


def _with_url_as_host(user_input: dict[str, Any]) -> dict[str, Any]:
    """Return the input with a host that was pasted as a URL taken apart."""
    data = {key: value for key, value in user_input.items() if key != CONF_BASE_URL}
    data = _trimmed(data)
    host = data[CONF_HOST].strip()
    if "://" in host:
        try:
            parts = urlsplit(host)
            data[CONF_PORT] = parts.port or data[CONF_PORT]
        except ValueError:
            parts = urlsplit("")
        if parts.scheme in ("http", "https") and parts.hostname:
            data[CONF_SSL] = parts.scheme == "https"
            host = parts.hostname
    data[CONF_HOST] = host.removeprefix("[").removesuffix("]")
    return data
