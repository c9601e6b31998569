"""Calls of a gap are found in the PBX's records and told: late, once, in order."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.yeastar.const import DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.util import dt as dt_util
from tests.conftest import Wait, entry_data
from tests.simulator import Fault, FunctionClock, Readings, Settings, Simulator

from .helpers import state

MINUTE = 60.0
HOUR = 60 * MINUTE
TERMINAL = ("ended", "missed", "failed")
MISSED_TODAY = "sensor.yeastar_s100_missed_calls_today"
LAST_CALL = "sensor.yeastar_s100_last_call"

type Pass = Callable[[float], Awaitable[None]]


@pytest.fixture
def told(hass: HomeAssistant) -> list[Event[dict[str, Any]]]:
    """Return all that is told of calls."""
    return async_capture_events(hass, "yeastar_call")


@pytest.fixture
def time_passes(frozen: FrozenDateTimeFactory, clock: FunctionClock) -> Pass:
    """Return a way to let time pass for the PBX alone."""

    async def passing(seconds: float) -> None:
        frozen.tick(seconds)
        await clock.tick()

    return passing


async def missed(pbx: Simulator, passes: Pass, seconds: float = 12) -> str:
    """Have somebody call in vain, return the call's id."""
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await passes(seconds)
    await call.hang_up()
    await passes(1)
    await pbx.idle()
    return call.callid


async def talked(pbx: Simulator, passes: Pass, seconds: float = 30) -> str:
    """Have two talk, return the call's id."""
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await passes(3)
    await call.answer()
    await passes(seconds)
    await call.hang_up()
    await passes(1)
    await pbx.idle()
    return call.callid


