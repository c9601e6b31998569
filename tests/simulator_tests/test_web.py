"""The web server: what a client sees on the socket."""

import asyncio
import contextlib
import ssl

import aiohttp
import pytest

from tests.simulator import Fault, ManualClock, Readings, Settings, Simulator

from .conftest import Client, MakeClient


async def spoken(
    sim: Simulator, request: bytes, context: ssl.SSLContext | None
) -> bytes:
    reader, writer = await asyncio.open_connection(sim.host, sim.port, ssl=context)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_the_answer_looks_like_the_boa_server(
    client: Client, plain_context: ssl.SSLContext
) -> None:
    answer = await spoken(
        client.sim,
        b"POST /api/v2.0.0/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        plain_context,
    )
    assert answer == (
        b"HTTP/1.1 200 OK\r\n"
        b"Server: Boa/0.94.14rc21\r\n"
        b"Accept-Ranges: bytes\r\n"
        b"Connection: close\r\n"
        b"Content-Type: application/json\r\n"
        b"Access-control-allow-origin: *\r\n"
        b"Access-control-allow-methods: GET, POST, OPTIONS, PUT, DELETE\r\n"
        b"\r\n"
        b'{"status": "Failed", "errno": "10003"}'
    )


async def test_content_length_can_be_switched_on(
    make_client: MakeClient, plain_context: ssl.SSLContext
) -> None:
    client = await make_client(content_length=True)
    answer = await spoken(
        client.sim, b"POST /api/v2.0.0/x HTTP/1.1\r\n\r\n", plain_context
    )
    assert b"\r\nContent-Length: 38\r\n" in answer


async def test_a_get_fails_with_20001_and_text_with_20000(client: Client) -> None:
    _, body = await client.raw("extension/list", method="GET", token=client.token)
    assert b'"20001"' in body
    _, body = await client.raw("extension/query", data="number=1", token=client.token)
    assert b'"20000"' in body
    _, body = await client.raw("extension/query", data="[1]", token=client.token)
    assert b'"20000"' in body


@pytest.mark.parametrize("taken", [True, False])
async def test_an_empty_array_is_a_body_without_parameters(
    make_client: MakeClient, taken: bool
) -> None:
    client = await make_client(readings=Readings(array_body=taken))
    _, body = await client.raw("extension/list", data="[]", token=client.token)
    assert (b'"Success"' in body) is taken
    assert (b'"20000"' in body) is not taken


async def test_an_empty_body_is_enough_without_parameters_only(client: Client) -> None:
    assert await client.errno("extension/list") is None
    assert await client.errno("extension/query") == "10004"
    assert await client.errno("extension/query", number="") == "10004"


async def test_plain_http(make_client: MakeClient) -> None:
    client = await make_client(https=False)
    assert client.sim.url.startswith("http://")
    assert await client.errno("extension/list") is None


async def test_the_redirect_port_leads_to_https(make_client: MakeClient) -> None:
    client = await make_client(redirect_port=0)
    url = f"http://127.0.0.1:{client.sim.redirect_port}/api/v2.0.0/login"
    async with client.session.post(url, allow_redirects=False) as answer:
        assert answer.status == 302
        assert answer.headers["Location"] == f"{client.sim.url}login"


async def test_a_new_certificate_has_another_fingerprint(client: Client) -> None:
    old = client.sim.fingerprint
    port = client.sim.port
    assert await client.errno("extension/list") is None
    await client.sim.new_certificate()
    assert client.sim.port == port
    assert client.sim.fingerprint != old
    assert await client.errno("extension/list") is None
    pinned = aiohttp.Fingerprint(bytes.fromhex(old))
    with pytest.raises(aiohttp.ServerFingerprintMismatch):
        await client.session.post(client.sim.url, ssl=pinned)


async def test_who_trusts_the_certificate_needs_no_pin(client: Client) -> None:
    context = ssl.create_default_context(
        cadata=client.sim.certificate_pem.decode("ascii")
    )
    async with client.session.post(client.sim.url + "x", ssl=context) as answer:
        assert answer.status == 200


async def test_an_old_tls_version_is_not_common(make_client: MakeClient) -> None:
    versions = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    client = await make_client(tls_versions=versions, login=False)
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.raw("login")


