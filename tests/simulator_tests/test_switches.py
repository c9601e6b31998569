"""What the switches for the doubts of protocol 5, 6 and 9 do to calls and answers."""

import json
from typing import Any

import pytest

from tests.simulator import Fault, Kind, Outcome, Readings, Settings, story_reports
from tests.simulator.encoding import Encoder
from tests.simulator.readings import GroupStart, LogRows, NoCalls
from tests.simulator.state import PbxState
from tests.simulator.stories import CallStory

from .conftest import MakeClient

OUTSIDE = "0301234567"


def pbx_with(**switches: Any) -> PbxState:
    return PbxState(Settings(), Readings(**switches), lambda: 1000.0)


def parties(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Return number and status of each party of a report."""
    return [
        (fields.get("number") or fields.get("from") or "", fields["memberstatus"])
        for member in report["members"]
        for fields in member.values()
    ]


def states(reports: list[dict[str, Any]]) -> list[list[tuple[str, str]]]:
    return [parties(one) for one in reports if one["event"] == "CallStatus"]


def inbound(pbx: PbxState, to: str) -> CallStory:
    return CallStory(pbx, "inbound", OUTSIDE, to, trunk="siptrunk", did="5551000")


# --- who rings ---


def test_both_phones_of_an_extension_ring_and_one_is_picked_up() -> None:
    story = inbound(pbx_with(two_phones=True), "1001")
    [rings] = states(story.ring())
    assert rings == [(OUTSIDE, "ALERT"), ("1001", "RING"), ("1001", "RING")]
    [answered] = states(story.answer("1001"))
    assert answered == [(OUTSIDE, "ANSWERED"), ("1001", "BYE"), ("1001", "ANSWER")]
    assert len({leg.channelid for leg in story.legs}) == 2
    assert (story.truth.rang, story.truth.answered_by) == (["1001"], "1001")


def test_both_phones_of_who_dials_by_the_api_ring() -> None:
    pbx = pbx_with(two_phones=True)
    story = CallStory(pbx, "internal", "1000", "1001", by_api=True)
    assert states(story.ring()) == [[("1000", "RING"), ("1000", "RING")]]
    [picked_up] = states(story.answer("1000"))
    assert picked_up == [
        ("1000", "BYE"),
        ("1000", "ALERT"),
        ("1001", "RING"),
        ("1001", "RING"),
    ]


def test_one_who_declines_does_so_on_both_phones() -> None:
    story = inbound(pbx_with(two_phones=True), "6200")
    story.ring()
    [declined] = states(story.decline("1000"))
    assert ("1000", "RING") not in declined
    story.hang_up("1001")
    assert not story.over


def test_the_phones_of_a_group_may_begin_in_a_report_each() -> None:
    story = inbound(pbx_with(group_start=GroupStart.ONE_BY_ONE), "6200")
    told = states(story.ring())
    assert [len(one) for one in told] == list(range(2, 2 + len(told)))
    assert len(told) == len(story.truth.rang) > 1


def test_a_group_may_ring_one_phone_after_the_other() -> None:
    story = inbound(pbx_with(), "6200")
    first = states(story.hunt())[-1]
    second = states(story.hunt())[-1]
    assert first == [(OUTSIDE, "ALERT"), ("1000", "RING")]
    assert second == [(OUTSIDE, "ALERT"), ("1000", "BYE"), ("1001", "RING")]


def test_another_phone_picks_a_ringing_call_up() -> None:
    story = inbound(pbx_with(), "1001")
    story.ring()
    [picked_up] = states(story.pick_up("1002"))
    assert picked_up == [(OUTSIDE, "ANSWERED"), ("1001", "BYE"), ("1002", "ANSWER")]
    assert story.truth.rang == ["1001"]
    assert (story.truth.answered_by, story.truth.talked) == ("1002", [OUTSIDE, "1002"])


def test_a_busy_phone_rings_for_a_second_call_and_holds_the_first() -> None:
    pbx = pbx_with(call_waiting=True)
    first, second = inbound(pbx, "1001"), inbound(pbx, "6200")
    first.ring()
    first.answer("1001")
    second.ring()
    assert "1001" in second.truth.rang
    held, answered, *_ = states(second.answer("1001"))
    assert held == [(OUTSIDE, "HOLD"), ("1001", "ANSWER")]
    assert ("1001", "ANSWER") in answered


def test_a_busy_phone_does_not_ring_without_call_waiting() -> None:
    pbx = pbx_with()
    first, second = inbound(pbx, "1001"), inbound(pbx, "6200")
    first.ring()
    second.ring()
    assert "1001" not in second.truth.rang


# --- what reports say ---


@pytest.mark.parametrize("queue", ["6500", "6700"])
def test_a_caller_in_a_machine_may_hear_the_ringback_again(queue: str) -> None:
    story = inbound(pbx_with(alert_again=True), queue)
    told = states(story.ring())
    if queue == "6500":
        told += states(story.choose("1"))
    assert told[0] == [(OUTSIDE, "ANSWERED")]
    assert told[-1][0] == (OUTSIDE, "ALERT")
    assert states(story.answer())[-1][0] == (OUTSIDE, "ANSWERED")


def test_a_number_may_come_with_the_second_report() -> None:
    story = inbound(pbx_with(number_comes_late=True), "1001")
    assert states(story.ring())[0][0] == ("", "ALERT")
    assert states(story.answer())[0][0] == (OUTSIDE, "ANSWERED")


def test_members_may_have_names() -> None:
    story = inbound(pbx_with(member_names=True), "1001")
    [told] = states(story.ring())
    name = story.pbx.extensions["1001"].name
    assert told == [(f"Display Name<{OUTSIDE}>", "ALERT"), (f"{name}<1001>", "RING")]


@pytest.mark.parametrize("callee_first", [True, False])
def test_version_1_may_list_the_callee_first(callee_first: bool) -> None:
    readings = Readings(v1_callee_first=callee_first, v1_id_is_call_id=True)
    story = inbound(PbxState(Settings(), readings, lambda: 1000.0), "1001")
    encoder = Encoder("1.0.2", readings)
    bodies = [json.loads(one) for told in story.ring() for one in encoder.encode(told)]
    [ring] = [one for one in bodies if one["action"] == "RING"]
    assert ("ext" in ring["call"][0]) is callee_first
    [outside] = [one["inbound"] for one in ring["call"] if "inbound" in one]
    assert outside["inboundid"] == story.callid


@pytest.mark.parametrize("both", [True, False])
def test_version_1_may_list_both_when_the_caller_is_connected(both: bool) -> None:
    readings = Readings(v1_answered_lists_both=both)
    story = inbound(PbxState(Settings(), readings, lambda: 1000.0), "1001")
    encoder = Encoder("1.0.2", readings)
    told = [*story.ring(), *story.answer()]
    bodies = [json.loads(body) for one in told for body in encoder.encode(one)]
    [answered] = [one for one in bodies if one["action"] == "ANSWERED"]
    assert len(answered["call"]) == 1 + both


def test_the_second_trunk_carries_a_call_that_the_first_one_could_not() -> None:
    pbx = pbx_with()
    first, second, *_ = pbx.trunks
    story = CallStory(pbx, "outbound", "1000", OUTSIDE, trunk=first)
    story.ring()
    [tried] = states(story.try_trunk(second))
    assert [status for _, status in tried] == ["ALERT", "BYE", "RING"]
    story.answer(OUTSIDE)
    story.hang_up()
    assert story.truth.trunk == second
    assert story.truth.cdrs[-1]["dsttrcunkname"] == second


def test_the_last_one_leaves_a_conference_empty() -> None:
    told = story_reports(1, Kind.CONFERENCE).reports
    rooms = [one["members"] for _, one in told if one["event"] == "ConferenceStatus"]
    assert [len(one) for one in rooms] == [1, 0]


def test_an_announcement_has_no_caller() -> None:
    story = story_reports(1, Kind.PAGING_ANNOUNCED)
    assert story.truth.caller == ""
    assert story.truth.outcome == Outcome.ANSWERED
    numbers = {
        number for one in states([r for _, r in story.reports]) for number, _ in one
    }
    assert numbers <= set(story.truth.rang)


# --- records ---


def test_an_agents_own_record_comes_when_he_loses_the_call() -> None:
    story = inbound(pbx_with(loser_cdr_at_once=True), "6700")
    story.ring()
    first, second, *_ = story.truth.rang
    gave_up = story.agent_timeout(first)
    lost = story.answer(second)
    records = [one for one in (*gave_up, *lost) if one["event"] == "NewCdr"]
    assert records[0]["callto"] == f"6700({first})"
    assert {one["status"] for one in records} == {"NO ANSWER"}
    story.hang_up()
    assert story.truth.cdrs[: len(records)] == records
    assert story.truth.cdrs[-1]["status"] == "ANSWERED"


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (Kind.API_DIAL_ANSWERED, "Callback"),
        (Kind.INBOUND_TRANSFERRED, "Transfer"),
        (Kind.INBOUND_ANSWERED, "Inbound"),
    ],
)
def test_records_may_have_the_types_of_version_1(kind: Kind, word: str) -> None:
    story = story_reports(1, kind, readings=Readings(more_cdr_types=True))
    assert story.truth.cdrs[-1]["type"] == word


@pytest.mark.parametrize(
    ("rows", "sign"),
    [
        (LogRows.COMMA, "Doe, Jane <"),
        (LogRows.LONE_QUOTE, '19" rack <'),
        (LogRows.OTHER_TIME, "/10/24 "),
    ],
)
async def test_rows_of_the_log_may_be_odd(
    make_client: MakeClient, rows: LogRows, sign: str
) -> None:
    client = await make_client(readings=Readings(log_rows=rows))
    for _ in range(4):
        call = await client.sim.calls.inbound("siptrunk", OUTSIDE)
        await call.ring()
        await call.hang_up()
    span = {"starttime": "2019-10-24 00:00:00", "endtime": "2019-10-25 00:00:00"}
    link = await client.ask("cdr/get_random", number="all", **span)
    _, body = await client.raw(
        "cdr/download",
        method="GET",
        number="all",
        token=client.token,
        random=link["random"],
        **span,
    )
    lines = body.decode().splitlines()
    assert [sign in line for line in lines].count(True) == 1
    assert len(lines) == 5


# --- answers ---


@pytest.mark.parametrize("form", NoCalls)
async def test_that_no_call_runs_is_said_in_three_ways(
    make_client: MakeClient, form: NoCalls
) -> None:
    client = await make_client(readings=Readings(no_calls=form))
    answer = await client.ask("call/query", type="inbound")
    if form is NoCalls.ERROR_10005:
        assert answer == {"status": "Failed", "errno": "10005"}
    else:
        listed: dict[str, Any] = {"calls": []} if form is NoCalls.EMPTY_LIST else {}
        assert answer == {"status": "Success", **listed}


async def test_calls_may_be_listed_under_another_key(make_client: MakeClient) -> None:
    client = await make_client(readings=Readings(calls_key_upper=True))
    call = await client.sim.calls.inbound("siptrunk", OUTSIDE)
    answer = await client.ask("call/query", callid=call.callid)
    assert [one["callid"] for one in answer["Calls"]] == [call.callid]
    assert "calls" not in answer


async def test_the_systemtime_may_have_no_offset(make_client: MakeClient) -> None:
    client = await make_client(readings=Readings(bare_utc=True))
    info = (await client.ask("deviceinfo/query"))["deviceinfo"]
    assert info["systemtime"].endswith(" UTC")


async def test_one_question_is_refused_and_another_is_not(
    make_client: MakeClient,
) -> None:
    client = await make_client()
    call = await client.sim.calls.inbound("siptrunk", OUTSIDE)
    asked = {"callid": call.callid}
    client.sim.faults.add(Fault.ERRNO, None, "call/query", errno="10005", asked=asked)
    assert await client.errno("call/query", callid=call.callid) == "10005"
    assert await client.errno("call/query", type="inbound") is None
