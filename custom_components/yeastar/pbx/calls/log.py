"""The PBX's own record of all calls: read for a span of time, told as calls.

A download takes two requests: `cdr/get_random` gives a string that opens the file
once within 30 s, `cdr/download` is the file, CSV with a header (protocol 6.11).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
import csv
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import re
from typing import Final

from ..client import YeastarClient
from ..clock import PbxClock
from ..errors import NoFileError, NotYeastarError, RefusedError
from ..models import text
from ..reports import MalformedReportError, understand
from .description import Call, describe
from .evidence import Evidence
from .record import CallRecord, record_of
from .records import NumberPlan
from .tracker import LONGEST_ID

# One day of a busy PBX is some thousand records of 200 bytes.
_DAY: Final = timedelta(days=1)
# The PBX knows whole seconds, and both ends of what it is asked for are in.
_SECOND: Final = timedelta(seconds=1)
# api_error_code.html: "no CDR" is a failure, not an empty file.
_NO_RECORDS: Final = "no_call_records"
_LINK_INVALID: Final = "download_link_invalid"
_COLUMNS: Final = frozenset(
    {"callid", "timestart", "callfrom", "callto", "callduraction", "status"}
)
# As they are meant (protocol 8.1).
_ALIASES: Final = {"callduration": "callduraction", "talkduration": "talkduraction"}
_MOST_DIGITS: Final = 8
_SECONDS: Final = ("callduraction", "talkduraction")
# Where a type belongs, these show that a row has lost a column.
_STATUS: Final = re.compile(r"answered|no answer(ed)?|busy|failed|voicemail", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogDay:
    """What the call log has of one day.

    Attributes:
        until: up to when it was read.
        records: that begin in it.
        unreadable: how many more there are that make no sense.
    """

    until: datetime
    records: list[CallRecord]
    unreadable: int = 0


async def read_call_log(
    client: YeastarClient,
    clock: PbxClock,
    start: datetime,
    end: datetime,
    *,
    margin: timedelta = timedelta(),
    numbers: str = "all",
) -> AsyncIterator[LogDay]:
    """Yield the records of the calls that began in a span of time, a day at a time.

    Args:
        client: to ask with; takes two requests a day, four if a download fails.
        clock: of the PBX.
        start: of the span, aware.
        end: of the span, not part of it.
        margin: what to read beyond both ends of each day, for a clock that may have
            been changed; records in there may come twice.
        numbers: extensions separated by commas, or `all`.

    Yields:
        The records of each day.

    Raises:
        NotYeastarError: what the PBX has is no call log, or none that can be read.
        PbxError: the log cannot be had now. That there are no calls is no error.
    """
    while start < end:
        until = min(start + _DAY, end)
        asked = {
            "number": numbers,
            "starttime": clock.wall(start - margin),
            "endtime": clock.wall(until + margin - _SECOND),
        }
        records, unreadable = await _read(client, clock, asked)
        yield LogDay(until, records, unreadable)
        start = until


async def _read(
    client: YeastarClient, clock: PbxClock, asked: dict[str, str]
) -> tuple[list[CallRecord], int]:
    """Return the records of one day, and how many could not be read."""
    try:
        content = await _download(client, asked)
    except RefusedError as error:
        if error.refusal != _NO_RECORDS:
            raise
        return [], 0
    # A day's records would keep the event loop for too long.
    return await asyncio.to_thread(_parse, content, clock)


async def _download(client: YeastarClient, asked: dict[str, str]) -> bytes:
    """Fetch the file; b"" if there is none, however the PBX says so."""
    for last in (False, True):
        answer = await client.request("cdr/get_random", asked)
        link = {**asked, "random": text(answer.get("random"))}
        try:
            return await client.download("cdr/download", link)
        except NoFileError:
            # No calls, or a link that did not open: not told apart (protocol 6.11).
            if last:
                return b""
        except RefusedError as error:
            if last or error.refusal != _LINK_INVALID:
                raise
    raise AssertionError


def _parse(content: bytes, clock: PbxClock) -> tuple[list[CallRecord], int]:
    """Return the records of a CSV file, and how many of its rows cannot be read.

    What does not have the shape that the header promises is not guessed at.

    Raises:
        NotYeastarError: it is something else, or no row of it can be read.
    """
    # A name in another encoding must not cost the whole file.
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    # One quote alone would make one row of all that follow.
    whole = [line for line in lines if line.count('"') % 2 == 0]
    unreadable = len(lines) - len(whole)
    columns: list[str] = []
    rows: dict[str, list[dict[str, str]]] = {}
    for row in _readable(csv.reader(whole)):
        if not columns:
            names = (name.strip().lower() for name in row)
            columns = [_ALIASES.get(name, name) for name in names]
            if not _COLUMNS.issubset(columns):
                # Another page with HTTP 200 is no empty log.
                raise NotYeastarError("the file is not a call log")
            continue
        if len(row) < len(columns) or any(row[len(columns) :]):
            # A comma in a name, or another kind of row: no value is what it seems.
            unreadable += 1
            continue
        fields = dict(zip(columns, row, strict=False))
        rows.setdefault(text(fields.get("callid")), []).append(fields)
    found: list[CallRecord] = []
    for call_id, its_rows in rows.items():
        moments = clock.moments([text(one["timestart"]) for one in its_rows], call_id)
        for fields, began in zip(its_rows, moments, strict=True):
            if record := _record_in(fields, call_id, began, clock):
                found.append(record)
            else:
                unreadable += 1
    if unreadable and not found:
        raise NotYeastarError("no record of the call log can be read")
    return found, unreadable


def _readable(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield rows that are not empty."""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            yield [""]
            continue
        if row:
            yield row


