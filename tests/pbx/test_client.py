"""One session with one PBX, over real sockets, without Home Assistant."""

import asyncio
from collections.abc import AsyncIterator, Callable
import contextlib
import ssl

import aiohttp
import pytest

from custom_components.yeastar.pbx import certificate, queries, transport
from custom_components.yeastar.pbx.client import Access, YeastarClient
from custom_components.yeastar.pbx.errors import (
    ApiTooOldError,
    CannotConnectError,
    CertificateChangedError,
    CertificateUntrustedError,
    InvalidAuthError,
    LockedOutError,
    NotReadyError,
    NotYeastarError,
    PbxError,
    RefusedError,
    TlsFailedError,
    TokenRejectedError,
    WrongSchemeError,
)
from custom_components.yeastar.pbx.models import EventTarget
from tests.simulator import Fault, ManualClock, Settings, Simulator
from tests.simulator.certificate import make_certificate

pytestmark = pytest.mark.usefixtures("socket_enabled")

type Make = Callable[..., YeastarClient]


def target(address: str | None) -> EventTarget:
    return EventTarget(8123, "api/webhook/secret", False, address)


@pytest.fixture
async def pbx(socket_enabled: None) -> AsyncIterator[Simulator]:
    """Return a PBX whose clock is turned by hand."""
    async with Simulator(clock=ManualClock()) as simulator:
        yield simulator


@pytest.fixture
async def make(socket_enabled: None) -> AsyncIterator[Make]:
    """Return a way to make clients."""
    async with aiohttp.ClientSession() as session:

        def create(pbx: Simulator | None = None, **changes: object) -> YeastarClient:
            arguments: dict[str, object] = {"target": target}
            if pbx is not None:
                arguments |= {
                    "host": pbx.host,
                    "port": pbx.port,
                    "use_ssl": pbx.settings.https,
                    "username": pbx.username,
                    "password": pbx.password,
                    "fingerprint": pbx.fingerprint if pbx.settings.https else None,
                    "clock": pbx.clock.now,
                }
            return YeastarClient(session, **{**arguments, **changes})  # type: ignore[arg-type]

        yield create


