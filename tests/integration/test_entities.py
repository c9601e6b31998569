"""Phones, trunks, queues and calls as devices and entities, against a PBX."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.yeastar.logbook import async_describe_events
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
from tests.conftest import Wait
from tests.simulator import Fault, FunctionClock, Simulator
from tests.simulator.settings import ExtensionSpec, QueueSpec, TrunkSpec

from .helpers import heard

MINUTE = 60.0


def value(hass: HomeAssistant, entity_id: str) -> str | None:
    state = hass.states.get(entity_id)
    return state.state if state else None


async def test_every_entity_is_as_the_contract_says(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    wait: Wait,
    snapshot: SnapshotAssertion,
) -> None:
    await wait(1)
    registry = er.async_get(hass)
    entries = er.async_entries_for_config_entry(registry, loaded.entry_id)
    assert {
        entry.entity_id: {
            "unique_id": entry.unique_id,
            "name": entry.original_name,
            "category": entry.entity_category,
            "device_class": entry.original_device_class,
            "translation_key": entry.translation_key,
            "disabled": entry.disabled_by,
            "capabilities": dict(entry.capabilities or {}),
            "state": value(hass, entry.entity_id),
        }
        for entry in sorted(entries, key=lambda entry: entry.unique_id)
    } == snapshot


async def test_devices_hang_on_the_pbx(
    hass: HomeAssistant, loaded: MockConfigEntry, snapshot: SnapshotAssertion
) -> None:
    registry = dr.async_get(hass)
    devices = dr.async_entries_for_config_entry(registry, loaded.entry_id)
    names = {device.id: device.name for device in devices}
    assert (
        sorted(
            (
                device.name,
                device.model,
                device.sw_version,
                names.get(device.via_device_id or ""),
            )
            for device in devices
        )
        == snapshot
    )


@pytest.mark.usefixtures("http")
async def test_set_up_takes_no_more_than_8_requests(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry
) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert len(pbx.requests) <= 8
    await hass.async_block_till_done(wait_background_tasks=True)
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("word", "status", "registered"),
    [
        ("Ringing", "ringing", "on"),
        ("Busy", "busy", "on"),
        ("Registered", "idle", "on"),
        ("registered", "idle", "on"),
        ("Idle", "idle", "on"),
        ("Unregistered", "unregistered", "off"),
        ("unavailable", "unregistered", "off"),
        ("Dancing", STATE_UNKNOWN, STATE_UNKNOWN),
    ],
)
async def test_an_extension_shows_what_a_report_says_at_once(
    hass: HomeAssistant, pbx: Simulator, word: str, status: str, registered: str
) -> None:
    await pbx.emit(
        {
            "event": "ExtensionStatus",
            "extension": "1000",
            "status": word,
            "sn": pbx.serial,
        }
    )
    await heard(hass, pbx)
    assert value(hass, "sensor.1000_jayson_status") == status
    assert value(hass, "binary_sensor.1000_jayson_registered") == registered


@pytest.mark.usefixtures("loaded")
async def test_an_extension_shows_what_the_list_says_when_no_report_came(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    pbx.delivery.drop()
    pbx.pbx.extensions["1000"].registered = False
    await wait(16 * MINUTE)
    assert value(hass, "sensor.1000_jayson_status") == "unregistered"


async def test_a_list_that_was_under_way_does_not_undo_a_report(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    frozen: FrozenDateTimeFactory,
    clock: FunctionClock,
) -> None:
    await wait(20)
    pbx.faults.add(Fault.SLOW, endpoint="extension/list", seconds=5)
    before = len(pbx.requests_of("extension/list"))
    pbx.rename_extension("1001", "Erwin")
    await heard(hass, pbx)
    frozen.tick(2)
    async_fire_time_changed(hass)
    while len(pbx.requests_of("extension/list")) == before:
        await asyncio.sleep(0)
    # The PBX has made its list, and now the phone rings.
    pbx.set_extension_status("1000", "Ringing")
    while value(hass, "sensor.1000_jayson_status") != "ringing":
        await asyncio.sleep(0)
    frozen.tick(6)
    await clock.tick()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert value(hass, "sensor.1000_jayson_status") == "ringing"
    registry = dr.async_get(hass)
    names = {
        device.name
        for device in dr.async_entries_for_config_entry(registry, loaded.entry_id)
    }
    assert "1001 Erwin" in names


@pytest.mark.usefixtures("loaded")
async def test_a_trunk_is_polled_every_minute(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    assert value(hass, "sensor.siptrunk_status") == "available"
    pbx.set_trunk_status("siptrunk", "failure")
    await wait(61)
    state = hass.states.get("sensor.siptrunk_status")
    assert state is not None
    assert state.state == "failed"
    assert state.attributes["detail"] == "failure"
    assert value(hass, "binary_sensor.siptrunk_connection") == "off"
    pbx.set_trunk_status("siptrunk", "Unknown")
    await wait(61)
    assert value(hass, "binary_sensor.siptrunk_connection") == STATE_UNKNOWN


@pytest.mark.usefixtures("loaded")
async def test_a_queue_shows_who_waits_and_who_could_answer(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    waiting = next(
        state.entity_id
        for state in hass.states.async_all("sensor")
        if state.entity_id.startswith("sensor.6700")
        and state.entity_id.endswith("waiting_calls")
    )
    assert value(hass, waiting) == "0"
    pbx.add_queue_caller("6700", "0301234567")
    await wait(61)
    assert value(hass, waiting) == "1"
    assert value(hass, waiting.replace("waiting_calls", "available_agents")) == "2"


async def test_things_come_are_renamed_and_go_without_a_reload(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    registry = dr.async_get(hass)

    def names() -> set[str | None]:
        return {
            device.name
            for device in dr.async_entries_for_config_entry(registry, loaded.entry_id)
        }

    pbx.add_extension(ExtensionSpec(number="1010", name="New One"))
    pbx.rename_extension("1000", "Jay")
    pbx.add_trunk(TrunkSpec(name="backup"))
    await wait(20)
    assert {"1010 New One", "1000 Jay", "backup"} <= names()
    assert value(hass, "sensor.1010_new_one_status") == "idle"
    assert value(hass, "sensor.backup_status") == "available"

    pbx.remove_extension("1010")
    pbx.remove_trunk("backup")
    await wait(30)
    assert not {"1010 New One", "backup"} & names()
    assert value(hass, "sensor.1010_new_one_status") is None
    # And come back.
    pbx.add_extension(ExtensionSpec(number="1010", name="New One"))
    await wait(30)
    assert value(hass, "sensor.1010_new_one_status") == "idle"

    # Queues have no report: they are found within the hour.
    pbx.add_queue(QueueSpec(number="6710", name="Night"))
    await wait(61 * MINUTE, step=MINUTE)
    assert "6710 Night" in names()
    pbx.remove_queue("6710")
    await wait(61 * MINUTE, step=MINUTE)
    assert "6710 Night" not in names()


async def test_what_went_while_home_assistant_was_away_is_removed_at_the_start(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(loaded.entry_id)
    pbx.remove_extension("1000")
    assert await hass.config_entries.async_setup(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    registry = dr.async_get(hass)
    devices = dr.async_entries_for_config_entry(registry, loaded.entry_id)
    assert not [device for device in devices if "Jayson" in (device.name or "")]


@pytest.mark.usefixtures("loaded")
async def test_nothing_is_shown_that_is_not_known_to_be_true(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    await pbx.go_down()
    await wait(2 * MINUTE)
    shown = {
        state.entity_id
        for state in hass.states.async_all()
        if state.state != "unavailable"
    }
    assert shown == {"binary_sensor.yeastar_s100_connection"}
    assert value(hass, "binary_sensor.yeastar_s100_connection") == "off"
    await pbx.come_up()
    await wait(2 * MINUTE)
    assert not [
        state for state in hass.states.async_all() if state.state == STATE_UNAVAILABLE
    ]


@pytest.mark.usefixtures("loaded")
async def test_an_answered_call_is_one_story(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    await wait(1)
    told = async_capture_events(hass, "yeastar_call")
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await heard(hass, pbx)
    assert value(hass, "sensor.yeastar_s100_active_calls") == "1"
    assert value(hass, "sensor.1001_erwin_co_status") == "ringing"
    await wait(4)
    await call.answer(by="1001")
    await heard(hass, pbx)
    assert value(hass, "sensor.1001_erwin_co_status") == "busy"
    await wait(30)
    await call.hang_up(by="1001")
    await heard(hass, pbx)
    await wait(4)
    assert [event.data["type"] for event in told] == ["ringing", "answered", "ended"]
    end = told[-1].data
    assert end["caller_number"] == "0301234567"
    assert end["caller_name"] == "Ada Lovelace"
    assert end["called_number"] == "1001"
    assert end["did_number"] == "5551000"
    assert end["trunk"] == "siptrunk"
    assert end["extensions"] == ["1001"]
    assert end["answered_by"] == "1001"
    assert end["direction"] == "inbound"
    assert end["outcome"] == "answered"
    assert end["ring_seconds"] == 4
    assert end["talk_seconds"] == 30
    assert end["late"] is False
    assert value(hass, "sensor.yeastar_s100_active_calls") == "0"
    assert value(hass, "sensor.1001_erwin_co_status") == "idle"
    for entity_id in ("event.yeastar_s100_call", "event.1001_erwin_co_call"):
        state = hass.states.get(entity_id)
        assert state is not None
        assert state.attributes["event_type"] == "ended"
        assert state.attributes["caller_number"] == "0301234567"
    # Nobody else is told.
    assert value(hass, "event.1000_jayson_call") == STATE_UNKNOWN
    last = hass.states.get("sensor.yeastar_s100_last_call")
    assert last is not None
    assert last.state == end["ended_at"]
    assert last.attributes["outcome"] == "answered"


@pytest.mark.usefixtures("frozen")
@pytest.mark.usefixtures("long_run")
async def test_missed_calls_are_counted_until_midnight(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    for _ in range(2):
        call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
        await call.ring()
        await wait(5)
        await call.hang_up()
        await heard(hass, pbx)
        await wait(4)
    assert value(hass, "sensor.yeastar_s100_missed_calls_today") == "2"
    await hass.config_entries.async_reload(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await wait(24 * 60 * MINUTE, step=10 * MINUTE)
    assert value(hass, "sensor.yeastar_s100_missed_calls_today") == "0"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Cairo"])
async def test_a_new_day_begins_also_where_there_is_no_midnight(
    hass: HomeAssistant,
    http: None,
    pbx: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    frozen: FrozenDateTimeFactory,
    zone: str,
) -> None:
    await hass.config.async_set_time_zone(zone)
    # In Cairo the clocks go from 24:00 to 1:00 in the night to this Friday.
    midnight = datetime(2026, 4, 23, 22, tzinfo=UTC)
    frozen.move_to(midnight - timedelta(minutes=2))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await wait(10)
    await call.hang_up()
    await wait(10)
    count = "sensor.yeastar_s100_missed_calls_today"
    assert value(hass, count) == "1"
    await wait(2 * MINUTE)
    assert value(hass, count) == "0"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_call_that_is_missed_at_midnight_counts(
    hass: HomeAssistant,
    http: None,
    pbx: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    frozen: FrozenDateTimeFactory,
) -> None:
    midnight = dt_util.start_of_local_day() + timedelta(days=1)
    frozen.move_to(midnight - timedelta(seconds=30))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    pbx.delivery.drop("NewCdr")
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await heard(hass, pbx)
    await wait(29, step=1)
    await call.hang_up()
    await heard(hass, pbx)
    # Its record does not come, so it is told three seconds later, on another day.
    await wait(5, step=1)
    assert value(hass, "sensor.yeastar_s100_missed_calls_today") == "1"
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(("hours", "count"), [(1, "1"), (48, "0")])
async def test_todays_count_survives_a_restart_and_yesterdays_does_not(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    frozen: FrozenDateTimeFactory,
    hours: int,
    count: str,
) -> None:
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await wait(5)
    await call.hang_up()
    await heard(hass, pbx)
    await wait(5)
    assert value(hass, "sensor.yeastar_s100_missed_calls_today") == "1"
    await hass.config_entries.async_unload(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    frozen.tick(timedelta(hours=hours))
    await hass.config_entries.async_setup(loaded.entry_id)
    await wait(5)
    assert value(hass, "sensor.yeastar_s100_missed_calls_today") == count
    last = hass.states.get("sensor.yeastar_s100_last_call")
    assert last is not None
    assert last.attributes["call_id"] == call.callid


@pytest.mark.usefixtures("loaded")
async def test_two_calls_at_once_do_not_mix(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    told = async_capture_events(hass, "yeastar_call")
    first = await pbx.calls.inbound("siptrunk", "0301111111", "5551000", to="1000")
    second = await pbx.calls.inbound("siptrunk", "0302222222", "5551000", to="1001")
    await first.ring()
    await second.ring()
    await heard(hass, pbx)
    assert value(hass, "sensor.yeastar_s100_active_calls") == "2"
    await second.answer(by="1001")
    await first.hang_up()
    await wait(4)
    await second.hang_up(by="1001")
    await wait(4)
    by_caller: dict[str, list[str]] = {}
    for event in told:
        by_caller.setdefault(event.data["caller_number"], []).append(event.data["type"])
    assert by_caller == {
        "0301111111": ["ringing", "missed"],
        "0302222222": ["ringing", "answered", "ended"],
    }


@pytest.mark.usefixtures("loaded")
async def test_a_queues_call_is_told_at_the_queue(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    call = await pbx.calls.inbound("siptrunk", "0301111111", "5551000", to="6700")
    await call.ring()
    await wait(3)
    await call.answer(by="1002")
    await wait(9)
    await call.hang_up()
    await wait(4)
    state = next(
        state
        for state in hass.states.async_all("event")
        if state.entity_id.startswith("event.6700")
    )
    assert state.attributes["event_type"] == "ended"
    assert state.attributes["answered_by"] == "1002"


@pytest.mark.usefixtures("http")
async def test_a_call_that_runs_when_home_assistant_starts_has_only_its_end(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer(by="1001")
    await pbx.idle()
    told = async_capture_events(hass, "yeastar_call")
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert value(hass, "sensor.yeastar_s100_active_calls") == "1"
    assert value(hass, "sensor.1000_jayson_status") == "busy"
    await wait(20)
    await call.hang_up(by="1000")
    await wait(4)
    assert [event.data["type"] for event in told] == ["ended"]
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("loaded")
async def test_a_call_whose_end_was_lost_is_closed_by_asking(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    told = async_capture_events(hass, "yeastar_call")
    call = await pbx.calls.inbound("siptrunk", "0301111111", "5551000", to="1001")
    await call.ring()
    await call.answer(by="1001")
    await heard(hass, pbx)
    # It goes on in silence for long: that is what calls do.
    await wait(20 * MINUTE, step=MINUTE)
    assert value(hass, "sensor.yeastar_s100_active_calls") == "1"
    pbx.delivery.drop()
    await call.hang_up(by="1001")
    await wait(5 * MINUTE)
    assert value(hass, "sensor.yeastar_s100_active_calls") == "0"
    assert [event.data["type"] for event in told] == ["ringing", "answered", "ended"]
    # And its phone does not stay busy.
    assert value(hass, "sensor.1001_erwin_co_status") == "idle"


@pytest.mark.usefixtures("loaded")
async def test_an_internal_call_is_not_ended_because_one_query_does_not_know_it(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    pbx.faults.add(Fault.ERRNO, count=None, endpoint="call/query", errno=10005)
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer(by="1001")
    await heard(hass, pbx)
    await wait(10 * MINUTE)
    assert value(hass, "sensor.yeastar_s100_active_calls") == "1"
    pbx.delivery.drop()
    await call.hang_up(by="1000")
    await wait(5 * MINUTE)
    assert value(hass, "sensor.yeastar_s100_active_calls") == "0"


@pytest.mark.usefixtures("loaded")
async def test_firmware_that_cannot_list_an_extensions_calls_ends_them_too(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    pbx.faults.add(
        Fault.ERRNO, count=None, endpoint="extension/query_call", errno=10003
    )
    call = await pbx.calls.inbound("siptrunk", "0301111111", "5551000", to="1001")
    await call.ring()
    await call.answer(by="1001")
    await heard(hass, pbx)
    pbx.delivery.drop()
    await call.hang_up(by="1001")
    await wait(5 * MINUTE)
    assert value(hass, "sensor.yeastar_s100_active_calls") == "0"


@pytest.mark.usefixtures("loaded")
async def test_a_held_party_is_shown_as_held(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await call.answer(by="1001")
    await call.hold(by="1000")
    await heard(hass, pbx)
    held = [
        state.entity_id
        for state in hass.states.async_all("sensor")
        if state.state == "on_hold"
    ]
    assert held
    await call.resume()
    await heard(hass, pbx)
    assert value(hass, held[0]) == "busy"
    await call.hang_up(by="1000")
    await heard(hass, pbx)


@pytest.mark.usefixtures("loaded")
async def test_a_voicemail_is_counted_soon_after_its_call(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    await wait(20)
    before = value(hass, "sensor.1001_erwin_co_unread_voicemails")
    assert before is not None
    told = async_capture_events(hass, "yeastar_call")
    call = await pbx.calls.inbound("siptrunk", "0301111111", "5551000", to="1001")
    await call.ring()
    await wait(20)
    await call.voicemail()
    await wait(10)
    await call.hang_up()
    await wait(40)
    assert told[-1].data["type"] == "missed"
    assert told[-1].data["outcome"] == "voicemail"
    assert value(hass, "sensor.1001_erwin_co_unread_voicemails") == str(int(before) + 1)


@pytest.mark.usefixtures("http")
async def test_masked_numbers_are_nowhere(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    hass.config_entries.async_update_entry(
        entry, options={"mask_numbers": True, "catch_up": True}
    )
    seen: list[Any] = []
    for name in ("yeastar_event", "yeastar_call", "state_changed"):
        hass.bus.async_listen(name, lambda event: seen.append(event.as_dict()))
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    inbound = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await inbound.ring()
    await inbound.answer(by="1001")
    await inbound.hang_up()
    outbound = await pbx.calls.outbound("1000", "0309876543", "siptrunk")
    await outbound.ring()
    await outbound.hang_up(by="1000")
    await wait(5)
    text = repr(seen)
    assert "*567" in text
    assert "*543" in text
    for number in ("0301234567", "0309876543", "5551000"):
        assert number not in text
    # Inside numbers stay readable.
    assert "'1001'" in text
    await hass.config_entries.async_unload(entry.entry_id)


async def test_what_was_stored_before_numbers_were_hidden_is_hidden_when_shown_again(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    call = await pbx.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await wait(5)
    await call.hang_up()
    await wait(5)
    shown = ("event.yeastar_s100_call", "event.1001_erwin_co_call")
    for entity_id in (*shown, "sensor.yeastar_s100_last_call"):
        assert "0301234567" in str(hass.states.get(entity_id))
    hass.config_entries.async_update_entry(
        loaded, options={"mask_numbers": True, "catch_up": True}
    )
    await hass.config_entries.async_reload(loaded.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    for entity_id in (*shown, "sensor.yeastar_s100_last_call"):
        state = hass.states.get(entity_id)
        assert state is not None
        assert state.attributes["caller_number"] == "*******567"
        assert state.attributes["did_number"] == "****000"
        for number in ("0301234567", "5551000"):
            assert number not in str(state)


def test_the_logbook_reads_as_sentences(hass: HomeAssistant) -> None:
    described: dict[str, Any] = {}
    async_describe_events(
        hass, lambda _domain, event_type, line: described.update({event_type: line})
    )
    describe = described["yeastar_call"]

    def line(**call: Any) -> str:
        found = describe(Event("yeastar_call", call))
        return f"{found['name']} {found['message']}"

    ada = {"caller_name": "Ada", "caller_number": "030123", "called_number": "1001"}
    assert line(type="ringing", **ada) == "Ada (030123) is calling 1001"
    assert (
        line(type="answered", answered_by="1002", **ada)
        == "Ada (030123) called 1001 and was answered by 1002"
    )
    assert (
        line(type="answered", answered_by="1001", **ada)
        == "Ada (030123) called 1001 and was answered"
    )
    assert (
        line(type="ended", talk_seconds=61, outcome="answered", **ada)
        == "Ada (030123) talked to 1001 for 1 minute and 1 second"
    )
    assert (
        line(type="ended", outcome="answered", **ada) == "Ada (030123) talked to 1001"
    )
    assert (
        line(type="missed", outcome="missed", ring_seconds=20, **ada)
        == "Ada (030123) called 1001, and nobody answered within 20 seconds"
    )
    assert (
        line(type="missed", outcome="abandoned", ring_seconds=600, **ada)
        == "Ada (030123) called 1001 and hung up after 10 minutes, "
        "before anybody answered"
    )
    assert (
        line(type="missed", outcome="voicemail", **ada)
        == "Ada (030123) called 1001 and was put through to the voicemail"
    )
    assert (
        line(type="missed", outcome="busy", **ada)
        == "Ada (030123) called 1001, which was busy"
    )
    assert (
        line(type="failed", outcome="failed", caller_number="1000")
        == "1000 called this PBX, but the call failed"
    )
    assert line(type="ringing").startswith("An unknown caller is calling")
