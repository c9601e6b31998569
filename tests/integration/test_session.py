"""Staying logged in, for days and through everything, with the clock turned."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
import socket
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.yeastar.const import DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from tests.conftest import WEBHOOK_ID, Wait, entry_data
from tests.simulator import Fault, FunctionClock, Settings, Simulator

CONNECTION = "binary_sensor.yeastar_s100_connection"
MINUTE = 60.0
HOUR = 60 * MINUTE


def state(hass: HomeAssistant) -> str | None:
    found = hass.states.get(CONNECTION)
    return found.state if found else None


def reauth_flows(hass: HomeAssistant) -> list[Any]:
    return [
        flow
        for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        if flow["context"]["source"] == "reauth"
    ]


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.fixture
async def plain(socket_enabled: None, clock: FunctionClock) -> AsyncIterator[Simulator]:
    """Return a PBX without TLS: thousands of handshakes would prove nothing."""
    async with Simulator(settings=Settings(https=False), clock=clock) as simulator:
        yield simulator


@pytest.mark.usefixtures("http")
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("long_run")
async def test_two_days_with_reboots_and_forgotten_sessions(
    hass: HomeAssistant, plain: Simulator, wait: Wait
) -> None:
    """48 hours: 5 reboots, the session forgotten 10 times, reports all along."""
    pbx = plain
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Yeastar S100",
        unique_id=pbx.serial,
        data=entry_data(pbx, ssl=False, fingerprint=None),
    )
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    told = async_capture_events(hass, "yeastar_event")
    forget = {hour: (20004, 20005, 20006)[hour % 3] for hour in range(2, 42, 4)}
    reboots = {5, 13, 21, 33, 41}
    assert len(forget) == 10
    losses = 0
    oldest = 0.0
    for hour in range(48):
        reboot = None
        if hour in forget:
            pbx.forget_tokens(errno=forget[hour])
            losses += 1
        if hour in reboots:
            reboot = asyncio.create_task(pbx.reboot(down_for=3 * MINUTE))
            losses += 1
        for quarter in range(4):
            status = ("Ringing", "Busy", "Registered", "Unregistered")[quarter]
            pbx.set_extension_status("1000", status)
            await pbx.idle()
            await wait(15 * MINUTE, step=MINUTE)
            used = [session.last_used for session in pbx.tokens.values()]
            oldest = max(oldest, pbx.clock.now() - max(used))
        if reboot is not None:
            await reboot
    assert losses == 15
    assert len(pbx.requests_of("login")) == 1 + losses
    assert pbx.overlaps == 0
    assert oldest <= 10 * MINUTE
    # What the PBX could not deliver, it sent while it had no session of ours.
    delivered = [report for report in pbx.delivered if report.status == 200]
    assert len(delivered) >= 48 * 4 - losses
    statuses = [event for event in told if event.data["type"] == "extension_status"]
    assert len(statuses) == sum(
        report.report["event"] == "ExtensionStatus" for report in delivered
    )
    body = {
        "ipaddr": "127.0.0.1",
        "port": str(hass.http.server_port),
        "url": f"api/webhook/{WEBHOOK_ID}",
        "urltag": "0",
        "version": "2.0.0",
    }
    heartbeats = pbx.requests_of("heartbeat")
    assert len(heartbeats) >= 46 * 12
    assert all(request.body == body for request in heartbeats)
    del body["ipaddr"]
    for request in pbx.requests_of("login"):
        assert request.body is not None
        assert request.body["username"] == pbx.username
        assert {key: request.body[key] for key in body} == body
    # Idle budget (contract 3).
    assert len(pbx.requests) <= 48 * 200
    assert state(hass) == STATE_ON
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("http")
async def test_a_fixed_address_is_announced_in_the_documented_form(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN,
        unique_id=pbx.serial,
        data=entry_data(pbx, base_url="http://192.0.2.10:8123"),
    )
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    expected = {
        "port": "8123",
        "url": f"192.0.2.10:8123/api/webhook/{WEBHOOK_ID}",
        "urltag": "1",
        "version": "2.0.0",
    }
    (login,) = pbx.requests_of("login")
    assert login.body is not None
    assert {key: login.body.get(key) for key in expected} == expected
    heartbeat = pbx.requests_of("heartbeat")[-1]
    assert heartbeat.body == {"ipaddr": "192.0.2.10", **expected}
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("http")
async def test_a_fixed_https_address_is_announced_with_its_scheme(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN,
        unique_id=pbx.serial,
        data=entry_data(pbx, base_url="https://ha.example:443"),
    )
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    assert pbx.requests_of("heartbeat")[-1].body == {
        "ipaddr": "127.0.0.1",
        "port": "443",
        "url": f"https://ha.example:443/api/webhook/{WEBHOOK_ID}",
        "urltag": "1",
        "version": "2.0.0",
    }
    await hass.config_entries.async_unload(entry.entry_id)


def move_to(hass: HomeAssistant, address: str) -> None:
    """Give this machine another address on its way to the PBX."""
    connector: Any = async_get_clientsession(hass).connector
    connector._local_addr_infos = [
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 0))
    ]


@pytest.mark.usefixtures("loaded")
async def test_the_target_follows_a_changed_address_at_the_next_request(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    move_to(hass, "127.0.0.7")
    before = len(pbx.requests)
    await wait(5 * MINUTE + 10)
    later = pbx.requests[before:]
    first = next(
        i for i, request in enumerate(later) if request.client_ip.endswith("7")
    )
    announced = [
        request
        for request in later[first : first + 2]
        if request.endpoint == "heartbeat" and request.body["ipaddr"] == "127.0.0.7"
    ]
    assert announced
    assert {target.address for target in pbx.targets} == {"127.0.0.7"}


@pytest.mark.usefixtures("http")
async def test_it_beats_with_all_entities_disabled_and_polling_switched_off(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    hass.config_entries.async_update_entry(entry, pref_disable_polling=True)
    await set_up(hass, entry)
    registry = er.async_get(hass)
    for found in er.async_entries_for_config_entry(registry, entry.entry_id):
        registry.async_update_entity(
            found.entity_id, disabled_by=er.RegistryEntryDisabler.USER
        )
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    before = len(pbx.requests_of("heartbeat"))
    await wait(HOUR, step=MINUTE)
    assert len(pbx.requests_of("heartbeat")) - before >= 11
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("http")
async def test_a_wrong_password_costs_one_login_and_asks_for_a_new_one(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN, unique_id=pbx.serial, data=entry_data(pbx, password="Wrong1")
    )
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    await wait(HOUR, step=MINUTE)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert len(pbx.requests_of("login")) == 1
    assert len(reauth_flows(hass)) == 1


@pytest.mark.usefixtures("loaded")
async def test_a_password_changed_meanwhile_costs_one_login(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    pbx.sessions.settings = replace(pbx.settings, password="Changed1")
    pbx.forget_tokens()
    await wait(HOUR, step=MINUTE)
    assert len(pbx.requests_of("login")) == 2
    assert len(reauth_flows(hass)) == 1
    assert state(hass) == STATE_OFF


@pytest.mark.usefixtures("loaded")
async def test_a_lock_out_is_waited_out_without_a_login(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    pbx.sessions.locked_until["127.0.0.1"] = pbx.clock.now() + 10 * MINUTE
    pbx.forget_tokens()
    await wait(6 * MINUTE)
    # The one that found out.
    assert len(pbx.requests_of("login")) == 2
    locked_at = pbx.requests_of("login")[-1].time
    assert state(hass) == STATE_OFF
    await wait(12 * MINUTE)
    logins = pbx.requests_of("login")
    assert logins[2].time - locked_at >= 10 * MINUTE
    assert len(logins) == 3
    assert state(hass) == STATE_ON


@pytest.mark.usefixtures("http")
async def test_a_lock_out_at_the_start_is_waited_out_too(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    pbx.sessions.locked_until["127.0.0.1"] = pbx.clock.now() + 10 * MINUTE
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await wait(9.9 * MINUTE)
    assert len(pbx.requests_of("login")) == 1
    await wait(10 * MINUTE)
    assert len(pbx.requests_of("login")) == 2
    assert entry.state is ConfigEntryState.LOADED
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("fault", "details"),
    [
        (Fault.HTML, {}),
        (Fault.EMPTY, {}),
        (Fault.HALF, {}),
        (Fault.GARBAGE, {}),
        (Fault.RESET, {}),
        (Fault.REDIRECT, {}),
        (Fault.HTTP_500, {}),
        (Fault.ERRNO, {"errno": 20010}),
        (Fault.ERRNO, {"errno": 30001}),
        (Fault.ERRNO, {"errno": 30003}),
    ],
)
async def test_trouble_makes_it_unavailable_and_its_end_available_again(
    hass: HomeAssistant,
    pbx: Simulator,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    details: dict[str, Any],
) -> None:
    assert state(hass) == STATE_ON
    pbx.faults.add(fault, count=None, **details)
    await wait(6 * MINUTE)
    assert state(hass) == STATE_OFF
    assert len(pbx.requests_of("login")) <= 8
    pbx.faults.clear()
    await wait(2 * MINUTE)
    assert state(hass) == STATE_ON
    # Told once when it went and once when it came back.
    assert sum("Error fetching" in line for line in caplog.messages) == 1
    assert sum("recovered" in line for line in caplog.messages) == 1


@pytest.mark.usefixtures("loaded")
async def test_no_answer_in_10_seconds_is_none(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, frozen: FrozenDateTimeFactory
) -> None:
    pbx.faults.add(Fault.STALL, count=None)
    before = len(pbx.requests)
    frozen.tick(MINUTE)
    async_fire_time_changed(hass)
    while len(pbx.requests) == before:
        await asyncio.sleep(0)
    frozen.tick(9)
    for _ in range(50):
        await asyncio.sleep(0)
    assert state(hass) == STATE_ON
    frozen.tick(2)
    # It may be that one list alone which the PBX does not give: is it still there?
    while pbx.requests[-1].endpoint != "deviceinfo/query":
        await asyncio.sleep(0)
    assert state(hass) == STATE_ON
    frozen.tick(11)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass) == STATE_OFF
    pbx.faults.clear()
    await wait(2 * MINUTE)
    assert state(hass) == STATE_ON
    assert pbx.overlaps == 0


@pytest.mark.usefixtures("loaded")
async def test_a_changed_certificate_is_not_talked_to(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    await pbx.new_certificate()
    before = len(pbx.requests)
    await wait(10 * MINUTE)
    assert state(hass) == STATE_OFF
    assert len(pbx.requests) == before


@pytest.mark.usefixtures("loaded")
async def test_a_boot_up_report_is_acted_on_at_once(pbx: Simulator, wait: Wait) -> None:
    await pbx.emit({"event": "BootUp", "sn": pbx.serial})
    await pbx.idle()
    pbx.forget_tokens()
    # The device was read a moment ago, and a flood must not have it read again.
    await wait(11)
    assert len(pbx.requests_of("login")) == 2


@pytest.mark.usefixtures("http")
async def test_another_pbx_at_the_address_is_not_taken_for_ours(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN, unique_id="111111111111", data=entry_data(pbx)
    )
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "wrong_device"
    # And it is not left with a session.
    assert pbx.tokens == {}


async def test_unloading_logs_out(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry
) -> None:
    assert len(pbx.tokens) == 1
    assert await hass.config_entries.async_unload(loaded.entry_id)
    assert pbx.tokens == {}
    assert len(pbx.requests_of("logout")) == 1


@pytest.mark.usefixtures("loaded")
async def test_stopping_home_assistant_logs_out(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert pbx.tokens == {}
    assert len(pbx.requests_of("logout")) == 1


async def test_a_silent_pbx_does_not_keep_home_assistant_from_stopping(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    frozen: FrozenDateTimeFactory,
) -> None:
    pbx.faults.add(Fault.STALL, count=None)
    unloading = hass.async_create_task(
        hass.config_entries.async_unload(loaded.entry_id)
    )
    waited = 0
    while not unloading.done():
        for _ in range(200):
            await asyncio.sleep(0)
        frozen.tick(1)
        waited += 1
    assert waited <= 7
    assert loaded.state is ConfigEntryState.NOT_LOADED
    pbx.faults.clear()
    # The logout goes on by itself until it is given up.
    frozen.tick(11)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_removing_the_entry_leaves_nothing(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry
) -> None:
    await hass.config_entries.async_remove(loaded.entry_id)
    await hass.async_block_till_done()
    assert pbx.tokens == {}
    assert hass.states.async_all() == []
