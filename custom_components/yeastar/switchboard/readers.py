"""From a poll to a query to the picture: how each list of the PBX is read."""

from collections.abc import Awaitable, Callable, Iterable, Sized
from typing import Any, Final

from homeassistant.util import dt as dt_util

from ..pbx import queries
from ..pbx.calls.running import RunningCall, calls_of_extensions, calls_on_trunks
from ..pbx.client import YeastarClient
from ..pbx.errors import NoListError
from ..pbx.numbers import NumberBook
from .board import Switchboard
from .poll_plan import Poll


async def read(poll: Poll, client: YeastarClient, board: Switchboard) -> None:
    """Read one list.

    Raises:
        PbxError: the PBX declines, says nothing, or cannot be asked now.
    """
    await _READERS[poll](client, board)


def adopt(board: Switchboard, running: Iterable[RunningCall]) -> None:
    """Follow those of the running calls that are not known yet."""
    now = dt_util.utcnow()
    for call in running:
        if call.members is not None:
            board.calls.adopt(call.call_id, call.members, now)
    board.handle([], now)


async def _unless_known[Found](
    asked: Awaitable[Found], known: Sized, none: Found
) -> Found:
    """Return what was found; `none` if the PBX says nothing and nothing was known.

    A PBX that has none of a kind leaves their list out (protocol 8.2).

    Raises:
        NoListError: it says nothing, but there were some.
    """
    try:
        return await asked
    except NoListError:
        if known:
            raise
        return none


async def _read_extensions(client: YeastarClient, board: Switchboard) -> None:
    asked_at = dt_util.utcnow()
    found = await _unless_known(
        queries.extensions(client), board.directory.extensions, {}
    )
    session = client.session_number
    # In a new session reports may have been missed before it.
    continuous = board.listed_in_session == session
    board.set_extensions(found, asked_at, continuous=continuous)
    board.listed_in_session = session


async def _read_trunks(client: YeastarClient, board: Switchboard) -> None:
    board.set_trunks(
        await _unless_known(queries.trunks(client), board.picture.trunks, {})
    )


async def _read_queue_names(client: YeastarClient, board: Switchboard) -> None:
    picture = board.picture
    picture.queue_names = await _unless_known(
        queries.queue_names(client), picture.queue_names, {}
    )


async def _read_queues(client: YeastarClient, board: Switchboard) -> None:
    # Most PBXs have none; once an hour is enough to find out about the first.
    names = board.picture.queue_names
    board.set_queues(await queries.queues(client, names) if names else {})


async def _read_ivrs(client: YeastarClient, board: Switchboard) -> None:
    directory = board.directory
    asked = queries.ivr_numbers(client)
    directory.ivrs = await _unless_known(asked, directory.ivrs, set())


async def _read_contacts(client: YeastarClient, board: Switchboard) -> None:
    directory = board.directory
    asked = queries.contacts(client)
    directory.contacts = await _unless_known(asked, directory.contacts, NumberBook())


async def _read_voicemails(client: YeastarClient, board: Switchboard) -> None:
    board.set_voicemails(await queries.unread_voicemails(client))


async def _read_extension_settings(client: YeastarClient, board: Switchboard) -> None:
    # One that is gone, its switch not yet, would be refused for all.
    numbers = sorted(board.settings_watched & board.directory.extensions.keys())
    if numbers:
        found = await queries.do_not_disturb(client, numbers)
        board.set_do_not_disturb({number: found.get(number) for number in numbers})


async def _read_calls(client: YeastarClient, board: Switchboard) -> None:
    # Those that run already, at the start and after a gap.
    adopt(board, await calls_of_extensions(client) or ())


async def _read_line_calls(client: YeastarClient, board: Switchboard) -> None:
    # Those that no extension has part in are in IVRs and queues.
    adopt(board, await calls_on_trunks(client))


_READERS: Final[dict[Poll, Callable[[YeastarClient, Switchboard], Awaitable[Any]]]] = {
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