@contextlib.asynccontextmanager
async def server(
    answer: bytes | None, context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Listen on a port that answers everything alike; None hangs up at once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is not None:
            await reader.read(65_536)
            writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await listening.wait_closed()


def plain(make: Make, port: int) -> YeastarClient:
    return make(
        host="127.0.0.1",
        port=port,
        use_ssl=False,
        username="ha",
        password="x",
        fingerprint=None,
    )


def http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode() + body


async def test_a_session_is_opened_extended_and_closed(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx)
    device = await queries.device(client)
    assert device.serial == pbx.serial
    assert client.report_method == "HTTP"
    assert client.local_address == client.remote_address == "127.0.0.1"
    await client.heartbeat()
    assert client.announced == target("127.0.0.1")
    assert not client.retargeting_due
    await client.logout()
    await client.logout()
    assert [request.endpoint for request in pbx.requests] == [
        "login",
        "deviceinfo/query",
        "heartbeat",
        "logout",
    ]
    assert pbx.tokens == {}


async def test_requests_wait_for_each_other(pbx: Simulator, make: Make) -> None:
    client = make(pbx)
    await asyncio.gather(*(client.request("trunk/list") for _ in range(10)))
    assert pbx.overlaps == 0
    assert len(pbx.requests_of("login")) == 1


async def test_two_clients_of_one_pbx_wait_for_each_other(
    pbx: Simulator, make: Make
) -> None:
    access = Access()
    clients = [make(pbx, access=access) for _ in range(3)]
    await asyncio.gather(*(client.request("trunk/list") for client in clients))
    assert pbx.overlaps == 0


@pytest.mark.parametrize("errno", [20004, 20005, 20006])
async def test_a_forgotten_session_is_renewed_unnoticed(
    pbx: Simulator, make: Make, errno: int
) -> None:
    client = make(pbx)
    await client.request("trunk/list")
    pbx.forget_tokens(errno=errno)
    assert (await client.request("trunk/list"))["status"] == "Success"
    assert len(pbx.requests_of("login")) == 2
    assert client.session_number == 2
    assert client.counts[f"token_errno_{errno}"] == 1


async def test_a_pbx_that_rejects_every_session_is_not_stormed(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx)
    pbx.faults.add(Fault.ERRNO, count=None, endpoint="trunk/list", errno=20006)
    with pytest.raises(TokenRejectedError):
        await client.request("trunk/list")
    assert len(pbx.requests_of("login")) == 2
    assert len(pbx.requests_of("trunk/list")) == 2


async def test_a_refused_password_is_never_sent_again(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx, password="Wrong1")
    for _ in range(3):
        with pytest.raises(InvalidAuthError):
            await client.login()
    assert len(pbx.requests_of("login")) == 1


async def test_a_lock_out_outlives_the_client_that_met_it(
    pbx: Simulator, make: Make
) -> None:
    assert isinstance(pbx.clock, ManualClock)
    pbx.sessions.locked_until["127.0.0.1"] = pbx.clock.now() + 600
    access = Access()
    for _ in range(3):
        with pytest.raises(LockedOutError):
            await make(pbx, access=access).login()
    assert len(pbx.requests_of("login")) == 1
    await pbx.clock.advance(600)
    await make(pbx, access=access).login()
    assert len(pbx.requests_of("login")) == 2


@pytest.mark.parametrize(
    ("errno", "kind", "reason"),
    [
        (10003, ApiTooOldError, None),
        (10004, RefusedError, "parameter_missing"),
        (20010, NotReadyError, None),
        (30001, NotReadyError, None),
        (30003, NotReadyError, None),
        (99999, RefusedError, "refused"),
    ],
)
async def test_each_refusal_has_its_cause(
    pbx: Simulator, make: Make, errno: int, kind: type[PbxError], reason: str | None
) -> None:
    pbx.faults.add(Fault.ERRNO, endpoint="login", errno=errno)
    with pytest.raises(kind) as caught:
        await make(pbx).login()
    assert getattr(caught.value, "refusal", None) == reason


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (http(b"<html>"), NotYeastarError),
        (http(b""), NotYeastarError),
        (http(b"[]"), NotYeastarError),
        (http(b'{"status":"Maybe"}'), NotYeastarError),
        (http(b'{"status":"Failed"}'), NotYeastarError),
        (http(b'{"status":"Failed","errno":"many"}'), NotYeastarError),
        (http(b'{"status":"Failure","errno":30003}'), NotReadyError),
        (http(b'{"status":"Success"}'), NotYeastarError),
        (http(b'{"status":"Success","token":""}'), NotYeastarError),
        (http(b"[" * 100_000), NotYeastarError),
        (http(b"", "302 Found"), NotYeastarError),
        # Any web server may say so; what these PBXs have is told by its name.
        (http(b"", "404 Not Found"), NotYeastarError),
        (http(b"", "404 Not Found\r\nServer: Boa/0.94.14rc21"), ApiTooOldError),
        (http(b"", "504 Gateway Timeout"), NotReadyError),
        (http(b"Use HTTPS", "400 Bad Request"), WrongSchemeError),
        (b"SSH-2.0-OpenSSH\r\n", NotYeastarError),
        (b"", CannotConnectError),
        (None, CannotConnectError),
    ],
    ids=range(18),
)
async def test_each_odd_answer_has_its_cause(
    make: Make, answer: bytes | None, kind: type[PbxError]
) -> None:
    async with server(answer) as port:
        with pytest.raises(kind) as caught:
            await plain(make, port).login()
        assert type(caught.value) is kind


async def test_an_endless_answer_is_cut(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 1000)
    async with server(http(b" " * 2000)) as port:
        with pytest.raises(NotYeastarError):
            await plain(make, port).login()


async def test_a_name_in_another_encoding_does_not_cost_the_answer(
    make: Make,
) -> None:
    async with server(http(b'{"status":"Success","token":"a","x":"\xe4"}')) as port:
        await plain(make, port).login()


