"""Calls without sockets: what is told agrees with what happened."""

import random
from typing import Any

import pytest

from tests.simulator import (
    Kind,
    Outcome,
    Readings,
    Settings,
    TrunkSpec,
    Truth,
    many_calls,
    story_reports,
)
from tests.simulator.readings import (
    Byes,
    FailedCdr,
    FirstLeg,
    GroupCallTo,
    HoldMarks,
    InboundTo,
    Losers,
)
from tests.simulator.state import PbxState
from tests.simulator.stories import CallStory

STATUSES = {"ALERT", "RING", "ANSWERED", "ANSWER", "HOLD", "BYE"}
KEYS = {
    "ext": {"number", "channelid"},
    "inbound": {"from", "to", "trunkname", "channelid"},
    "outbound": {"from", "to", "trunkname", "channelid"},
}
EXPECTED = {
    "answered": Outcome.ANSWERED,
    "missed": Outcome.MISSED,
    "busy": Outcome.BUSY,
    "voicemail": Outcome.VOICEMAIL,
    "abandoned": Outcome.ABANDONED,
    "failed": Outcome.FAILED,
}


def pbx_with(readings: Readings | None = None, **changes: Any) -> PbxState:
    return PbxState(Settings(**changes), readings or Readings(), lambda: 1000.0)


def statuses(report: dict[str, Any]) -> dict[str, str]:
    return {
        fields.get("number") or fields["channelid"]: fields["memberstatus"]
        for member in report["members"]
        for fields in member.values()
    }


