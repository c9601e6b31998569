"""One thing that fails costs nothing else, and nothing is believed of a stranger."""

from hashlib import md5
import json
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.yeastar.const import DOMAIN
from custom_components.yeastar.diagnostics import async_get_config_entry_diagnostics
from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.helpers.json import json_bytes
from homeassistant.setup import async_setup_component
from tests.conftest import Wait, entry_data
from tests.simulator import Fault, Readings, Settings, Simulator
from tests.simulator.readings import SecondLogin
from tests.simulator.settings import EXTENSIONS, ExtensionSpec

from .helpers import entity, heard, state

MINUTE = 60.0
HOUR = 60 * MINUTE
UNAVAILABLE = "unavailable"


def shown(hass: HomeAssistant, pbx: Simulator, domain: str, key: str) -> str:
    return state(hass, entity(hass, pbx, domain, key)).state


# --- one poll fails ---

# What an endpoint is about, and something that is not.
ABOUT = {
    "trunk/list": ("sensor", "trunk_siptrunk_status"),
    "extension/list": ("sensor", "extension_1001_status"),
    "queue/query_status": ("sensor", "queue_6700_waiting_calls"),
    "voicemail/query": ("sensor", "extension_1001_unread_voicemails"),
}
WRONG: dict[str, tuple[Fault, dict[str, Any]]] = {
    "404": (Fault.HTTP_404, {}),
    "500": (Fault.HTTP_500, {}),
    "reset": (Fault.RESET, {}),
    "declined": (Fault.ERRNO, {"errno": 10004}),
    "not there": (Fault.ERRNO, {"errno": 10003}),
    "nonsense": (Fault.GARBAGE, {}),
}


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("endpoint", ABOUT)
@pytest.mark.parametrize("wrong", WRONG)
async def test_a_poll_that_fails_costs_what_it_shows_and_nothing_else(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    endpoint: str,
    wrong: str,
) -> None:
    await wait(MINUTE)
    fault, details = WRONG[wrong]
    pbx.faults.add(fault, None, endpoint, **details)
    await wait(40 * MINUTE, step=30)
    assert shown(hass, pbx, "binary_sensor", "connection") == "on"
    for other, (domain, key) in ABOUT.items():
        assert (shown(hass, pbx, domain, key) == UNAVAILABLE) is (other == endpoint)
    told = await async_get_config_entry_diagnostics(hass, loaded)
    assert len(told["failing_polls"]) == 1
    # It is left alone for a while, and more and more so.
    asked = len(pbx.requests_of(endpoint))
    await wait(HOUR, step=30)
    assert len(pbx.requests_of(endpoint)) - asked <= 5
    call = await pbx.calls.inbound("siptrunk", "0301234567", to="1001")
    await call.ring()
    await heard(hass, pbx)
    assert shown(hass, pbx, "sensor", "active_calls") == "1"
    await call.hang_up()
    pbx.faults.clear()
    await wait(HOUR + MINUTE, step=30)
    for domain, key in ABOUT.values():
        assert shown(hass, pbx, domain, key) != UNAVAILABLE
    told = await async_get_config_entry_diagnostics(hass, loaded)
    assert told["failing_polls"] == {}


@pytest.mark.parametrize(
    "endpoint",
    ["extension/query_call", "trunk/list", "queue/query", "extension/list"],
)
@pytest.mark.parametrize("wrong", ["404", "reset", "declined"])
async def test_a_poll_that_fails_does_not_prevent_the_set_up(
    hass: HomeAssistant,
    http: None,
    pbx: Simulator,
    entry: MockConfigEntry,
    wait: Wait,
    endpoint: str,
    wrong: str,
) -> None:
    fault, details = WRONG[wrong]
    pbx.faults.add(fault, None, endpoint, **details)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await wait(MINUTE)
    assert shown(hass, pbx, "binary_sensor", "connection") == "on"
    pbx.faults.clear()
    await wait(2 * HOUR, step=MINUTE)
    for domain, key in ABOUT.values():
        assert shown(hass, pbx, domain, key) != UNAVAILABLE
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("endpoint", ["trunk/list", "extension/list", "queue/query"])
async def test_success_without_its_list_deletes_nothing(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, endpoint: str
) -> None:
    await wait(MINUTE)
    devices = {one.id for one in dr.async_get(hass).devices}
    fault = pbx.faults.add(Fault.BARE, None, endpoint)
    await wait(2 * HOUR, step=MINUTE)
    assert fault.hits
    assert {one.id for one in dr.async_get(hass).devices} == devices
    pbx.faults.clear()
    await wait(2 * HOUR, step=MINUTE)
    for domain, key in ABOUT.values():
        assert shown(hass, pbx, domain, key) != UNAVAILABLE


