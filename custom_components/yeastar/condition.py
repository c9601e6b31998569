"""Conditions: what phones, calls and trunks are doing now."""

from typing import ClassVar, Final, override

from homeassistant.components.binary_sensor import DOMAIN as BINARY_SENSOR
from homeassistant.components.sensor import DOMAIN as SENSOR
from homeassistant.const import STATE_ON, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import (
    Condition,
    EntityConditionBase,
    EntityStateConditionBase,
)

from .delivery.watch import Delivery
from .pbx.inventory import ExtensionStatus
from .switchboard.devices import EXTENSION, TRUNK
from .triggers.targets import entities_of_kind


class _ExtensionCondition(EntityStateConditionBase):
    """What an extension does. One whose status is not known does nothing of it."""

    _domain_specs = {SENSOR: DomainSpec()}

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return the status sensors of extensions."""
        return entities_of_kind(
            self._hass, entities, Platform.SENSOR, "status", EXTENSION
        )


class ExtensionIsIdleCondition(_ExtensionCondition):
    """An extension has a phone and could be called now."""

    _states = {ExtensionStatus.IDLE}


class ExtensionIsRingingCondition(_ExtensionCondition):
    """An extension is being called."""

    _states = {ExtensionStatus.RINGING}


class ExtensionIsInCallCondition(_ExtensionCondition):
    """An extension is off the hook, on hold included."""

    _states = {ExtensionStatus.BUSY, ExtensionStatus.ON_HOLD}


class CallIsActiveCondition(EntityConditionBase):
    """Somebody is calling or talking at a PBX."""

    _domain_specs = {SENSOR: DomainSpec()}

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return the counts of active calls."""
        return entities_of_kind(
            self._hass, entities, Platform.SENSOR, "active_calls", None
        )

    @override
    def is_valid_state(self, entity_state: State) -> bool:
        """Tell whether there is a call."""
        return entity_state.state != "0"


class TrunkIsUpCondition(EntityStateConditionBase):
    """Calls can go through a trunk."""

    _domain_specs = {BINARY_SENSOR: DomainSpec()}
    _states = {STATE_ON}

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return the connection sensors of trunks."""
        return entities_of_kind(
            self._hass, entities, Platform.BINARY_SENSOR, "connection", TRUNK
        )


class ReportsAreArrivingCondition(EntityStateConditionBase):
    """The PBX's reports were seen to arrive, and nothing says that they stopped."""

    _domain_specs = {SENSOR: DomainSpec()}
    _states = {Delivery.WORKING}
    # The sensor is a diagnostic one.
    _primary_entities_only: ClassVar[bool] = False

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Return the sensors for the delivery of reports."""
        return entities_of_kind(
            self._hass, entities, Platform.SENSOR, "event_delivery", None
        )


CONDITIONS: Final[dict[str, type[Condition]]] = {
    "call_is_active": CallIsActiveCondition,
    "extension_is_idle": ExtensionIsIdleCondition,
    "extension_is_in_call": ExtensionIsInCallCondition,
    "extension_is_ringing": ExtensionIsRingingCondition,
    "reports_are_arriving": ReportsAreArrivingCondition,
    "trunk_is_up": TrunkIsUpCondition,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions of PBXs."""
    return CONDITIONS
