"""The PBX's own record of all calls: read for a span of time, told as calls.

A download takes two requests: `cdr/get_random` gives a string that opens the file
once within 30 s, `cdr/download` is the file, CSV with a header (protocol 6.11).
"""

import asyncio
from collections.abc import Iterable, Iterator
import csv
from dataclasses import replace
from datetime import datetime, timedelta
import io
from typing import Any

from ..client import YeastarClient
from ..clock import PbxClock
from ..errors import NoFileError, NotYeastarError, RefusedError
from ..models import text
from ..reports import MalformedReportError, understand
from .description import Call, Directory, describe
from .evidence import Evidence
from .record import record_of
from .tracker import LONGEST_ID

# One day of a busy PBX is some thousand records of 200 bytes.
LONGEST_SPAN = timedelta(days=1)
# api_error_code.html: "no CDR" is a failure, not an empty file.
_NO_RECORDS = "no_call_records"
_LINK_INVALID = "download_link_invalid"
_COLUMNS = frozenset({"callid", "timestart"})

type CallLogRecord = dict[str, Any]


async def read_call_log(
    client: YeastarClient,
    clock: PbxClock,
    start: datetime,
    end: datetime,
    *,
    numbers: str = "all",
) -> list[CallLogRecord]:
    """Return the records of the calls that began in a span of time.

    Args:
        client: to ask with; takes two requests, four if the first download fails.
        clock: of the PBX.
        start: of the span, aware.
        end: of the span, not more than `LONGEST_SPAN` later.
        numbers: extensions separated by commas, or `all`.

    Returns:
        Records in the shape of a `new_cdr` payload, `time_start` a true time.

    Raises:
        PbxError: the log cannot be had now. That there are no calls is no error.
    """
    asked = {
        "number": numbers,
        "starttime": clock.wall(start),
        "endtime": clock.wall(end),
    }
    try:
        content = await _download(client, asked)
    except RefusedError as error:
        if error.reason != _NO_RECORDS:
            raise
        return []
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
            # No calls, or a link that did not open: not told apart (6.11).
            if last:
                return b""
        except RefusedError as error:
            if last or error.reason != _LINK_INVALID:
                raise
    raise AssertionError


def _parse(content: bytes, clock: PbxClock) -> list[CallLogRecord]:
    """Return the records of a CSV file; what is not a record is left out.

    Raises:
        NotYeastarError: it is something else.
    """
    # A name in another encoding must not cost the whole file.
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig", errors="replace")))
    found: list[CallLogRecord] = []
    columns: list[str] = []
    for row in _readable(rows):
        if not columns:
            columns = [name.strip().lower() for name in row]
            if not _COLUMNS.issubset(columns):
                # Another page with HTTP 200 is no empty log.
                raise NotYeastarError("the file is not a call log")
            continue
        if record := _record(dict(zip(columns, row, strict=False)), clock):
            found.append(record)
    return found


def _readable(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield rows that can be read, and are not empty."""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            continue
        if row:
            yield row


def _record(fields: dict[str, str], clock: PbxClock) -> CallLogRecord | None:
    """Return one record, None if it is not one of a call."""
    call_id = text(fields.get("callid"))
    began = clock.moment(text(fields.get("timestart")), call_id)
    if not 0 < len(call_id) <= LONGEST_ID or began is None:
        return None
    try:
        report = understand({"event": "NewCdr", **fields}, clock.zone)
    except MalformedReportError:
        return None
    return {**report.payload, "call_id": call_id, "time_start": began.isoformat()}


def by_call(records: Iterable[CallLogRecord]) -> list[list[CallLogRecord]]:
    """Return the records of each call, in the order in which the calls ended.

    Several records of one call (a transfer, a queue, a mobile that rang along) are
    one call.
    """
    by_id: dict[str, list[CallLogRecord]] = {}
    for record in records:
        by_id.setdefault(record["call_id"], []).append(record)
    return sorted(
        by_id.values(), key=lambda its: (max(map(ended_at, its)), its[0]["call_id"])
    )


def calls_of(records: Iterable[CallLogRecord], directory: Directory) -> list[Call]:
    """Return the calls that records are about, in the order in which they ended.

    What may be nothing but a phantom is left out (5.3).
    """
    return [
        call
        for its_records in by_call(records)
        if (call := call_of(its_records, directory)) is not None
    ]


def call_of(records: list[CallLogRecord], directory: Directory) -> Call | None:
    """Return the call that records of one call are about, None if there never was one."""
    call_id = records[0]["call_id"]
    began = min(datetime.fromisoformat(one["time_start"]) for one in records)
    ended = max(ended_at(one) for one in records)
    evidence = Evidence(call_id, opened_at=began, started_at=began, heard_at=ended)
    evidence.records = [record_of(one, ended_at(one)) for one in records]
    if evidence.never_was:
        return None
    call = describe(evidence, directory, ended)
    # Described is the part that matters most; the call is all of its parts.
    return replace(call, started_at=began, ended_at=ended)


def ended_at(record: CallLogRecord) -> datetime:
    """Return when the call of a record ended, as the record has it."""
    duration = record.get("call_duration")
    seconds = duration if isinstance(duration, int) else 0
    return datetime.fromisoformat(record["time_start"]) + timedelta(seconds=seconds)
