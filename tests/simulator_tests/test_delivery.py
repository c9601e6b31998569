"""How reports reach their target, and how they can be kept from it."""

import asyncio
import json
from typing import Any

import pytest

from tests.simulator import ManualClock, Order, Readings
from tests.simulator.certificate import make_certificate
from tests.simulator.readings import AbsoluteUrl, HostHeader, NoAddress, Omitted, Repeat
from tests.simulator.web import WebRequest, WebResponse, WebServer

from .conftest import Client, MakeClient, Receiver

REPORT = {"event": "satisfaction", "callid": "1.1", "surveyresult": "1", "sn": "x"}


def numbered(number: int) -> dict[str, Any]:
    return {**REPORT, "surveyresult": str(number)}


def results(reports: list[dict[str, Any]]) -> list[int]:
    return [int(report["surveyresult"]) for report in reports]


async def test_the_request_is_as_documented(client: Client) -> None:
    await client.sim.emit(REPORT)
    await client.sim.idle()
    body = json.dumps(REPORT)
    port = client.receiver.port
    assert client.receiver.bodies == [body.encode()]
    assert client.receiver.heads == [
        f"POST /report HTTP/1.1\r\n"
        f"Host: 127.0.0.1: {port}\r\n"
        f"Accept: application/json\r\n"
        f"User-Agent: WebAPI\r\n"
        f"Content-Type: application/json\r\n"
        f"Accept: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ]
    sent = client.sim.sent[0]
    assert (sent.status, sent.report, sent.error) == (200, REPORT, "")
    assert client.sim.delivered == [sent]
    assert client.sim.lost == []


@pytest.mark.parametrize(
    ("form", "host"),
    [
        (HostHeader.TARGET, "127.0.0.1:{}"),
        (HostHeader.PBX_BLANK, "127.0.0.1: {}"),
    ],
)
async def test_forms_of_the_host_header(
    make_client: MakeClient, form: HostHeader, host: str
) -> None:
    client = await make_client(readings=Readings(host_header=form))
    await client.sim.emit(REPORT)
    await client.sim.idle()
    wanted = f"\r\nHost: {host.format(client.receiver.port)}\r\n"
    assert wanted in client.receiver.heads[0]


async def test_each_report_has_a_connection_of_its_own_and_order_is_kept(
    client: Client,
) -> None:
    for number in range(20):
        await client.sim.emit(numbered(number))
    assert results(await client.reports()) == list(range(20))
    assert client.receiver.connections == 20


async def test_without_url_reports_go_to_the_root(client: Client) -> None:
    await client.login(url=None, urltag=None)
    assert client.sim.targets[-1].path == "/"


async def test_without_port_reports_go_to_8260(client: Client) -> None:
    await client.login(port=None)
    assert client.sim.targets[-1].port == 8260


@pytest.mark.parametrize(
    ("url", "reading", "problem"),
    [
        ("{}/hook", AbsoluteUrl.EITHER, ""),
        ("{}/hook", AbsoluteUrl.WITHOUT_SCHEME, ""),
        ("{}/hook", AbsoluteUrl.WITH_SCHEME, "absolute URL without a scheme"),
        ("http://{}/hook", AbsoluteUrl.EITHER, ""),
        ("http://{}/hook", AbsoluteUrl.WITH_SCHEME, ""),
        ("http://{}/hook", AbsoluteUrl.WITHOUT_SCHEME, "absolute URL with a scheme"),
        ("https://{}/hook", AbsoluteUrl.EITHER, "no HTTPS targets"),
    ],
)
async def test_an_absolute_url(
    make_client: MakeClient,
    receiver: Receiver,
    url: str,
    reading: AbsoluteUrl,
    problem: str,
) -> None:
    client = await make_client(readings=Readings(absolute_url=reading), login=False)
    url = url.format(f"127.0.0.1:{receiver.port}")
    await client.login(url=url, urltag="1", port="1")
    target = client.sim.targets[0]
    assert (target.address, target.port, target.path) == (
        "127.0.0.1",
        receiver.port,
        "/hook",
    )
    await client.sim.emit(REPORT)
    assert len(await client.reports()) == (not problem)
    assert client.sim.sent[0].error == problem
    assert len(client.sim.lost) == bool(problem)


async def test_an_https_target_where_a_reading_allows_it(
    make_client: MakeClient,
) -> None:
    bodies = []

    async def take(request: WebRequest) -> WebResponse:
        bodies.append(request.body)
        return WebResponse()

    server = WebServer(take, "127.0.0.1", 0)
    await server.start(make_certificate("target", "127.0.0.1").server_context())
    client = await make_client(readings=Readings(https_targets=True), login=False)
    await client.login(url=f"https://127.0.0.1:{server.port}/x", urltag="1")
    await client.sim.emit(REPORT)
    await client.sim.idle()
    await server.stop()
    assert bodies == [json.dumps(REPORT).encode()]
    assert client.sim.lost == []


async def test_a_receiver_that_never_answers_costs_a_time_out(
    make_client: MakeClient,
) -> None:

    async def take(request: WebRequest) -> WebResponse:
        return WebResponse(silent=True)

    server = WebServer(take, "127.0.0.1", 0)
    await server.start(None)
    client = await make_client(login=False, readings=Readings(patience=0.05))
    await client.login(port=str(server.port))
    await client.sim.emit(REPORT)
    await client.sim.idle()
    await server.stop()
    assert [sent.error for sent in client.sim.lost] == ["time-out"]


@pytest.mark.parametrize("lenient", [False, True])
async def test_a_receiver_that_answers_201_has_it_if_any_2xx_will_do(
    make_client: MakeClient, lenient: bool
) -> None:
    async def take(request: WebRequest) -> WebResponse:
        return WebResponse(status=201)

    server = WebServer(take, "127.0.0.1", 0)
    await server.start(None)
    client = await make_client(login=False, readings=Readings(any_2xx_will_do=lenient))
    await client.login(port=str(server.port))
    await client.sim.emit(REPORT)
    await client.sim.idle()
    await server.stop()
    assert [sent.status for sent in client.sim.sent] == [201]
    assert len(client.sim.delivered) == lenient


async def test_a_heartbeat_moves_the_target(client: Client) -> None:
    await client.login(port="1")
    answer = await client.ask(
        "heartbeat",
        ipaddr="127.0.0.1",
        port=str(client.receiver.port),
        url="new",
        version="2.0.0",
    )
    assert answer == {"status": "Success"}
    await client.sim.emit(REPORT)
    await client.sim.idle()
    assert client.receiver.heads[-1].startswith("POST /new HTTP/1.1")
    await client.ask("heartbeat", ipaddr="127.0.0.2")
    assert client.sim.targets[-1].address == "127.0.0.2"
    assert await client.errno("heartbeat", ipaddr="127.0.0.2", port="x") == "20008"
    assert await client.errno("heartbeat", ipaddr="somewhere") == "20011"


async def test_a_heartbeat_without_version_falls_back_to_1_0_0(client: Client) -> None:
    assert client.sim.targets[0].version == "2.0.0"
    await client.ask("heartbeat", ipaddr="127.0.0.1")
    assert client.sim.targets[0].version == "1.0.0"


@pytest.mark.parametrize(
    ("omits", "path"), [(Omitted.KEEPS, "/report"), (Omitted.CLEARS, "/")]
)
async def test_what_a_heartbeat_omits(
    make_client: MakeClient, omits: Omitted, path: str
) -> None:
    client = await make_client(readings=Readings(heartbeat_omits=omits))
    await client.ask("heartbeat", ipaddr="127.0.0.1", version="2.0.0")
    assert client.sim.targets[0].path == path


@pytest.mark.parametrize("reading", NoAddress)
async def test_a_heartbeat_without_address(
    make_client: MakeClient, reading: NoAddress
) -> None:
    client = await make_client(readings=Readings(heartbeat_without_address=reading))
    wanted = None if reading is NoAddress.KEEPS else reading.value
    assert await client.errno("heartbeat") == wanted


async def test_reports_stop_with_the_token(client: Client, clock: ManualClock) -> None:
    await clock.advance(30 * 60)
    await client.sim.emit(REPORT)
    assert await client.reports() == []
    assert client.sim.sent == []


@pytest.mark.parametrize("extends", [False, True])
async def test_whether_reports_are_interaction(
    make_client: MakeClient, clock: ManualClock, extends: bool
) -> None:
    client = await make_client(readings=Readings(reports_extend_token=extends))
    await clock.advance(20 * 60)
    await client.sim.emit(REPORT)
    await clock.advance(20 * 60)
    assert bool(client.sim.tokens) is extends


async def test_a_pbx_set_to_tcp_sends_nothing_over_http(
    make_client: MakeClient,
) -> None:
    client = await make_client(transport="TCP")
    assert (await client.login())["transport"] == "TCP"
    await client.sim.emit(REPORT)
    assert await client.reports() == []


async def test_by_default_a_report_is_tried_once(client: Client) -> None:
    client.receiver.statuses = [500]
    await client.sim.emit(numbered(1))
    await client.sim.emit(numbered(2))
    assert results(await client.reports()) == [1, 2]
    assert [sent.status for sent in client.sim.lost] == [500]


@pytest.mark.parametrize("hold_up", [False, True])
async def test_repeats_until_200(
    make_client: MakeClient, clock: ManualClock, hold_up: bool
) -> None:
    readings = Readings(
        repeat=Repeat.ON, repeat_count=3, repeat_spacing=5.0, repeats_hold_up=hold_up
    )
    client = await make_client(readings=readings)
    client.receiver.statuses = [500]
    await client.sim.emit(numbered(1))
    await client.sim.emit(numbered(2))
    assert results(await client.reports()) == ([1] if hold_up else [1, 2])
    await clock.advance(5)
    assert results(await client.reports()) == ([1, 2] if hold_up else [1])
    # Four attempts in all, then it is given up.
    client.receiver.statuses = [404] * 10
    await client.sim.emit(numbered(3))
    await clock.advance(60)
    assert results(await client.reports()) == [3, 3, 3, 3]
    assert [sent.attempt for sent in client.sim.lost] == [4]


async def test_nobody_listening_is_an_error_on_record(client: Client) -> None:
    await client.receiver.stop()
    await client.sim.emit(REPORT)
    await client.sim.idle()
    assert "Connect" in client.sim.lost[0].error


async def test_hooks_drop_duplicate_and_delay(
    client: Client, clock: ManualClock
) -> None:
    delivery = client.sim.delivery
    delivery.drop(lambda report: report["surveyresult"] == "1", count=1)
    delivery.duplicate(lambda report: report["surveyresult"] == "2")
    delivery.delay(3, lambda report: report["surveyresult"] == "3")
    for number in (1, 2, 3, 4):
        await client.sim.emit(numbered(number))
    assert results(await client.reports()) == [2, 2, 4]
    assert client.sim.lost[0].error == "dropped"
    await clock.advance(3)
    assert results(await client.reports()) == [3]
    delivery.clear()
    await client.sim.emit(numbered(1))
    assert results(await client.reports()) == [1]


async def test_reports_can_be_held_and_released_in_another_order(
    client: Client,
) -> None:
    client.sim.delivery.hold()
    for number in range(9):
        await client.sim.emit(numbered(number))
    assert await client.reports() == []
    client.sim.delivery.release(Order.REVERSED)
    assert results(await client.reports()) == list(range(8, -1, -1))
    client.sim.delivery.reorder(5)
    for number in range(9):
        await client.sim.emit(numbered(number))
    shuffled = results(await client.reports())
    assert shuffled != list(range(9))
    assert sorted(shuffled) == list(range(9))


async def test_hooks_that_change_reports(client: Client) -> None:
    sim, delivery = client.sim, client.sim.delivery
    call = await sim.calls.inbound("siptrunk", "0301234567", "5551000", to="1001")
    await call.ring()
    await client.reports()
    delivery.empty_members()
    await call.answer()
    first, second, *_ = await client.reports()
    assert first["members"] == []
    assert len(second["members"]) == 2
    delivery.clear()
    delivery.wrong_case()
    delivery.unknown_keys()
    await call.hold()
    [report] = await client.reports()
    assert report["newkey"] == "1"
    inbound, ext = (next(iter(member.values())) for member in report["members"])
    assert (inbound["memberstatus"], ext["memberstatus"]) == ("Hold", "Answer")
    delivery.clear()
    delivery.invalid_json(count=1)
    await call.resume()
    await sim.idle()
    [body] = client.receiver.bodies
    with pytest.raises(ValueError):
        json.loads(body)


async def test_the_last_call_status_may_come_after_the_cdr(client: Client) -> None:
    client.sim.delivery.late_call_status()
    call = await client.sim.calls.internal("1000", "1001")
    await call.ring()
    await call.hang_up()
    events = [report["event"] for report in await client.reports()]
    assert events[-2:] == ["NewCdr", "CallStatus"]


async def test_raw_bytes_go_out_as_they_are(client: Client) -> None:
    await client.sim.emit_raw(b"\xff{")
    await client.sim.idle()
    assert client.receiver.bodies == [b"\xff{"]
    assert client.sim.sent[0].report is None


async def test_stop_drops_what_waits(client: Client, clock: ManualClock) -> None:
    client.sim.delivery.delay(60)
    await client.sim.emit(REPORT)
    await client.sim.stop()
    await clock.advance(60)
    await asyncio.sleep(0)
    assert client.receiver.bodies == []
