"""The PBX's call records, downloaded as CSV and told as calls."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from custom_components.yeastar.pbx import queries
from custom_components.yeastar.pbx.calls import log as call_log
from custom_components.yeastar.pbx.calls.log import calls_of, read_call_log
from custom_components.yeastar.pbx.calls.record import CallRecord
from custom_components.yeastar.pbx.client import YeastarClient
from custom_components.yeastar.pbx.clock import PbxClock
from custom_components.yeastar.pbx.errors import (
    NotReadyError,
    NotYeastarError,
    RefusedError,
)
from custom_components.yeastar.pbx.inventory import Directory, Extension
from custom_components.yeastar.pbx.models import EventTarget
from tests.simulator import Fault, ManualClock, Readings, Settings, Simulator
from tests.simulator.readings import BadDownload, GroupCallTo, NoRecords

pytestmark = pytest.mark.usefixtures("socket_enabled")

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Bench:
    """A PBX and a client of it."""

    def __init__(self, pbx: Simulator, session: aiohttp.ClientSession) -> None:
        self.pbx = pbx
        assert isinstance(pbx.clock, ManualClock)
        self.advance = pbx.clock.advance
        self.client = YeastarClient(
            session,
            host=pbx.host,
            port=pbx.port,
            use_ssl=True,
            username=pbx.username,
            password=pbx.password,
            fingerprint=pbx.fingerprint,
            target=lambda address: EventTarget(1, "nowhere", False, address),
            clock=pbx.clock.now,
        )
        self.directory = Directory()
        for number in ("1000", "1001", "1002", "1003"):
            self.directory.extensions[number] = Extension(number, f"N{number}", None)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.pbx.clock.now(), UTC)

    async def read(self, start: datetime = START, **changes: Any) -> list[CallRecord]:
        device = await queries.device(self.client)
        clock = PbxClock.read(device.system_time, self.now, UTC)
        found: list[CallRecord] = []
        # The end is not part of the span, the last second of the call is.
        end = self.now + timedelta(seconds=1)
        async for day in read_call_log(self.client, clock, start, end, **changes):
            found += day.records
        return found

    async def missed_call(self) -> None:
        call = await self.pbx.calls.inbound(
            "siptrunk", "0301234567", "5551000", to="1001"
        )
        await call.ring()
        await self.advance(12)
        await call.hang_up()
        await self.advance(1)


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Return a PBX, with the readings and settings that the test wants."""
    wanted = getattr(request, "param", {})
    clock = ManualClock(START.timestamp())
    async with (
        Simulator(
            clock=clock,
            settings=Settings(**wanted.get("settings", {})),
            readings=Readings(**wanted.get("readings", {})),
        ) as pbx,
        aiohttp.ClientSession() as session,
    ):
        yield Bench(pbx, session)


async def test_a_missed_call_is_found_with_its_true_times(bench: Bench) -> None:
    await bench.missed_call()
    (call,) = calls_of(await bench.read(), bench.directory)
    truth = bench.pbx.calls.finished[0]
    assert call.call_id == truth.callid
    assert call.direction == "inbound"
    assert call.outcome == "missed"
    assert (call.caller_number, call.called_number) == ("0301234567", "1001")
    assert (call.did_number, call.trunk) == ("5551000", "siptrunk")
    assert call.extensions == ("1001",)
    assert call.started_at == START
    assert call.ended_at == START + timedelta(seconds=12)
    assert (call.ring_seconds, call.talk_seconds) == (12, 0)


async def test_calls_come_in_the_order_of_their_ends(bench: Bench) -> None:
    first = await bench.pbx.calls.internal("1000", "1001")
    await first.ring()
    await bench.advance(5)
    second = await bench.pbx.calls.outbound("1002", "0309876543")
    await second.ring()
    await second.answer()
    await first.answer()
    await bench.advance(20)
    await second.hang_up()
    await bench.advance(20)
    await first.hang_up()
    calls = calls_of(await bench.read(), bench.directory)
    assert [call.call_id for call in calls] == [second.callid, first.callid]
    assert [call.answered_by for call in calls] == ["0309876543", "1001"]
    assert [call.talk_seconds for call in calls] == [20, 40]


