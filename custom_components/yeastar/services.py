"""Actions: what Home Assistant can have the PBX do."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
import re
from typing import Any, Final

import voluptuous as vol

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util

from .const import (
    ATTR_AUTO_ANSWER,
    ATTR_CALL_ID,
    ATTR_COUNT,
    ATTR_DIAL_PERMISSION,
    ATTR_DIRECTION,
    ATTR_END,
    ATTR_EXTENSION,
    ATTR_LIMIT,
    ATTR_MESSAGE,
    ATTR_NUMBER,
    ATTR_OFFSET,
    ATTR_OPERATION,
    ATTR_OUTCOME,
    ATTR_PASSWORD,
    ATTR_PROMPTS,
    ATTR_QUEUE,
    ATTR_START,
    ATTR_TRUNK,
    ATTR_VOLUME,
    DOMAIN,
)
from .orders import Handler, Order, guarded, invalid
from .pbx import commands
from .pbx.calls import Direction, Outcome
from .pbx.calls.data import as_dict
from .pbx.calls.parties import (
    Party,
    calls_of_extension,
    parties_of_call,
    party_to_transfer,
)
from .pbx.calls.search import CallSearch, find_calls
from .pbx.commands import AgentOperation
from .pbx.errors import RefusedError
from .pbx.numbers import plain

DEFAULT_SPAN: Final = timedelta(days=1)
# Two requests for each day.
LONGEST_SEARCH: Final = timedelta(days=31)
DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 1000
# Pauses before a change of a queue is tried again that came too soon (10025).
PAUSES: Final = (3.0, 6.0, 12.0)

# call-playprompt.html: at least one letter, no plus; a path would be no name.
_PROMPT = re.compile(r"(?=.*[^\W\d_])[^+/\\\x00-\x1f]{1,64}")


_ENTRY: Final[dict[vol.Marker, Any]] = {vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}
_PERMISSION: Final[dict[vol.Marker, Any]] = {
    vol.Optional(ATTR_DIAL_PERMISSION): cv.string
}
_CALL_OR_EXTENSION: Final[dict[vol.Marker, Any]] = {
    vol.Optional(ATTR_CALL_ID): cv.string,
    vol.Optional(ATTR_EXTENSION): cv.string,
}

type _Fields = dict[vol.Marker, Any]

# What `async_register` registers, by the actions' names.
_ACTIONS: Final[dict[str, tuple[Handler, _Fields, SupportsResponse]]] = {}


def _action(
    name: str, fields: _Fields, response: SupportsResponse
) -> Callable[[Handler], Handler]:
    """Return what makes an action of a handler: its name, fields and answer."""

    def offer(handler: Handler) -> Handler:
        _ACTIONS[name] = (handler, {**_ENTRY, **fields}, response)
        return handler

    return offer


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register all actions."""
    for name, (handler, fields, response) in _ACTIONS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            guarded(hass, handler),
            # See `config_flow`: two libraries share a name, and differ in types only.
            schema=vol.Schema(fields),  # type: ignore[arg-type]
            supports_response=response,
        )


def _call_or_extension(order: Order) -> tuple[str, str | None]:
    """Return the id of a call, or "" and an extension.

    Raises:
        ServiceValidationError: both or none were given.
    """
    call_id, extension = order.get(ATTR_CALL_ID), order.get(ATTR_EXTENSION)
    if bool(call_id) == bool(extension):
        raise invalid("call_or_extension")
    return call_id or "", order.extension() if extension else None


async def _ask_for_parties(order: Order, call_id: str) -> list[Party]:
    """Return who takes part in a call.

    Raises:
        ServiceValidationError: there is no such call.
    """
    parties = await parties_of_call(order.client, order.board.calls, call_id)
    if not parties:
        raise invalid("call_unknown")
    return parties


async def _offered(order: Order) -> str:
    """Return the channel of an offered call.

    Raises:
        ServiceValidationError: there is no such call.
    """
    call_id = order.get(ATTR_CALL_ID)
    if channel := order.board.picture.invitations.get(call_id):
        return channel
    parties = await _ask_for_parties(order, call_id)
    return parties[0].channel


def _moment(given: datetime | None) -> datetime | None:
    """Return a moment that was given in Home Assistant's own time."""
    return dt_util.as_utc(given) if given is not None else None