# --- another PBX at the address ---


async def test_another_pbx_at_the_address_changes_and_tells_nothing(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    await wait(MINUTE)
    devices = {one.id for one in dr.async_get(hass).devices}
    told = async_capture_events(hass, "yeastar_call")
    serial = pbx.serial
    pbx.change_settings(serial="999999999999")
    pbx.forget_tokens()
    pbx.pbx.trunks.clear()
    pbx.pbx.queues.clear()
    for number in list(pbx.pbx.extensions)[2:]:
        del pbx.pbx.extensions[number]
    call = await pbx.calls.internal("1000", "1001")
    await call.ring()
    await wait(30)
    await call.hang_up()
    await wait(2 * HOUR, step=MINUTE)
    assert told == []
    assert {one.id for one in dr.async_get(hass).devices} == devices
    connection = state(hass, "binary_sensor.yeastar_s100_connection")
    assert connection.state == "off"
    answered = {one.endpoint for one in pbx.requests[-20:] if one.errno is None}
    assert answered <= {"login", "deviceinfo/query", "logout"}
    pbx.change_settings(serial=serial)
    await hass.config_entries.async_reload(loaded.entry_id)


# --- credentials ---


async def test_a_refused_password_is_not_sent_again_by_reloads_and_flows(
    hass: HomeAssistant, http: None, pbx: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    hass.config_entries.async_update_entry(
        entry, data=entry_data(pbx, password="Wrong1")
    )
    await hass.config_entries.async_setup(entry.entry_id)
    for _ in range(5):
        await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == SOURCE_REAUTH
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"username": "ha", "password": "Wrong1"}
    )
    assert result["errors"] == {"base": "invalid_auth"}
    assert len(pbx.requests_of("login")) == 1
    result = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"username": f" {pbx.username} ", "password": pbx.password}
    )
    assert result["reason"] == "reauth_successful"
    assert entry.data["username"] == pbx.username
    await wait(MINUTE)
    assert entry.state is ConfigEntryState.LOADED
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("readings", [Readings(second_login=SecondLogin.FIRST_DIES)])
async def test_somebody_else_who_uses_the_account_is_told_of_and_makes_no_storm(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    issues = ir.async_get(hass)
    key = (DOMAIN, f"session_contested_{loaded.entry_id}")
    other = {"username": pbx.username, "password": entry_digest(pbx), "port": "1"}
    before = len(pbx.requests)
    for minute in range(60):
        pbx.sessions.login("10.0.0.9", {**other, "url": "x", "urltag": "0"})
        await wait(MINUTE, step=30)
        if minute < 2:
            assert key not in issues.issues
    asked = pbx.requests[before:]
    assert len([one for one in asked if one.endpoint == "login"]) <= 12
    assert len(asked) <= 300
    assert key in issues.issues
    # The other one stops.
    await wait(HOUR, step=30)
    assert key not in issues.issues
    assert state(hass, "binary_sensor.yeastar_s100_connection").state == "on"


def entry_digest(pbx: Simulator) -> str:
    """Return the password as a login has it (protocol 2.1)."""
    return md5(pbx.password.encode()).hexdigest()


# --- what strangers say ---

ODD_NAME = "PBX\n<!-- **Fingerprint:** `00:11` -->\n# [x](http://evil) " + "y" * 200


@pytest.mark.parametrize("settings", [Settings(device_name=ODD_NAME[:60])])
async def test_a_certificate_cannot_hide_or_imitate_its_fingerprint(
    hass: HomeAssistant, http: None, pbx: Simulator
) -> None:
    flow = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    data = {
        key: value
        for key, value in entry_data(pbx).items()
        if key in ("host", "port", "ssl", "username", "password")
    }
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], data)
    assert result["step_id"] == "certificate"
    told = result["description_placeholders"]
    assert told["fingerprint"].replace(":", "").lower() == pbx.fingerprint
    subject = told["subject"]
    assert "\n" not in subject
    assert "<!--" not in subject
    assert len(subject.replace("\\", "")) <= 64
    for sign in "<*`#[":
        assert f"\\{sign}" in subject or sign not in subject
    assert pbx.requests == []


