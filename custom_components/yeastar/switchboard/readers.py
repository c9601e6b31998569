"""Read the PBX's lists into the picture of it."""

from collections.abc import Awaitable, Callable, Iterable
import logging
from typing import Any

from homeassistant.util import dt as dt_util

from ..pbx import inventory
from ..pbx.client import YeastarClient
from ..pbx.errors import RefusedError, TokenRejectedError
from ..pbx.models import text
from ..pbx.reports import MalformedReportError, members_of
from .board import Switchboard
from .poll_plan import Poll

_LOGGER = logging.getLogger(__name__)

# A call lasts longer than the two minutes after which it is asked about; with
# many of them, the others wait for the next tick.
MOST_CALLS_ASKED = 3


async def read(poll: Poll, client: YeastarClient, board: Switchboard) -> None:
    """Make one reading; what the PBX does not have counts as empty.

    Raises:
        PbxError: the PBX cannot be asked now.
    """
    try:
        await _READERS[poll](client, board)
    except TokenRejectedError:
        raise
    except RefusedError as error:
        # Old firmware, or none of these things: not a reason to be unavailable.
        _LOGGER.debug("Reading %s was declined: %s", poll, error)
    except MalformedReportError as error:
        _LOGGER.debug("Reading %s brought something odd: %s", poll, error)


async def ask_about_silent_calls(
    client: YeastarClient, board: Switchboard
) -> list[str]:
    """Ask about calls of which nothing was heard for long, whether they still run.

    Return those that do not. `call/query` lists no internal calls (6.6), and whether
    it knows one by its id is not said; what it does not know is looked for at the
    call's extensions.
    """
    gone: list[str] = []
    for call_id in board.calls.silent(dt_util.utcnow())[:MOST_CALLS_ASKED]:
        try:
            members = await members_of_call(client, board, call_id)
        except MalformedReportError as error:
            _LOGGER.debug("Asking about a call brought something odd: %s", error)
            continue
        except TokenRejectedError:
            raise
        except RefusedError as error:
            _LOGGER.debug("Asking about a call was declined: %s", error)
            continue
        now = dt_util.utcnow()
        if members is None:
            # It has ended, and no report told that anybody hung up.
            board.delivery.missed(now)
            gone.append(call_id)
        else:
            board.handle(board.calls.confirm(call_id, members, now), now)
    return gone


async def members_of_call(
    client: YeastarClient, board: Switchboard, call_id: str
) -> list[dict[str, Any]] | None:
    """Return who takes part in a call, None if the PBX does not know it any more.

    Raises:
        MalformedReportError: the answer is odd.
        PbxError: the PBX cannot be asked.
    """
    try:
        answer = await client.request("call/query", {"callid": call_id})
    except RefusedError as error:
        if error.reason != "call_unknown":
            raise
    else:
        if (members := _find_call(answer, call_id)) is not None:
            return members
    numbers = [
        number
        for call in board.calls.active
        if call.call_id == call_id
        for number in call.extensions
    ]
    if not numbers:
        return None
    try:
        answer = await client.request(
            "extension/query_call", {"number": ",".join(numbers)}
        )
    except TokenRejectedError:
        raise
    except RefusedError:
        # Firmware before 2020-11-09 (7.3): the first answer has to do.
        return None
    return _find_call(answer, call_id)


def _find_call(answer: dict[str, Any], call_id: str) -> list[dict[str, Any]] | None:
    """Return the members of one call of an answer, None if it is not in there."""
    for call in inventory.running_calls(answer):
        if text(call.get("callid")) == call_id:
            return members_of(call.get("members"))
    return None


async def _read_extensions(client: YeastarClient, board: Switchboard) -> None:
    asked_at = dt_util.utcnow()
    answer = await client.request("extension/list")
    session = client.session_number
    board.set_extensions(
        inventory.extensions(answer),
        asked_at,
        # In a new session reports may have been missed before it.
        continuous=board.listed_in_session == session,
    )
    board.listed_in_session = session


async def _read_trunks(client: YeastarClient, board: Switchboard) -> None:
    board.set_trunks(inventory.trunks(await client.request("trunk/list")))


