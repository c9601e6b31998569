"""Actions: what Home Assistant can have the PBX do."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
import re
from typing import Any, Final

import voluptuous as vol

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.service import async_get_config_entry
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import YeastarConfigEntry, YeastarCoordinator
from .pbx import commands
from .pbx.calls.data import as_dict
from .pbx.calls.parties import (
    Party,
    calls_of_extension,
    parties_of_call,
    party_to_transfer,
)
from .pbx.calls.search import CallSearch, find_calls
from .pbx.calls.tracker import Direction, Outcome
from .pbx.commands import AgentOperation
from .pbx.errors import InvalidAuthError, PbxError, RefusedError
from .problems import problem_key
from .switchboard.devices import EXTENSION, QUEUE, TRUNK, identifier

ATTR_AUTO_ANSWER: Final = "auto_answer"
ATTR_CALL_ID: Final = "call_id"
ATTR_COUNT: Final = "count"
ATTR_DIAL_PERMISSION: Final = "dial_permission"
ATTR_DIRECTION: Final = "direction"
ATTR_END: Final = "end"
ATTR_EXTENSION: Final = "extension"
ATTR_LIMIT: Final = "limit"
ATTR_MESSAGE: Final = "message"
ATTR_NUMBER: Final = "number"
ATTR_OFFSET: Final = "offset"
ATTR_OPERATION: Final = "operation"
ATTR_OUTCOME: Final = "outcome"
ATTR_PASSWORD: Final = "password"
ATTR_PROMPTS: Final = "prompts"
ATTR_QUEUE: Final = "queue"
ATTR_START: Final = "start"
ATTR_TRUNK: Final = "trunk"
ATTR_VOLUME: Final = "volume"

DEFAULT_SPAN: Final = timedelta(days=1)
# Two requests for each day.
LONGEST_SPAN: Final = timedelta(days=31)
DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 1000
# Pauses before a change of a queue is tried again that came too soon (10025).
PATIENCE: Final = (3.0, 6.0, 12.0)

# People write numbers with these in between.
_FORMATTING = re.compile(r"[\s().\-/]")
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
# call-playprompt.html: at least one letter, no plus; a path would be no name.
_PROMPT = re.compile(r"(?=.*[^\W\d_])[^+/\\\x00-\x1f]{1,64}")

# What is said of these elsewhere ends in that it is tried again by itself.
_OWN_WORDS: Final = {"cannot_connect", "locked_out", "not_ready", "not_yeastar"}
# Reasons of the PBX that an action can meet, each with its own text.
_REFUSALS: Final = {
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

_ENTRY: Final[dict[vol.Marker, Any]] = {vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}
_PERMISSION: Final[dict[vol.Marker, Any]] = {
    vol.Optional(ATTR_DIAL_PERMISSION): cv.string
}
_CALL_OR_EXTENSION: Final[dict[vol.Marker, Any]] = {
    vol.Optional(ATTR_CALL_ID): cv.string,
    vol.Optional(ATTR_EXTENSION): cv.string,
}
_SCHEMAS: Final[dict[str, dict[vol.Marker, Any]]] = {
    "dial": {
        vol.Required(ATTR_EXTENSION): cv.string,
        vol.Required(ATTR_NUMBER): cv.string,
        vol.Optional(ATTR_AUTO_ANSWER, default=False): cv.boolean,
        **_PERMISSION,
    },
    "hangup": _CALL_OR_EXTENSION,
    "transfer": {
        **_CALL_OR_EXTENSION,
        vol.Required(ATTR_NUMBER): cv.string,
        **_PERMISSION,
    },
    "accept_inbound": {vol.Required(ATTR_CALL_ID): cv.string},
    "refuse_inbound": {vol.Required(ATTR_CALL_ID): cv.string},
    "play_prompt": {
        vol.Required(ATTR_NUMBER): cv.string,
        vol.Required(ATTR_PROMPTS): vol.All(cv.ensure_list, [cv.string]),
        vol.Optional(ATTR_COUNT): vol.All(
            vol.Coerce(int), vol.Range(min=1, max=commands.MOST_REPEATS)
        ),
        vol.Optional(ATTR_VOLUME): vol.All(
            vol.Coerce(int), vol.Range(min=0, max=commands.LOUDEST)
        ),
        vol.Optional(ATTR_AUTO_ANSWER, default=False): cv.boolean,
        **_PERMISSION,
    },
    "send_sms": {
        vol.Required(ATTR_TRUNK): cv.string,
        vol.Required(ATTR_NUMBER): cv.string,
        vol.Required(ATTR_MESSAGE): cv.string,
    },
    "set_queue_agent": {
        vol.Required(ATTR_QUEUE): cv.string,
        vol.Required(ATTR_EXTENSION): cv.string,
        vol.Required(ATTR_OPERATION): vol.Coerce(AgentOperation),
        vol.Optional(ATTR_PASSWORD): cv.string,
    },
    "get_calls": {
        vol.Optional(ATTR_START): cv.datetime,
        vol.Optional(ATTR_END): cv.datetime,
        vol.Optional(ATTR_NUMBER): cv.string,
        vol.Optional(ATTR_EXTENSION): cv.string,
        vol.Optional(ATTR_DIRECTION): vol.Coerce(Direction),
        vol.Optional(ATTR_OUTCOME): vol.Coerce(Outcome),
        vol.Optional(ATTR_LIMIT, default=DEFAULT_LIMIT): vol.All(
            vol.Coerce(int), vol.Range(min=1, max=LARGEST_LIMIT)
        ),
        vol.Optional(ATTR_OFFSET, default=0): vol.All(
            vol.Coerce(int), vol.Range(min=0)
        ),
    },
}


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register all actions."""
    for name, (handler, response) in _HANDLERS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            _guarded(hass, handler),
            schema=vol.Schema({**_ENTRY, **_SCHEMAS[name]}),
            supports_response=response,
        )


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
            raise _invalid("number_invalid")
        return plain

    def extension(self, key: str = ATTR_EXTENSION) -> str:
        """Return the number of an extension that the PBX has.

        Raises:
            ServiceValidationError: it has none like this.
        """
        found = self._named(key, EXTENSION)
        if found not in self.board.directory.extensions:
            raise _invalid("extension_unknown")
        return found

    def queue(self) -> str:
        """Return the number of a queue that the PBX has.

        Raises:
            ServiceValidationError: it has none like this.
        """
        found = self._named(ATTR_QUEUE, QUEUE)
        if found not in self.board.directory.queues:
            raise _invalid("queue_unknown")
        return found

    def trunk(self) -> str:
        """Return the name of a trunk that the PBX has.

        Raises:
            ServiceValidationError: it has none like this.
        """
        found = self._named(ATTR_TRUNK, TRUNK)
        if found not in self.board.picture.trunks:
            raise _invalid("trunk_unknown")
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
        raise _invalid(f"not_of_this_pbx_{kind}")


