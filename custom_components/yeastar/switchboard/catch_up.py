"""Tell the calls of a gap: found in the PBX's own records, each once, in order."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from typing import Any

from ..pbx.calls.log import (
    LONGEST_SPAN,
    CallLogRecord,
    by_call,
    call_of,
    ended_at,
    read_call_log,
)
from ..pbx.calls.record import record_of
from ..pbx.client import YeastarClient
from ..pbx.clock import PbxClock, began_by_id
from .board import Switchboard
from .readers import adopt, running_calls

_LOGGER = logging.getLogger(__name__)

# A call that ended just now is told by its reports, which may be on their way.
_FRESH = timedelta(seconds=20)
# The PBX's clock may be changed, and its zone be another than it seems.
_UNCERTAIN = timedelta(hours=1)
# Ids begin with a time if that of the last call seen to begin did, about.
_PROVEN = timedelta(minutes=2)
# How many calls are told in one go, before Home Assistant may do something else.
_AT_ONCE = 20


async def catch_up(
    client: YeastarClient,
    board: Switchboard,
    clock: PbxClock,
    now: datetime,
    over: Collection[str] = (),
) -> set[str]:
    """Tell what the call log has and nobody told.

    Args:
        client: to read with; two requests for each day of the gap.
        board: tells the calls, and knows which ones are told.
        clock: of the PBX.
        now: the time.
        over: calls that are known not to go on, although their end was not heard.

    Returns:
        The ids of calls that ended only just: their reports, or more records of them,
        may be on their way, so look again soon.

    Raises:
        PbxError: the log cannot be read; what was told until then stays told.
    """
    _note_what_ids_are(board, clock)
    clock = replace(clock, ids_are_times=board.history.ids_are_times)
    start = board.history.told.look_back_to(now)
    fresh: set[str] = set()
    while start < now:
        end = min(start + LONGEST_SPAN, now)
        records = await read_call_log(
            client, clock, start - _UNCERTAIN, end + _UNCERTAIN
        )
        fresh |= await _tell(client, board, records, now, over)
        board.history.checked(end)
        # There is time for it here, and a power cut now would tell them all again.
        await board.history.async_save()
        start = end
    return fresh


def _note_what_ids_are(board: Switchboard, clock: PbxClock) -> None:
    """Note whether the ids of calls begin with the true time of the PBX's clock."""
    if (opened := board.calls.last_opened) is not None:
        call_id, opened_at = opened
        began = began_by_id(call_id)
        board.history.ids_are_times = (
            began is not None and abs(began - clock.drift - opened_at) < _PROVEN
        )


async def _tell(
    client: YeastarClient,
    board: Switchboard,
    records: list[CallLogRecord],
    now: datetime,
    over: Collection[str],
) -> set[str]:
    """Tell the calls that are over and not told; return those that ended only just."""
    told = board.history.told
    news = by_call(one for one in records if one["call_id"] not in told)
    earliest = told.earliest(now)
    running: dict[str, dict[str, Any]] | None = None
    asked = False
    fresh: set[str] = set()
    for count, its_records in enumerate(news):
        if count % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        call = call_of(its_records, board.directory)
        if call is None or call.started_at is None or call.started_at < earliest:
            continue
        if call.ended_at is None or call.ended_at > now - _FRESH:
            fresh.add(call.call_id)
            continue
        if call.call_id not in over:
            known = call.call_id in board.calls
            if known and not board.calls.is_silent(call.call_id, now):
                continue
            # A part of a call that goes on has a record, too (5.3).
            if not asked:
                asked, running = True, await running_calls(client)
            if running is None and known:
                continue
            if running is not None and call.call_id in running:
                adopt(board, [running[call.call_id]])
                continue
        if call.call_id not in told:
            board.tell_found(
                call, [record_of(one, ended_at(one)) for one in its_records]
            )
    return fresh
