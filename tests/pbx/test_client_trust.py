"""What a client sends to whom: never to a stranger, never after goodbye, not too often."""

import asyncio
from collections.abc import AsyncIterator, Iterator
import traceback

import aiohttp
import pytest

from custom_components.yeastar.pbx import queries, sounds
from custom_components.yeastar.pbx.client import PAUSES, Access, YeastarClient
from custom_components.yeastar.pbx.errors import (
    ClosedError,
    InvalidAuthError,
    LockedOutError,
    NotReadyError,
    PbxError,
    SessionContestedError,
    WrongDeviceError,
)
from tests.simulator import Fault, ManualClock, Readings, Settings, Simulator
from tests.simulator.readings import LockScope, SecondLogin

from .test_client import Make, make as make_fixture, target

pytestmark = pytest.mark.usefixtures("socket_enabled")
make = make_fixture


@pytest.fixture
async def pbx(socket_enabled: None) -> AsyncIterator[Simulator]:
    """Return a PBX whose clock is turned by hand."""
    async with Simulator(Settings(https=False), clock=ManualClock()) as simulator:
        yield simulator


def endpoints(pbx: Simulator) -> list[str]:
    return [request.endpoint for request in pbx.requests]


async def turns() -> None:
    """Let everything that can go on without waiting for the clock go on."""
    for _ in range(100):
        await asyncio.sleep(0)


# --- who answers ---


async def test_in_each_new_session_the_serial_is_asked_for_first(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx, serial=pbx.serial)
    await client.request("trunk/list")
    await client.request("queue/query", {"number": "all"})
    pbx.forget_tokens()
    await client.request("extension/list")
    assert endpoints(pbx) == [
        "login",
        "deviceinfo/query",
        "trunk/list",
        "queue/query",
        # The refused one, and then all over again.
        "extension/list",
        "login",
        "deviceinfo/query",
        "extension/list",
    ]


async def test_who_is_refused_right_after_a_login_has_the_right_password(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx, serial=pbx.serial)
    pbx.faults.add(Fault.ERRNO, endpoint="deviceinfo/query", errno=20003)
    with pytest.raises(NotReadyError):
        await client.request("trunk/list")
    await client.request("trunk/list")
    assert endpoints(pbx)[2:] == ["login", "deviceinfo/query", "trunk/list"]


@pytest.mark.parametrize("endpoint", ["trunk/list", "heartbeat", "cdr/get_random"])
async def test_another_pbx_at_the_address_is_asked_nothing_else(
    pbx: Simulator, make: Make, endpoint: str
) -> None:
    client = make(pbx, serial=pbx.serial)
    await client.request("trunk/list")
    pbx.change_settings(serial="999999999999")
    pbx.forget_tokens()
    asked = len(pbx.requests)
    for _ in range(2):
        ask = (
            client.heartbeat()
            if endpoint == "heartbeat"
            else client.request(endpoint, {"number": "all"})
        )
        with pytest.raises(WrongDeviceError):
            await ask
    answered = [one for one in pbx.requests[asked:] if one.errno is None]
    assert {one.endpoint for one in answered} == {"login", "deviceinfo/query", "logout"}
    assert pbx.tokens == {}


# --- goodbye ---


async def test_after_its_goodbye_a_client_sends_nothing(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx)
    await client.request("trunk/list")
    await client.close()
    sent = len(pbx.requests)
    for ask in (
        client.login(),
        client.heartbeat(),
        client.request("trunk/list"),
        client.download("cdr/download", {}),
    ):
        with pytest.raises(ClosedError):
            await ask
    await client.close()
    assert len(pbx.requests) == sent
    assert pbx.tokens == {}


async def test_what_waited_while_the_client_was_closed_is_not_sent(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx)
    await client.request("trunk/list")
    async with client._access.lock:
        waiting = [
            asyncio.ensure_future(client.request("trunk/list")) for _ in range(3)
        ]
        closing = asyncio.ensure_future(client.close())
        await asyncio.sleep(0)
    await closing
    for one in waiting:
        with pytest.raises(ClosedError):
            await one
    assert endpoints(pbx)[2:] == ["logout"]


async def test_a_login_that_is_cancelled_is_finished_and_logged_out(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx)
    pbx.faults.add(Fault.SLOW, endpoint="login", seconds=3)
    login = asyncio.ensure_future(client.login())
    while not pbx.requests:
        await asyncio.sleep(0.01)
    login.cancel()
    with pytest.raises(asyncio.CancelledError):
        await login
    closing = asyncio.ensure_future(client.close())
    # The PBX is still at the login.
    await turns()
    assert endpoints(pbx) == ["login"]
    await pbx.clock.advance(3)
    await closing
    assert endpoints(pbx) == ["login", "logout"]
    assert pbx.tokens == {}


async def test_a_request_after_a_cancelled_one_does_not_overlap_it(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx)
    await client.login()
    pbx.faults.add(Fault.SLOW, endpoint="trunk/list", seconds=3)
    slow = asyncio.ensure_future(client.request("trunk/list"))
    while "trunk/list" not in endpoints(pbx):
        await asyncio.sleep(0.01)
    slow.cancel()
    after = asyncio.ensure_future(client.request("extension/list"))
    await turns()
    assert "extension/list" not in endpoints(pbx)
    await pbx.clock.advance(3)
    await after
    assert pbx.overlaps == 0


# --- refusals ---


