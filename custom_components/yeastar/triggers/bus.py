"""What all triggers have in common that hear an event about parties in their target."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast, override

import voluptuous as vol

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import CALLBACK_TYPE, Context, Event, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import (
    NotTriggeredInfo,
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType

from ..switchboard.listeners import Key
from .targets import CallParties


def schema_of(options: Mapping[vol.Marker, Any]) -> vol.Schema:
    """Return the schema of a trigger with a target and these options."""
    return vol.Schema(
        {
            vol.Required(CONF_TARGET): cv.TARGET_FIELDS,
            vol.Required(CONF_OPTIONS, default={}): dict(options),
        }
    )


class BusTrigger(Trigger):
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
