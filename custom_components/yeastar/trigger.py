"""Triggers: what happens to calls, phones and trunks, for the automation editor."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, cast, override

import voluptuous as vol

from homeassistant.components.binary_sensor import DOMAIN as BINARY_SENSOR
from homeassistant.components.sensor import DOMAIN as SENSOR
from homeassistant.const import (
    ATTR_ENTITY_ID,
    CONF_OPTIONS,
    CONF_TARGET,
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    Platform,
)
from homeassistant.core import (
    CALLBACK_TYPE,
    Context,
    Event,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.target import (
    TargetStateChangedData,
    async_track_target_selector_state_change_event,
)
from homeassistant.helpers.trigger import (
    ATTR_BEHAVIOR,
    BEHAVIOR_EACH,
    ENTITY_STATE_TRIGGER_SCHEMA_WITH_BEHAVIOR,
    EntityTriggerBase,
    NotTriggeredInfo,
    NotTriggeredReasonReporter,
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType

from .const import CONF_MASK_NUMBERS, EVENT_CALL, EVENT_REPORT
from .pbx.calls.tracker import TERMINAL, Direction, Outcome, Step
from .pbx.inventory import ExtensionStatus
from .switchboard.devices import EXTENSION, TRUNK
from .switchboard.listeners import PBX, Key, extension_key, queue_key
from .switchboard.mask import Mask
from .triggers.call_filter import (
    CONF_DID_NUMBER,
    CONF_DIRECTION,
    CONF_INCLUDE_LATE,
    CONF_MIN_RING_TIME,
    CONF_NUMBER,
    CONF_OUTCOME,
    CONF_PATH,
    CONF_ROLE,
    CallFilter,
    Role,
)
from .triggers.keys import Keypad
from .triggers.targets import CallParties, entities_of_kind

CONF_FROM: Final = "from"
CONF_KEY: Final = "key"
CONF_SEQUENCE: Final = "sequence"
CONF_TO: Final = "to"

# The keys of a telephone, and those that only some have.
DTMF_KEYS: Final = tuple("0123456789*#ABCD")

_TEXTS = vol.All(cv.ensure_list, [cv.string])

_CALL_OPTIONS: Final = {
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


def _schema(options: Mapping[vol.Marker, Any]) -> vol.Schema:
    """Return the schema of a trigger with a target and these options."""
    return vol.Schema(
        {
            vol.Required(CONF_TARGET): cv.TARGET_FIELDS,
            vol.Required(CONF_OPTIONS, default={}): dict(options),
        }
    )


class _BusTrigger(Trigger):
    """A trigger that hears an event of the bus about parties in its target.

    The bus and not the call entities: it tells each step of a call once, whether
    one or ten of the call's entities are in the target, nothing again after a
    restart or an outage, and it also tells while a failed poll makes the entities
    unavailable.
    """

    _schema: ClassVar[vol.Schema]
    _event: ClassVar[str]

    @classmethod
    @override
    async def async_validate_config(
        cls, hass: HomeAssistant, config: ConfigType
    ) -> ConfigType:
        """Check target and options."""
        return cast(ConfigType, cls._schema(config))

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take target and options."""
        super().__init__(hass, config)
        self._options = config.options or {}
        self._parties = CallParties(hass, config.target or {})

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Listen until what is returned is called."""

        @callback
        def reject(reason: str, context: Context) -> None:
            """Have the automation's trace say why it did not run."""
            if did_not_trigger is not None:
                did_not_trigger(NotTriggeredInfo(reason=reason), context)

        @callback
        def hear(event: Event) -> None:
            """Hand on what concerns the target."""
            if parties := self._parties.of(event.data.get("config_entry_id", "")):
                self._hear(event, parties, run_action, reject)

        stop_following = await self._parties.async_setup()
        stop_listening = self._hass.bus.async_listen(self._event, hear)

        @callback
        def detach() -> None:
            """Stop listening."""
            stop_listening()
            stop_following()

        return detach

    def _hear(
        self,
        event: Event,
        parties: set[Key],
        run_action: TriggerActionRunner,
        reject: Callable[[str, Context], None],
    ) -> None:
        """Run the action if the event is one to run it for."""
        raise NotImplementedError


class _CallTrigger(_BusTrigger):
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


class CallStartedRingingTrigger(_CallTrigger):
    """Somebody's phone began to ring."""

    _steps = frozenset({Step.RINGING})
    _happened = "a call that started ringing"
    _schema = _schema({**_CALL_OPTIONS, **_role(Role.ANY)})


class CallAnsweredTrigger(_CallTrigger):
    """Somebody answered a call."""

    _steps = frozenset({Step.ANSWERED})
    _happened = "a call that was answered"
    _schema = _schema({**_CALL_OPTIONS, **_role(Role.ANY, Role.ANSWERED)})


