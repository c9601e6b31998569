"""Groups, queues, IVRs, mobiles, transfers, forwards, conferences."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.yeastar.pbx.calls import Outcome

from .line import (
    ANSWERED_CALL,
    GROUP,
    IVR,
    MISSED_CALL,
    MOBILE,
    OUTSIDE,
    QUEUE,
    ROOM,
    STORY,
    Line,
    answer,
    at,
    caller,
    cdr,
    line,
    phone,
    report,
    ring,
)


@pytest.fixture
def pbx() -> Line:
    return Line()


# --- groups, queues, IVRs ---

LOSERS = {"bye": [phone("1002", "BYE", path=GROUP)], "vanish": []}


@pytest.mark.parametrize("losers", LOSERS.values(), ids=LOSERS)
@pytest.mark.parametrize("to", ["6200(1001)", "6200"])
def test_a_ring_group(pbx: Line, losers: Any, to: str) -> None:
    inside = caller("ALERT", to=GROUP)
    ringing = [phone(one, "RING", path=GROUP) for one in ("1001", "1002")]
    pbx.status(0, inside, *ringing)
    talking = [caller("ANSWERED", to=GROUP), phone("1001", "ANSWER", path=GROUP)]
    pbx.status(10, *talking, *losers)
    pbx.status(30, caller("BYE", to=GROUP), phone("1001", "BYE", path=GROUP))
    pbx.cdr(30, to=to, recording="a.wav")
    assert pbx.steps == STORY
    assert pbx.end == replace(
        ANSWERED_CALL, called_number=GROUP, path=GROUP, extensions=("1001", "1002")
    )


def test_a_ring_group_that_nobody_answers(pbx: Line) -> None:
    ringing = [phone(one, "RING", path=GROUP) for one in ("1001", "1002")]
    pbx.status(0, caller("ALERT", to=GROUP), *ringing)
    pbx.status(10, caller("ALERT", to=GROUP), phone("1001", "BYE"), ringing[1])
    pbx.status(30, caller("BYE", to=GROUP), phone("1002", "BYE"))
    # A phone that lost the call may have a CDR of its own.
    pbx.cdr(30, "Inbound", "NO ANSWER", to="6200(1001)", talk=0)
    pbx.cdr(30, "Inbound", "NO ANSWER", to=GROUP, talk=0)
    assert pbx.steps == [(0, "ringing"), (30, "missed")]
    assert pbx.end == replace(
        MISSED_CALL, called_number=GROUP, path=GROUP, extensions=("1001", "1002")
    )


def test_one_failing_phone_of_a_group_does_not_end_the_call(pbx: Line) -> None:
    waiting = caller("ALERT", to=GROUP, path=GROUP)
    pbx.status(0, waiting, phone("1001", "RING", path=GROUP))
    pbx.event(5, "CallFailed", phone("1002"), reason="User Busy")
    pbx.status(6, waiting)
    pbx.wait(20)
    assert pbx.steps == [(0, "ringing")]
    pbx.status(30, caller("BYE", to=GROUP))
    pbx.cdr(30, "Inbound", "NO ANSWER", to=GROUP, talk=0)
    assert pbx.end.outcome is Outcome.MISSED


WAITING = pytest.mark.parametrize("waits", ["ANSWERED", "ALERT"])


@WAITING
@pytest.mark.parametrize("to", ["6700(1002)", "6700"])
def test_a_queue_rings_one_agent_after_the_other(
    pbx: Line, waits: str, to: str
) -> None:
    waiting = caller(waits, to=QUEUE, path=QUEUE)
    pbx.status(0, waiting)
    assert pbx.steps == []
    pbx.status(1, waiting, phone("1001", "RING", path=QUEUE))
    pbx.status(16, waiting, phone("1001", "BYE", path=QUEUE))
    pbx.hear(16, report("QueueAgentRingNoAnswerTimeout", queue="queue-6700"))
    pbx.status(18, waiting, phone("1002", "RING", path=QUEUE))
    pbx.cdr(18, "Inbound", "NO ANSWER", to="6700(1001)", whole=15, talk=0)
    pbx.wait(25)
    assert pbx.steps == [(1, "ringing")]
    talking = caller("ANSWERED", to=QUEUE, path=QUEUE)
    pbx.status(26, talking, phone("1002", "ANSWER", path=QUEUE))
    pbx.status(60, caller("BYE", to=QUEUE), phone("1002", "BYE", path=QUEUE))
    pbx.cdr(60, to=to, whole=60, talk=34)
    assert pbx.steps == [(1, "ringing"), (26, "answered"), (60, "ended")]
    end = pbx.end
    assert (end.path, end.answered_by, end.called_number) == (QUEUE, "1002", QUEUE)
    assert end.extensions == ("1001", "1002")
    assert (end.ring_seconds, end.talk_seconds) == (26, 34)


@WAITING
@pytest.mark.parametrize("status", ["ANSWERED", "NO ANSWER"])
@pytest.mark.parametrize("number", [IVR, QUEUE])
def test_who_leaves_an_ivr_or_a_queue_abandons_it(
    pbx: Line, waits: str, status: str, number: str
) -> None:
    pbx.status(0, caller(waits, to=number, path=number))
    pbx.status(30, caller("BYE", to=number, path=number))
    pbx.cdr(30, "Inbound", status, to=number)
    assert pbx.steps == [(30, "missed")]
    assert pbx.end == replace(
        MISSED_CALL,
        called_number=number,
        path=number,
        extensions=(),
        outcome=Outcome.ABANDONED,
    )


@pytest.mark.parametrize("number", [IVR, QUEUE])
def test_a_cdr_alone_tells_who_left_a_queue(pbx: Line, number: str) -> None:
    pbx.cdr(30, to=number)
    pbx.wait(33)
    assert pbx.steps == [(33, "missed")]
    assert (pbx.end.outcome, pbx.end.path) == (Outcome.ABANDONED, number)
    assert pbx.end.answered_by is None


def test_a_cdr_alone_tells_which_agent_answered(pbx: Line) -> None:
    pbx.cdr(30, to="6700(1002)")
    pbx.wait(33)
    assert pbx.steps == [(33, "ended")]
    assert (pbx.end.path, pbx.end.answered_by) == (QUEUE, "1002")
    assert pbx.end.extensions == ("1002",)


def test_an_ivr_leads_to_a_queue_and_to_an_agent(pbx: Line) -> None:
    pbx.status(0, caller("ANSWERED", to=IVR, path=IVR))
    pbx.event(4, "PlayPromptEnd", caller(), ivr={"number": IVR})
    pbx.event(5, "DTMF", caller("ANSWERED", path=IVR), info="2")
    waiting = caller("ANSWERED", to=IVR, path=QUEUE)
    pbx.status(5, waiting)
    pbx.status(5, waiting, phone("1001", "RING", path=QUEUE))
    pbx.status(10, waiting, phone("1001", "ANSWER", path=QUEUE))
    # Transferred into a group later, it is still the queue that led to an answer.
    pbx.status(20, waiting, phone("1001", "BYE"), phone("1002", "RING", path=GROUP))
    pbx.status(30, caller("BYE", to=IVR), phone("1002", "BYE", path=GROUP))
    pbx.cdr(30, to="6700(1001)", talk=20)
    assert pbx.steps == [(5, "ringing"), (10, "answered"), (30, "ended")]
    assert (pbx.end.path, pbx.end.called_number) == (QUEUE, IVR)


def test_the_trunks_name_is_no_path(pbx: Line) -> None:
    pbx.status(0, caller("ALERT", path="Line 1"), phone("1001", "RING"))
    assert pbx.told[0][2].path is None


def test_a_groups_voicemail_outweighs_the_phones_that_lost(pbx: Line) -> None:
    ringing = [phone(one, "RING", path=GROUP) for one in ("1001", "1002")]
    pbx.status(0, caller("ALERT", to=GROUP), *ringing)
    pbx.status(20, caller("ANSWERED", to=GROUP))
    pbx.status(30, caller("BYE", to=GROUP))
    pbx.cdr(30, "Inbound", "NO ANSWER", to=GROUP, talk=0)
    pbx.cdr(30, "Inbound", "VOICEMAIL", to=GROUP, talk=10)
    assert pbx.steps == [(0, "ringing"), (30, "missed")]
    assert pbx.end.outcome is Outcome.VOICEMAIL


def test_the_cdr_of_a_phone_that_lost_is_not_the_calls(pbx: Line) -> None:
    answer(pbx)
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.cdr(30, "Inbound", "NO ANSWER", to="6200(1002)", talk=0)
    pbx.cdr(30, to="6200(1001)", recording="a.wav")
    assert pbx.end.recording == "a.wav"


@pytest.mark.parametrize("to", [GROUP, "6200(1001)", "1001"])
def test_that_one_phone_was_busy_does_not_make_a_missed_call_busy(
    pbx: Line, to: str
) -> None:
    pbx.cdr(30, "Inbound", "BUSY", to=to, whole=30, talk=0)
    pbx.cdr(30, "Inbound", "NO ANSWER", to=GROUP, whole=60, talk=0)
    pbx.wait(33)
    assert pbx.end.outcome is Outcome.MISSED
    assert pbx.end.ring_seconds == 60


# --- a mobile that rings along ---


def test_a_mobile_of_an_internal_group_makes_no_outbound_call(pbx: Line) -> None:
    members = [phone("1001", "ALERT"), phone("1002", "RING", path=GROUP)]
    pbx.status(0, *members, line("RING", to=MOBILE))
    assert pbx.told[0][2].direction == "internal"
    assert pbx.told[0][2].called_number == GROUP


@pytest.mark.parametrize("outbound_first", [True, False])
def test_the_mobile_answers(pbx: Line, outbound_first: bool) -> None:
    ring(pbx)
    pbx.status(0, caller("ALERT"), phone("1001", "RING"), line("RING", to=MOBILE))
    pbx.status(10, caller("ANSWERED"), line("ANSWER", to=MOBILE))
    pbx.status(30, caller("BYE"), line("BYE", to=MOBILE))
    own = cdr("Outbound", "ANSWERED", to=MOBILE, whole=28, talk=20)
    records = [own, cdr(to="1001", recording="a.wav")]
    for record in records if outbound_first else reversed(records):
        pbx.hear(30, report("NewCdr", **record))
    assert pbx.steps == STORY
    assert pbx.end == replace(ANSWERED_CALL, answered_by=MOBILE)


def test_nobody_answers_and_the_mobiles_cdr_does_not_decide(pbx: Line) -> None:
    pbx.status(0, caller("ALERT"), phone("1001", "RING"), line("RING", to=MOBILE))
    # The mobile gives up, the phone rings on.
    pbx.cdr(8, "Outbound", "NO ANSWER", to=MOBILE, whole=8, talk=0)
    pbx.wait(20)
    assert pbx.steps == [(0, "ringing")]
    pbx.status(20, caller("ANSWERED"), phone("1001", "BYE"))
    pbx.status(30, caller("BYE"))
    pbx.cdr(30, "Inbound", "VOICEMAIL", talk=10)
    assert pbx.steps == [(0, "ringing"), (30, "missed")]
    assert (pbx.end.outcome, pbx.end.direction) == ("voicemail", "inbound")


# --- calls that are sent on ---


@pytest.mark.parametrize("by_phone", [True, False])
@pytest.mark.parametrize("part", ["before", "after", "none"])
def test_a_transferred_call_stays_one_call(
    pbx: Line, by_phone: bool, part: str
) -> None:
    answer(pbx)
    if part == "before":
        pbx.cdr(20, whole=20, talk=10, recording="part.wav")
    if by_phone:
        pbx.event(20, "Tranfer", phone("1001"), phone("1002"))
    pbx.status(20, caller("ANSWERED"), phone("1001", "BYE"), phone("1002", "RING"))
    if part == "after":
        pbx.cdr(20, whole=20, talk=10, recording="part.wav")
    pbx.wait(27)
    pbx.status(27, caller("ANSWERED"), phone("1002", "ANSWER"))
    pbx.wait(60)
    assert pbx.calls.active_count == 1
    pbx.status(60, caller("BYE"), phone("1002", "BYE"))
    pbx.cdr(60, whole=60, talk=50, recording="a.wav")
    assert pbx.steps == [*STORY[:2], (60, "ended")]
    assert pbx.end == replace(
        ANSWERED_CALL, extensions=("1001", "1002"), ended_at=at(60), talk_seconds=50
    )


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("part", [True, False])
def test_a_forwarded_call_stays_one_call(pbx: Line, told: bool, part: bool) -> None:
    ring(pbx)
    if told:
        pbx.event(10, "Forward", caller())
    if part:
        pbx.cdr(10, "Inbound", "NO ANSWER", whole=10, talk=0)
    pbx.status(10, caller("ALERT"), phone("1001", "BYE"), line("RING", to=MOBILE))
    pbx.wait(20)
    pbx.status(20, caller("ANSWERED"), line("ANSWER", to=MOBILE))
    pbx.status(30, caller("BYE"), line("BYE", to=MOBILE))
    pbx.cdr(30, whole=30, talk=10)
    assert pbx.steps == [(0, "ringing"), (20, "answered"), (30, "ended")]
    assert (pbx.end.answered_by, pbx.end.called_number) == (MOBILE, "1001")
    assert pbx.end.direction == "inbound"


def test_an_internal_call_transferred_outside_stays_internal(pbx: Line) -> None:
    pbx.status(0, phone("1001", "ALERT"), phone("1002", "RING"))
    pbx.status(10, phone("1001", "ANSWERED"), phone("1002", "ANSWER"))
    pbx.status(20, phone("1001", "ANSWERED"), phone("1002", "BYE"), line("RING"))
    pbx.status(30, phone("1001", "BYE"), line("BYE"))
    pbx.wait(33)
    assert pbx.steps == [*STORY[:2], (33, "ended")]
    assert (pbx.end.direction, pbx.end.called_number) == ("internal", "1002")


def test_a_transfer_proves_that_somebody_answered(pbx: Line) -> None:
    ring(pbx)
    pbx.event(20, "Tranfer", phone("1001"), phone("1002"))
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.wait(33)
    assert pbx.steps == [(0, "ringing"), (33, "ended")]


# --- conferences ---


def test_a_conference_is_a_call_of_those_in_it(pbx: Line) -> None:
    first, second = phone("1001", "ANSWERED", path=ROOM), phone("1002", "ANSWERED")
    pbx.status(0, first)
    room = {"conferencenumber": ROOM, "conferencename": " Room"}
    pbx.event(0, "ConferenceStatus", first, **room)
    pbx.event(10, "ConferenceStatus", first, second, **room)
    pbx.event(30, "ConferenceStatus", first, **room)
    pbx.status(40, phone("1001", "BYE", path=ROOM))
    pbx.event(40, "ConferenceStatus", **room)
    pbx.cdr(40, "Internal", by="1001", to=ROOM, whole=40, talk=40)
    assert pbx.steps == [(40, "ended")]
    end = pbx.end
    assert (end.path, end.called_number, end.direction) == (ROOM, ROOM, "internal")
    assert end.outcome is Outcome.ANSWERED


def test_who_accepts_an_invitation_to_a_conference_answers(pbx: Line) -> None:
    pbx.event(0, "ConferenceStatus", phone("1001", "ANSWERED", path=ROOM))
    pbx.event(
        9, "ConferenceStatus", line("ANSWER"), phone("1001", "ANSWERED", path=ROOM)
    )
    assert pbx.steps == [(9, "answered")]
    assert pbx.told[0][2].answered_by == OUTSIDE


# --- calls on a controlled trunk ---


def test_an_offered_call_that_is_refused_never_was(pbx: Line) -> None:
    pbx.event(0, "Invite", caller())
    pbx.wait(200)
    assert (pbx.steps, pbx.calls.active_count) == ([], 0)
    assert pbx.calls.silent(at(200)) == []


def test_an_accepted_call_is_a_call(pbx: Line) -> None:
    pbx.event(0, "Invite", caller())
    pbx.event(5, "Incoming", caller())
    assert [call.caller_number for call in pbx.calls.active] == [OUTSIDE]
    pbx.status(9, caller("ALERT"), phone("1001", "RING"))
    assert pbx.steps == [(9, "ringing")]


def test_who_is_called_into_a_conference_by_the_api_answers_nobody(pbx: Line) -> None:
    pbx.status(0, phone("1001", "RING"))
    first = phone("1001", "ANSWERED", path=ROOM)
    pbx.event(5, "ConferenceStatus", first, phone("1002", "ANSWERED", path=ROOM))
    assert pbx.steps == []


def test_a_group_that_is_busy_outweighs_the_phone_that_lost(pbx: Line) -> None:
    pbx.status(0, caller("ALERT", to=GROUP), phone("1001", "RING", path=GROUP))
    pbx.status(9, caller("BYE", to=GROUP), phone("1001", "BYE", path=GROUP))
    pbx.cdr(9, "Inbound", "NO ANSWER", to="6200(1001)", whole=9, talk=0)
    pbx.cdr(9, "Inbound", "BUSY", to=GROUP, whole=9, talk=0)
    assert pbx.steps == [(0, "ringing"), (9, "missed")]
    assert pbx.end.outcome is Outcome.BUSY


def test_a_caller_who_leaves_during_a_transfer_ends_the_call(pbx: Line) -> None:
    answer(pbx)
    pbx.status(20, caller("ANSWERED"), phone("1001", "BYE"), phone("1002", "RING"))
    pbx.status(21, caller("BYE"), phone("1002", "RING"))
    pbx.cdr(21, whole=21, talk=11)
    assert pbx.steps == [*STORY[:2], (21, "ended")]
    assert pbx.end.talk_seconds == 11
