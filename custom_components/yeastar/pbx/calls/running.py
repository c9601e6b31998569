"""Which calls go on: what the PBX says when it is asked (protocol 6.3, 6.6).

Its answer about a call is one of three: it runs, it is over, or the PBX cannot tell.
A refusal and an answer without the list say nothing about any call.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
import logging
from typing import Any, Final

from .. import queries
from ..client import YeastarClient
from ..errors import NoListError, NotYeastarError, RefusedError
from ..inventory import ExtensionStatus
from ..models import records, text
from ..reports import MalformedReportError, members_of

_LOGGER = logging.getLogger(__name__)

# api_error_code.html: the PBX has no call like the one that was asked about. How it
# says that it has none at all is not documented for `call/query` (protocol 6.6).
_NO_SUCH_CALL: Final = "call_unknown"
_NO_SUCH_EXTENSION: Final = "extension_unknown"
# One that was deleted is refused for all: then so many are asked about one by one.
_MOST_ASKED_SINGLY: Final = 4
_FREE: Final = frozenset({ExtensionStatus.IDLE, ExtensionStatus.UNREGISTERED})


class Fate(Enum):
    """What the PBX says about a call."""

    RUNS = auto()
    OVER = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call that is going on.

    Attributes:
        call_id: the PBX's id for it.
        members: who takes part, as reports have them; None if that makes no sense.
    """

    call_id: str
    members: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """What the PBX says about one call, with its members as far as it runs."""

    fate: Fate
    members: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class _Listing:
    """Some calls, and whether those that are not among them do not run there."""

    calls: tuple[RunningCall, ...] = ()
    complete: bool = False

    def find(self, call_id: str) -> CallAnswer | None:
        for call in self.calls:
            if call.call_id == call_id:
                return CallAnswer(Fate.RUNS, call.members)
        return None


@dataclass(frozen=True, slots=True)
class RunningCalls:
    """All calls that are going on, as far as the PBX lists them.

    Attributes:
        calls: by their ids.
        all_on_trunks: all of those with somebody outside are there.
        all_of_extensions: all of those with an extension are there.
    """

    calls: dict[str, RunningCall]
    all_on_trunks: bool
    all_of_extensions: bool

    def answer(self, call_id: str, *, on_trunk: bool) -> CallAnswer:
        """Return what this says about a call; `on_trunk`: somebody outside has part."""
        if (call := self.calls.get(call_id)) is not None:
            return CallAnswer(Fate.RUNS, call.members)
        listed = self.all_on_trunks if on_trunk else self.all_of_extensions
        return CallAnswer(Fate.OVER if listed else Fate.UNKNOWN)


async def calls_of_extensions(
    client: YeastarClient, *numbers: str
) -> list[RunningCall] | None:
    """Return the calls that extensions have part in now, of all if none is named.

    Source: extension/query_call (protocol 6.3), since firmware of 2020-11-09.

    Returns:
        None if the PBX cannot tell.
    """
    asked = {"number": ",".join(numbers) or queries.ALL}
    listing = await _list(client, "extension/query_call", asked)
    return list(listing.calls) if listing.complete or listing.calls else None


async def calls_on_trunks(client: YeastarClient) -> list[RunningCall]:
    """Return the calls on trunks: with extensions, in IVRs and in queues.

    Source: call/query, which lists no internal calls (protocol 6.6).
    """
    return list((await _list_trunks(client)).calls)


async def running_calls(client: YeastarClient) -> RunningCalls:
    """Return all calls that are going on, in three requests."""
    inside = await _list(client, "extension/query_call", {"number": queries.ALL})
    on_trunks = await _list_trunks(client)
    found: dict[str, RunningCall] = {}
    for call in (*inside.calls, *on_trunks.calls):
        found.setdefault(call.call_id, call)
    return RunningCalls(found, on_trunks.complete, inside.complete)