async def stop(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def start(hass: HomeAssistant, entry: MockConfigEntry, wait: Wait) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    await wait(5, step=1)
    assert entry.state is ConfigEntryState.LOADED


def ids(events: list[Event[dict[str, Any]]]) -> list[str]:
    return [event.data["call_id"] for event in events]


async def test_calls_of_a_stop_are_told_late_once_and_in_order(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
) -> None:
    await wait(MINUTE)
    await stop(hass, loaded)
    long = await pbx.calls.internal("1002", "1003")
    await long.ring()
    await long.answer()
    first = await missed(pbx, time_passes)
    second = await talked(pbx, time_passes)
    await time_passes(5 * MINUTE)
    await long.hang_up()
    third = await missed(pbx, time_passes)
    await time_passes(MINUTE)
    await start(hass, loaded, wait)

    assert ids(told) == [first, second, long.callid, third]
    assert [event.data["type"] for event in told] == [
        "missed",
        "ended",
        "ended",
        "missed",
    ]
    assert all(event.data["late"] is True for event in told)
    truths = {truth.callid: truth for truth in pbx.calls.finished}
    for event in told:
        truth = truths[event.data["call_id"]]
        for key, moment in (
            ("started_at", truth.started_at),
            ("ended_at", truth.ended_at),
        ):
            assert moment is not None
            shown = datetime.fromisoformat(event.data[key]).timestamp()
            assert abs(shown - moment) <= 1
    assert told[0].data["caller_name"] == "Ada Lovelace"
    assert told[1].data["caller_name"] == pbx.pbx.extensions["1000"].name
    assert state(hass, MISSED_TODAY).state == "2"
    assert state(hass, LAST_CALL).attributes["call_id"] == third
    assert state(hass, LAST_CALL).attributes["late"] is True

    for _ in range(3):
        await stop(hass, loaded)
        await start(hass, loaded, wait)
    await wait(3 * HOUR, step=MINUTE)
    assert len(told) == 4
    assert state(hass, MISSED_TODAY).state == "2"
    assert state(hass, LAST_CALL).attributes["call_id"] == third


async def test_what_was_told_live_is_not_told_again_after_a_restart(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    told: list[Event[dict[str, Any]]],
) -> None:
    async def passes(seconds: float) -> None:
        await wait(seconds, step=1)

    for _ in range(3):
        await missed(pbx, passes)
    await wait(5, step=1)
    assert len(told) == 6
    await stop(hass, loaded)
    await start(hass, loaded, wait)
    # The PBX says it once more, as it may after a restart (protocol 4.2).
    await pbx.emit(pbx.calls.finished[-1].cdrs[-1])
    await wait(10, step=1)
    assert len(told) == 6
    assert state(hass, MISSED_TODAY).state == "3"


@pytest.mark.usefixtures("loaded")
async def test_a_call_of_which_every_report_was_lost_is_found_within_the_hour(
    pbx: Simulator, wait: Wait, time_passes: Pass, told: list[Event[dict[str, Any]]]
) -> None:
    await wait(MINUTE)
    pbx.delivery.drop()
    lost = await missed(pbx, time_passes)
    pbx.delivery.clear()
    await wait(HOUR + MINUTE, step=MINUTE)
    assert ids(told) == [lost]
    assert told[0].data["late"] is True


@pytest.mark.usefixtures("loaded")
async def test_calls_are_told_while_reports_do_not_arrive(
    hass: HomeAssistant,
    pbx: Simulator,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
) -> None:
    await wait(MINUTE)
    pbx.delivery.drop()
    pbx.set_extension_status("1003", "Unregistered")
    await wait(8 * MINUTE)
    assert state(hass, "sensor.yeastar_s100_event_delivery").state == "failing"
    for _ in range(3):
        call = await missed(pbx, time_passes)
        await wait(7 * MINUTE)
        assert ids(told)[-1] == call
    assert len(told) == 3
    pbx.delivery.clear()
    last = await missed(pbx, time_passes)
    await wait(HOUR, step=MINUTE)
    assert ids(told)[-1] == last
    assert len(set(ids(told))) == 4
    ends = [event for event in told if event.data["type"] in TERMINAL]
    assert len(ends) == 4


@pytest.mark.usefixtures("loaded")
async def test_a_pbx_that_was_out_of_reach_tells_its_calls_afterwards(
    hass: HomeAssistant,
    pbx: Simulator,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
) -> None:
    await wait(MINUTE)
    running = await pbx.calls.internal("1002", "1003")
    await running.ring()
    await running.answer()
    await wait(5, step=1)
    assert [event.data["type"] for event in told][-1] == "answered"
    heard = len(told)
    pbx.faults.add(Fault.RESET, count=None)
    pbx.delivery.drop()
    await wait(5 * MINUTE)
    unheard = await missed(pbx, time_passes)
    await running.hang_up()
    await wait(10 * MINUTE)
    assert len(told) == heard
    pbx.faults.clear()
    pbx.delivery.clear()
    await wait(4 * MINUTE)
    news = told[heard:]
    assert ids(news) == [unheard, running.callid]
    assert [event.data["type"] for event in news] == ["missed", "ended"]
    assert all(event.data["late"] for event in news)
    # What was seen of it is not forgotten for what the record says.
    assert news[1].data["answered_by"] == "1003"
    assert state(hass, "sensor.yeastar_s100_active_calls").state == "0"


def record_a_part(pbx: Simulator, callid: str) -> None:
    """Write the record of a part of a call that goes on (protocol 5.3)."""
    pbx.pbx.cdrs.append(
        {
            **dict.fromkeys(("pincode", "recording", "srctrunkname"), ""),
            "callid": callid,
            "timestart": pbx.pbx.local_text(),
            "callfrom": "0301234567",
            "callto": "1001",
            "callduraction": "10",
            "talkduraction": "5",
            "dsttrcunkname": "",
            "status": "ANSWERED",
            "type": "Inbound",
            "didnumber": "5551000",
            "sn": pbx.serial,
        }
    )


@pytest.mark.usefixtures("loaded")
async def test_a_call_that_goes_on_is_not_ended_by_the_record_of_its_first_part(
    pbx: Simulator, wait: Wait, told: list[Event[dict[str, Any]]]
) -> None:
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await call.answer()
    await wait(20, step=5)
    record_a_part(pbx, call.callid)
    await wait(3 * HOUR, step=MINUTE)
    assert [event.data["type"] for event in told] == ["ringing", "answered"]
    await call.hang_up()
    await wait(10, step=1)
    assert [event.data["type"] for event in told] == ["ringing", "answered", "ended"]
    assert told[-1].data["late"] is False


@pytest.mark.usefixtures("loaded")
async def test_an_unreported_call_that_goes_on_is_not_ended_by_a_record_either(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, told: list[Event[dict[str, Any]]]
) -> None:
    delivery = "sensor.yeastar_s100_event_delivery"
    await wait(2 * MINUTE)
    pbx.delivery.drop()
    pbx.set_extension_status("1000", "Unregistered")
    await wait(10 * MINUTE, step=10)
    assert state(hass, delivery).state == "failing"
    pbx.delivery.clear()
    pbx.set_extension_status("1000", "Registered")
    await wait(1, step=1)
    assert state(hass, delivery).state == "working"
    # Reports arrive again, so what was missed is looked up half a minute later. The
    # reports of the next call do not.
    pbx.delivery.drop()
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    record_a_part(pbx, call.callid)
    await wait(10, step=1)
    await call.answer()
    await wait(2 * MINUTE, step=1)
    assert told == []
    assert state(hass, "sensor.yeastar_s100_active_calls").state == "1"
    await call.hang_up()
    await wait(10 * MINUTE, step=10)
    assert [event.data["type"] for event in told] == ["ended"]
    assert told[-1].data["late"] is True
    assert state(hass, "sensor.yeastar_s100_active_calls").state == "0"


async def test_firmware_that_cannot_list_running_calls_has_a_call_log_nevertheless(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
) -> None:
    # `extension/query_call` came half a year after API 2.0.0 (protocol 7.3).
    pbx.faults.add(
        Fault.ERRNO, count=None, endpoint="extension/query_call", errno=10003
    )
    await wait(MINUTE)
    await stop(hass, loaded)
    call = await missed(pbx, time_passes)
    await time_passes(MINUTE)
    await start(hass, loaded, wait)
    await wait(2 * MINUTE)
    assert ids(told) == [call]


@pytest.mark.usefixtures("loaded")
async def test_a_call_whose_end_was_not_reported_ends_as_its_record_says(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, told: list[Event[dict[str, Any]]]
) -> None:
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await wait(20, step=5)
    pbx.delivery.drop()
    await call.voicemail()
    await wait(15, step=5)
    await call.hang_up()
    await wait(5 * MINUTE, step=5)
    assert [event.data["type"] for event in told] == ["ringing", "missed"]
    assert told[-1].data["outcome"] == "voicemail"
    assert told[-1].data["late"] is True
    assert state(hass, "sensor.yeastar_s100_active_calls").state == "0"


@pytest.mark.usefixtures("loaded")
async def test_a_call_that_is_asked_about_just_after_its_unreported_end_has_a_record_too(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, told: list[Event[dict[str, Any]]]
) -> None:
    await wait(2 * MINUTE)
    polls = len(pbx.requests_of("trunk/list"))
    while len(pbx.requests_of("trunk/list")) == polls:
        await wait(1, step=1)
    await wait(50, step=1)
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await wait(1, step=1)
    pbx.delivery.drop()
    await call.answer()
    # The PBX is asked 130 s after the ringing, which is 11 s after the end.
    await wait(118, step=1)
    await call.hang_up()
    await wait(2 * MINUTE, step=1)
    assert [event.data["type"] for event in told] == ["ringing", "ended"]
    assert told[-1].data["outcome"] == "answered"
    assert told[-1].data["answered_by"] == "1001"
    assert told[-1].data["talk_seconds"] == 118
    assert state(hass, "sensor.yeastar_s100_active_calls").state == "0"


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    "fault", [{"fault": Fault.ERRNO, "errno": 10002}, {"fault": Fault.NOT_OBJECT}]
)
async def test_a_pbx_that_does_not_say_whether_a_call_runs_has_not_said_that_it_is_over(
    pbx: Simulator, wait: Wait, told: list[Event[dict[str, Any]]], fault: dict[str, Any]
) -> None:
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await wait(2, step=1)
    await call.answer()
    planned = pbx.faults.add(**fault, count=None, endpoint="call/query")
    await wait(6 * MINUTE, step=5)
    assert planned.hits
    assert [event.data["type"] for event in told] == ["ringing", "answered"]
    pbx.faults.clear()
    await call.hang_up()
    await wait(5, step=1)
    assert told[-1].data["type"] == "ended"
    assert told[-1].data["talk_seconds"] == pytest.approx(6 * MINUTE, abs=10)