@pytest.mark.parametrize(
    "bench",
    [{"readings": {"no_records": one, "bad_download": other}}
     for one in NoRecords for other in BadDownload],
    indirect=True,
)  # fmt: skip
async def test_no_calls_are_an_empty_list_however_it_is_said(bench: Bench) -> None:
    assert await bench.read() == []
    await bench.missed_call()
    assert len(await bench.read()) == 1


@pytest.mark.parametrize(
    "bench", [{"readings": {"bad_download": one}} for one in BadDownload], indirect=True
)
async def test_a_link_that_did_not_open_is_asked_for_again(bench: Bench) -> None:
    await bench.missed_call()

    randoms = bench.pbx.randoms
    original = randoms.pop
    spoiled: list[str] = []

    class Spoiled(dict[str, Any]):
        def pop(self, key: str, default: Any = None) -> Any:
            if not spoiled:
                spoiled.append(key)
                return default
            return original(key, default)

        def __setitem__(self, key: str, value: Any) -> None:
            randoms[key] = value

    bench.pbx.randoms = Spoiled()
    assert len(await bench.read()) == 1
    assert spoiled


async def test_a_day_without_answer_is_an_error_and_no_empty_day(bench: Bench) -> None:
    await bench.missed_call()
    bench.pbx.faults.add(Fault.ERRNO, endpoint="cdr/get_random", errno=30003)
    with pytest.raises(NotReadyError):
        await bench.read()
    bench.pbx.faults.clear()
    bench.pbx.faults.add(Fault.ERRNO, endpoint="cdr/get_random", errno=20019)
    with pytest.raises(RefusedError):
        await bench.read()


async def test_a_forgotten_session_in_the_middle_is_not_noticed(bench: Bench) -> None:
    await bench.missed_call()
    await bench.read()
    bench.pbx.forget_tokens()
    assert len(await bench.read()) == 1


@pytest.mark.parametrize(
    "bench",
    [
        {"readings": {"group_call_to": one, "several_cdrs": True, "mobile_cdr": True}}
        for one in GroupCallTo
    ],
    indirect=True,
)
async def test_several_records_of_one_call_are_one_call(bench: Bench) -> None:
    call = await bench.pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="6200")
    await call.ring()
    await bench.advance(5)
    await call.answer(by="1001")
    await bench.advance(30)
    await call.hang_up()
    records = await bench.read()
    assert len(records) > 1
    (found,) = calls_of(records, bench.directory)
    assert found.outcome == "answered"
    assert found.called_number == "6200"
    assert found.talk_seconds == 30


@pytest.mark.parametrize("bench", [{"readings": {"phantom_cdr": True}}], indirect=True)
async def test_a_phantom_beside_a_call_does_not_count(bench: Bench) -> None:
    await bench.missed_call()
    (found,) = calls_of(await bench.read(), bench.directory)
    assert found.ring_seconds == 12


@pytest.mark.parametrize(
    "bench", [{"settings": {"clock_fast": 3 * 3600.0 + 240}}], indirect=True
)
async def test_a_wrong_clock_does_not_hide_calls_nor_shift_them(bench: Bench) -> None:
    await bench.missed_call()
    (call,) = calls_of(await bench.read(START - timedelta(minutes=1)), bench.directory)
    assert call.started_at is not None
    assert abs(call.started_at - START) < timedelta(seconds=2)


async def test_a_span_has_only_its_own_calls(bench: Bench) -> None:
    await bench.missed_call()
    await bench.advance(3600)
    later = bench.now
    await bench.missed_call()
    assert len(await bench.read()) == 2
    assert len(await bench.read(later)) == 1


HEADER = "callid,timestart,callfrom,callto,callduraction,talkduraction,status,type"
ROW = "1772442000.1,2026-03-02 09:00:00,0301,1001,12,0,NO ANSWER,Inbound"


