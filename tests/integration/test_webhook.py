"""The webhook, row by row (contract 4), over a real HTTP server."""

import asyncio
from http import HTTPStatus
import json
import logging
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)

from homeassistant.components.diagnostics import REDACTED
from homeassistant.core import HomeAssistant
from tests.conftest import WEBHOOK_ID, Wait, entry_data
from tests.simulator import Simulator

URL = f"/api/webhook/{WEBHOOK_ID}"
RINGING = {
    "event": "ExtensionStatus",
    "extension": "1000",
    "status": "Ringing",
    "sn": "369451090405",
}


@pytest.fixture
async def client(
    loaded: MockConfigEntry, hass_client_no_auth: Any
) -> TestClient[Any, Any]:
    """Return somebody who can reach Home Assistant's web server."""
    return await hass_client_no_auth()


@pytest.fixture
async def counts(hass: HomeAssistant, loaded: MockConfigEntry, hass_client: Any) -> Any:
    """Return a way to read the webhook's counters as a user does."""

    async def read() -> dict[str, int]:
        diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
        counters: dict[str, int] = diagnostics["webhook"]
        return counters

    return read


async def test_a_report_is_one_event(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    client: TestClient[Any, Any],
    counts: Any,
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    response = await client.post(URL, data=json.dumps(RINGING))
    assert response.status == HTTPStatus.OK
    assert response.headers["Connection"].lower() == "close"
    await hass.async_block_till_done()
    (event,) = events
    assert event.data == {
        "config_entry_id": loaded.entry_id,
        "device_id": event.data["device_id"],
        "serial": "369451090405",
        "type": "extension_status",
        "payload": {"extension": "1000", "status": "Ringing"},
    }
    assert await counts() == {"accepted": 1}


async def test_a_repetition_is_answered_and_not_told_again(
    hass: HomeAssistant, client: TestClient[Any, Any], counts: Any
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    for _ in range(3):
        response = await client.post(URL, data=json.dumps(RINGING))
        assert response.status == HTTPStatus.OK
    await hass.async_block_till_done()
    assert len(events) == 1
    assert await counts() == {"accepted": 1, "repeated": 2}


async def test_ringing_again_is_told_again(
    hass: HomeAssistant, client: TestClient[Any, Any]
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    for status in ("Ringing", "Registered", "Ringing"):
        await client.post(URL, data=json.dumps({**RINGING, "status": status}))
    await hass.async_block_till_done()
    assert [event.data["payload"]["status"] for event in events] == [
        "Ringing",
        "Registered",
        "Ringing",
    ]


async def test_after_a_minute_the_same_report_is_news(
    hass: HomeAssistant, wait: Wait, client: TestClient[Any, Any]
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    await client.post(URL, data=json.dumps(RINGING))
    await wait(61)
    await client.post(URL, data=json.dumps(RINGING))
    await hass.async_block_till_done()
    assert len(events) == 2


async def test_version_1_with_repeated_keys_is_read(
    hass: HomeAssistant, client: TestClient[Any, Any], counts: Any
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    response = await client.post(
        URL,
        data='{"action":"RING","callid":"1.2","ext":{"extid":"1000"},'
        '"ext":{"extid":"1001"},"sn":"369451090405"}',
    )
    assert response.status == HTTPStatus.OK
    await hass.async_block_till_done()
    (event,) = events
    assert event.data["type"] == "call_status"
    assert [member["number"] for member in event.data["payload"]["members"]] == [
        "1000",
        "1001",
    ]
    assert await counts() == {"accepted": 1, "legacy_version": 1}


async def test_an_unknown_event_is_told_by_its_name(
    hass: HomeAssistant, client: TestClient[Any, Any], counts: Any
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    response = await client.post(
        URL,
        data='{"event":"TrunkStatus","trunkname":"siptrunk","sn":"369451090405"}',
    )
    assert response.status == HTTPStatus.OK
    await hass.async_block_till_done()
    (event,) = events
    assert event.data["type"] == "trunk_status"
    assert event.data["payload"] == {"trunk_name": "siptrunk"}
    assert await counts() == {"accepted": 1, "unknown_event": 1}


@pytest.mark.parametrize(
    ("serial", "cause"),
    [
        ({}, "no_serial"),
        ({"sn": ""}, "no_serial"),
        ({"sn": None}, "no_serial"),
        ({"sn": "123456789012"}, "other_serial"),
    ],
)
async def test_a_report_that_is_not_of_this_pbx_does_nothing(
    hass: HomeAssistant,
    client: TestClient[Any, Any],
    counts: Any,
    caplog: pytest.LogCaptureFixture,
    serial: dict[str, Any],
    cause: str,
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    report = {key: value for key, value in RINGING.items() if key != "sn"} | serial
    for _ in range(3):
        response = await client.post(URL, data=json.dumps(report))
        assert response.status == HTTPStatus.OK
    await hass.async_block_till_done()
    assert events == []
    assert await counts() == {cause: 3}
    assert caplog.text.count("Ignored a report") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"null",
        b'{"event":',
        b'{"event":"Boot\xffUp","sn":"369451090405"}',
        b'{"sn":"369451090405"}',
        b'{"event":{},"sn":"369451090405"}',
        b'{"sn":"369451090405","event":"X","a":' + b'{"a":' * 40 + b"1" + b"}" * 41,
        b"[" * 60_000,
    ],
    ids=range(10),
)
async def test_what_is_not_a_report_is_refused(
    hass: HomeAssistant,
    client: TestClient[Any, Any],
    counts: Any,
    caplog: pytest.LogCaptureFixture,
    body: bytes,
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    for _ in range(3):
        response = await client.post(URL, data=body)
        assert response.status == HTTPStatus.BAD_REQUEST
        assert response.headers["Connection"].lower() == "close"
    await hass.async_block_till_done()
    assert events == []
    assert await counts() == {"malformed": 3}
    assert caplog.text.count("Refused a report") == 1
    ours = ("custom_components", "homeassistant")
    assert not [r for r in caplog.records if r.exc_info and r.name.startswith(ours)]


async def test_a_warning_comes_again_after_an_hour(
    client: TestClient[Any, Any], wait: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    await client.post(URL, data=b"hello")
    await wait(3000)
    await client.post(URL, data=b"hello")
    assert caplog.text.count("Refused a report") == 1
    await wait(601)
    await client.post(URL, data=b"hello")
    assert caplog.text.count("Refused a report") == 2


async def chunks(size: int) -> Any:
    for _ in range(size // 1024):
        yield b" " * 1024


@pytest.mark.parametrize("chunked", [False, True])
async def test_too_large_a_body_is_refused(
    client: TestClient[Any, Any], counts: Any, chunked: bool
) -> None:
    size = 65 * 1024
    response = await client.post(URL, data=chunks(size) if chunked else b" " * size)
    assert response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert await counts() == {"too_large": 1}


async def test_a_body_of_64_kib_is_taken(
    hass: HomeAssistant, client: TestClient[Any, Any]
) -> None:
    body = json.dumps(RINGING).encode()
    events = async_capture_events(hass, "yeastar_event")
    response = await client.post(URL, data=body + b" " * (65_536 - len(body)))
    assert response.status == HTTPStatus.OK
    await hass.async_block_till_done()
    assert len(events) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
async def test_only_post_is_taken(
    hass: HomeAssistant, client: TestClient[Any, Any], counts: Any, method: str
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    response = await client.request(method, URL, data=json.dumps(RINGING))
    assert response.status == HTTPStatus.METHOD_NOT_ALLOWED
    await hass.async_block_till_done()
    assert events == []
    assert await counts() == {"wrong_method": 1}


async def test_the_request_as_the_pbx_documents_it_is_taken(
    hass: HomeAssistant, client: TestClient[Any, Any]
) -> None:
    """The sample has a blank in Host and Accept twice (protocol 4.2)."""
    events = async_capture_events(hass, "yeastar_event")
    body = json.dumps(RINGING).encode()
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(
        f"POST {URL} HTTP/1.1\r\n"
        "Host: 192.168.5.150: 8260\r\n"
        "Accept: application/json\r\n"
        "User-Agent: WebAPI\r\n"
        "Content-Type: application/json\r\n"
        "Accept: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200")
    await hass.async_block_till_done()
    assert len(events) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_in_an_encoding_that_breaks_is_refused_and_counted(
    hass: HomeAssistant, client: TestClient[Any, Any], counts: Any, encoding: str
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    response = await client.post(
        URL, data=json.dumps(RINGING).encode(), headers={"Content-Encoding": encoding}
    )
    assert response.status == HTTPStatus.BAD_REQUEST
    await hass.async_block_till_done()
    assert events == []
    assert await counts() == {"malformed": 1}


@pytest.mark.usefixtures("http")
async def test_a_pbx_that_was_never_reached_has_no_webhook(
    hass: HomeAssistant, pbx: Simulator, hass_client_no_auth: Any
) -> None:
    entry = MockConfigEntry(
        domain="yeastar",
        unique_id=pbx.serial,
        data=entry_data(pbx, host="no-such-pbx.invalid"),
    )
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    client = await hass_client_no_auth()
    events = async_capture_events(hass, "yeastar_event")
    await client.post(URL, data=json.dumps(RINGING))
    await hass.async_block_till_done()
    assert events == []


@pytest.mark.usefixtures("loaded")
async def test_a_public_source_is_refused_for_a_private_pbx(
    hass: HomeAssistant,
    hass_client_no_auth: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "aiohttp.web_request.BaseRequest.remote", property(lambda _: "203.0.113.7")
    )
    events = async_capture_events(hass, "yeastar_event")
    client = await hass_client_no_auth()
    await client.post(URL, data=json.dumps(RINGING))
    await hass.async_block_till_done()
    assert events == []
    assert WEBHOOK_ID not in caplog.text


async def test_no_line_of_the_log_names_the_webhook_id(
    client: TestClient[Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await client.post(URL, data=json.dumps(RINGING))
    await client.post(URL, data=b"hello")
    await client.get(URL)
    assert "webhook" in caplog.text
    assert WEBHOOK_ID not in caplog.text


async def test_after_unloading_no_event_comes_and_no_line_names_the_id(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    client: TestClient[Any, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await hass.config_entries.async_unload(loaded.entry_id)
    events = async_capture_events(hass, "yeastar_event")
    await client.post(URL, data=json.dumps(RINGING))
    await hass.async_block_till_done()
    assert events == []
    assert WEBHOOK_ID not in caplog.text


async def test_a_report_that_is_half_there_when_the_pbx_is_unloaded_is_not_taken(
    hass: HomeAssistant, loaded: MockConfigEntry, client: TestClient[Any, Any]
) -> None:
    events = async_capture_events(hass, "yeastar_event")
    body = json.dumps(RINGING).encode()
    head = f"POST {URL} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(head.encode() + body[:10])
    await writer.drain()
    # Once another request is answered, this one is being read.
    await client.post(URL, data=b"hello")
    assert await hass.config_entries.async_unload(loaded.entry_id)
    writer.write(body[10:])
    assert (await reader.read(15)).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
    await hass.async_block_till_done()
    assert events == []


async def test_a_request_that_cannot_be_read_does_not_show_the_id_in_the_log(
    client: TestClient[Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # The web server does not know the method, so that it quotes the line.
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(
        f"FOO {URL} HTTP/1.1\r\nHost: a\r\nContent-Length: 9x\r\n\r\n".encode()
    )
    await reader.read()
    writer.close()
    await writer.wait_closed()
    shown = [logging.Formatter().format(record) for record in caplog.records]
    assert any("**REDACTED**" in text for text in shown)
    assert WEBHOOK_ID not in "".join(shown)


async def test_an_error_of_ours_is_not_the_pbxs_to_repeat(
    loaded: MockConfigEntry,
    client: TestClient[Any, Any],
    counts: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_report: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(loaded.runtime_data.receiver, "_accept", broken)
    response = await client.post(URL, data=json.dumps(RINGING))
    assert response.status == HTTPStatus.OK
    assert "Unexpected error in handling a extension_status report" in caplog.text
    assert (await counts())["failed"] == 1


async def test_diagnostics_keep_secrets(
    hass: HomeAssistant, loaded: MockConfigEntry, hass_client: Any, pbx: Simulator
) -> None:
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, loaded)
    text = json.dumps(diagnostics)
    for secret in (WEBHOOK_ID, pbx.password, pbx.fingerprint, *pbx.tokens):
        assert secret not in text
    assert diagnostics["entry"]["data"]["password"] == REDACTED
    assert diagnostics["session"]["counts"]["logins"] == 1
    assert diagnostics["session"]["target"]["port"] > 0