async def test_without_the_option_nothing_is_read_and_nothing_told(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
) -> None:
    await wait(MINUTE)
    hass.config_entries.async_update_entry(
        loaded, options={**loaded.options, "catch_up": False}
    )
    await stop(hass, loaded)
    before = len(pbx.requests_of("cdr/get_random"))
    await missed(pbx, time_passes)
    await time_passes(MINUTE)
    await start(hass, loaded, wait)
    await wait(3 * HOUR, step=MINUTE)
    assert len(pbx.requests_of("cdr/get_random")) == before
    assert told == []
    # Switched on again, it does not bring up what was not wanted.
    hass.config_entries.async_update_entry(
        loaded, options={**loaded.options, "catch_up": True}
    )
    await stop(hass, loaded)
    wanted = await missed(pbx, time_passes)
    await time_passes(MINUTE)
    await start(hass, loaded, wait)
    assert ids(told) == [wanted]


@pytest.mark.usefixtures("http")
async def test_calls_from_before_the_pbx_was_added_are_no_news(
    hass: HomeAssistant,
    pbx: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
) -> None:
    for _ in range(3):
        await missed(pbx, time_passes)
    await time_passes(MINUTE)
    await start(hass, entry, wait)
    await wait(2 * HOUR, step=MINUTE)
    assert told == []
    await stop(hass, entry)


