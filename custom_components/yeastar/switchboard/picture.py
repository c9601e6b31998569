"""What the PBX has and what each thing is doing, as lists and reports have it.

Nothing is sent and nobody is told: lists and reports go in, and out comes of which
things the state is another one now.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ..pbx.inventory import (
    Directory,
    Extension,
    ExtensionStatus,
    Queue,
    Trunk,
    extension_status,
)
from .listeners import Key, extension_key, queue_key, trunk_key

# Calls that wait to be accepted do so for ten seconds; nobody has more at once.
MOST_INVITATIONS: Final = 50
# More than any S-Series PBX can carry.
MOST_CALLS: Final = 1_000
# What connected members of a call do (event-CallStatus.html).
_TAKES_PART: Final = frozenset({"ANSWER", "ANSWERED", "HOLD"})
_CONNECTED: Final = frozenset({ExtensionStatus.BUSY, ExtensionStatus.ON_HOLD})
_IN_CALL: Final = frozenset(
    {ExtensionStatus.RINGING, ExtensionStatus.BUSY, ExtensionStatus.ON_HOLD}
)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a list of extensions brought.

    Attributes:
        keys: the extensions whose state is another one now.
        unreported: how many of them changed and no report said so.
    """

    keys: list[Key]
    unreported: int


class Picture:
    """The PBX as it is now, as far as is known.

    Attributes:
        directory: who is behind a number: extensions, queues, IVRs, contacts.
        trunks: by their names.
        queue_names: by the queues' numbers.
        voicemails: unread messages by extension, None as long as they are not read;
            who is missing has none.
        do_not_disturb: whether an extension takes no calls, of those that are
            watched; None if the PBX does not say.
        invitations: by call, the channel by which an offered call is accepted.
    """

    def __init__(self, monitored: Container[str] = ()) -> None:
        """Start with an empty picture.

        Args:
            monitored: the extensions of which reports have told the status, also
                before this start; of others they may never do (protocol 5.1).
        """
        self._monitored = monitored
        self.directory = Directory()
        self.trunks: dict[str, Trunk] = {}
        self.queue_names: dict[str, str] = {}
        self.voicemails: dict[str, int] | None = None
        self.do_not_disturb: dict[str, bool | None] = {}
        self.invitations: dict[str, str] = {}
        # When a report last told the status of an extension.
        self._reported_at: dict[str, datetime] = {}
        # By call, and by extension, whether it is on hold there or talks.
        self._in_calls: dict[str, dict[str, bool]] = {}
        self._holds: dict[str, dict[str, bool]] = {}

    def set_extensions(
        self,
        extensions: dict[str, Extension],
        asked_at: datetime,
        *,
        continuous: bool,
        unheard: bool = False,
    ) -> Changes:
        """Replace the extensions by those of a new list.

        Args:
            extensions: by number; is changed and kept.
            asked_at: when the list was asked for; a report since then is newer.
            continuous: whether reports should have told of all changes since the
                last list; not so after a gap.
            unheard: whether no report at all was ever heard; then every extension
                is supposed to have them.
        """
        old = self.directory.extensions
        unreported = 0
        for number, extension in extensions.items():
            if (known := old.get(number)) is None:
                continue
            reported_at = self._reported_at.get(number)
            if reported_at is not None and reported_at >= asked_at:
                extensions[number] = Extension(number, extension.name, known.status)
            elif (
                continuous
                and (unheard or number in self._monitored)
                and _should_be_reported(known.status, extension.status)
            ):
                unreported += 1
        self.directory.extensions = extensions
        for number in self._reported_at.keys() - extensions.keys():
            del self._reported_at[number]
        return Changes(
            [extension_key(number) for number in _changed(old, extensions)], unreported
        )

    def set_trunks(self, trunks: dict[str, Trunk]) -> list[Key]:
        """Replace the trunks; return those whose state is another one now."""
        old, self.trunks = self.trunks, trunks
        return [trunk_key(name) for name in _changed(old, trunks)]

    def set_queues(self, queues: dict[str, Queue]) -> list[Key]:
        """Replace the queues; return those whose state is another one now."""
        old, self.directory.queues = self.directory.queues, queues
        return [queue_key(number) for number in _changed(old, queues)]

    def set_voicemails(self, unread: dict[str, int]) -> list[Key]:
        """Replace the counts of messages; return the extensions that have another."""
        old, self.voicemails = self.voicemails, unread
        return [
            extension_key(number)
            for number in self.directory.extensions
            if old is None or old.get(number, 0) != unread.get(number, 0)
        ]

    def set_do_not_disturb(self, states: dict[str, bool | None]) -> list[Key]:
        """Note which extensions take no calls; return those that changed."""
        changed = [
            number
            for number, state in states.items()
            if self.do_not_disturb.get(number) is not state
        ]
        self.do_not_disturb.update(states)
        return [extension_key(number) for number in changed]

    def take_status(self, known: Extension, word: str, now: datetime) -> Key | None:
        """Note the status that a report has for an extension.

        Return its key if that is another one (event-ExtensionStatus.html).
        """
        self._reported_at[known.number] = now
        status = extension_status(word)
        if status not in _IN_CALL:
            # Whatever was heard of its calls.
            self._holds.pop(known.number, None)
        return self._set_status(known, status)

    def take_hold(
        self, call_id: object, members: Iterable[dict[str, Any]]
    ) -> list[Key]:
        """Note which members of a call are on hold; return whose status changed.

        Extensions have no report of their own for it (protocol 5.1). Who holds one
        call and talks in another is not on hold.
        """
        if not isinstance(call_id, str):
            return []
        words = {
            member.get("number") or "": str(member.get("member_status") or "").upper()
            for member in members
            if member["kind"] == "ext"
        }
        now = {
            number: word == "HOLD"
            for number, word in words.items()
            if word in _TAKES_PART
        }
        before = self._in_calls.pop(call_id, {})
        for number in before.keys() - now.keys():
            self._leave(number, call_id)
        if now:
            self._in_calls[call_id] = now
            for number, held in now.items():
                self._holds.setdefault(number, {})[call_id] = held
        if len(self._in_calls) > MOST_CALLS:
            # Their ends were lost.
            oldest = next(iter(self._in_calls))
            for number in self._in_calls.pop(oldest):
                self._leave(number, oldest)
        changed: list[Key] = []
        for number in before.keys() | words.keys():
            known = self.directory.extensions.get(number)
            if known is None or known.status not in _CONNECTED:
                continue
            calls = self._holds.get(number, {})
            held = bool(calls) and all(calls.values())
            status = ExtensionStatus.ON_HOLD if held else ExtensionStatus.BUSY
            if (key := self._set_status(known, status)) is not None:
                changed.append(key)
        return changed

    def _leave(self, number: str, call_id: str) -> None:
        """Note that an extension has no part in a call any more."""
        if (calls := self._holds.get(number)) is not None:
            calls.pop(call_id, None)
            if not calls:
                del self._holds[number]

    def note_invitation(
        self, call_id: object, members: Iterable[dict[str, Any]]
    ) -> None:
        """Keep how to accept a call that is offered for ten seconds (protocol 5.4)."""
        for member in members:
            if isinstance(call_id, str) and (channel := member.get("channel_id")):
                self.invitations.pop(call_id, None)
                self.invitations[call_id] = str(channel)
        while len(self.invitations) > MOST_INVITATIONS:
            del self.invitations[next(iter(self.invitations))]

    def seems_in_call(self, number: str) -> bool:
        """Return True if an extension is shown as ringing or talking."""
        extension = self.directory.extensions.get(number)
        return extension is not None and extension.status in _IN_CALL

    def _set_status(
        self, known: Extension, status: ExtensionStatus | None
    ) -> Key | None:
        """Change the status of an extension; return its key if it is another one."""
        if known.status is status:
            return None
        number = known.number
        self.directory.extensions[number] = Extension(number, known.name, status)
        return extension_key(number)


def _changed[Thing](old: dict[str, Thing], new: dict[str, Thing]) -> list[str]:
    """Return the things of a list that are new or are not what they were."""
    return [name for name, thing in new.items() if old.get(name) != thing]


def _should_be_reported(
    old: ExtensionStatus | None, new: ExtensionStatus | None
) -> bool:
    """Return True if an `ExtensionStatus` report lies between two states.

    There is none for being held, and none for a port that is faulty (protocol 5.1).
    """
    if old is None or new is None or ExtensionStatus.FAULTY in (old, new):
        return False
    return old is not new and not (old in _CONNECTED and new in _CONNECTED)
