"""Find the channels by which the PBX knows the parties of a call."""

from dataclasses import dataclass
from typing import Any

from ..client import YeastarClient
from ..models import text
from .running import ask_about_call, calls_of_extensions
from .tracker import CallTracker

# event-CallStatus.html: these two are the caller's words.
_CALLER = frozenset({"ALERT", "ANSWERED"})


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody in a call, and the channel by which to speak of him."""

    kind: str
    number: str | None
    channel: str
    calls: bool

    @property
    def on_trunk(self) -> bool:
        """Tell whether this party is outside."""
        return self.kind != "ext"


async def parties_of_call(
    client: YeastarClient, calls: CallTracker, call_id: str
) -> list[Party]:
    """Return who takes part in a call, nobody if the PBX does not know it.

    Args:
        client: to ask with.
        calls: what was reported of the calls of this PBX.
        call_id: of the call.

    Raises:
        PbxError: the PBX cannot be asked.
    """
    answer = await ask_about_call(
        client,
        call_id,
        calls.extensions_in(call_id),
        on_trunk=calls.on_trunk(call_id),
    )
    return _present(answer.members or calls.parties(call_id))


async def calls_of_extension(
    client: YeastarClient, calls: CallTracker, extension: str
) -> list[list[Party]]:
    """Return the calls of an extension, each as who takes part.

    Args:
        client: to ask with.
        calls: what was reported of the calls of this PBX.
        extension: whose calls are looked for.

    Raises:
        PbxError: the PBX cannot be asked.
    """
    asked = await calls_of_extensions(client, extension)
    found = [call.members for call in asked or ()]
    if asked is None or None in found:
        # Older firmware (protocol 7.3) cannot list them; what was reported has to do.
        found = [
            calls.parties(call.call_id)
            for call in calls.active
            if extension in call.extensions
        ]
    return [
        parties
        for parties in (_present(members) for members in found if members)
        if any(party.kind == "ext" and party.number == extension for party in parties)
    ]


def party_to_transfer(parties: list[Party], extension: str | None) -> Party | None:
    """Return the party whose channel hands a call over, None if there is none.

    Which channel the PBX wants is not documented: that of the one who hands over, or
    of the one who is handed over. A party on a trunk is right either way. In a call
    within the house it is the one who hands over: the extension that was named, else
    the one that was called.
    """
    for party in parties:
        if party.on_trunk:
            return party
    if extension is not None:
        return next((p for p in parties if p.number == extension), None)
    return next((p for p in parties if not p.calls), None)


def _present(members: list[dict[str, Any]]) -> list[Party]:
    """Return the members of a call that are there and can be spoken of, callers first.

    Without the caller there is no call any more, so ending his part ends it for all.
    """
    found = []
    for member in members:
        status = text(member.get("member_status")).upper()
        channel = text(member.get("channel_id"))
        if status == "BYE" or not channel:
            continue
        kind = text(member.get("kind"))
        calls = kind == "inbound" or status in _CALLER
        number = text(member.get("number")) or None
        found.append(Party(kind, number, channel, calls))
    return sorted(found, key=lambda party: not party.calls)