def _record_in(
    fields: dict[str, str], call_id: str, began: datetime | None, clock: PbxClock
) -> CallRecord | None:
    """Return one record, None if it is not one of a call."""
    if not 0 < len(call_id) <= LONGEST_ID or began is None:
        return None
    seconds = [text(fields.get(name, "0")) for name in _SECONDS]
    if not all(one.isdecimal() and len(one) < _MOST_DIGITS for one in seconds):
        return None
    if _STATUS.fullmatch(text(fields.get("type")).lower()):
        return None
    try:
        report = understand({"event": "NewCdr", **fields}, clock.zone)
    except MalformedReportError:
        return None
    record = replace(record_of(report.payload, began), call_id=call_id, began=began)
    return replace(record, heard_at=record.ended_at)


def by_call(records: Iterable[CallRecord]) -> list[list[CallRecord]]:
    """Return the records of each call, in the order in which the calls ended.

    Several records of one call (a transfer, a queue, a mobile that rang along) are
    one call.
    """
    by_id: dict[str, list[CallRecord]] = {}
    for record in records:
        by_id.setdefault(record.call_id, []).append(record)
    return sorted(by_id.values(), key=lambda its: (_over_at(its), its[0].call_id))


def calls_of(records: Iterable[CallRecord], plan: NumberPlan) -> list[Call]:
    """Return the calls that records are about, in the order in which they ended.

    What may be nothing but a phantom is left out (protocol 5.3).
    """
    return [
        call
        for its_records in by_call(records)
        if (call := call_of(its_records, plan)) is not None
    ]


def call_of(records: list[CallRecord], plan: NumberPlan) -> Call | None:
    """Return the call that its records tell of, None if there never was one."""
    began = min(one.started_at for one in records)
    ended = _over_at(records)
    evidence = Evidence(
        records[0].call_id, plan, began, started_at=None, heard_at=ended, alive_at=ended
    )
    evidence.records = list(records)
    if evidence.never_was:
        return None
    return describe(evidence, ended_at=ended)


def _over_at(records: list[CallRecord]) -> datetime:
    """Return when the call of these records was over."""
    return max(record.ended_at for record in records)
