"""Triggers for the steps of a call: it rings, is answered, ends, was missed."""

from collections.abc import Callable
from typing import Any, ClassVar, Final, override

import voluptuous as vol

from homeassistant.const import CONF_PATH
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import TriggerActionRunner, TriggerConfig

from ..const import EVENT_CALL
from ..pbx.calls import TERMINAL, Direction, Outcome, Step
from ..switchboard.listeners import Key
from .bus import BusTrigger, schema_of
from .call_filter import (
    CONF_DID_NUMBER,
    CONF_DIRECTION,
    CONF_INCLUDE_LATE,
    CONF_MIN_RING_TIME,
    CONF_NUMBER,
    CONF_OUTCOME,
    CONF_ROLE,
    CallFilter,
    Role,
)

_TEXTS = vol.All(cv.ensure_list, [cv.string])

_CALL_OPTIONS: Final[dict[vol.Marker, Any]] = {
    vol.Optional(CONF_DIRECTION): vol.All(cv.ensure_list, [vol.Coerce(Direction)]),
    vol.Optional(CONF_NUMBER): _TEXTS,
    vol.Optional(CONF_DID_NUMBER): _TEXTS,
    vol.Optional(CONF_PATH): _TEXTS,
}
_OUTCOMES = vol.All(cv.ensure_list, [vol.Coerce(Outcome)])


def _role(default: Role, *others: Role) -> dict[vol.Marker, Any]:
    """Return the option for what a targeted extension does in the call."""
    roles = [Role.ANY, Role.CALLED, Role.CALLER, *others]
    return {
        vol.Required(CONF_ROLE, default=default): vol.All(
            vol.Coerce(Role), vol.In(roles)
        )
    }


class CallTrigger(BusTrigger):
    """A step of a call.

    `trigger.call` is the call as in the bus event `yeastar_call`.
    """

    _event = EVENT_CALL
    _steps: ClassVar[frozenset[Step]]
    _happened: ClassVar[str]

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take target and options."""
        super().__init__(hass, config)
        self._filter = CallFilter(self._options)

    @override
    @callback
    def _hear(
        self,
        event: Event,
        parties: set[Key],
        run_action: TriggerActionRunner,
        reject: Callable[[str, Context], None],
    ) -> None:
        """Run the action for a step of a call that is meant."""
        call = event.data
        if call.get("type") not in self._steps:
            return
        if not self._filter.concerns(call, parties):
            return
        if (option := self._filter.objection(call)) is not None:
            reject(option, event.context)
            return
        _ = run_action({"call": dict(call)}, self._happened, event.context)


class CallStartedRingingTrigger(CallTrigger):
    """Somebody's phone began to ring."""

    _steps = frozenset({Step.RINGING})
    _happened = "a call that started ringing"
    _schema = schema_of({**_CALL_OPTIONS, **_role(Role.ANY)})


class CallAnsweredTrigger(CallTrigger):
    """Somebody answered a call."""

    _steps = frozenset({Step.ANSWERED})
    _happened = "a call that was answered"
    _schema = schema_of({**_CALL_OPTIONS, **_role(Role.ANY, Role.ANSWERED)})


class CallEndedTrigger(CallTrigger):
    """A call is over, in whatever way.

    Whoever mutes the television when a call starts ringing needs it back when
    nobody answered, too; so this is more than the step `ended`.
    """

    _steps = TERMINAL
    _happened = "a call that ended"
    _schema = schema_of(
        {
            **_CALL_OPTIONS,
            **_role(Role.ANY, Role.ANSWERED),
            vol.Optional(CONF_OUTCOME): _OUTCOMES,
            vol.Optional(CONF_INCLUDE_LATE, default=False): cv.boolean,
        }
    )


class CallMissedTrigger(CallTrigger):
    """Nobody answered a call from outside or inside.

    Who called in vain did not miss the call; so by default only those count who
    were called.
    """

    _steps = frozenset({Step.MISSED})
    _happened = "a call that was missed"
    _schema = schema_of(
        {
            **_CALL_OPTIONS,
            **_role(Role.CALLED),
            vol.Optional(CONF_OUTCOME): _OUTCOMES,
            vol.Optional(CONF_MIN_RING_TIME): cv.positive_time_period,
            vol.Optional(CONF_INCLUDE_LATE, default=False): cv.boolean,
        }
    )
