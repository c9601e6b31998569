"""Triggers for what extensions do and whether trunks can be used."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, override

import voluptuous as vol

from homeassistant.components.binary_sensor import DOMAIN as BINARY_SENSOR
from homeassistant.components.sensor import DOMAIN as SENSOR
from homeassistant.const import (
    ATTR_ENTITY_ID,
    CONF_OPTIONS,
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    Platform,
)
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, State, callback
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
    NotTriggeredReasonReporter,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)

from ..pbx.inventory import ExtensionStatus
from ..switchboard.devices import EXTENSION, TRUNK
from .targets import entities_of_kind

CONF_FROM: Final = "from"
CONF_TO: Final = "to"


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


class TrunkTrigger(EntityTriggerBase):
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


class TrunkWentDownTrigger(TrunkTrigger):
    """Calls can no longer go through a trunk; `trigger.since`: when they last began to."""

    _to_state = STATE_OFF


class TrunkCameBackTrigger(TrunkTrigger):
    """Calls can go through a trunk again; `trigger.since`: when it went down."""

    _to_state = STATE_ON
