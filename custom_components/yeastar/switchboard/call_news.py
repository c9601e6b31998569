"""What automations hear of calls: the bus tells each step once, a phone what is its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.helpers.dispatcher import (
    async_dispatcher_connect,
    async_dispatcher_send,
)
from homeassistant.util.signal_type import SignalType

from ..const import DOMAIN
from ..pbx.calls import Transition
from ..pbx.calls.data import as_dict
from .listeners import Key


@dataclass(frozen=True, slots=True)
class CallNews:
    """What the PBX, a phone or a group hears of a call.

    Attributes:
        origin: of which PBX, as the events of the bus say it.
        key: who hears it.
        news: what happened, numbers hidden if need be.
        context: of the bus event about it, or a new one if there is none.
    """

    origin: Mapping[str, str]
    key: Key
    news: Transition
    context: Context

    def as_dict(self) -> dict[str, Any]:
        """Return it as the bus event `yeastar_call` has it (contract 5)."""
        return {**self.origin, "type": self.news.step, **as_dict(self.news.call)}


# Unlike `Switchboard.called` it lasts from one start of an entry to the next.
_CALL_NEWS: Final[SignalType[CallNews]] = SignalType(f"{DOMAIN}_call_news")


@callback
def tell_call_news(hass: HomeAssistant, news: CallNews) -> None:
    """Tell it to automations."""
    async_dispatcher_send(hass, _CALL_NEWS, news)


@callback
def listen_to_call_news(
    hass: HomeAssistant, listener: Callable[[CallNews], None]
) -> CALLBACK_TYPE:
    """Hear the news of all PBXs; return how to stop."""
    return async_dispatcher_connect(hass, _CALL_NEWS, listener)