async def test_no_answer_in_time_is_none(
    pbx: Simulator, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", 0.2)
    pbx.faults.add(Fault.STALL)
    with pytest.raises(CannotConnectError, match="in time"):
        await make(pbx).login()


async def test_another_certificate_than_the_pinned_one_gets_no_password(
    pbx: Simulator, make: Make
) -> None:
    with pytest.raises(CertificateChangedError):
        await make(pbx, fingerprint="00" * 32).login()
    with pytest.raises(CertificateUntrustedError):
        await make(pbx, fingerprint=None).login()
    assert pbx.requests == []


async def test_a_certificate_can_be_looked_at(pbx: Simulator) -> None:
    seen = await certificate.inspect(pbx.host, pbx.port)
    assert seen.fingerprint == pbx.fingerprint
    assert "Yeastar" in seen.subject
    assert seen.expires is not None
    assert seen.readable_fingerprint.count(":") == 31
    assert pbx.requests == []


@pytest.mark.parametrize(
    "written",
    [None, "", "soon", "Feb 30 25:00:00 2020 GMT", "Jan  1 00:00:00 99999 GMT"],
)
def test_a_date_that_cannot_be_read_is_none(written: str | None) -> None:
    assert certificate._expires(written) is None


async def test_a_certificate_is_trusted_if_its_authority_is(pbx: Simulator) -> None:
    trusting = ssl.create_default_context(cadata=pbx.certificate_pem.decode())
    assert await certificate.is_trusted(pbx.host, pbx.port, trusting)
    doubting = ssl.create_default_context()
    assert not await certificate.is_trusted(pbx.host, pbx.port, doubting)


async def test_a_closed_port_is_told_from_one_that_speaks_something_else() -> None:
    async with server(None) as port:
        with pytest.raises(TlsFailedError):
            await certificate.inspect("127.0.0.1", port)
        assert not await certificate.speaks_http("127.0.0.1", port)
        assert not await certificate.speaks_tls("127.0.0.1", port)
    with pytest.raises(CannotConnectError, match="refused"):
        await certificate.inspect("127.0.0.1", port)
    assert not await certificate.speaks_http("127.0.0.1", port)
    assert not await certificate.speaks_tls("127.0.0.1", port)
    with pytest.raises(CannotConnectError):
        await certificate.is_trusted("127.0.0.1", port, ssl.create_default_context())


async def test_whoever_says_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(certificate, "TIMEOUT", 0.1)

    async def listen(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(CannotConnectError, match="in time"):
            await certificate.inspect("127.0.0.1", port)
        assert not await certificate.speaks_tls("127.0.0.1", port)


async def test_a_certificate_that_is_seen_only_once_has_its_fingerprint() -> None:
    made = make_certificate("Yeastar", "127.0.0.1")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listening.close()
        writer.close()

    listening = await asyncio.start_server(
        serve, "127.0.0.1", 0, ssl=made.server_context()
    )
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        seen = await certificate.inspect("127.0.0.1", port)
    assert (seen.fingerprint, seen.subject, seen.expires) == (
        made.fingerprint,
        "",
        None,
    )


async def test_the_wrong_scheme_is_found_out(make: Make) -> None:
    async with server(http(b"", "400 Bad Request")) as port:
        with pytest.raises(WrongSchemeError):
            await certificate.inspect("127.0.0.1", port)
        client = make(
            host="127.0.0.1",
            port=port,
            use_ssl=True,
            username="ha",
            password="x",
            fingerprint="00" * 32,
        )
        with pytest.raises(WrongSchemeError):
            await client.login()
    async with Simulator(clock=ManualClock()) as pbx:
        with pytest.raises(WrongSchemeError):
            await make(pbx, use_ssl=False, fingerprint=None).login()
        assert await certificate.speaks_tls(pbx.host, pbx.port)


async def test_a_target_that_changes_is_due_to_be_told(
    pbx: Simulator, make: Make
) -> None:
    port = 8123
    client = make(pbx, target=lambda local: EventTarget(port, "x", False, local))
    await client.login()
    assert not client.retargeting_due
    port = 8124
    assert client.retargeting_due
    await client.heartbeat()
    assert not client.retargeting_due
    assert [target.port for target in pbx.targets] == [8124]


async def test_old_firmware_is_named(make: Make) -> None:
    settings = Settings(old_firmware=True)
    async with Simulator(settings=settings, clock=ManualClock()) as pbx:
        with pytest.raises(ApiTooOldError):
            await make(pbx).login()
