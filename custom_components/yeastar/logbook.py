"""Lines of the logbook: who called whom, and how it ended."""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.components.logbook import (
    LOGBOOK_ENTRY_ICON,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.core import Event, HomeAssistant, callback

from .const import DOMAIN, EVENT_CALL

# As the event entities' own, in icons.json.
_ICONS = {
    "ringing": "mdi:phone-ring",
    "answered": "mdi:phone-in-talk",
    "ended": "mdi:phone-hangup",
    "missed": "mdi:phone-missed",
    "failed": "mdi:phone-cancel",
}


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, str, Callable[[Event], dict[str, str]]], None],
) -> None:
    """Say how a `yeastar_call` reads."""

    @callback
    def describe(event: Event) -> dict[str, str]:
        """Return the line for one event."""
        return {
            LOGBOOK_ENTRY_NAME: _caller(event.data),
            LOGBOOK_ENTRY_MESSAGE: _sentence(event.data),
            LOGBOOK_ENTRY_ICON: _ICONS.get(event.data.get("type", ""), "mdi:phone"),
        }

    async_describe_event(DOMAIN, EVENT_CALL, describe)


def _caller(call: Mapping[str, Any]) -> str:
    """Return who called, as a person would say it."""
    name, number = call.get("caller_name"), call.get("caller_number")
    if name and number:
        return f"{name} ({number})"
    return name or number or "An unknown caller"


def _sentence(call: Mapping[str, Any]) -> str:
    """Return the rest of the sentence, the caller being its subject."""
    called = call.get("called_number") or "this PBX"
    answered_by = call.get("answered_by")
    answered_by = None if answered_by == call.get("called_number") else answered_by
    match call.get("type"):
        case "ringing":
            return f"is calling {called}"
        case "answered":
            if answered_by:
                return f"called {called} and was answered by {answered_by}"
            return f"called {called} and was answered"
        case "ended":
            who = f"talked to {answered_by or called}"
            if talk := call.get("talk_seconds"):
                return f"{who} for {_duration(talk)}"
            return who
    rang = _duration(call["ring_seconds"]) if call.get("ring_seconds") else None
    match call.get("outcome"):
        case "voicemail":
            return f"called {called} and was put through to the voicemail"
        case "busy":
            return f"called {called}, which was busy"
        case "abandoned":
            waited = f" after {rang}" if rang else ""
            return f"called {called} and hung up{waited}, before anybody answered"
        case "failed":
            return f"called {called}, but the call failed"
    waited = f" within {rang}" if rang else ""
    return f"called {called}, and nobody answered{waited}"


def _duration(seconds: int) -> str:
    """Return a time span in words."""
    if seconds < 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes, rest = divmod(seconds, 60)
    text = "1 minute" if minutes == 1 else f"{minutes} minutes"
    if rest and minutes < 10:
        text += f" and {_duration(rest)}"
    return text