async def ask_about_call(
    client: YeastarClient, call_id: str, numbers: Iterable[str], *, on_trunk: bool
) -> CallAnswer:
    """Ask about one call, in one to four requests, or a few more if some are refused.

    `call/query` lists no internal calls: what it does not know is looked for at its
    extensions, and where these cannot be asked (firmware before 2020-11, protocol 7.3)
    in what the list of extensions says that they do.

    Args:
        client: to ask with.
        call_id: the PBX's id for the call.
        numbers: of the extensions that have had part in it.
        on_trunk: whether somebody outside still has part in it, as far as is known.

    Raises:
        PbxError: the PBX cannot be asked now.
    """
    on_trunks = await _list(client, "call/query", {"callid": call_id})
    if (found := on_trunks.find(call_id)) is not None:
        return found
    asked = tuple(numbers)
    if asked:
        inside = await _list_extensions(client, asked)
        if (found := inside.find(call_id)) is not None:
            return found
        if inside.complete and (on_trunks.complete or not on_trunk):
            return CallAnswer(Fate.OVER)
    if on_trunk:
        return CallAnswer(Fate.OVER if on_trunks.complete else Fate.UNKNOWN)
    if not asked:
        # Nobody is known to have part in it: is it among all calls there are?
        everybody = await _list(client, "extension/query_call", {"number": queries.ALL})
        if (found := everybody.find(call_id)) is not None:
            return found
        both = everybody.complete and on_trunks.complete
        return CallAnswer(Fate.OVER if both else Fate.UNKNOWN)
    free = await _are_free(client, asked)
    return CallAnswer(Fate.OVER if free else Fate.UNKNOWN)


async def _list_trunks(client: YeastarClient) -> _Listing:
    incoming = await _list(client, "call/query", {"type": "inbound"})
    outgoing = await _list(client, "call/query", {"type": "outbound"})
    return _Listing(
        incoming.calls + outgoing.calls, incoming.complete and outgoing.complete
    )


async def _list_extensions(client: YeastarClient, numbers: tuple[str, ...]) -> _Listing:
    """List the calls of extensions, of which some may not exist any more."""
    endpoint = "extension/query_call"
    refusals: set[str] = set()
    listing = await _list(client, endpoint, {"number": ",".join(numbers)}, refusals)
    if _NO_SUCH_EXTENSION not in refusals or len(numbers) == 1:
        return listing
    each = [
        await _list(client, endpoint, {"number": number})
        for number in numbers[:_MOST_ASKED_SINGLY]
    ]
    return _Listing(
        tuple(call for one in each for call in one.calls),
        len(each) == len(numbers) and all(one.complete for one in each),
    )


async def _list(
    client: YeastarClient,
    endpoint: str,
    parameters: dict[str, str],
    refusals: set[str] | None = None,
) -> _Listing:
    """Ask for calls; what the PBX declines goes into `refusals`."""
    try:
        answer = await client.request(endpoint, parameters)
    except RefusedError as error:
        if error.refusal == _NO_SUCH_CALL:
            return _Listing(complete=True)
        _LOGGER.debug("%s was declined: %s", endpoint, error)
        if refusals is not None:
            refusals.add(error.refusal)
        return _Listing()
    except NotYeastarError as error:
        # No such page in this firmware, or no sense in it: no reason not to ask elsewhere.
        _LOGGER.debug("%s brought nothing: %s", endpoint, error)
        return _Listing()
    return _calls_in(answer)


async def _are_free(client: YeastarClient, numbers: tuple[str, ...]) -> bool:
    """Return True if the PBX lists none of these extensions as being in a call."""
    try:
        listed = await queries.extensions(client)
    except RefusedError, NoListError:
        return False
    found = [listed[number].status for number in numbers if number in listed]
    return bool(found) and all(status in _FREE for status in found)


def _calls_in(answer: dict[str, Any]) -> _Listing:
    """Return the calls in an answer to `call/query` or `extension/query_call`.

    An idle extension may be missing, or have no calls (protocol 6.3). Clients have
    read `Calls` as well as `calls` (protocol 6.6). Without any list nothing is said.
    """
    fields = _lower(answer)
    lists = [fields[key] for key in ("calls", "calllist") if key in fields]
    found = records(fields.get("calls"))
    for extension in records(fields.get("calllist")):
        found += records(_lower(extension).get("numbercalls"))
    calls: list[RunningCall] = []
    for call in map(_lower, found):
        if not (call_id := text(call.get("callid"))):
            continue
        try:
            members = members_of(call.get("members"))
        except MalformedReportError as error:
            _LOGGER.debug("A running call makes no sense: %s", error)
            members = None
        calls.append(RunningCall(call_id, members))
    return _Listing(tuple(calls), any(isinstance(one, list) for one in lists))


def _lower(fields: dict[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in fields.items()}