def of(reports: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [report for report in reports if report["event"] == event]


def check_strings(value: object) -> None:
    """Everything is a string on the wire, protocol 8.2."""
    match value:
        case dict():
            for part in value.values():
                check_strings(part)
        case list():
            for part in value:
                check_strings(part)
        case _:
            assert isinstance(value, str)


def check_reports(reports: list[tuple[float, dict[str, Any]]], truth: Truth) -> None:
    own = [report for _, report in reports if report.get("callid") == truth.callid]
    for _, report in reports:
        check_strings(report)
        assert report["sn"] == "369451090405"
    for report in own:
        for member in report.get("members", []):
            [(kind, fields)] = member.items()
            assert KEYS[kind] <= fields.keys()
            assert fields.keys() <= KEYS[kind] | {"memberstatus", "callpath"}
            if report["event"] == "CallStatus":
                assert fields["memberstatus"] in STATUSES
    assert of(own, "NewCdr") == truth.cdrs
    assert truth.ended_at is not None
    assert truth.outcome is not None


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_call_ends_as_its_name_says(kind: Kind) -> None:
    for seed in range(5):
        story = story_reports(seed, kind)
        check_reports(story.reports, story.truth)
        ending = kind.rpartition("_")[2]
        if ending in EXPECTED:
            assert story.truth.outcome == EXPECTED[ending]
        offsets = [offset for offset, _ in story.reports]
        assert offsets == sorted(offsets)
        assert story.reports[-1][1]["event"] == "NewCdr"


def test_the_same_seed_tells_the_same_story() -> None:
    assert story_reports(7) == story_reports(7)
    assert many_calls(7, 20) == many_calls(7, 20)


@pytest.mark.parametrize("seed", range(60))
def test_calls_under_any_reading(seed: int) -> None:
    readings = Readings.at_random(random.Random(seed))
    traffic = many_calls(seed, 30, readings=readings)
    assert len(traffic.truths) > 3
    for truth in traffic.truths:
        check_reports(traffic.reports, truth)


def test_phones_are_free_again_when_all_calls_are_over() -> None:
    for seed in range(20):
        last: dict[str, str] = {}
        for _, report in many_calls(seed, 30).reports:
            if report["event"] == "ExtensionStatus":
                number, status = report["extension"], report["status"]
                assert last.get(number) != status
                last[number] = status
        assert set(last.values()) <= {"Registered", "Idle"}
        # SIP extensions never send Idle, 5.1.
        assert last.get("1005") in (None, "Idle")


def test_a_cdr_has_the_fields_and_misspellings_of_the_documents() -> None:
    cdr = story_reports(1, Kind.INBOUND_ANSWERED).truth.cdrs[0]
    assert list(cdr) == [
        "event",
        "callid",
        "timestart",
        "callfrom",
        "callto",
        "callduraction",
        "talkduraction",
        "srctrunkname",
        "dsttrcunkname",
        "pincode",
        "status",
        "type",
        "recording",
        "didnumber",
        "agentringtime",
        "sn",
    ]
    assert (cdr["status"], cdr["type"]) == ("ANSWERED", "Inbound")


def test_a_ring_group_rings_all_and_its_losers_go_as_the_reading_says() -> None:
    for losers, left in ((Losers.BYE, 4), (Losers.VANISH, 2)):
        pbx = pbx_with(Readings(losers=losers))
        story = CallStory(pbx, "inbound", "030", "6200", trunk="siptrunk")
        [ringing] = of(story.ring(), "CallStatus")
        assert [*statuses(ringing).values()] == ["ALERT", "RING", "RING", "RING"]
        assert ringing["members"][1]["ext"]["callpath"] == "6200"
        [answered] = of(story.answer("1001"), "CallStatus")
        assert len(answered["members"]) == left
        assert statuses(answered)["1001"] == "ANSWER"
        [held] = of(story.hold(), "CallStatus")
        assert len(held["members"]) == 2


def test_forms_of_the_called_number() -> None:
    for form, called in ((GroupCallTo.BOTH, "6200(1001)"), (GroupCallTo.GROUP, "6200")):
        pbx = pbx_with(Readings(group_call_to=form))
        story = CallStory(pbx, "internal", "1003", "6200")
        story.ring()
        story.answer("1001")
        story.hang_up()
        assert story.truth.cdrs[0]["callto"] == called


@pytest.mark.parametrize("byes", Byes)
def test_how_the_end_is_told(byes: Byes) -> None:
    pbx = pbx_with(Readings(byes=byes))
    story = CallStory(pbx, "internal", "1000", "1001")
    story.ring()
    story.answer()
    told = [statuses(report) for report in of(story.hang_up("1001"), "CallStatus")]
    both = {"1000": "BYE", "1001": "BYE"}
    first = {"1000": "ANSWERED", "1001": "BYE"}
    wanted = {
        Byes.TOGETHER: [both],
        Byes.ONE_BY_ONE: [first, both],
        Byes.FIRST_ONLY: [first],
    }
    assert told == wanted[byes]


@pytest.mark.parametrize("leg", FirstLeg)
def test_the_first_leg_of_an_api_dial(leg: FirstLeg) -> None:
    pbx = pbx_with(Readings(first_leg=leg))
    story = CallStory(pbx, "internal", "1000", "1001", by_api=True)
    reports = story.ring()
    told = [statuses(report) for report in of(reports, "CallStatus")]
    assert told == ([] if leg is FirstLeg.ABSENT else [{"1000": leg.value}])
    assert of(reports, "ExtensionStatus")[0]["status"] == "Ringing"
    [picked_up] = of(story.answer(), "CallStatus")
    assert statuses(picked_up) == {"1000": "ALERT", "1001": "RING"}
    [talking] = of(story.answer(), "CallStatus")
    assert statuses(talking) == {"1000": "ANSWERED", "1001": "ANSWER"}


@pytest.mark.parametrize(
    ("marks", "held"), [(HoldMarks.HELD, "1000"), (HoldMarks.HOLDER, "1001")]
)
def test_who_shows_hold(marks: HoldMarks, held: str) -> None:
    pbx = pbx_with(Readings(hold_marks=marks))
    story = CallStory(pbx, "internal", "1000", "1001")
    story.ring()
    story.answer()
    before = pbx.phones()
    [report] = of(story.hold("1001"), "CallStatus")
    assert [one for one, status in statuses(report).items() if status == "HOLD"] == [
        held
    ]
    assert pbx.phones()[held] == "Hold"
    story.resume()
    assert pbx.phones() == before


def test_a_transfer_by_a_user_is_told_and_one_by_the_api_is_not() -> None:
    for by_user in (True, False):
        story = CallStory(pbx_with(), "inbound", "030", "1000", trunk="siptrunk")
        story.ring()
        story.answer()
        reports = story.transfer("1001", by_user=by_user)
        assert len(of(reports, "Tranfer")) == by_user
        [status] = of(reports, "CallStatus")
        assert [*statuses(status).values()] == ["ANSWERED", "BYE", "RING"]
        [status] = of(story.answer(), "CallStatus")
        assert [*statuses(status).values()] == ["ANSWERED", "ANSWER"]
        story.hang_up()
        assert story.truth.transferred_to == ["1001"]


def test_a_mobile_answers_on_the_outbound_member() -> None:
    pbx = pbx_with(Readings(mobile_cdr=True))
    story = CallStory(pbx, "inbound", "030", "1000", trunk="siptrunk")
    story.ring()
    story.ring_mobile("0171", "siptrunk", "1000")
    [report] = of(story.answer("0171"), "CallStatus")
    kinds = {next(iter(member)): member for member in report["members"]}
    assert kinds["outbound"]["outbound"]["memberstatus"] == "ANSWER"
    assert kinds["inbound"]["inbound"]["memberstatus"] == "ANSWERED"
    assert kinds["ext"]["ext"]["memberstatus"] == "BYE"
    story.hang_up()
    assert [cdr["type"] for cdr in story.truth.cdrs] == ["Outbound", "Inbound"]


@pytest.mark.parametrize("form", FailedCdr)
def test_a_failed_call(form: FailedCdr) -> None:
    story = CallStory(
        pbx_with(Readings(failed_cdr=form)),
        "outbound",
        "1000",
        "030",
        trunk="siptrunk",
    )
    story.ring()
    reports = story.fail("480 Temporatily Unavailable")
    assert reports[0]["event"] == "CallFailed"
    assert reports[0]["reason"] == "480 Temporatily Unavailable"
    found = [cdr["status"] for cdr in of(reports, "NewCdr")]
    assert found == ([] if form is FailedCdr.NONE else [form.value])


def test_the_to_of_an_inbound_member() -> None:
    for form, to in ((InboundTo.DESTINATION, "1000"), (InboundTo.DID, "555")):
        pbx = pbx_with(Readings(inbound_to=form))
        story = CallStory(pbx, "inbound", "030", "1000", trunk="siptrunk", did="555")
        assert story.ring()[0]["members"][0]["inbound"]["to"] == to


def test_a_conference_tells_who_is_in_it() -> None:
    pbx = pbx_with()
    first = CallStory(pbx, "internal", "1000", "6400")
    [joined] = of(first.ring(), "ConferenceStatus")
    assert joined["conferencename"] == " 6400"
    assert [*statuses(joined)] == ["1000"]
    second = CallStory(pbx, "internal", "1001", "6400")
    [joined] = of(second.ring(), "ConferenceStatus")
    assert [*statuses(joined)] == ["1000", "1001"]
    assert joined["callid"] == first.callid
    [left] = of(first.hang_up(), "ConferenceStatus")
    assert [*statuses(left)] == ["1001"]
    [left] = of(second.hang_up(), "ConferenceStatus")
    assert left["members"] == []


def test_a_queue_gives_up_an_agent_and_pauses_him() -> None:
    pbx = pbx_with()
    story = CallStory(pbx, "inbound", "2000", "6700", trunk="siptrunk")
    story.ring()
    assert [caller.number for caller in pbx.queues["6700"].callers] == ["2000"]
    reports = story.agent_timeout("1002", pause=True)
    [timeout] = of(reports, "QueueAgentRingNoAnswerTimeout")
    assert (timeout["queue"], timeout["agent"]) == ("queue-6700", "Phillip Huff")
    [pause] = of(reports, "QueueAutoPause")
    assert (pause["queue"], pause["agent"]) == ("6700", "1002")
    assert pause["misscall"] == [{"caller": "2000", "callid": story.callid}]
    story.answer()
    assert pbx.queues["6700"].callers == []


def test_keys_in_an_ivr() -> None:
    story = CallStory(pbx_with(), "inbound", "030", "6500", trunk="siptrunk")
    story.ring()
    assert story.prompt_end()[0]["ivr"] == {"number": "6500"}
    [first, second] = story.dtmf("42")
    assert (first["info"], first["flag"], first["infos"]) == ("4", "0", "4")
    assert (second["info"], second["flag"], second["infos"]) == ("2", "1", "42")
    assert of(story.choose("1"), "CallStatus")


def test_a_trunk_without_monitor_has_no_call_status() -> None:
    trunks = (TrunkSpec(name="quiet", monitored=False),)
    story = CallStory(pbx_with(trunks=trunks), "inbound", "030", "1000", trunk="quiet")
    reports = [*story.ring(), *story.answer(), *story.hang_up()]
    assert not of(reports, "CallStatus")
    assert of(reports, "ExtensionStatus")
    assert of(reports, "NewCdr")


def test_parking() -> None:
    pbx = pbx_with()
    story = CallStory(pbx, "inbound", "030", "1000", trunk="siptrunk")
    story.ring()
    story.answer()
    story.park()
    assert pbx.parked["6900"].number == "030"
    story.fetch("1001")
    assert pbx.parked == {}
    story.hang_up()
    assert story.truth.outcome is Outcome.ANSWERED
