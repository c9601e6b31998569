"""Triggers for the steps of a call: it rings, is answered, ends, was missed."""

from collections import OrderedDict
from typing import Any, ClassVar, Final, override

import voluptuous as vol

from homeassistant.const import CONF_PATH
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import TriggerActionRunner, TriggerConfig

from ..pbx.calls import TERMINAL, Direction, Outcome, Step
from ..switchboard.call_news import CallNews, listen_to_call_news
from ..switchboard.listeners import PBX, Key, extension_key, queue_key
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
from .party import PartyTrigger, Reject, schema_of

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


# A trigger runs once for a call; this many calls are never going on at once.
_MOST_CALLS: Final = 256


class CallTrigger(PartyTrigger):
    """A step of a call, as somebody in the target hears it, once for each call.

    `trigger.call` is the call as in the bus event `yeastar_call`.
    """

    _steps: ClassVar[frozenset[Step]]
    _happened: ClassVar[str]

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take target and options."""
        super().__init__(hass, config)
        self._filter = CallFilter(self._options)
        # The calls that it ran for, or the last reason why it did not.
        self._calls: OrderedDict[str, str | None] = OrderedDict()

    @override
    def _listen(self, run_action: TriggerActionRunner, reject: Reject) -> CALLBACK_TYPE:
        """Run the action for a step of a call that is meant."""

        @callback
        def hear(told: CallNews) -> None:
            """Take in what somebody hears of a call."""
            if told.news.step not in self._steps:
                return
            parties = self._parties.of(told.origin["config_entry_id"])
            if told.key not in parties or not self._is_it(told, parties):
                return
            call = told.as_dict()
            kind, who = told.key
            if kind == "extension" and not self._filter.in_role(call, who):
                return
            call_id = told.news.call.call_id
            option = self._filter.objection(call)
            if call_id in self._calls and self._calls[call_id] in (None, option):
                return
            self._calls[call_id] = option
            if len(self._calls) > _MOST_CALLS:
                self._calls.popitem(last=False)
            if option is not None:
                reject(option, told.context)
            else:
                _ = run_action({"call": call}, self._happened, told.context)

        return listen_to_call_news(self._hass, hear)

    def _is_it(self, told: CallNews, parties: set[Key]) -> bool:
        """Return True if this is the step for the target as a whole."""
        return True


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
    nobody answered, too; so this is more than the step `ended`. For a phone that rang
    in vain it is over when another one answers.
    """

    _steps = TERMINAL | {Step.ANSWERED_ELSEWHERE}
    _happened = "a call that ended"
    _schema = schema_of(
        {
            **_CALL_OPTIONS,
            **_role(Role.ANY, Role.ANSWERED),
            vol.Optional(CONF_OUTCOME): _OUTCOMES,
            vol.Optional(CONF_INCLUDE_LATE, default=False): cv.boolean,
        }
    )

    @override
    def _is_it(self, told: CallNews, parties: set[Key]) -> bool:
        """Return False if the call goes on for somebody else in the target."""
        if told.news.step is not Step.ANSWERED_ELSEWHERE:
            return True
        call = told.news.call
        talking = {
            extension_key(one) for one in (call.caller_number, call.answered_by) if one
        }
        if call.path is not None:
            talking.add(queue_key(call.path))
        return not parties & {PBX, *talking}


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
