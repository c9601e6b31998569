"""Switches: what can be set for an extension."""

from typing import Any, override

from homeassistant.components.switch import SwitchEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .coordinator import YeastarConfigEntry
from .entity import ExtensionEntity, Stateful, add_as_they_appear
from .pbx.errors import PbxError, RefusedError
from .switchboard.devices import EXTENSION
from .switchboard.poll_plan import Poll

# Each change makes the PBX load its configuration anew.
PARALLEL_UPDATES = 1

# By the word for the PBX's reason; for every other one the last is used.
_TEXT_KEYS = {
    "extension_unknown": "setting_extension_unknown",
    "too_frequent": "setting_too_frequent",
}


async def async_setup_entry(
    hass: HomeAssistant,
    entry: YeastarConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the switches of the extensions as they appear."""
    add_as_they_appear(
        entry, async_add_entities, of_each={EXTENSION: [DoNotDisturbSwitch]}
    )


class DoNotDisturbSwitch(Stateful, ExtensionEntity, SwitchEntity):
    """Whether an extension takes no calls.

    The PBX is only asked about extensions whose switch is enabled: its answers
    have all passwords of the extension in them.
    """

    _key = _attr_translation_key = "do_not_disturb"
    _polls = frozenset({Poll.EXTENSION_SETTINGS})

    _attr_entity_category = EntityCategory.CONFIG
    _attr_entity_registry_enabled_default = False

    @override
    async def async_added_to_hass(self) -> None:
        """Have the setting read from now on."""
        await super().async_added_to_hass()
        self.async_on_remove(self._board.watch_settings(self._number))

    @property
    @override
    def is_on(self) -> bool | None:
        """Return what the PBX has, None until it is known."""
        return self._board.picture.do_not_disturb.get(self._number)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Take no calls."""
        await self._write(on=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Take calls again."""
        await self._write(on=False)

    async def _write(self, *, on: bool) -> None:
        """Change the setting; afterwards see what the PBX has made of it.

        Raises:
            HomeAssistantError: the PBX refused, or did not answer.
        """
        try:
            await self._coordinator.settings.update_extension(
                self._number, {"dnd": "on" if on else "off"}
            )
        except PbxError as error:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key=_problem(error),
                translation_placeholders={"extension": self._number},
            ) from error
        else:
            self._board.set_do_not_disturb({self._number: on})
        finally:
            self._coordinator.want(Poll.EXTENSION_SETTINGS, 1.0)


def _problem(error: PbxError) -> str:
    """Return the key of the text that says why a setting was not changed."""
    if isinstance(error, RefusedError):
        return _TEXT_KEYS.get(error.refusal, "setting_not_saved")
    return "setting_not_confirmed"
