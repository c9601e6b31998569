"""Adding a PBX, giving it new credentials, moving it: every step, error and abort."""

import asyncio
from dataclasses import replace
import ssl
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.yeastar.const import DOMAIN
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from tests.conftest import entry_data
from tests.simulator import Fault, Settings, Simulator

pytestmark = pytest.mark.usefixtures("http")


def form(pbx: Simulator, **changes: Any) -> dict[str, Any]:
    return {
        "host": pbx.host,
        "port": pbx.port,
        "ssl": pbx.settings.https,
        "username": pbx.username,
        "password": pbx.password,
        **changes,
    }


async def start(hass: HomeAssistant) -> str:
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    assert result["errors"] == {}
    return result["flow_id"]


async def submit(hass: HomeAssistant, flow_id: str, data: dict[str, Any]) -> Any:
    result = await hass.config_entries.flow.async_configure(flow_id, data)
    await hass.async_block_till_done(wait_background_tasks=True)
    return result


async def sign_in(hass: HomeAssistant, flow_id: str, data: dict[str, Any]) -> Any:
    """Submit a form, and confirm the certificate if that is asked for."""
    result = await submit(hass, flow_id, data)
    if result.get("step_id") == "certificate":
        result = await submit(hass, flow_id, {})
    return result


async def finish(hass: HomeAssistant, flow_id: str, pbx: Simulator) -> None:
    """Show that a flow that met an error still gets to an entry."""
    result = await sign_in(hass, flow_id, form(pbx))
    assert result["step_id"] == "events"
    result = await submit(hass, flow_id, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.config_entries.async_unload(result["result"].entry_id)


async def test_a_pbx_with_its_factory_certificate_is_added(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    flow_id = await start(hass)
    result = await submit(hass, flow_id, form(pbx))
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "certificate"
    shown = result["description_placeholders"]
    assert shown["fingerprint"].replace(":", "").lower() == pbx.fingerprint
    assert shown["subject"] not in ("", "?")
    assert shown["expires"] not in ("", "?")
    # Nothing secret was sent to whoever shows it.
    assert pbx.requests == []

    result = await submit(hass, flow_id, {})
    # Nothing more is needed of the PBX, so nobody is logged in meanwhile.
    assert len(pbx.requests_of("login")) == 1
    assert pbx.tokens == {}
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "events"
    assert (
        result["description_placeholders"]["address"]
        == f"http://127.0.0.1:{hass.http.server_port}"
    )

    result = await submit(hass, flow_id, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Yeastar S100"
    entry = result["result"]
    assert entry.unique_id == pbx.serial
    webhook_id = entry.data["webhook_id"]
    assert len(bytes.fromhex(webhook_id)) >= 16
    assert entry.data == entry_data(pbx, webhook_id=webhook_id)
    assert entry.state is ConfigEntryState.LOADED
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_certificate_of_a_known_authority_is_not_asked_about(
    hass: HomeAssistant, pbx: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cadata=pbx.certificate_pem.decode())
    monkeypatch.setattr(
        "custom_components.yeastar.config_flow.get_default_context", lambda: trusting
    )
    connector: Any = async_get_clientsession(hass).connector
    monkeypatch.setattr(connector, "_ssl", trusting)
    flow_id = await start(hass)
    result = await submit(hass, flow_id, form(pbx))
    assert result["step_id"] == "events"
    result = await submit(hass, flow_id, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.data["fingerprint"] is None
    assert entry.state is ConfigEntryState.LOADED
    await hass.config_entries.async_unload(entry.entry_id)


async def test_two_entries_get_different_webhooks(hass: HomeAssistant) -> None:
    ids = set()
    for serial in ("111111111111", "222222222222"):
        async with Simulator(settings=Settings(serial=serial)) as pbx:
            flow_id = await start(hass)
            await submit(hass, flow_id, form(pbx))
            await submit(hass, flow_id, {})
            result = await submit(hass, flow_id, {})
            ids.add(result["result"].data["webhook_id"])
            await hass.config_entries.async_unload(result["result"].entry_id)
    assert len(ids) == 2


@pytest.fixture
async def plain(socket_enabled: None) -> Any:
    """Return a PBX whose web interface is set to HTTP."""
    async with Simulator(settings=Settings(https=False)) as simulator:
        yield simulator


async def test_a_pbx_on_plain_http_has_no_certificate_to_look_at(
    hass: HomeAssistant, plain: Simulator
) -> None:
    flow_id = await start(hass)
    result = await submit(hass, flow_id, form(plain))
    assert result["step_id"] == "events"
    result = await submit(hass, flow_id, {"base_url": "http://192.0.2.10:8123/"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    data = result["result"].data
    assert data["fingerprint"] is None
    assert data["base_url"] == "http://192.0.2.10:8123"
    await hass.config_entries.async_unload(result["result"].entry_id)


async def test_an_address_pasted_from_the_browser_is_understood(
    hass: HomeAssistant, plain: Simulator
) -> None:
    flow_id = await start(hass)
    result = await submit(
        hass,
        flow_id,
        form(plain, host=f"http://{plain.host}:{plain.port}/", port=8088, ssl=True),
    )
    assert result["step_id"] == "events"


async def test_a_wrong_password_costs_one_try(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    flow_id = await start(hass)
    result = await sign_in(hass, flow_id, form(pbx, password="Wrong1"))
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    assert result["errors"] == {"base": "invalid_auth"}
    assert len(pbx.requests_of("login")) == 1
    # What was typed is still there, except the password.
    suggested = {
        str(key): (key.description or {}).get("suggested_value")
        for key in result["data_schema"].schema
    }
    assert suggested["host"] == pbx.host
    assert suggested["username"] == pbx.username
    assert suggested["password"] is None
    await finish(hass, flow_id, pbx)


async def test_a_lock_out_is_told_and_can_be_lifted(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    flow_id = await start(hass)
    for number in range(5):
        await sign_in(hass, flow_id, form(pbx, password=f"Wrong{number}"))
    result = await sign_in(hass, flow_id, form(pbx))
    assert result["errors"] == {"base": "locked_out"}
    pbx.unblock()
    await finish(hass, flow_id, pbx)


@pytest.mark.parametrize(
    ("fault", "details", "error"),
    [
        (Fault.ERRNO, {"errno": 20010}, "not_ready"),
        (Fault.ERRNO, {"errno": 30001}, "not_ready"),
        (Fault.ERRNO, {"errno": 30003}, "not_ready"),
        (Fault.ERRNO, {"errno": 10003}, "api_too_old"),
        (Fault.ERRNO, {"errno": 10004}, "unknown"),
        (Fault.HTTP_404, {}, "api_too_old"),
        (Fault.HTML, {}, "not_yeastar"),
        (Fault.GARBAGE, {}, "not_yeastar"),
        (Fault.EMPTY, {}, "not_yeastar"),
        (Fault.HALF, {}, "not_yeastar"),
        (Fault.REDIRECT, {}, "not_yeastar"),
        (Fault.RESET, {}, "cannot_connect"),
    ],
)
async def test_what_a_pbx_can_do_wrong_is_named_and_overcome(
    hass: HomeAssistant,
    pbx: Simulator,
    fault: Fault,
    details: dict[str, Any],
    error: str,
) -> None:
    flow_id = await start(hass)
    pbx.faults.add(fault, count=None, endpoint="login", **details)
    result = await sign_in(hass, flow_id, form(pbx))
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == {"base": error}
    pbx.faults.clear()
    await finish(hass, flow_id, pbx)


async def test_nobody_there(hass: HomeAssistant, pbx: Simulator) -> None:
    flow_id = await start(hass)
    await pbx.go_down()
    result = await submit(hass, flow_id, form(pbx))
    assert result["errors"] == {"base": "cannot_connect"}
    await pbx.come_up()
    await finish(hass, flow_id, pbx)


async def test_http_to_an_https_port(hass: HomeAssistant, pbx: Simulator) -> None:
    flow_id = await start(hass)
    result = await submit(hass, flow_id, form(pbx, ssl=False))
    assert result["errors"] == {"base": "wrong_scheme"}
    await finish(hass, flow_id, pbx)


async def test_https_to_an_http_port(
    hass: HomeAssistant, plain: Simulator, frozen: FrozenDateTimeFactory
) -> None:
    flow_id = await start(hass)
    submitting = hass.async_create_task(submit(hass, flow_id, form(plain, ssl=True)))
    # The web server waits for the end of a request that never comes.
    while not submitting.done():
        for _ in range(100):
            await asyncio.sleep(0)
        frozen.tick(1)
    result = await submitting
    assert result["errors"] == {"base": "wrong_scheme"}
    await finish(hass, flow_id, plain)


@pytest.mark.usefixtures("socket_enabled")
async def test_no_common_tls_version_is_told_and_nothing_is_downgraded(
    hass: HomeAssistant,
) -> None:
    old = ssl.TLSVersion.TLSv1_1
    settings = Settings(tls_versions=(ssl.TLSVersion.TLSv1, old))
    async with Simulator(settings=settings) as pbx:
        flow_id = await start(hass)
        result = await submit(hass, flow_id, form(pbx))
        assert result["errors"] == {"base": "tls_failed"}
        assert pbx.requests == []


@pytest.mark.usefixtures("socket_enabled")
async def test_reports_over_tcp_are_refused_until_the_pbx_is_set_to_http(
    hass: HomeAssistant,
) -> None:
    async with Simulator(settings=Settings(transport="TCP")) as pbx:
        flow_id = await start(hass)
        result = await sign_in(hass, flow_id, form(pbx))
        assert result["errors"] == {"base": "events_over_tcp"}
        assert pbx.tokens == {}
    async with Simulator() as pbx:
        await finish(hass, flow_id, pbx)


async def test_an_error_of_ours_is_told_and_logged(
    hass: HomeAssistant,
    pbx: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    flow_id = await start(hass)
    with monkeypatch.context() as broken:
        broken.setattr(
            "custom_components.yeastar.pbx.queries.device",
            lambda _self: asyncio.Future().cancelled() or 1 / 0,
        )
        result = await sign_in(hass, flow_id, form(pbx))
    assert result["errors"] == {"base": "unknown"}
    assert "Unexpected error while logging in" in caplog.text
    await finish(hass, flow_id, pbx)


@pytest.mark.parametrize(
    "base_url",
    [
        "192.0.2.10",
        "192.0.2.10:8123",
        "ftp://192.0.2.10",
        "http://",
        "http://192.0.2.10:99999",
        "http://192.0.2.10:8123/api",
        "http://user:pass@192.0.2.10",
        "http://192.0.2.10?x=1",
        "http://0.0.0.0:8123",
        "http://a b",
        "http://[::1",
        "javascript:alert(1)",
    ],
)
async def test_a_base_url_that_is_none_is_refused(
    hass: HomeAssistant, plain: Simulator, base_url: str
) -> None:
    flow_id = await start(hass)
    await submit(hass, flow_id, form(plain))
    result = await submit(hass, flow_id, {"base_url": base_url})
    assert result["errors"] == {"base_url": "base_url_invalid"}
    result = await submit(hass, flow_id, {"base_url": "https://ha.example"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].data["base_url"] == "https://ha.example:443"
    await hass.config_entries.async_unload(result["result"].entry_id)


async def test_a_base_url_is_required_where_home_assistant_speaks_only_https(
    hass: HomeAssistant, plain: Simulator
) -> None:
    hass.config.api.use_ssl = True
    flow_id = await start(hass)
    await submit(hass, flow_id, form(plain))
    result = await submit(hass, flow_id, {})
    assert result["errors"] == {"base_url": "base_url_required"}
    result = await submit(hass, flow_id, {"base_url": "http://192.0.2.10:8123"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.config_entries.async_unload(result["result"].entry_id)


@pytest.mark.usefixtures("loaded")
async def test_a_pbx_that_is_set_up_is_not_added_again(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    flow_id = await start(hass)
    before = set(pbx.tokens)
    result = await sign_in(hass, flow_id, form(pbx))
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    assert set(pbx.tokens) <= before


async def test_the_flow_logs_out_also_when_it_fails_after_the_login(
    hass: HomeAssistant, pbx: Simulator
) -> None:
    pbx.faults.add(Fault.HTML, count=1, endpoint="deviceinfo/query")
    flow_id = await start(hass)
    result = await sign_in(hass, flow_id, form(pbx))
    assert result["errors"] == {"base": "not_yeastar"}
    assert len(pbx.requests_of("login")) == 1
    assert pbx.tokens == {}


async def test_new_credentials_end_a_reauthentication(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry
) -> None:
    result = await loaded.start_reauth_flow(hass)
    assert result["step_id"] == "reauth_confirm"
    flow_id = result["flow_id"]
    result = await submit(hass, flow_id, {"username": "ha", "password": "Wrong1"})
    assert result["errors"] == {"base": "invalid_auth"}
    pbx.sessions.settings = replace(pbx.settings, password="Changed1")
    result = await submit(hass, flow_id, {"username": "ha", "password": "Changed1"})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    assert loaded.data["password"] == "Changed1"
    assert loaded.state is ConfigEntryState.LOADED


async def test_a_pbx_that_is_away_is_told_during_a_reauthentication(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry
) -> None:
    result = await loaded.start_reauth_flow(hass)
    credentials = {"username": pbx.username, "password": pbx.password}
    await pbx.go_down()
    result = await submit(hass, result["flow_id"], credentials)
    assert result["errors"] == {"base": "cannot_connect"}
    await pbx.come_up()
    result = await submit(hass, result["flow_id"], credentials)
    assert result["reason"] == "reauth_successful"


async def test_a_silent_pbx_does_not_keep_the_flow_from_going_on(
    hass: HomeAssistant, pbx: Simulator, frozen: FrozenDateTimeFactory
) -> None:
    pbx.faults.add(Fault.SLOW, count=None, endpoint="logout")
    flow_id = await start(hass)
    submitting = hass.async_create_task(
        hass.config_entries.flow.async_configure(flow_id, form(pbx))
    )
    waited = 0
    while not submitting.done():
        for _ in range(200):
            await asyncio.sleep(0)
        frozen.tick(1)
        waited += 1
    result = await submitting
    assert result["step_id"] == "certificate"
    assert waited <= 8
    pbx.faults.clear()


@pytest.mark.usefixtures("monkeypatch")
async def test_a_pasted_address_with_an_impossible_port_is_told(
    hass: HomeAssistant, plain: Simulator
) -> None:
    flow_id = await start(hass)
    result = await submit(
        hass, flow_id, form(plain, host="http://127.0.0.1:99999/", ssl=False)
    )
    assert result["errors"] == {"base": "cannot_connect"}
    await finish(hass, flow_id, plain)


@pytest.mark.usefixtures("http", "socket_enabled")
async def test_a_reauthentication_of_another_pbx_is_refused(
    hass: HomeAssistant,
) -> None:
    async with Simulator(settings=Settings(serial="999999999999")) as other:
        entry = MockConfigEntry(
            domain=DOMAIN, unique_id="369451090405", data=entry_data(other)
        )
        entry.add_to_hass(hass)
        result = await entry.start_reauth_flow(hass)
        result = await submit(
            hass,
            result["flow_id"],
            {"username": other.username, "password": other.password},
        )
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "wrong_device"


async def test_a_changed_certificate_is_shown_before_the_new_password_is_sent(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry
) -> None:
    await pbx.new_certificate()
    logins = len(pbx.requests_of("login"))
    result = await loaded.start_reauth_flow(hass)
    flow_id = result["flow_id"]
    credentials = {"username": pbx.username, "password": pbx.password}
    result = await submit(hass, flow_id, {**credentials, "password": "Wrong1"})
    assert result["step_id"] == "certificate"
    assert len(pbx.requests_of("login")) == logins
    result = await submit(hass, flow_id, {})
    assert result["step_id"] == "reauth_confirm"
    assert result["errors"] == {"base": "invalid_auth"}
    # It was confirmed once and is not asked about again.
    result = await submit(hass, flow_id, credentials)
    assert result["reason"] == "reauth_successful"
    assert loaded.data["fingerprint"] == pbx.fingerprint


async def test_a_pbx_can_be_moved(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry
) -> None:
    result = await loaded.start_reconfigure_flow(hass)
    assert result["step_id"] == "reconfigure"
    flow_id = result["flow_id"]
    result = await submit(hass, flow_id, form(pbx, base_url="http://192.0.2.10:8123/x"))
    assert result["errors"] == {"base_url": "base_url_invalid"}
    result = await submit(hass, flow_id, form(pbx, port=1))
    assert result["errors"] == {"base": "cannot_connect"}
    result = await submit(hass, flow_id, form(pbx, password="Wrong1"))
    assert result["errors"] == {"base": "invalid_auth"}
    await pbx.new_certificate()
    result = await submit(hass, flow_id, form(pbx, base_url="http://192.0.2.10:8123"))
    assert result["step_id"] == "certificate"
    result = await submit(hass, flow_id, {})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    assert loaded.data["base_url"] == "http://192.0.2.10:8123"
    assert loaded.data["fingerprint"] == pbx.fingerprint
    assert loaded.state is ConfigEntryState.LOADED
    heartbeat = pbx.requests_of("heartbeat")[-1].body
    assert heartbeat is not None
    assert heartbeat["urltag"] == "1"


async def test_another_pbx_cannot_take_the_place(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry
) -> None:
    async with Simulator(settings=Settings(serial="999999999999")) as other:
        result = await loaded.start_reconfigure_flow(hass)
        result = await submit(hass, result["flow_id"], form(other))
        if result.get("step_id") == "certificate":
            result = await submit(hass, result["flow_id"], {})
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "wrong_device"
        assert other.tokens == {}
    assert loaded.data["port"] == pbx.port


async def test_options_are_kept_and_take_effect(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    result = await hass.config_entries.options.async_init(loaded.entry_id)
    assert result["step_id"] == "init"
    result = await hass.config_entries.options.async_configure(
        result["flow_id"], {"mask_numbers": True, "catch_up": False}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    assert loaded.options == {"mask_numbers": True, "catch_up": False}
    assert loaded.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    "host",
    ["fe80::1%<script>", "fe80::1%en p0", "fe80::1%\nx", "fe80::1%", "::1%" + "x" * 99],
)
async def test_an_address_with_something_else_behind_it_is_none(
    hass: HomeAssistant, pbx: Simulator, host: str
) -> None:
    flow_id = await start(hass)
    result = await submit(hass, flow_id, form(pbx, host=host))
    assert result["errors"] == {"base": "cannot_connect"}
    assert pbx.requests == []
