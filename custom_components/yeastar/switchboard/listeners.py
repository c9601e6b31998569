"""Who wants to hear what, by key: telling one costs the same for ten or thousands."""

from collections.abc import Callable
from functools import partial
from typing import Final

from homeassistant.core import CALLBACK_TYPE, callback

from ..pbx.calls import Transition

type Key = tuple[str, str]
type CallListener = Callable[[Transition], None]

PBX: Final[Key] = ("pbx", "")


def extension_key(number: str) -> Key:
    """Return the key of an extension."""
    return ("extension", number)


def trunk_key(name: str) -> Key:
    """Return the key of a trunk."""
    return ("trunk", name)


def queue_key(number: str) -> Key:
    """Return the key of a queue."""
    return ("queue", number)


class Listeners[*Arguments]:
    """Callbacks by key."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._callbacks: dict[Key, list[Callable[[*Arguments], None]]] = {}

    @callback
    def add(self, key: Key, listener: Callable[[*Arguments], None]) -> CALLBACK_TYPE:
        """Listen to a key, return how to stop."""
        self._callbacks.setdefault(key, []).append(listener)
        return partial(self.remove, key, listener)

    @callback
    def remove(self, key: Key, listener: Callable[[*Arguments], None]) -> None:
        """Stop listening to a key; nothing happens if nobody did."""
        listeners = self._callbacks.get(key, [])
        if listener in listeners:
            listeners.remove(listener)
            if not listeners:
                del self._callbacks[key]

    @callback
    def tell(self, key: Key, *arguments: *Arguments) -> None:
        """Tell those who listen to this key."""
        for listener in tuple(self._callbacks.get(key, ())):
            listener(*arguments)

    def keys(self) -> list[Key]:
        """Return the keys that somebody listens to."""
        return list(self._callbacks)