async def _read_queue_names(client: YeastarClient, board: Switchboard) -> None:
    board.queue_names = inventory.queue_names(
        await client.request("queue/query", {"number": "all"})
    )


async def _read_queues(client: YeastarClient, board: Switchboard) -> None:
    if not board.queue_names:
        # Most PBXs have none; once an hour is enough to find out about the first.
        board.set_queues({})
        return
    answer = await client.request("queue/query_status", {"number": "all"})
    board.set_queues(inventory.queues(answer, board.queue_names))


async def _read_ivrs(client: YeastarClient, board: Switchboard) -> None:
    board.directory.ivrs = inventory.ivr_numbers(
        await client.request("ivr/query", {"number": "all"})
    )


async def _read_contacts(client: YeastarClient, board: Switchboard) -> None:
    board.directory.contacts = inventory.contacts(
        await client.request("companycontacts/query", {"id": "all"})
    )


async def _read_voicemails(client: YeastarClient, board: Switchboard) -> None:
    board.set_voicemails(
        inventory.unread_voicemails(
            await client.request("voicemail/query", {"number": "all"})
        )
    )


async def _read_extension_settings(client: YeastarClient, board: Switchboard) -> None:
    """Read the settings of those extensions of which somebody wants to know them.

    The answer has their passwords in it (6.3): nothing of it goes any further.
    """
    # One that is gone, its switch not yet, would be refused for all.
    numbers = sorted(board.settings_watched & board.directory.extensions.keys())
    if not numbers:
        return
    asked = {"number": ",".join(numbers)}
    found = inventory.do_not_disturb(await client.request("extension/query", asked))
    board.set_do_not_disturb({number: found.get(number) for number in numbers})


async def _read_calls(client: YeastarClient, board: Switchboard) -> None:
    """Find the calls of extensions that run already: at the start, after a gap."""
    answer = await client.request("extension/query_call", {"number": "all"})
    adopt(board, inventory.running_calls(answer))


async def _read_line_calls(client: YeastarClient, board: Switchboard) -> None:
    """Find the calls on trunks that no extension has part in: in IVRs and queues."""
    for direction in ("inbound", "outbound"):
        answer = await client.request("call/query", {"type": direction})
        adopt(board, inventory.running_calls(answer))


async def running_calls(client: YeastarClient) -> dict[str, dict[str, Any]] | None:
    """Return all calls that go on by their ids, None if the PBX cannot list them.

    Raises:
        PbxError: it cannot be asked now.
    """
    asked = (
        ("extension/query_call", {"number": "all"}),
        ("call/query", {"type": "inbound"}),
        ("call/query", {"type": "outbound"}),
    )
    found: dict[str, dict[str, Any]] = {}
    for endpoint, parameters in asked:
        try:
            answer = await client.request(endpoint, parameters)
        except TokenRejectedError:
            raise
        except RefusedError as error:
            # How an empty list is said is not documented for `call/query` (6.6).
            if error.reason != "call_unknown":
                _LOGGER.debug("Listing the running calls was declined: %s", error)
                return None
            continue
        for call in inventory.running_calls(answer):
            found.setdefault(text(call.get("callid")), call)
    return found


def adopt(board: Switchboard, running: Iterable[dict[str, Any]]) -> None:
    """Take in those calls of an answer that are not known yet.

    Raises:
        MalformedReportError: one of them is odd.
    """
    now = dt_util.utcnow()
    for call in running:
        if call_id := text(call.get("callid")):
            board.calls.adopt(call_id, members_of(call.get("members")), now)
    board.handle([], now)


_READERS: dict[Poll, Callable[[YeastarClient, Switchboard], Awaitable[Any]]] = {
    Poll.EXTENSIONS: _read_extensions,
    Poll.TRUNKS: _read_trunks,
    Poll.QUEUE_NAMES: _read_queue_names,
    Poll.QUEUES: _read_queues,
    Poll.CALLS: _read_calls,
    Poll.LINE_CALLS: _read_line_calls,
    Poll.IVRS: _read_ivrs,
    Poll.CONTACTS: _read_contacts,
    Poll.VOICEMAILS: _read_voicemails,
    Poll.EXTENSION_SETTINGS: _read_extension_settings,
}