async def test_a_week_is_looked_up_and_no_more(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
) -> None:
    await wait(MINUTE)
    await stop(hass, loaded)
    calls = []
    for _ in range(9):
        calls.append(await missed(pbx, time_passes))
        await time_passes(24 * HOUR)
    before = len(pbx.requests_of("cdr/get_random"))
    await start(hass, loaded, wait)
    assert ids(told) == calls[-6:]
    assert len(pbx.requests_of("cdr/get_random")) - before <= 8
    # Not a call of today among them.
    assert state(hass, MISSED_TODAY).state == "0"
    assert state(hass, LAST_CALL).attributes["call_id"] == calls[-1]


async def test_a_log_that_cannot_be_read_costs_nothing_and_is_read_later(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await wait(MINUTE)
    await stop(hass, loaded)
    call = await missed(pbx, time_passes)
    await time_passes(MINUTE)
    pbx.faults.add(Fault.HTML, count=None, endpoint="cdr/download")
    pbx.faults.add(Fault.ERRNO, count=2, endpoint="cdr/get_random", errno=30003)
    await start(hass, loaded, wait)
    await wait(30 * MINUTE)
    assert state(hass, "binary_sensor.yeastar_s100_connection").state == "on"
    assert told == []
    pbx.faults.clear()
    await wait(6 * MINUTE)
    assert ids(told) == [call]
    assert "ERROR" not in caplog.text


@pytest.mark.usefixtures("http")
@pytest.mark.parametrize(
    "content",
    [
        {},
        {"calls": None, "last_call": None, "missed": None},
        {
            "calls": {"checked_until": "x", "floor": "y", "told": {}},
            "last_call": {"call_id": 1},
            "missed": {"count": 3, "day": "?"},
        },
        {
            "calls": {
                "checked_until": "2026-03-02T08:00:00+00:00",
                "floor": "2026-03-02T08:00:00+00:00",
                "told": [],
            },
            "last_call": None,
            "missed": {"count": 0, "day": "2026-03-02"},
        },
        {
            "calls": {
                "checked_until": "2026-03-02T08:00:00+00:00",
                "floor": "2026-03-02T08:00:00+00:00",
                "told": {"1772442000.1": 1e300},
            },
            "last_call": None,
            "begun": [],
            "ids_are_times": False,
            "missed": {"count": 0, "day": "2026-03-02"},
        },
        {
            "calls": {
                "checked_until": "2026-03-02T08:00:00+00:00",
                "floor": "2026-03-02T08:00:00+00:00",
                "told": {"1772442000.1": "1772442000"},
            },
            "last_call": None,
            "begun": [],
            "ids_are_times": False,
            "missed": {"count": 0, "day": "2026-03-02"},
        },
    ],
)
async def test_a_damaged_file_is_no_obstacle(
    hass: HomeAssistant,
    pbx: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
    hass_storage: dict[str, Any],
    content: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = f"{DOMAIN}.{entry.entry_id}"
    hass_storage[key] = {"version": 1, "minor_version": 1, "key": key, "data": content}
    await missed(pbx, time_passes)
    await time_passes(MINUTE)
    await start(hass, entry, wait)
    assert "is damaged" in caplog.text
    await wait(2 * MINUTE)
    assert told == []
    call = await missed(pbx, lambda seconds: wait(seconds, step=1))
    await wait(5, step=1)
    assert call in hass_storage[key]["data"]["calls"]["told"]
    await stop(hass, entry)


async def test_a_told_call_is_on_disk_a_second_later_however_many_follow(
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    told: list[Event[dict[str, Any]]],
    hass_storage: dict[str, Any],
) -> None:
    key = f"{DOMAIN}.{loaded.entry_id}"
    await wait(5, step=1)
    for number in range(1, 30):
        await pbx.emit(
            {
                "event": "NewCdr",
                "callid": f"1772442000.{number}",
                "timestart": "2026-03-02 09:00:00",
                "callfrom": "1000",
                "callto": "1001",
                "callduraction": "9",
                "talkduraction": "0",
                "status": "NO ANSWER",
                "type": "Internal",
                "sn": pbx.serial,
            }
        )
        # Less than the second within which they are written.
        await wait(0.4, step=0.4)
        on_disk = len(hass_storage[key]["data"]["calls"]["told"])
        # Three seconds for the missing half of each call, one for the file.
        assert len(told) - 3 <= on_disk <= len(told)
    assert len(told) > 10


async def test_a_removed_pbx_leaves_no_file(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    hass_storage: dict[str, Any],
) -> None:
    await missed(pbx, lambda seconds: wait(seconds, step=1))
    await wait(5, step=1)
    assert f"{DOMAIN}.{loaded.entry_id}" in hass_storage
    await hass.config_entries.async_remove(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert f"{DOMAIN}.{loaded.entry_id}" not in hass_storage


@pytest.mark.usefixtures("http")
@pytest.mark.parametrize("change", ["2026-03-29T01:00:00", "2026-10-25T01:00:00"])
@pytest.mark.parametrize(
    "settings",
    [
        {"zone": "Europe/Berlin"},
        {"utc_offset": 1.0},
        {"utc_offset": 2.0},
        {"zone": "America/New_York"},
        {"zone": "Europe/Berlin", "clock_fast": -200.0},
    ],
    ids=lambda one: "-".join(str(value) for value in one.values()),
)
@pytest.mark.parametrize("seen_before", [False, True])
async def test_a_gap_over_a_change_of_daylight_saving_loses_and_shifts_nothing(
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    clock: FunctionClock,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
    change: str,
    settings: dict[str, Any],
    seen_before: bool,
) -> None:
    changes_at = datetime.fromisoformat(change).replace(tzinfo=UTC)
    frozen.move_to(changes_at - timedelta(hours=6))
    await hass.config.async_set_time_zone("Europe/Berlin")
    async with Simulator(
        clock=clock,
        settings=Settings(**settings),
        readings=Readings(utc_sign_reversed=seen_before),
    ) as pbx:
        entry = MockConfigEntry(
            domain=DOMAIN, unique_id=pbx.serial, data=entry_data(pbx)
        )
        entry.add_to_hass(hass)
        await start(hass, entry, wait)
        if seen_before:
            await missed(pbx, lambda seconds: wait(seconds, step=1))
            await wait(HOUR, step=MINUTE)
        await stop(hass, entry)
        lived = len(told)
        while dt_util.utcnow() < changes_at + timedelta(hours=3):
            await missed(pbx, time_passes)
            await time_passes(17 * MINUTE)
        await start(hass, entry, wait)
        truths = {truth.callid: truth.started_at for truth in pbx.calls.finished}
        found = told[lived:]
        off = [
            datetime.fromisoformat(event.data["started_at"]).timestamp()
            - truths.pop(event.data["call_id"])
            for event in found
        ]
        if seen_before or settings.get("zone") == "Europe/Berlin":
            assert max(map(abs, off)) <= 2
            assert ids(found) == sorted(ids(found))
            # Only what was told live is left.
            assert len(truths) == seen_before
        else:
            # Whether its ids are times has no call shown yet: it may be an hour off
            # on the other side of the change, and in the hour it was added.
            assert max(map(abs, off)) <= HOUR + 2
            assert len(truths) <= 4
        await stop(hass, entry)


async def test_a_call_that_ended_a_moment_ago_is_told_a_moment_later(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
) -> None:
    await wait(MINUTE)
    await stop(hass, loaded)
    call = await missed(pbx, time_passes)
    await start(hass, loaded, wait)
    assert told == []
    await wait(40, step=5)
    assert ids(told) == [call]


@pytest.mark.parametrize("answered", [False, True])
async def test_a_power_cut_of_both_ends_the_calls_that_were_told(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    time_passes: Pass,
    told: list[Event[dict[str, Any]]],
    answered: bool,
) -> None:
    await wait(MINUTE)
    cut = await pbx.calls.outbound("1000", "0309876543")
    await cut.ring()
    if answered:
        await cut.answer()
    goes_on = await pbx.calls.internal("1002", "1003")
    await goes_on.ring()
    await wait(5, step=1)
    steps = ["ringing", "answered"] if answered else ["ringing"]
    assert [e.data["type"] for e in told if e.data["call_id"] == cut.callid] == steps
    await stop(hass, loaded)
    # The PBX forgets this one, without a record.
    del pbx.calls.live[cut.callid]
    del pbx.pbx.calls[cut.callid]
    await time_passes(MINUTE)
    await start(hass, loaded, wait)
    end = told[-1].data
    assert (end["call_id"], end["late"]) == (cut.callid, True)
    assert end["type"] == ("ended" if answered else "failed")
    assert end["caller_number"] == "1000"
    for _ in range(2):
        await stop(hass, loaded)
        await start(hass, loaded, wait)
    await goes_on.hang_up()
    await wait(5, step=1)
    ends = [e.data["call_id"] for e in told if e.data["type"] in TERMINAL]
    assert ends == [cut.callid, goes_on.callid]