class CallEndedTrigger(_CallTrigger):
    """A call is over, in whatever way.

    Whoever mutes the television when a call starts ringing needs it back when
    nobody answered, too; so this is more than the step `ended`.
    """

    _steps = TERMINAL
    _happened = "a call that ended"
    _schema = _schema(
        {
            **_CALL_OPTIONS,
            **_role(Role.ANY, Role.ANSWERED),
            vol.Optional(CONF_OUTCOME): _OUTCOMES,
            vol.Optional(CONF_INCLUDE_LATE, default=False): cv.boolean,
        }
    )


class CallMissedTrigger(_CallTrigger):
    """Nobody answered a call from outside or inside.

    Who called in vain did not miss the call; so by default only those count who
    were called.
    """

    _steps = frozenset({Step.MISSED})
    _happened = "a call that was missed"
    _schema = _schema(
        {
            **_CALL_OPTIONS,
            **_role(Role.CALLED),
            vol.Optional(CONF_OUTCOME): _OUTCOMES,
            vol.Optional(CONF_MIN_RING_TIME): cv.positive_time_period,
            vol.Optional(CONF_INCLUDE_LATE, default=False): cv.boolean,
        }
    )


class DtmfReceivedTrigger(_BusTrigger):
    """Somebody pressed a key during a call.

    `trigger.key` is the key, `trigger.sequence` all keys of the call so far,
    `trigger.number` who pressed it.
    """

    _event = EVENT_REPORT
    _schema = _schema(
        {
            vol.Optional(CONF_KEY): vol.All(
                cv.ensure_list, [vol.All(cv.string, vol.Upper, vol.In(DTMF_KEYS))]
            ),
            vol.Optional(CONF_SEQUENCE): vol.All(
                cv.string, vol.Upper, vol.Match(r"^[0-9A-D*#]*$")
            ),
        }
    )

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take target and options."""
        super().__init__(hass, config)
        self._keypad = Keypad()
        self._wanted = frozenset(self._options.get(CONF_KEY, ()))
        self._sequence: str = self._options.get(CONF_SEQUENCE, "")

    @override
    @callback
    def _hear(
        self,
        event: Event,
        parties: set[Key],
        run_action: TriggerActionRunner,
        reject: Callable[[str, Context], None],
    ) -> None:
        """Run the action for each key that is meant."""
        if event.data.get("type") != "dtmf":
            return
        payload = event.data.get("payload") or {}
        # Only who pressed the key is in the report.
        member: dict[str, Any] = next(iter(payload.get("members") or ()), {})
        number = member.get("number" if member.get("kind") == "ext" else "from")
        path = member.get("call_path")
        mask = self._mask_of(event.data["config_entry_id"])
        pressed = self._keypad.take(payload, masked=mask is not None)
        if not parties & {PBX, extension_key(str(number)), queue_key(str(path))}:
            return
        for press in pressed:
            if self._wanted and press.key.upper() not in self._wanted:
                reject(CONF_KEY, event.context)
            elif not press.keys.upper().endswith(self._sequence):
                reject(CONF_SEQUENCE, event.context)
            else:
                _ = run_action(
                    {
                        "key": press.key,
                        # Not `keys`, which in a template is the method of a dict.
                        "sequence": mask.number(press.keys) if mask else press.keys,
                        "number": number,
                        "path": path,
                        "call_id": payload["call_id"],
                        "config_entry_id": event.data["config_entry_id"],
                        "device_id": event.data.get("device_id"),
                    },
                    "a key that was pressed",
                    event.context,
                )

    def _mask_of(self, config_entry_id: str) -> Mask | None:
        """Return what hides the numbers that somebody dials, if they are to be."""
        entry = self._hass.config_entries.async_get_entry(config_entry_id)
        if entry is None or not entry.options.get(CONF_MASK_NUMBERS, False):
            return None
        return Mask(lambda _number: False)


class ExtensionStatusChangedTrigger(EntityTriggerBase):
    """An extension does something else than before.

    Not when it only becomes known again what it does, after a restart or while
    the PBX was away.
    """

    _domain_specs = {SENSOR: DomainSpec()}
    _schema = ENTITY_STATE_TRIGGER_SCHEMA_WITH_BEHAVIOR.extend(
        {
            vol.Required(CONF_OPTIONS, default={}): {
                vol.Optional(CONF_FROM): vol.All(
                    cv.ensure_list, [vol.Coerce(ExtensionStatus)]
                ),
                vol.Optional(CONF_TO): vol.All(
                    cv.ensure_list, [vol.Coerce(ExtensionStatus)]
                ),
            }
        }
    )

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take target and options."""
        super().__init__(hass, config)
        self._from = frozenset(self._options.get(CONF_FROM) or ())
        self._to = frozenset(self._options.get(CONF_TO) or ())
        if not self._to:
            # "All" and "the first" of several phones need a status to have.
            self._options = {**self._options, ATTR_BEHAVIOR: BEHAVIOR_EACH}

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return the status sensors of extensions."""
        return entities_of_kind(
            self._hass, entities, Platform.SENSOR, "status", EXTENSION
        )

    @override
    def is_valid_transition(self, from_state: State, to_state: State) -> bool:
        """Tell whether this is a change that is meant."""
        return (
            from_state.state != to_state.state
            and (not self._from or from_state.state in self._from)
            # From one of several statuses to another of them is no news.
            and from_state.state not in self._to
        )

    @override
    def is_valid_state(
        self, state: State, report_not_triggered: NotTriggeredReasonReporter
    ) -> bool:
        """Tell whether an extension now has a status that is meant."""
        return not self._to or state.state in self._to


class _TrunkTrigger(EntityTriggerBase):
    """A trunk can be used, or no longer.

    A PBX that starts anew is away for minutes and often comes back without its
    trunks: that has to be told. So what a trunk was before it became unknown
    counts as what it was, but only once, and nothing from before Home Assistant's
    own start.
    """

    _domain_specs = {BINARY_SENSOR: DomainSpec()}
    _schema = ENTITY_STATE_TRIGGER_SCHEMA_WITH_BEHAVIOR
    _excluded_from_states: ClassVar[frozenset[str]] = frozenset()
    _to_state: ClassVar[str]

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Take target and options."""
        super().__init__(hass, config)
        # Trunks that were in the other state since they last made it fire.
        self._ready: set[str] = set()
        self._since: dict[str, datetime] = {}

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return the connection sensors of trunks."""
        return entities_of_kind(
            self._hass, entities, Platform.BINARY_SENSOR, "connection", TRUNK
        )

    @override
    def is_valid_transition(self, from_state: State, to_state: State) -> bool:
        """Tell whether a trunk was in the other state before."""
        return from_state.state != to_state.state and to_state.entity_id in self._ready

    @override
    def is_valid_state(
        self, state: State, report_not_triggered: NotTriggeredReasonReporter
    ) -> bool:
        """Tell whether a trunk is in the state to tell of."""
        return state.state == self._to_state

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Remember what trunks were, besides listening to what they become."""

        @callback
        def run(
            extra_trigger_payload: dict[str, Any],
            description: str,
            context: Context | None = None,
        ) -> Any:
            """Run the action, once for each time that a trunk changes."""
            entity_id = extra_trigger_payload[ATTR_ENTITY_ID]
            since = self._since.get(entity_id)
            if self._options.get(ATTR_BEHAVIOR, BEHAVIOR_EACH) == BEHAVIOR_EACH:
                self._ready.discard(entity_id)
            else:
                self._ready.clear()
            return run_action(
                {**extra_trigger_payload, "since": since}, description, context
            )

        @callback
        def remember(data: TargetStateChangedData) -> None:
            """Note a change."""
            self._remember(data.state_change_event.data["new_state"])

        @callback
        def start(
            added: set[str], removed: set[str], states: Mapping[str, State | None]
        ) -> None:
            """Note what trunks are when they come into the target."""
            self._ready -= removed
            for entity_id in added:
                self._remember(states[entity_id])

        # First, so that it has noted a change by the time that the other asks.
        stop_remembering = await async_track_target_selector_state_change_event(
            self._hass, self._target, remember, self.entity_filter, start
        )
        detach = await super().async_attach_runner(run, did_not_trigger)

        @callback
        def detach_all() -> None:
            """Stop listening."""
            detach()
            stop_remembering()

        return detach_all

    @callback
    def _remember(self, state: State | None) -> None:
        """Note that a trunk is in the other state, and since when."""
        if state is None or state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN):
            return
        if state.state != self._to_state:
            if state.entity_id not in self._ready:
                self._since[state.entity_id] = state.last_changed
            self._ready.add(state.entity_id)


class TrunkWentDownTrigger(_TrunkTrigger):
    """Calls can no longer go through a trunk; `trigger.since`: when they last began to."""

    _to_state = STATE_OFF


class TrunkCameBackTrigger(_TrunkTrigger):
    """Calls can go through a trunk again; `trigger.since`: when it went down."""

    _to_state = STATE_ON


TRIGGERS: Final[dict[str, type[Trigger]]] = {
    "call_answered": CallAnsweredTrigger,
    "call_ended": CallEndedTrigger,
    "call_missed": CallMissedTrigger,
    "call_started_ringing": CallStartedRingingTrigger,
    "dtmf_received": DtmfReceivedTrigger,
    "extension_status_changed": ExtensionStatusChangedTrigger,
    "trunk_came_back": TrunkCameBackTrigger,
    "trunk_went_down": TrunkWentDownTrigger,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers of PBXs."""
    return TRIGGERS
