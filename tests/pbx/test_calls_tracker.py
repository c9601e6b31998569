"""What the tracker keeps of calls: at start, when they are silent, and how many."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from custom_components.yeastar.pbx.calls import (
    CallTracker,
    Outcome,
    Step,
    Transition,
    tracker,
)
from custom_components.yeastar.pbx.calls.record import record_of
from custom_components.yeastar.pbx.calls.tracker import REMEMBER, SILENT

from .line import (
    CALL_ID,
    IVR,
    OUTSIDE,
    OVER,
    QUEUE,
    RINGING,
    TALKING,
    Line,
    answer,
    at,
    caller,
    cdr,
    line,
    listed,
    phone,
    report,
    ring,
)


@pytest.fixture
def pbx() -> Line:
    return Line()


# --- calls that run when Home Assistant starts ---


def test_a_call_that_was_answered_before_us_has_only_its_end(pbx: Line) -> None:
    pbx.calls.adopt(CALL_ID, listed(*TALKING), at(0))
    assert [one.caller_number for one in pbx.calls.active] == [OUTSIDE]
    pbx.status(5, *TALKING)
    pbx.status(6, caller("HOLD"), phone("1001", "ANSWER"))
    pbx.status(30, *OVER)
    pbx.cdr(30, whole=100, talk=80)
    assert pbx.steps == [(30, "ended")]
    assert pbx.end.answered_by == "1001"
    # Its age is not known until the CDR tells it.
    assert (pbx.end.started_at, pbx.end.answered_at) == (at(-70), at(-50))
    assert (pbx.end.ring_seconds, pbx.end.talk_seconds) == (20, 80)


def test_the_age_of_an_adopted_call_stays_unknown_without_a_cdr(pbx: Line) -> None:
    pbx.calls.adopt(CALL_ID, listed(*TALKING), at(0))
    pbx.status(30, *OVER)
    pbx.wait(33)
    end = pbx.end
    assert (end.started_at, end.answered_at) == (None, None)
    assert (end.ring_seconds, end.talk_seconds) == (None, None)
    assert end.outcome is Outcome.ANSWERED


def test_a_call_that_rang_before_us_may_still_be_answered(pbx: Line) -> None:
    pbx.calls.adopt(CALL_ID, listed(*RINGING), at(0))
    pbx.status(2, *RINGING)
    assert pbx.steps == []
    pbx.status(5, *TALKING)
    assert pbx.steps == [(5, "answered")]


def test_what_is_known_already_is_not_adopted(pbx: Line) -> None:
    ring(pbx)
    pbx.calls.adopt(CALL_ID, listed(*TALKING), at(1))
    pbx.status(5, *TALKING)
    assert pbx.steps == [(0, "ringing"), (5, "answered")]
    pbx.status(6, *OVER)
    pbx.cdr(6)
    pbx.calls.adopt(CALL_ID, listed(*TALKING), at(7))
    assert pbx.calls.active == []


@pytest.mark.parametrize("members", [[], OVER])
def test_what_is_over_is_not_adopted(pbx: Line, members: Any) -> None:
    pbx.calls.adopt(CALL_ID, listed(*members), at(0))
    assert pbx.calls.active == []


# --- silence ---


def test_a_silent_call_is_asked_about_more_and_more_rarely(pbx: Line) -> None:
    answer(pbx)
    asked = []
    for minute in range(1, 25):
        now = at(60 * minute)
        for call_id in pbx.calls.silent(now):
            asked.append(minute)
            assert pbx.calls.confirm(call_id, listed(*TALKING), now) == []
    assert asked == [3, 7, 15, 23]


def test_only_silent_calls_are_asked_about(pbx: Line) -> None:
    pbx.status(0, *RINGING, call_id="1")
    pbx.status(0, *RINGING, call_id="2")
    pbx.status(60, *TALKING, call_id="1")
    assert pbx.calls.silent(at(120)) == ["2"]
    assert pbx.calls.silent(at(180)) == ["2", "1"]


def test_confirming_tells_what_was_missed(pbx: Line) -> None:
    ring(pbx)
    told = pbx.calls.confirm(CALL_ID, listed(*TALKING), at(120))
    assert [one.step for one in told] == [Step.ANSWERED]
    assert pbx.calls.confirm(CALL_ID, [], at(240)) == []
    assert pbx.calls.confirm("unknown", listed(*TALKING), at(240)) == []
    assert pbx.calls.confirm(CALL_ID, listed(*OVER), at(300)) == []
    assert [one.step for one in pbx.calls.expire(at(303))] == [Step.ENDED]


def test_what_the_pbx_no_longer_knows_is_over(pbx: Line) -> None:
    ring(pbx)
    pbx.gone(125)
    assert pbx.calls.active_count == 0
    pbx.wait(200)
    pbx.gone(200)
    assert pbx.steps == [(0, "ringing"), (128, "missed")]
    # Nobody saw the end: it went on at least until it was heard of.
    assert pbx.end.ended_at == at(0)


def test_a_call_that_ended_while_we_asked_keeps_its_cdr(pbx: Line) -> None:
    answer(pbx)
    pbx.gone(130)
    pbx.status(130.2, *TALKING)
    pbx.cdr(130.4, whole=130, talk=120, recording="a.wav")
    assert pbx.steps[2:] == [(130.4, "ended")]
    assert pbx.end.recording == "a.wav"


def test_any_report_about_a_call_breaks_its_silence(pbx: Line) -> None:
    answer(pbx)
    pbx.event(100, "DTMF", caller("ANSWERED"), info="1")
    pbx.hear(200, report("satisfaction", surveyresult="1"))
    assert pbx.calls.silent(at(319)) == []
    assert pbx.calls.silent(at(320)) == [CALL_ID]
    assert len(pbx.steps) == 2


@pytest.mark.parametrize(
    "what",
    [
        report("satisfaction", surveyresult="1"),
        report("PlayPromptEnd", members=[phone("1001")], prompt="x"),
        report("DTMF", members=[phone("1001", "ANSWERED")], info="1"),
        report("ConferenceStatus", members=[]),
        report("SomethingNew"),
        report("CallStatus", "", members=RINGING),
        report("CallStatus", "9" * 500, members=RINGING),
    ],
)
def test_other_reports_open_no_call(pbx: Line, what: Any) -> None:
    pbx.hear(0, what)
    assert (pbx.calls.active_count, pbx.calls.next_due) == (0, None)
    assert pbx.calls.silent(at(1000)) == []


# --- several calls, many calls ---


def test_calls_do_not_mix(pbx: Line) -> None:
    pbx.status(0, caller("ALERT"), phone("1001", "RING"), call_id="1")
    pbx.status(1, phone("1002", "ALERT"), line("RING", by="1002"), call_id="2")
    pbx.status(2, phone("1002", "ANSWERED"), line("ANSWER"), call_id="2")
    assert [(one.call_id, one.answered_by) for one in pbx.calls.active] == [
        ("1", None),
        ("2", OUTSIDE),
    ]
    pbx.status(3, caller("BYE"), phone("1001", "BYE"), call_id="1")
    assert pbx.calls.active_count == 1
    pbx.wait(6)
    assert [(step, call.call_id) for _, step, call in pbx.told] == [
        ("ringing", "1"),
        ("ringing", "2"),
        ("answered", "2"),
        ("missed", "1"),
    ]


def test_calls_are_closed_in_the_order_in_which_they_are_due(pbx: Line) -> None:
    for number in "123":
        pbx.hear(int(number), report("NewCdr", number, **cdr()))
    assert pbx.calls.next_due == at(4)
    # The first is heard of again, and waits longer.
    pbx.status(3.5, *TALKING, call_id="1")
    assert pbx.calls.next_due == at(5)
    closed = [one.call.call_id for one in pbx.calls.expire(at(6))]
    assert closed == ["2", "3"]
    assert pbx.calls.next_due == at(6.5)
    assert pbx.calls.expire(at(6.4)) == []
    assert len(pbx.calls.expire(at(6.5))) == 1
    assert pbx.calls.next_due is None


def test_finished_calls_are_forgotten_after_ten_minutes(pbx: Line) -> None:
    answer(pbx)
    pbx.status(30, *OVER)
    pbx.cdr(30)
    pbx.hear(30 + REMEMBER.total_seconds() - 1, report("NewCdr", **cdr()))
    pbx.wait(1000)
    assert len(pbx.steps) == 3
    pbx.hear(1001, report("NewCdr", **cdr()))
    pbx.wait(1010)
    assert pbx.steps[3:] == [(1004, "ended")]


def test_nothing_remains_of_many_calls(pbx: Line) -> None:
    for number in range(500):
        pbx.status(10 * number, *RINGING, call_id=str(number))
        pbx.status(10 * number + 4, *OVER, call_id=str(number))
        pbx.hear(10 * number + 4, report("NewCdr", str(number), **cdr(whole=4, talk=0)))
    assert len(pbx.told) == 1000
    assert pbx.calls.expire(at(20000)) == []
    assert size_of(pbx.calls) == 0


def size_of(tracker: CallTracker) -> int:
    """Return how many calls a tracker keeps anything of."""
    return len(tracker._open) + len(tracker._closing) + len(tracker._finished)


def test_invented_calls_do_not_fill_the_memory(
    pbx: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "MOST_OPEN", 20)
    monkeypatch.setattr(tracker, "MOST_FINISHED", 30)
    for number in range(200):
        pbx.status(0, *RINGING, call_id=str(number))
        assert size_of(pbx.calls) <= 20 + 31
    # Those that gave way have ended once, the most silent ones first.
    ends = [call.call_id for _, step, call in pbx.told if step is Step.MISSED]
    assert ends == [str(number) for number in range(180)]
    pbx.calls.adopt("more", listed(*RINGING), at(1))
    assert pbx.calls.active_count == 20


def test_a_long_wait_in_a_queue_does_not_fill_the_memory(pbx: Line) -> None:
    waiting = caller("ANSWERED", to=QUEUE, path=QUEUE)
    for turn in range(2000):
        agent = phone("1001", "RING", path=QUEUE, channel=f"PJSIP/1001-{turn:08x}")
        pbx.status(turn, waiting, agent)
        assert len(pbx.calls._open[CALL_ID].evidence.legs) <= 66
    for _ in range(500):
        pbx.cdr(2000, "Inbound", "NO ANSWER", to="6700(1001)", talk=0)
    assert len(pbx.calls._open[CALL_ID].evidence.records) <= 20
    pbx.status(2010, waiting, phone("1001", "ANSWER", channel="last"))
    assert pbx.steps == [(0, "ringing"), (2010, "answered")]


def test_a_crowd_in_one_call_is_bounded(pbx: Line) -> None:
    for turn in range(5):
        crowd = [phone(str(2000 + 150 * turn + one), "RING") for one in range(150)]
        pbx.status(turn, caller("ALERT"), *crowd)
    assert len(pbx.calls._open[CALL_ID].evidence.legs) <= 400
    assert len(pbx.calls.active[0].extensions) <= 400


# --- the clock ---


def test_a_clock_that_is_set_back_delays_nothing(pbx: Line) -> None:
    pbx.status(3600, *TALKING, call_id="1")
    pbx.hear(3600, report("NewCdr", "2", **cdr()))
    pbx.calls.take(report("ExtensionStatus"), at(0))
    assert pbx.calls.expire(at(0)) == []
    pbx.status(1, *TALKING, call_id="3")
    assert [one.call.call_id for one in pbx.calls.expire(at(3))] == ["2"]
    assert pbx.calls.silent(at(120)) == ["1"]
    assert pbx.calls.silent(at(1) + SILENT) == ["1", "3"]
    pbx.hear(3 + REMEMBER.total_seconds(), report("NewCdr", "2", **cdr()))
    assert pbx.calls.next_due == at(6) + REMEMBER


def test_a_clock_that_jumps_ahead_closes_what_is_over(pbx: Line) -> None:
    answer(pbx)
    pbx.cdr(30)
    told: list[Transition] = pbx.calls.expire(at(30) + timedelta(days=365))
    assert [one.step for one in told] == [Step.ENDED]


# --- odd values ---


def test_odd_values_do_no_harm(pbx: Line) -> None:
    odd: list[Any] = [
        {"ext": {"number": ["1"], "channelid": {"a": "b"}, "memberstatus": ["RING"]}},
        {"inbound": {"from": None, "trunkname": True, "memberstatus": 7}},
        {"outbound": {}},
        {"ext": {"number": 1001, "channelid": 5, "memberstatus": "RING"}},
    ]
    pbx.status(0, *odd)
    pbx.event(1, "Tranfer", *odd)
    pbx.hear(2, report("CallFailed", reason={"a": "b"}, members="none"))
    wrong = cdr(timestart="yesterday", callto=IVR)
    pbx.hear(3, report("NewCdr", **{**wrong, "callduraction": "soon", "type": "Fax"}))
    pbx.wait(400)
    pbx.gone(400)
    pbx.wait(403)
    assert len([step for step in pbx.steps if step[1] != "ringing"]) == 1


# --- what was empty at first ---


def test_a_number_that_comes_with_a_later_report_is_told_from_then_on(
    pbx: Line,
) -> None:
    unknown = {"memberstatus": "ALERT", "channelid": "in-1", "from": "", "to": ""}
    pbx.status(0, {"inbound": unknown}, phone("1001", "RING"))
    pbx.status(10, *TALKING)
    pbx.status(30, *OVER)
    pbx.wait(40)
    callers = [call.caller_number for _, _, call in pbx.told]
    assert callers == [None, OUTSIDE, OUTSIDE]
    assert pbx.end.trunk == "Line 1"


def test_a_phone_whose_number_comes_later_is_one_of_those_that_took_part(
    pbx: Line,
) -> None:
    nameless = {"memberstatus": "RING", "channelid": "PJSIP/1001-00000001"}
    pbx.status(0, caller("ALERT"), {"ext": {**nameless, "number": ""}})
    pbx.status(10, *TALKING)
    assert pbx.told[-1][2].answered_by == "1001"
    assert pbx.told[-1][2].extensions == ("1001",)


# --- found in the log ---


def found(pbx: Line, *records: dict[str, str]) -> None:
    """Have the log's records of the call found, heard when they ended."""
    its = []
    for one in records:
        began = {"timestart": f"{at(0):%Y-%m-%d %H:%M:%S}"}
        record = record_of(report("NewCdr", **(one | began)).payload, at(0))
        its.append(replace(record, heard_at=record.ended_at))
    for step in pbx.calls.found(CALL_ID, its, at(400)):
        pbx.told.append((400, step.step, step.call))


