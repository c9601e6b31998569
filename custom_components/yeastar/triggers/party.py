"""What all triggers have in common that hear what happens to parties in their target."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast, override

import voluptuous as vol

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import (
    NotTriggeredInfo,
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType

from .targets import CallParties

type Reject = Callable[[str, Context], None]


def schema_of(options: Mapping[vol.Marker, Any]) -> vol.Schema:
    """Return the schema of a trigger with a target and these options."""
    return vol.Schema(
        {
            vol.Required(CONF_TARGET): cv.TARGET_FIELDS,
            vol.Required(CONF_OPTIONS, default={}): dict(options),
        }
    )


class PartyTrigger(Trigger):
    """A trigger that hears what happens to parties in its target.

    Not what the call entities show: those hear nothing while a failed poll makes them
    unavailable, and of ten that are in the target only one is to start the automation.
    """

    _schema: ClassVar[vol.Schema]

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

        stop_following = await self._parties.async_setup()
        stop_listening = self._listen(run_action, reject)

        @callback
        def detach() -> None:
            """Stop listening."""
            stop_listening()
            stop_following()

        return detach

    @abstractmethod
    def _listen(self, run_action: TriggerActionRunner, reject: Reject) -> CALLBACK_TYPE:
        """Run the action for each thing to run it for; return how to stop."""