@pytest.mark.parametrize(
    ("content", "found", "unreadable"),
    [
        (f"{HEADER}\r\n{ROW}\r\n", 1, 0),
        (f"\ufeff{HEADER}\n{ROW}", 1, 0),
        (
            f" CallID , timestart,callfrom,callto,callduration,talkduration,Status,new\n{ROW}",
            1,
            0,
        ),
        (f"{HEADER}\n\n{ROW}\n\n", 1, 0),
        (f"{HEADER}\n{ROW},\n{ROW},,\n", 2, 0),
        (f"{HEADER}\n1772442000.1,yesterday,a,b,1,2,X,Y\n{ROW}", 1, 1),
        (f"{HEADER}\n1772442000.1\n{ROW}", 1, 1),
        (f"{HEADER}\n,2026-03-02 09:00:00,a,b,1,2,X,Y\n{ROW}", 1, 1),
        (f'{HEADER}\n{ROW}\n"1,2\n', 1, 1),
        (f"{HEADER}\n{ROW}\n{ROW.replace('0301', '"0301')}\n{ROW}\n", 2, 1),
        (f"{HEADER}\n{ROW.replace('0301', '"Doe, J <0301>"')}\n", 1, 0),
        (f"{HEADER}\n{ROW.replace('0301', 'Doe, J')}\n{ROW}\n", 1, 1),
        (f"{HEADER}\n{ROW.replace('2026-03-02', '02.03.2026')}\n{ROW}\n", 1, 1),
        (f"{HEADER}\n{ROW.replace('09:00:00', '09:00:00 PM')}\n{ROW}\n", 1, 1),
        (f"{HEADER}\n{'x' * 200_000}\n{ROW}", 1, 1),
        (f"{HEADER}\n{'9' * 200}.1,2026-03-02 09:00:00,a,b,1,2,X,Y\n{ROW}", 1, 1),
        (f"{HEADER}\n{ROW},more,columns\n{ROW}\n", 1, 1),
        # No duration is none that is known, and no call without a beginning.
        (f"{HEADER}\n{ROW.replace(',12,', ',00:00:12,')}\n{ROW}\n", 1, 1),
        (f"{HEADER}\n{ROW.replace(',12,', ',12.0,')}\n{ROW}\n", 1, 1),
        (f"{HEADER}\n{ROW.replace(',12,', ',,')}\n{ROW}\n", 1, 1),
        # A comma too many and a column too few: as many columns as there should be.
        (
            f"{HEADER}\n{ROW.replace('0301', 'Doe, J').rpartition(',')[0]}\n{ROW}\n",
            1,
            1,
        ),
        (HEADER, 0, 0),
        ("", 0, 0),
    ],
)
def test_what_does_not_have_the_shape_of_a_record_is_counted_and_not_told(
    content: str, found: int, unreadable: int
) -> None:
    records, others = call_log._parse(content.encode(), PbxClock(UTC))
    assert (len(records), others) == (found, unreadable)
    for record in records:
        assert (record.called, record.status) == ("1001", "NO ANSWER")


@pytest.mark.parametrize(
    "rows",
    [
        ROW.replace("2026-03-02 09", "02/03/2026 09"),
        f"{ROW},1",
        ROW.replace("0301,", '"0301,'),
        f"{ROW.replace(',12', '')}\n{ROW.replace(':00,', ' AM,')}",
    ],
)
def test_a_log_of_which_nothing_can_be_read_is_not_one_without_calls(rows: str) -> None:
    with pytest.raises(NotYeastarError):
        call_log._parse(f"{HEADER}\n{rows}\n".encode(), PbxClock(UTC))


@pytest.mark.parametrize(
    "content",
    [
        "<html>no</html>",
        "callid\n1",
        "\0\0\0",
        f"{HEADER.replace(',status', ',result')}\n{ROW}",
    ],
)
def test_another_file_is_no_empty_log(content: str) -> None:
    with pytest.raises(NotYeastarError):
        call_log._parse(content.encode(), PbxClock(UTC))


def test_bytes_of_another_encoding_do_not_cost_the_file() -> None:
    content = f"{HEADER}\n{ROW}".replace("0301", "Jürgen").encode("latin-1")
    (record,), _ = call_log._parse(content, PbxClock(UTC))
    assert record.called == "1001"


def test_a_duration_beyond_all_measure_does_not_break_the_reading() -> None:
    content = f"{HEADER}\n{ROW.replace(',12,', ',9999999,')}".encode()
    records, _ = call_log._parse(content, PbxClock(UTC))
    (call,) = calls_of(records, Directory())
    assert call.ended_at is not None