type Handler = Callable[[Order], Coroutine[Any, Any, ServiceResponse]]


def _guarded(
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
    key, placeholders = problem_key(error), None
    if key in _OWN_WORDS:
        key = f"action_{key}"
    elif key == "unknown" and isinstance(error, RefusedError):
        key = f"refused_{error.reason if error.reason in _REFUSALS else 'refused'}"
        if key == "refused_refused":
            placeholders = {"reason": str(error.errno)}
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=placeholders,
    )


def _invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Return what to tell about wrong input, without quoting it."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=f"invalid_{key}",
        translation_placeholders=placeholders or None,
    )


async def _dial(order: Order) -> ServiceResponse:
    """Have an extension call a number."""
    call_id = await commands.dial(
        order.client,
        order.extension(),
        order.number(),
        auto_answer=order.get(ATTR_AUTO_ANSWER),
        dial_permission=order.permission(),
    )
    return {"call_id": call_id or None}


async def _hang_up(order: Order) -> ServiceResponse:
    """End a call, or all calls of an extension."""
    call_id, extension = _call_or_extension(order)
    if extension is not None:
        calls = await calls_of_extension(order.client, order.board.calls, extension)
        channels = [p.channel for call in calls for p in call if p.number == extension]
        if not channels:
            raise _invalid("extension_not_in_call")
        for channel in channels:
            await commands.hang_up(order.client, channel)
        return None
    parties = await _parties(order, call_id)
    for number, party in enumerate(parties):
        try:
            await commands.hang_up(order.client, party.channel)
        except RefusedError as error:
            # With the caller, who comes first, the others have left as well.
            if number == 0 or error.reason != "call_unknown":
                raise
    return None


async def _transfer(order: Order) -> ServiceResponse:
    """Send a call to somebody else."""
    number, permission = order.number(), order.permission()
    call_id, extension = _call_or_extension(order)
    if extension is not None:
        calls = await calls_of_extension(order.client, order.board.calls, extension)
        if not calls:
            raise _invalid("extension_not_in_call")
        if len(calls) > 1:
            raise _invalid("several_calls")
        parties = calls[0]
    else:
        parties = await _parties(order, call_id)
    party = party_to_transfer(parties, extension)
    if party is None:
        raise _invalid("nobody_to_transfer")
    await commands.transfer(
        order.client, party.channel, number, dial_permission=permission
    )
    return None


async def _accept_inbound(order: Order) -> ServiceResponse:
    """Take an offered call."""
    await commands.accept_inbound(order.client, await _offered(order))
    return None


async def _refuse_inbound(order: Order) -> ServiceResponse:
    """Turn an offered call away."""
    await commands.refuse_inbound(order.client, await _offered(order))
    return None


