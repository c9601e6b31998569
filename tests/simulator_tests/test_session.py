"""Logins, tokens, the lock, the clock."""

import asyncio
import hashlib

from freezegun.api import FrozenDateTimeFactory
import pytest

from tests.simulator import FunctionClock, ManualClock, Readings, Simulator
from tests.simulator.readings import (
    FailedCountReset,
    LockScope,
    OldFirmware,
    SecondLogin,
    TokenErrno,
)

from .conftest import Client, MakeClient


async def test_a_login_gives_token_and_transport(client: Client) -> None:
    answer = await client.login()
    assert answer["status"] == "Success"
    assert answer["transport"] == "HTTP"
    assert len(answer["token"]) == 32
    int(answer["token"], 16)
    assert answer["token"] in client.sim.tokens


async def test_the_password_is_a_lower_case_md5(make_client: MakeClient) -> None:
    client = await make_client(login=False)
    digest = hashlib.md5(client.sim.password.encode()).hexdigest()
    for wrong in (client.sim.password, digest.upper(), "x"):
        assert (await client.login(password=wrong))["errno"] == "20003"
    assert (await client.login(username="other"))["errno"] == "20003"
    assert (await client.login())["status"] == "Success"
    lax = await make_client(readings=Readings(upper_case_md5=True), login=False)
    assert (await lax.login(password=digest.upper()))["status"] == "Success"


async def test_login_needs_its_parameters(make_client: MakeClient) -> None:
    client = await make_client(login=False)
    assert (await client.login(password=None))["errno"] == "10004"
    assert await client.errno("login") == "10004"
    assert (await client.login(port="70000"))["errno"] == "20008"


@pytest.mark.parametrize("extends", [False, True])
async def test_five_failures_lock_for_ten_minutes(
    make_client: MakeClient, clock: ManualClock, extends: bool
) -> None:
    client = await make_client(readings=Readings(attempt_extends_lock=extends))
    for _ in range(5):
        assert (await client.login(password="x"))["errno"] == "20003"
    assert (await client.login())["errno"] == "20002"
    # A token from before goes on.
    assert await client.errno("extension/list") is None
    await clock.advance(599)
    assert (await client.login())["errno"] == "20002"
    await clock.advance(2)
    assert ((await client.login())["status"] == "Success") is not extends


async def test_an_administrator_can_unblock(make_client: MakeClient) -> None:
    client = await make_client(readings=Readings(lock_scope=LockScope.EVERYTHING))
    for _ in range(5):
        await client.login(password="x")
    assert await client.errno("extension/list") == "20002"
    client.sim.unblock()
    assert (await client.login())["status"] == "Success"


@pytest.mark.parametrize("reset", FailedCountReset)
async def test_what_resets_the_count(
    make_client: MakeClient, reset: FailedCountReset
) -> None:
    client = await make_client(readings=Readings(failed_count_reset=reset))
    for _ in range(4):
        await client.login(password="x")
    await client.login()
    await client.login(password="x")
    locked = (await client.login()).get("errno") == "20002"
    assert locked is (reset is FailedCountReset.NEVER)


@pytest.mark.parametrize("errno", TokenErrno)
async def test_a_token_dies_after_half_an_hour_of_silence(
    make_client: MakeClient, clock: ManualClock, errno: TokenErrno
) -> None:
    client = await make_client(readings=Readings(expired_token=errno))
    for _ in range(3):
        await clock.advance(29 * 60)
        assert await client.errno("extension/list") is None
    await clock.advance(30 * 60)
    assert client.sim.targets == []
    assert await client.errno("extension/list") == errno.value


async def test_no_token_and_an_unknown_one(client: Client) -> None:
    client.token = ""
    assert await client.errno("extension/list") == "20005"
    client.token = "0" * 32
    assert await client.errno("extension/list") == "20004"


async def test_a_test_may_forget_tokens(client: Client) -> None:
    client.sim.forget_tokens(errno=20006)
    assert await client.errno("extension/list") == "20006"
    await client.login()
    client.sim.forget_tokens()
    assert await client.errno("extension/list") == "20004"


async def test_logout_ends_the_session(client: Client) -> None:
    assert await client.errno("logout") is None
    assert client.sim.targets == []
    assert await client.errno("extension/list") == "20004"


@pytest.mark.parametrize(
    ("second", "tokens", "targets"),
    [
        (SecondLogin.BOTH_LIVE, 2, 2),
        (SecondLogin.LAST_GETS_REPORTS, 2, 1),
        (SecondLogin.FIRST_DIES, 1, 1),
    ],
)
async def test_a_second_login(
    make_client: MakeClient, second: SecondLogin, tokens: int, targets: int
) -> None:
    client = await make_client(readings=Readings(second_login=second))
    await client.login()
    assert len(client.sim.tokens) == tokens
    assert len(client.sim.targets) == targets
    assert client.sim.targets[-1].token == client.token