HALF = Settings(
    extensions=(
        *EXTENSIONS[:3],
        ExtensionSpec(number="1009", name="Emil \ud83d"),
    )
)


@pytest.mark.parametrize(
    ("settings", "readings"), [(HALF, Readings(escape_unicode=True))]
)
async def test_half_a_character_in_a_name_harms_nothing(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    await wait(MINUTE)
    devices = dr.async_get(hass)
    names = [one.name for one in devices.devices]
    assert any("Emil" in str(name) for name in names)
    # What writes registries and answers the API.
    json_bytes([one.as_dict() for one in hass.states.async_all()])
    json_bytes(names)
    json.dumps(names).encode()
    for name in names:
        str(name).encode()


# --- the rest of it ---


async def test_a_pbx_that_cannot_be_reached_has_diagnostics_too(
    hass: HomeAssistant, http: None, pbx: Simulator, entry: MockConfigEntry
) -> None:
    await pbx.go_down()
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    told = await async_get_config_entry_diagnostics(hass, entry)
    assert (told["state"], told["reason"]) == ("setup_retry", "cannot_connect")
    assert pbx.password not in str(told)
    await pbx.come_up()
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("key", "endpoint"),
    [
        ("trunk_siptrunk_status", "trunk/list"),
        ("extension_1001_unread_voicemails", "voicemail/query"),
        ("last_call", "deviceinfo/query"),
    ],
)
async def test_an_entity_that_is_to_be_updated_asks_the_pbx(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, key: str, endpoint: str
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    await wait(2 * MINUTE)
    asked = len(pbx.requests_of(endpoint))
    await hass.services.async_call(
        "homeassistant",
        "update_entity",
        {"entity_id": entity(hass, pbx, "sensor", key)},
        blocking=True,
    )
    assert len(pbx.requests_of(endpoint)) == asked + 1


@pytest.mark.usefixtures("loaded")
def test_what_cannot_be_touched_is_a_service(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    kinds = {
        str(next(iter(one.identifiers))[1]).removeprefix(
            f"{pbx.serial}"
        ): one.entry_type
        for one in dr.async_get(hass).devices
        if any(domain == DOMAIN for domain, _ in one.identifiers)
    }
    assert {kind for name, kind in kinds.items() if "extension" in name} == {None}
    services = {
        kind for name, kind in kinds.items() if "trunk" in name or "queue" in name
    }
    assert services == {dr.DeviceEntryType.SERVICE}


async def test_what_comes_after_the_unload_is_not_written(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    hass_storage: dict[str, Any],
) -> None:
    call = await pbx.calls.inbound("siptrunk", "0301234567", to="1001")
    await call.ring()
    await heard(hass, pbx)
    await wait(5, step=1)
    board = loaded.runtime_data.switchboard
    (key,) = (name for name in hass_storage if loaded.entry_id in name)
    await hass.config_entries.async_remove(loaded.entry_id)
    await hass.async_block_till_done()
    assert key not in hass_storage
    # Somebody was still at it.
    board.tell_found(call.callid, ())
    await wait(10, step=1)
    assert key not in hass_storage


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("numbers", [["9001"], [str(one) for one in range(9000, 9100)]])
async def test_extensions_that_the_list_does_not_have_are_looked_for_a_few_times(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, numbers: list[str]
) -> None:
    await wait(MINUTE)
    asked = len(pbx.requests_of("extension/list"))
    for second in range(300):
        number = numbers[second % len(numbers)]
        word = ("Busy", "Registered")[second % 2]
        report = {"event": "ExtensionStatus", "extension": number, "status": word}
        await pbx.emit({**report, "sn": pbx.serial})
        await wait(11, step=11)
    # One each five minutes it is anyway.
    often = len(pbx.requests_of("extension/list")) - asked - 11
    assert often <= min(len(numbers), 10) + 1