async def _play_prompt(order: Order) -> ServiceResponse:
    """Call somebody and play recordings."""
    prompts: list[str] = [prompt.strip() for prompt in order.get(ATTR_PROMPTS)]
    if not prompts:
        raise _invalid("prompts_missing")
    if not all(map(_PROMPT.fullmatch, prompts)):
        raise _invalid("prompt_name")
    call_id = await commands.play_prompt(
        order.client,
        order.number(),
        prompts,
        count=order.get(ATTR_COUNT),
        volume=order.get(ATTR_VOLUME),
        auto_answer=order.get(ATTR_AUTO_ANSWER),
        dial_permission=order.permission(),
    )
    return {"call_id": call_id or None}


async def _send_sms(order: Order) -> ServiceResponse:
    """Send a text."""
    message: str = order.get(ATTR_MESSAGE)
    if not message.strip():
        raise _invalid("message_empty")
    if len(message) > commands.LONGEST_TEXT:
        raise _invalid("message_too_long", longest=str(commands.LONGEST_TEXT))
    sms_id = await commands.send_sms(
        order.client, order.trunk(), order.number(), message
    )
    return {"sms_id": sms_id or None}


async def _set_queue_agent(order: Order) -> ServiceResponse:
    """Log an agent in or out, or pause it; wait while the PBX is at another change."""
    queue, extension = order.queue(), order.extension()
    for pause in (*PATIENCE, None):
        try:
            await commands.set_queue_agent(
                order.client,
                queue,
                extension,
                order.get(ATTR_OPERATION),
                password=order.get(ATTR_PASSWORD),
            )
        except RefusedError as error:
            if error.reason != "too_frequent" or pause is None:
                raise
            await asyncio.sleep(pause)
        else:
            break
    order.coordinator.queues_changed()
    return None


async def _get_calls(order: Order) -> ServiceResponse:
    """Look calls up in the PBX's records."""
    now = dt_util.utcnow()
    end = _moment(order.get(ATTR_END)) or now
    start = _moment(order.get(ATTR_START)) or end - DEFAULT_SPAN
    if start >= end:
        raise _invalid("start_after_end")
    if end - start > LONGEST_SPAN:
        raise _invalid("span_too_long", days=str(LONGEST_SPAN.days))
    search = CallSearch(
        start=start,
        end=end,
        number=order.number() if order.get(ATTR_NUMBER) else None,
        extension=order.extension() if order.get(ATTR_EXTENSION) else None,
        direction=order.get(ATTR_DIRECTION),
        outcome=order.get(ATTR_OUTCOME),
    )
    found = await find_calls(
        order.client, order.board.directory, order.coordinator.clock, search
    )
    offset = order.get(ATTR_OFFSET)
    page = found[offset : offset + order.get(ATTR_LIMIT)]
    return {
        "calls": [as_dict(order.board.shown(call)) for call in page],
        "total": len(found),
    }


def _call_or_extension(order: Order) -> tuple[str, str | None]:
    """Return the id of a call, or "" and an extension.

    Raises:
        ServiceValidationError: both or none were given.
    """
    call_id, extension = order.get(ATTR_CALL_ID), order.get(ATTR_EXTENSION)
    if bool(call_id) == bool(extension):
        raise _invalid("call_or_extension")
    return call_id or "", order.extension() if extension else None


async def _parties(order: Order, call_id: str) -> list[Party]:
    """Return who takes part in a call.

    Raises:
        ServiceValidationError: there is no such call.
    """
    parties = await parties_of_call(order.client, order.board.calls, call_id)
    if not parties:
        raise _invalid("call_unknown")
    return parties


async def _offered(order: Order) -> str:
    """Return the channel of an offered call.

    Raises:
        ServiceValidationError: there is no such call.
    """
    call_id = order.get(ATTR_CALL_ID)
    if channel := order.board.picture.invitations.get(call_id):
        return channel
    parties = await _parties(order, call_id)
    return parties[0].channel


def _moment(given: datetime | None) -> datetime | None:
    """Return a moment that was given in Home Assistant's own time."""
    return dt_util.as_utc(given) if given is not None else None


_HANDLERS: Final[dict[str, tuple[Handler, SupportsResponse]]] = {
    "dial": (_dial, SupportsResponse.OPTIONAL),
    "hangup": (_hang_up, SupportsResponse.NONE),
    "transfer": (_transfer, SupportsResponse.NONE),
    "accept_inbound": (_accept_inbound, SupportsResponse.NONE),
    "refuse_inbound": (_refuse_inbound, SupportsResponse.NONE),
    "play_prompt": (_play_prompt, SupportsResponse.OPTIONAL),
    "send_sms": (_send_sms, SupportsResponse.OPTIONAL),
    "set_queue_agent": (_set_queue_agent, SupportsResponse.NONE),
    "get_calls": (_get_calls, SupportsResponse.ONLY),
}