@pytest.mark.parametrize("answer", OldFirmware)
async def test_old_firmware(make_client: MakeClient, answer: OldFirmware) -> None:
    readings = Readings(old_firmware_answer=answer)
    client = await make_client(readings=readings, old_firmware=True, login=False)
    status, body = await client.raw("login", data="{}")
    if answer is OldFirmware.HTTP_404:
        assert status == 404
    else:
        assert b"10003" in body


async def test_requests_are_on_record(client: Client) -> None:
    await client.ask("call/query", callid="1.1")
    record = client.sim.requests[-1]
    assert (record.endpoint, record.method) == ("call/query", "POST")
    assert record.body == {"callid": "1.1"}
    assert record.errno == "10005"
    assert record.token == client.token
    assert record.client_ip == "127.0.0.1"
    assert client.sim.requests_of("call/query") == [record]


async def test_numbers_are_taken_as_the_strings_they_are_written_as(
    client: Client,
) -> None:
    _, body = await client.raw(
        "call/query", data='{"callid": 1571897930.50}', token=client.token
    )
    assert b"10005" in body
    assert client.sim.requests[-1].body == {"callid": "1571897930.50"}


async def test_a_reboot_loses_tokens_and_uptime(
    client: Client, clock: ManualClock
) -> None:
    sim, port = client.sim, client.sim.port
    rebooting = asyncio.create_task(sim.reboot(down_for=60))
    await clock.advance(59)
    with pytest.raises(OSError):
        await client.raw("extension/list")
    await clock.advance(1)
    await rebooting
    assert sim.port == port
    assert await client.errno("extension/list") == "20004"
    await client.login()
    await clock.advance(5)
    info = (await client.ask("deviceinfo/query"))["deviceinfo"]
    assert info["uptime"] == "00:00:05"
    assert sim.sent == []


@pytest.mark.parametrize("survive", [False, True])
async def test_boot_up_comes_where_a_reading_says_so(
    make_client: MakeClient, clock: ManualClock, survive: bool
) -> None:
    readings = Readings(boot_up_after_reboot=True, tokens_survive_reboot=survive)
    client = await make_client(readings=readings)
    rebooting = asyncio.create_task(client.sim.reboot(down_for=1))
    await clock.advance(1)
    await rebooting
    assert [report["event"] for report in await client.reports()] == ["BootUp"]
    assert (await client.errno("extension/list") is None) is survive


async def test_sleepers_wake_in_the_order_of_their_moments() -> None:
    clock = ManualClock(0)
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, *seconds: float) -> None:
        for one in seconds:
            await clock.sleep(one)
            woken.append((name, clock.now()))

    tasks = [
        asyncio.create_task(sleep("a", 5, 5)),
        asyncio.create_task(sleep("b", 3, 3, 3)),
    ]
    await clock.advance(9)
    assert woken == [("b", 3), ("a", 5), ("b", 6), ("b", 9)]
    await clock.advance(1)
    assert woken[-1] == ("a", 10)
    await asyncio.gather(*tasks)


@pytest.mark.usefixtures("socket_enabled")
async def test_a_clock_kept_by_somebody_else() -> None:
    moment = 1000.0
    clock = FunctionClock(lambda: moment)
    async with Simulator(clock=clock) as sim:
        rebooting = asyncio.create_task(sim.reboot(down_for=60))
        await clock.tick()
        moment += 59
        await clock.tick()
        assert not rebooting.done()
        moment += 1
        await clock.tick()
        await rebooting


@pytest.mark.usefixtures("socket_enabled")
async def test_a_clock_frozen_by_freezegun(freezer: FrozenDateTimeFactory) -> None:
    clock = FunctionClock()
    async with Simulator(clock=clock) as sim:
        sleeping = asyncio.create_task(sim.clock.sleep(60))
        await clock.tick()
        freezer.tick(59)
        await clock.tick()
        assert not sleeping.done()
        freezer.tick(1)
        await clock.tick()
        await sleeping


async def test_scalars_that_are_no_strings_are_accepted(client: Client) -> None:
    answer = await client.login(port=8260, urltag=1, url="127.0.0.1/x", version=2)
    assert answer["status"] == "Success"
    target = client.sim.targets[-1]
    assert (target.port, target.path, target.version) == (8260, "/x", "1.0.0")
    assert (await client.login(port=True))["errno"] == "20008"
    assert (await client.login(url=["x"]))["status"] == "Success"


async def test_the_matrix_has_every_value_of_every_switch() -> None:
    matrix = Readings.matrix()
    assert set(matrix) == set(Readings.__dataclass_fields__)
    assert matrix["second_login"] == tuple(SecondLogin)
    assert matrix["registered_ip"] == (True, False)
    variants = dict(Readings.variants())
    assert len(variants) == 1 + sum(len(values) - 1 for values in matrix.values())
    assert len(set(variants.values())) == len(variants)
