"""Local times without zone, read on clocks that are right, wrong, and changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from custom_components.yeastar.pbx.clock import PbxClock, began_by_id
from custom_components.yeastar.pbx.models import TIME_FORMAT

BERLIN = ZoneInfo("Europe/Berlin")
WINTER = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def call_id(moment: datetime) -> str:
    return f"{int(moment.timestamp())}.7"


@pytest.mark.parametrize(
    ("system_time", "drift"),
    [
        ("2026-01-15 13:00:00 UTC+1", 0),
        ("2026-01-15 13:00:04 UTC+1", 0),
        ("2026-01-15 13:03:00 UTC+1", 180),
        ("2026-01-15 12:55:00", -300),
    ],
)
def test_a_clock_that_is_wrong_is_put_right(system_time: str, drift: int) -> None:
    clock = PbxClock.read(system_time, WINTER, BERLIN)
    assert clock.zone is BERLIN
    assert clock.drift == timedelta(seconds=drift)
    shown = clock.wall(WINTER)
    assert shown == f"{datetime(2026, 1, 15, 13) + clock.drift:%Y-%m-%d %H:%M:%S}"
    assert clock.moment(shown, "") == WINTER


def test_a_clock_that_was_never_set_still_gives_true_times() -> None:
    clock = PbxClock.read("1970-01-01 08:00:10 UTC+8", WINTER, BERLIN)
    shown = clock.wall(WINTER + timedelta(minutes=5))
    assert shown == "1970-01-01 08:05:10"
    assert clock.moment("1970-01-01 07:59:10", "") == WINTER - timedelta(minutes=1)


@pytest.mark.parametrize("text", [None, "", "noon", "2026-13-01 00:00:00", "9" * 50])
def test_without_a_time_the_clock_is_taken_to_be_right(text: str | None) -> None:
    assert PbxClock.read(text, WINTER, BERLIN) == PbxClock(BERLIN)
    assert PbxClock(BERLIN).moment(text or "", "") is None


@pytest.mark.parametrize("year", ["0001-01-01", "9999-12-31"])
def test_absurd_times_are_no_times(year: str) -> None:
    for zone in (timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))):
        clock = PbxClock(zone)
        moment = clock.moment(f"{year} 00:00:01", "")
        assert moment is None or moment.tzinfo is UTC
    assert PbxClock.read(f"{year} 00:00:01", WINTER, BERLIN).zone is BERLIN


@pytest.mark.parametrize("fold", [0, 1])
def test_the_repeated_hour_is_told_apart_by_the_calls_id(fold: int) -> None:
    local = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold)
    moment = local.astimezone(UTC)
    clock = PbxClock(BERLIN)
    assert clock.moment("2026-10-25 02:30:00", call_id(moment)) == moment
    # Without a usable id one of the two has to do.
    either = clock.moment("2026-10-25 02:30:00", "odd")
    assert either in (moment, moment + timedelta(hours=1), moment - timedelta(hours=1))


def test_a_pbx_with_other_daylight_saving_is_understood_by_its_ids() -> None:
    # In winter it shows what Berlin shows; in summer it stays behind.
    clock = PbxClock.read("2026-01-15 13:00:00 UTC+1", WINTER, BERLIN)
    summer = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    proven = PbxClock(clock.zone, ids_are_times=True)
    assert proven.moment("2026-07-01 11:00:00", call_id(summer)) == summer
    # Ids that no live call has proven may be an hour off by a setting.
    assert clock.moment("2026-07-01 11:00:00", call_id(summer)) == summer - timedelta(
        hours=1
    )


def test_a_record_that_begins_later_than_its_call_is_not_moved() -> None:
    began = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    clock = PbxClock(BERLIN, ids_are_times=True)
    for minutes in (0, 10, 40):
        part = began + timedelta(minutes=minutes)
        shown = clock.wall(part)
        assert clock.moment(shown, call_id(began)) == part


def test_ids_that_are_no_times_are_none() -> None:
    assert began_by_id("1571897930.5") == datetime(2019, 10, 24, 6, 18, 50, tzinfo=UTC)
    assert began_by_id("call-1") is None
    assert began_by_id("15718979301571897930.5") is None


@pytest.mark.parametrize("minutes", [[0, 65], [0, 61, 130], [0, 20, 200]])
def test_later_records_of_a_call_are_as_far_off_as_its_first(
    minutes: list[int],
) -> None:
    began = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
    parts = [began + timedelta(minutes=one) for one in minutes]
    for hour in (-1, 0, 1):
        # The PBX may change its clock on other days than its zone here.
        clock = replace(PbxClock(BERLIN), ids_are_times=True)
        shown = [
            (one.astimezone(BERLIN) + timedelta(hours=hour)).strftime(TIME_FORMAT)
            for one in parts
        ]
        assert clock.moments([*shown, "soon"], call_id(began)) == [*parts, None]


def test_a_call_over_the_repeated_hour_goes_forward() -> None:
    began = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
    parts = [began, began + timedelta(minutes=20), began + timedelta(minutes=80)]
    shown = [one.astimezone(BERLIN).strftime(TIME_FORMAT) for one in parts]
    assert shown[1] < shown[0]
    assert PbxClock(BERLIN).moments(shown, call_id(began)) == parts
