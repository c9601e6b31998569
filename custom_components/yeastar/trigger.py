"""Triggers: what happens to calls, phones and trunks, for the automation editor."""

from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers.trigger import Trigger

from .triggers.call import (
    CallAnsweredTrigger,
    CallEndedTrigger,
    CallMissedTrigger,
    CallStartedRingingTrigger,
)
from .triggers.keys import DtmfReceivedTrigger
from .triggers.status import (
    ExtensionStatusChangedTrigger,
    TrunkCameBackTrigger,
    TrunkWentDownTrigger,
)

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