async def test_a_refused_password_is_sent_once_by_whatever_client(
    pbx: Simulator, make: Make
) -> None:
    access = Access()
    for _ in range(5):
        client = make(pbx, password="Wrong1", access=access)
        with pytest.raises(InvalidAuthError):
            await client.login()
    assert len(pbx.requests_of("login")) == 1
    # Another password is another matter, and that it is right says so of both.
    await make(pbx, access=access).login()
    assert access.refused == {}
    assert "Wrong1" not in repr(access)


async def test_somebody_may_try_a_password_again_after_ten_minutes(
    pbx: Simulator, make: Make
) -> None:
    access = Access()
    with pytest.raises(InvalidAuthError):
        await make(pbx, password="Wrong1", access=access).login()
    now = pbx.clock.now()
    assert access.for_a_person(now + 599).refused != {}
    assert access.for_a_person(now + 600).refused == {}


async def test_a_heartbeat_that_is_refused_with_the_right_password_logs_in_once(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx)
    await client.login()
    pbx.faults.add(Fault.ERRNO, endpoint="heartbeat", errno=20003)
    await client.heartbeat()
    assert len(pbx.requests_of("login")) == 2
    pbx.faults.add(Fault.ERRNO, 2, endpoint="heartbeat", errno=20003)
    with pytest.raises(NotReadyError):
        await client.heartbeat()
    assert len(pbx.requests_of("login")) == 3


async def test_a_heartbeat_that_is_refused_because_the_password_changed(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx)
    await client.login()
    pbx.faults.add(Fault.ERRNO, endpoint="heartbeat", errno=20003)
    pbx.change_settings(password="Changed1")
    for _ in range(3):
        with pytest.raises(InvalidAuthError):
            await client.heartbeat()
    assert len(pbx.requests_of("login")) == 2


async def test_a_lock_that_covers_every_request_is_waited_out(make: Make) -> None:
    clock = ManualClock()
    reading = Readings(lock_scope=LockScope.EVERYTHING)
    async with Simulator(Settings(https=False), reading, clock) as pbx:
        client = make(pbx)
        await client.login()
        pbx.sessions.locked_until["127.0.0.1"] = clock.now() + 600
        for _ in range(5):
            with pytest.raises(LockedOutError):
                await client.request("trunk/list")
        pbx.sessions.live.clear()
        asked = len(pbx.requests)
        client._token = None
        with pytest.raises(LockedOutError):
            await client.login()
        assert len(pbx.requests) == asked


# --- two users of one account ---


async def test_two_who_end_each_others_sessions_do_not_make_a_storm(make: Make) -> None:
    clock = ManualClock()
    reading = Readings(second_login=SecondLogin.FIRST_DIES)
    async with Simulator(Settings(https=False), reading, clock) as pbx:
        # Each with an access of its own, as on two machines.
        clients = [make(pbx, access=Access()) for _ in range(2)]
        contested: list[YeastarClient] = []
        for _ in range(60):
            for client in clients:
                try:
                    for _ in range(3):
                        await client.request("trunk/list")
                except SessionContestedError:
                    contested.append(client)
            await clock.advance(60)
        assert {*contested} == {*clients}
        assert len(pbx.requests_of("login")) <= 2 * 12
        assert len(pbx.requests) <= 2 * 300
        # The other one gives up: it is well again after the longest pause.
        await clients[1].close()
        await clock.advance(PAUSES[-1])
        for _ in range(15):
            await clients[0].request("trunk/list")
            await clock.advance(60)
        assert not clients[0].contested


async def test_a_pbx_that_forgets_a_session_now_and_then_is_nobody_else(
    pbx: Simulator, make: Make
) -> None:
    client = make(pbx)
    for _ in range(10):
        await client.request("trunk/list")
        pbx.forget_tokens()
        await pbx.clock.advance(700)
    assert not client.contested


# --- secrets ---


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything that it is linked to."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            left += [one.__cause__, one.__context__]


# A slow file and a bare success are answers.
@pytest.mark.parametrize(
    "fault", [one for one in Fault if one not in {Fault.DRIP, Fault.BARE}]
)
async def test_no_error_leads_to_a_token_or_an_address(
    pbx: Simulator, make: Make, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("TIMEOUT", "DOWNLOAD_TIMEOUT"):
        monkeypatch.setattr(f"custom_components.yeastar.pbx.transport.{limit}", 0.3)
    client = make(pbx)
    await client.login()
    (token,) = pbx.tokens
    pbx.faults.add(fault, count=None)
    asks = (
        lambda: client.request("trunk/list"),
        lambda: client.download("cdr/download", {"random": "0301234567"}),
        client.heartbeat,
        lambda: queries.extensions(client),
    )
    errors = 0
    for ask in asks:
        try:
            await ask()
        except PbxError as error:
            errors += 1
            told = "".join(traceback.format_exception(error))
            for one in chain(error):
                told += f"{one!r} {one} {one.__dict__}"
            secrets = (token, client._password_digest, "api/webhook", "0301234567")
            for secret in (*secrets, pbx.password):
                assert secret not in told
    # A page of a web server may pass for a file here, and for nothing else.
    assert errors >= len(asks) - 1


async def test_nobody_there_is_told_without_the_address_of_the_request(
    make: Make,
) -> None:
    client = make(
        host="127.0.0.1",
        port=9,
        use_ssl=False,
        username="ha",
        password="Secret12",
        fingerprint=None,
    )
    with pytest.raises(PbxError) as caught:
        await client.login()
    assert not any(isinstance(one, aiohttp.ClientError) for one in chain(caught.value))


def test_what_is_secret_is_in_no_repr() -> None:
    assert "secret" not in repr(target("1.2.3.4"))
    assert "0301234567" not in repr(sounds.recording("x-0301234567-1001.wav"))