def test_the_whole_calls_record_is_no_repetition_of_its_first_parts(pbx: Line) -> None:
    ring(pbx)
    pbx.cdr(11, status="NO ANSWER", whole=11, talk=0)
    pbx.status(11, caller("ALERT"), phone("1002", "RING"))
    # Both records are of a call that began then, to 1001.
    found(
        pbx,
        cdr(status="NO ANSWER", whole=11, talk=0),
        cdr(whole=42, talk=8),
    )
    assert pbx.end.outcome is Outcome.ANSWERED
    assert pbx.end.talk_seconds == 8


def test_a_call_of_no_second_that_a_person_took_was_answered(pbx: Line) -> None:
    found(pbx, cdr(whole=3, talk=0))
    end = pbx.end
    assert (end.outcome, end.answered_by) == (Outcome.ANSWERED, "1001")
    assert (end.ring_seconds, end.talk_seconds) == (3, 0)
    assert end.answered_at == end.ended_at


def test_a_record_of_a_phone_that_lost_ends_nothing(pbx: Line) -> None:
    pbx.cdr(15, status="NO ANSWER", to="6200(1002)", whole=15, talk=0)
    pbx.wait(60)
    assert pbx.steps == []
    assert pbx.calls.silent(at(17)) == []
    assert pbx.calls.silent(at(18)) == [CALL_ID]
    pbx.cdr(90, to="6200(1001)", whole=90, talk=70)
    pbx.wait(100)
    assert (pbx.end.outcome, pbx.end.answered_by) == (Outcome.ANSWERED, "1001")


def test_nor_does_it_if_only_a_key_was_heard_besides(pbx: Line) -> None:
    pbx.cdr(4, status="NO ANSWER", to=f"{QUEUE}(1002)", whole=4, talk=0)
    pbx.event(4.2, "DTMF", caller("ANSWERED"), info="2", infos="2", flag="0")
    pbx.wait(50)
    assert pbx.steps == []
    pbx.cdr(57, to=f"{QUEUE}(1001)", whole=57, talk=53)
    pbx.wait(60)
    assert (pbx.end.outcome, pbx.end.answered_by) == (Outcome.ANSWERED, "1001")


def test_nothing_rings_for_somebody_who_has_hung_up(pbx: Line) -> None:
    pbx.status(0, caller("BYE"), phone("1001", "RING"))
    pbx.status(0, caller("BYE"), phone("1001", "BYE"))
    pbx.cdr(0, status="NO ANSWER", whole=20, talk=0)
    assert pbx.steps == [(0, "missed")]
