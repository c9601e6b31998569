"""Who and what an action is about, and why it cannot be done, in words."""

from collections.abc import Callable, Coroutine
import re
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.service import async_get_config_entry

from .const import (
    ATTR_DIAL_PERMISSION,
    ATTR_EXTENSION,
    ATTR_NUMBER,
    ATTR_QUEUE,
    ATTR_TRUNK,
    DOMAIN,
)
from .coordinator import YeastarConfigEntry, YeastarCoordinator
from .pbx.errors import InvalidAuthError, PbxError, RefusedError
from .switchboard.devices import EXTENSION, QUEUE, TRUNK, identifier

# People write numbers with these in between.
_FORMATTING = re.compile(r"[\s().\-/]")
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
# What is said of these elsewhere ends in that it is tried again by itself.
_OWN_WORDS: Final = {"cannot_connect", "locked_out", "not_ready", "not_yeastar"}
# Reasons of the PBX that an action can meet, each with its own text.
REFUSED_WITH_TEXT: Final = {
    "call_not_connected",
    "call_unknown",
    "extension_not_idle",
    "extension_unknown",
    "ivr_unknown",
    "message_empty",
    "no_call_records",
    "no_outbound_permission",
    "not_supported",
    "number_missing",
    "number_not_acceptable",
    "number_unknown",
    "parameter_missing",
    "password_wrong",
    "prompt_unknown",
    "queue_not_saved",
    "queue_unknown",
    "ring_group_unknown",
    "sms_not_stored",
    "sms_trunk_busy",
    "sms_trunk_unknown",
    "time_wrong",
    "too_frequent",
    "too_late",
}


class Order:
    """One call of an action: which PBX, and with what.

    Attributes:
        coordinator: of the PBX.
    """

    def __init__(self, hass: HomeAssistant, call: ServiceCall) -> None:
        """Find the PBX.

        Raises:
            ServiceValidationError: there is none like this, or it is not loaded.
        """
        self._hass = hass
        self._data = call.data
        entry: YeastarConfigEntry = async_get_config_entry(
            hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID)
        )
        assert entry.state is ConfigEntryState.LOADED
        self.coordinator: YeastarCoordinator = entry.runtime_data
        self.client = self.coordinator.client
        self.board = self.coordinator.switchboard

    def get(self, key: str) -> Any:
        """Return what was given for a field, None if nothing."""
        return self._data.get(key)

    def number(self, key: str = ATTR_NUMBER) -> str:
        """Return a phone number without its formatting.

        Raises:
            ServiceValidationError: it is none.
        """
        plain = _FORMATTING.sub("", self._data[key])
        if not _NUMBER.fullmatch(plain):
            raise invalid("number_invalid")
        return plain

    def extension(self, key: str = ATTR_EXTENSION) -> str:
        """Return the number of an extension that the PBX has.

        Raises:
            ServiceValidationError: it has none like this.
        """
        found = self._named(key, EXTENSION)
        if found not in self.board.directory.extensions:
            raise invalid("extension_unknown")
        return found

    def queue(self) -> str:
        """Return the number of a queue that the PBX has.

        Raises:
            ServiceValidationError: it has none like this.
        """
        found = self._named(ATTR_QUEUE, QUEUE)
        if found not in self.board.directory.queues:
            raise invalid("queue_unknown")
        return found

    def trunk(self) -> str:
        """Return the name of a trunk that the PBX has.

        Raises:
            ServiceValidationError: it has none like this.
        """
        found = self._named(ATTR_TRUNK, TRUNK)
        if found not in self.board.picture.trunks:
            raise invalid("trunk_unknown")
        return found

    def permission(self) -> str | None:
        """Return whose outbound permission counts, None for nobody's in particular."""
        if not self.get(ATTR_DIAL_PERMISSION):
            return None
        return self.extension(ATTR_DIAL_PERMISSION)

    def _named(self, key: str, kind: str) -> str:
        """Return a number or a name, also of what was picked as a device."""
        given: str = self._data[key].strip()
        device = dr.async_get(self._hass).async_get(given)
        if device is None:
            return given
        prefix = identifier(self.coordinator.serial, kind, "")[1]
        for domain, name in device.identifiers:
            if domain == DOMAIN and name.startswith(prefix):
                return name.removeprefix(prefix)
        raise invalid(f"not_of_this_pbx_{kind}")


type Handler = Callable[[Order], Coroutine[Any, Any, ServiceResponse]]


def guarded(
    hass: HomeAssistant, handler: Handler
) -> Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]:
    """Return a handler whose errors of the PBX are told in words."""

    async def handle(call: ServiceCall) -> ServiceResponse:
        order = Order(hass, call)
        try:
            return await handler(order)
        except PbxError as error:
            if isinstance(error, InvalidAuthError):
                # Have the user asked for the password, as any other refusal does.
                order.coordinator.check_now()
            raise _failed(error) from error

    return handle


def _failed(error: PbxError) -> HomeAssistantError:
    """Return what to tell about an error of the PBX; never the bare errno."""
    key, placeholders = error.reason, None
    if key in _OWN_WORDS:
        key = f"action_{key}"
    elif key == "unknown" and isinstance(error, RefusedError):
        known = error.refusal in REFUSED_WITH_TEXT
        key = f"refused_{error.refusal if known else 'refused'}"
        if key == "refused_refused":
            placeholders = {"reason": str(error.errno)}
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Return what to tell about wrong input, without quoting it."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=f"invalid_{key}",
        translation_placeholders=placeholders or None,
    )