@_action(
    "dial",
    {
        vol.Required(ATTR_EXTENSION): cv.string,
        vol.Required(ATTR_NUMBER): cv.string,
        vol.Optional(ATTR_AUTO_ANSWER, default=False): cv.boolean,
        **_PERMISSION,
    },
    SupportsResponse.OPTIONAL,
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


@_action(
    "hangup",
    _CALL_OR_EXTENSION,
    SupportsResponse.NONE,
)
async def _hang_up(order: Order) -> ServiceResponse:
    """End a call, or all calls of an extension."""
    call_id, extension = _call_or_extension(order)
    if extension is not None:
        calls = await calls_of_extension(order.client, order.board.calls, extension)
        channels = [p.channel for call in calls for p in call if p.number == extension]
        if not channels:
            raise invalid("extension_not_in_call")
        for channel in channels:
            await commands.hang_up(order.client, channel)
        return None
    parties = await _ask_for_parties(order, call_id)
    for number, party in enumerate(parties):
        try:
            await commands.hang_up(order.client, party.channel)
        except RefusedError as error:
            # With the caller, who comes first, the others have left as well.
            if number == 0 or error.refusal != "call_unknown":
                raise
    return None


@_action(
    "transfer",
    {
        **_CALL_OR_EXTENSION,
        vol.Required(ATTR_NUMBER): cv.string,
        **_PERMISSION,
    },
    SupportsResponse.NONE,
)
async def _transfer(order: Order) -> ServiceResponse:
    """Send a call to somebody else."""
    number, permission = order.number(), order.permission()
    call_id, extension = _call_or_extension(order)
    if extension is not None:
        calls = await calls_of_extension(order.client, order.board.calls, extension)
        if not calls:
            raise invalid("extension_not_in_call")
        if len(calls) > 1:
            raise invalid("several_calls")
        parties = calls[0]
    else:
        parties = await _ask_for_parties(order, call_id)
    party = party_to_transfer(parties, extension)
    if party is None:
        raise invalid("nobody_to_transfer")
    await commands.transfer(
        order.client, party.channel, number, dial_permission=permission
    )
    return None


@_action(
    "accept_inbound",
    {vol.Required(ATTR_CALL_ID): cv.string},
    SupportsResponse.NONE,
)
async def _accept_inbound(order: Order) -> ServiceResponse:
    """Take an offered call."""
    await commands.accept_inbound(order.client, await _offered(order))
    return None


@_action(
    "refuse_inbound",
    {vol.Required(ATTR_CALL_ID): cv.string},
    SupportsResponse.NONE,
)
async def _refuse_inbound(order: Order) -> ServiceResponse:
    """Turn an offered call away."""
    await commands.refuse_inbound(order.client, await _offered(order))
    return None


@_action(
    "play_prompt",
    {
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
    SupportsResponse.OPTIONAL,
)
async def _play_prompt(order: Order) -> ServiceResponse:
    """Call somebody and play recordings."""
    prompts: list[str] = [prompt.strip() for prompt in order.get(ATTR_PROMPTS)]
    if not prompts:
        raise invalid("prompts_missing")
    if not all(map(_PROMPT.fullmatch, prompts)):
        raise invalid("prompt_name")
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


@_action(
    "send_sms",
    {
        vol.Required(ATTR_TRUNK): cv.string,
        vol.Required(ATTR_NUMBER): cv.string,
        vol.Required(ATTR_MESSAGE): cv.string,
    },
    SupportsResponse.OPTIONAL,
)
async def _send_sms(order: Order) -> ServiceResponse:
    """Send a text."""
    message: str = order.get(ATTR_MESSAGE)
    if not message.strip():
        raise invalid("message_empty")
    if len(message) > commands.LONGEST_TEXT:
        raise invalid("message_too_long", longest=str(commands.LONGEST_TEXT))
    sms_id = await commands.send_sms(
        order.client, order.trunk(), order.number(), message
    )
    return {"sms_id": sms_id or None}


@_action(
    "set_queue_agent",
    {
        vol.Required(ATTR_QUEUE): cv.string,
        vol.Required(ATTR_EXTENSION): cv.string,
        vol.Required(ATTR_OPERATION): vol.Coerce(AgentOperation),
        vol.Optional(ATTR_PASSWORD): cv.string,
    },
    SupportsResponse.NONE,
)
async def _set_queue_agent(order: Order) -> ServiceResponse:
    """Log an agent in or out, or pause it; wait while the PBX is at another change."""
    queue, extension = order.queue(), order.extension()
    for pause in (*PAUSES, None):
        try:
            await commands.set_queue_agent(
                order.client,
                queue,
                extension,
                order.get(ATTR_OPERATION),
                password=order.get(ATTR_PASSWORD),
            )
        except RefusedError as error:
            if error.refusal != "too_frequent" or pause is None:
                raise
            await asyncio.sleep(pause)
        else:
            break
    order.coordinator.queues_changed()
    return None


def _number_sought(order: Order) -> str | None:
    """Return a number to look for, which may be written in any way.

    Raises:
        ServiceValidationError: it is no number.
    """
    typed: str | None = order.get(ATTR_NUMBER)
    if not typed:
        return None
    if not (number := plain(typed)):
        raise invalid("number_invalid")
    return number


@_action(
    "get_calls",
    {
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
    SupportsResponse.ONLY,
)
async def _get_calls(order: Order) -> ServiceResponse:
    """Look calls up in the PBX's records."""
    now = dt_util.utcnow()
    end = _moment(order.get(ATTR_END)) or now
    start = _moment(order.get(ATTR_START)) or end - DEFAULT_SPAN
    if start >= end:
        raise invalid("start_after_end")
    if end - start > LONGEST_SEARCH:
        raise invalid("span_too_long", days=str(LONGEST_SEARCH.days))
    search = CallSearch(
        start=start,
        end=end,
        number=_number_sought(order),
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