async def test_http_spoken_to_https_gets_no_answer(client: Client) -> None:
    answer = await spoken(client.sim, b"POST / HTTP/1.1\r\n\r\n", None)
    assert not answer.startswith(b"HTTP")


async def test_stop_is_idempotent_and_leaves_nothing(client: Client) -> None:
    sim = client.sim
    client.sim.faults.add(Fault.SLOW)
    waiting = asyncio.create_task(client.raw("extension/list"))
    while not sim.requests_of("extension/list"):
        await asyncio.sleep(0)
    await sim.stop()
    await sim.stop()
    with pytest.raises(aiohttp.ClientError):
        await waiting
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.raw("extension/list")
    await sim.start()
    assert await client.errno("extension/list") is None


async def test_stop_cuts_a_client_that_never_speaks(client: Client) -> None:
    reader, writer = await asyncio.open_connection(client.sim.host, client.sim.port)
    await asyncio.sleep(0)
    await client.sim.stop()
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()


async def test_a_broken_handshake_leaves_nothing_behind(client: Client) -> None:
    for speech in (b"", b"POST / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
        _, writer = await asyncio.open_connection(client.sim.host, client.sim.port)
        writer.write(speech)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    while client.sim._web._tasks:
        await asyncio.sleep(0)
    assert await client.errno("extension/list") is None


async def test_overlapping_requests_are_counted(
    client: Client, clock: ManualClock
) -> None:
    sim = client.sim
    await client.ask("extension/list")
    assert sim.overlaps == 0
    sim.faults.add(Fault.SLOW, seconds=5)
    first = asyncio.create_task(client.ask("extension/list"))
    while len(sim.requests_of("extension/list")) < 2:
        await asyncio.sleep(0)
    await client.ask("trunk/list")
    assert sim.overlaps == 1
    await clock.advance(5)
    assert (await first)["status"] == "Success"


async def test_a_request_given_up_is_not_under_way(client: Client) -> None:
    client.sim.faults.add(Fault.SLOW)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.ask("extension/list")
    await client.ask("trunk/list")
    assert client.sim.overlaps == 0


@pytest.mark.parametrize(
    ("fault", "start"),
    [
        (Fault.HTML, b"<HTML>"),
        (Fault.EMPTY, b""),
        (Fault.HALF, b'{"status": "Success", "trunklist"'),
        (Fault.GARBAGE, b"\x80"),
        (Fault.NOT_OBJECT, b"["),
        (Fault.ERRNO, b'{"status": "Failed", "errno": "30003"}'),
    ],
)
async def test_a_fault_hits_one_request(
    client: Client, fault: Fault, start: bytes
) -> None:
    client.sim.faults.add(fault, endpoint="trunk/list")
    assert await client.errno("extension/list") is None
    status, body = await client.raw("trunk/list", token=client.token)
    assert status == 200
    assert body.startswith(start)
    if fault in (Fault.EMPTY, Fault.HALF):
        assert not body.endswith(b"}")
    assert await client.errno("trunk/list") is None
    assert client.sim.requests_of("trunk/list")[0].fault is fault


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.HTTP_404, 404),
        (Fault.HTTP_500, 500),
        (Fault.HTTP_504, 504),
        (Fault.REDIRECT, 302),
    ],
)
async def test_an_http_fault_lasts_until_cleared(
    client: Client, fault: Fault, status: int
) -> None:
    client.sim.faults.add(fault, count=None)
    for _ in range(3):
        assert (await client.raw("trunk/list"))[0] == status
    client.sim.faults.clear()
    assert (await client.raw("trunk/list"))[0] == 200


async def test_a_reset_connection(client: Client) -> None:
    client.sim.faults.add(Fault.RESET)
    with pytest.raises(aiohttp.ClientOSError, match="reset by peer"):
        await client.raw("trunk/list")


async def test_a_fault_may_strike_after_the_request_was_carried_out(
    client: Client,
) -> None:
    client.sim.faults.add(Fault.EMPTY, handled=True)
    await client.raw("logout", token=client.token)
    assert client.sim.tokens == {}


def test_settings_with_many_extensions() -> None:
    settings = Settings.with_extensions(1000, port=1)
    assert len(settings.extensions) == 1000
    assert settings.extensions[-1].number == "1999"
    assert settings.port == 1
