"""What was told and what records say: the one is not contradicted by the other."""

from datetime import timedelta

import pytest

from custom_components.yeastar.pbx.calls import Direction, Outcome, Step
from custom_components.yeastar.pbx.calls.log import call_of
from custom_components.yeastar.pbx.calls.record import record_of

from .line import (
    CALL_ID,
    IVR,
    MOBILE,
    OUTSIDE,
    QUEUE,
    RINGING,
    START,
    Line,
    Numbers,
    at,
    caller,
    cdr,
    line,
    listed,
    phone,
    report,
)

GROUP = "6200"


@pytest.fixture
def pbx() -> Line:
    return Line()


def heard(pbx: Line) -> dict[str, list[str]]:
    """Return what each phone heard since this was asked last."""
    found: dict[str, list[str]] = {}
    for one in pbx.calls.heard():
        if one.kind == "extension":
            found.setdefault(one.who, []).append(one.step.value)
    return found


@pytest.mark.parametrize("late", [0.0, 0.1, 0.6, 1.4])
def test_who_was_told_to_answer_stays_whom_the_record_names(
    pbx: Line, late: float
) -> None:
    # Forwarded from 1001; the record, in whole seconds, names who was dialled.
    pbx.status(0 + late, caller("ALERT"), phone("1001", "RING"))
    pbx.status(16.2 + late, caller("ALERT"), phone("1002", "RING"))
    pbx.status(20.4 + late, caller("ANSWERED"), phone("1002", "ANSWER"))
    pbx.status(50.2 + late, caller("BYE"), phone("1002", "BYE"))
    pbx.cdr(50.3 + late, whole=50, talk=30)
    assert pbx.end.answered_by == "1002"
    assert heard(pbx) == {
        "1001": ["ringing", "answered_elsewhere"],
        "1002": ["ringing", "answered", "ended"],
    }


def test_a_queues_own_talk_does_not_take_an_answer_back(pbx: Line) -> None:
    # The record counts from when the queue picked up; the agent rang at once.
    in_queue = caller("ANSWERED", to=QUEUE, path=QUEUE)
    pbx.status(0, in_queue, phone("1001", "RING", path=QUEUE))
    pbx.status(12, in_queue, phone("1001", "ANSWER", path=QUEUE))
    pbx.status(60, caller("BYE"), phone("1001", "BYE"))
    pbx.cdr(60, to=f"{QUEUE}(1001)", whole=60, talk=60)
    end = pbx.end
    assert (end.answered_at, end.ring_seconds, end.talk_seconds) == (at(12), 12, 48)


def test_to_ask_while_it_rings_says_nothing_about_who_answers_then(pbx: Line) -> None:
    pbx.status(0, caller("ALERT"), phone("1001", "RING"))
    assert pbx.calls.confirm(CALL_ID, listed(*RINGING), at(4)) == []
    # That 1001 answered at 10 and handed it on was not heard.
    pbx.status(30, caller("ANSWERED"), phone("1002", "ANSWER"))
    pbx.status(60, caller("BYE"), phone("1002", "BYE"))
    pbx.cdr(60, whole=60, talk=50)
    assert (pbx.end.answered_at, pbx.end.answered_by) == (at(10), "1001")


def test_a_record_from_before_the_pbx_said_that_it_runs_ends_nothing(
    pbx: Line,
) -> None:
    pbx.status(0, caller("ALERT"), phone("1001", "RING"))
    pbx.status(10, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.restart()
    # One part of it was over; the rest goes on, and no more of it is heard.
    pbx.cdr(40, whole=40, talk=30)
    assert pbx.calls.confirm(CALL_ID, [], at(40)) == []
    pbx.wait(90)
    assert [step for _, step in pbx.steps] == ["ringing", "answered"]
    assert pbx.calls.active_count == 1


def logged(*records: tuple[float, dict[str, str]]) -> object:
    """Return the call as its records in the log tell it."""
    its = []
    for start, fields in records:
        began = {"timestart": f"{START + timedelta(seconds=start):%Y-%m-%d %H:%M:%S}"}
        length = timedelta(seconds=start + int(fields["callduraction"]))
        its.append(
            record_of(report("NewCdr", **(fields | began)).payload, START + length)
        )
    return call_of(its, Numbers())


@pytest.mark.parametrize("kind", ["Internal", "Inbound", "Transfer", "Outbound"])
def test_a_call_out_that_is_transferred_stays_one(pbx: Line, kind: str) -> None:
    first = cdr("Outbound", by="1001", to=OUTSIDE, whole=40, talk=30)
    second = cdr(kind, by=OUTSIDE, to="1002", whole=20, talk=15)
    found = logged((0, first), (40, second))
    pbx.status(0, phone("1001", "ALERT"), line("RING"))
    pbx.status(10, phone("1001", "ANSWERED"), line("ANSWER"))
    pbx.status(40, phone("1001", "BYE"), line("ANSWER"), phone("1002", "RING"))
    pbx.hear(40, report("NewCdr", **first))
    pbx.status(45, line("ANSWER"), phone("1002", "ANSWER"))
    pbx.status(60, line("BYE"), phone("1002", "BYE"))
    pbx.hear(60, report("NewCdr", **second))
    pbx.wait(64)
    for call in (pbx.end, found):
        assert call.direction is Direction.OUTBOUND
        assert (call.caller_number, call.called_number) == ("1001", OUTSIDE)
        assert call.outcome is Outcome.ANSWERED


def test_a_machines_record_keeps_nobody_from_ringing(pbx: Line) -> None:
    in_menu = caller("ANSWERED", to=IVR, path=IVR)
    pbx.status(0, in_menu)
    pbx.cdr(14.9, to=IVR, whole=15, talk=15)
    pbx.status(15, in_menu, *(phone(n, "RING", path=GROUP) for n in ("1001", "1002")))
    pbx.status(25, caller("ANSWERED"), phone("1002", "ANSWER", path=GROUP))
    assert pbx.steps == [(15, "ringing"), (25, "answered")]
    assert heard(pbx) == {
        "1001": ["ringing", "answered_elsewhere"],
        "1002": ["ringing", "answered"],
    }


def test_a_phone_does_not_hear_twice_what_it_heard_before_a_restart(pbx: Line) -> None:
    path = {"path": GROUP}
    pbx.status(0, caller("ALERT"), phone("1001", "RING", **path))
    pbx.status(10, caller("ALERT"), phone("1002", "RING", **path))
    pbx.restart()
    pbx.status(15, caller("ALERT"), phone("1002", "RING", **path))
    assert heard(pbx) == {}
    pbx.status(18, caller("ANSWERED"), phone("1002", "ANSWER", **path))
    assert heard(pbx)["1002"] == ["answered"]


def test_a_phone_that_took_the_call_over_hears_its_end_after_a_restart(
    pbx: Line,
) -> None:
    pbx.status(0, caller("ALERT"), phone("1001", "RING"))
    pbx.status(10, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.status(20, caller("ANSWERED"), phone("1001", "BYE"), phone("1002", "RING"))
    pbx.status(25, caller("ANSWERED"), phone("1002", "ANSWER"))
    pbx.restart()
    pbx.status(30, caller("HOLD"), phone("1002", "ANSWER"))
    assert heard(pbx) == {}
    pbx.status(40, caller("BYE"), phone("1002", "BYE"))
    pbx.cdr(40, whole=40, talk=30)
    assert heard(pbx) == {"1001": ["ended"], "1002": ["ended"]}


@pytest.mark.parametrize(("to", "status"), [("1001", "ANSWERED"), (QUEUE, "NO ANSWER")])
def test_a_record_after_a_restart_is_asked_about(
    pbx: Line, to: str, status: str
) -> None:
    pbx.status(0, caller("ALERT", to=to), phone("1001", "RING"))
    pbx.restart()
    pbx.cdr(15, status=status, to=to, whole=15, talk=0)
    pbx.wait(17.9)
    assert pbx.steps == [(0, "ringing")]
    assert pbx.calls.silent(at(18)) == [CALL_ID]
    in_call = listed(caller("ALERT", to=to), phone("1002", "RING"))
    assert pbx.calls.confirm(CALL_ID, in_call, at(18)) == []
    pbx.wait(24)
    pbx.status(25, caller("ANSWERED"), phone("1002", "ANSWER"))
    pbx.wait(60)
    assert pbx.calls.active_count == 1


def test_a_record_after_a_restart_ends_a_call_of_which_nobody_can_tell(
    pbx: Line,
) -> None:
    pbx.status(0, caller("ALERT"), phone("1001", "RING"))
    pbx.status(10, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.restart()
    pbx.cdr(40, whole=40, talk=30)
    pbx.wait(50)
    assert (pbx.end.started_at, pbx.end.talk_seconds) == (at(0), 30)


def test_the_mobile_that_rang_along_and_was_picked_up_answered() -> None:
    both = logged(
        (0, cdr(whole=50, talk=43)),
        (1, cdr("Outbound", by=OUTSIDE, to=MOBILE, whole=49, talk=43)),
    )
    assert both.answered_by == MOBILE
    assert (both.direction, both.called_number) == (Direction.INBOUND, "1001")


def test_the_direction_that_was_told_stays(pbx: Line) -> None:
    # An internal call, forwarded to a mobile: its one record is of a call out.
    pbx.status(0, phone("1003", "ALERT"), phone("1001", "RING"))
    pbx.status(20, phone("1003", "ALERT"), line("RING", to=MOBILE, by="1003"))
    pbx.status(50, phone("1003", "BYE"), line("BYE", to=MOBILE, by="1003"))
    pbx.cdr(50, "Outbound", "NO ANSWER", by="1003", to=MOBILE, whole=50, talk=0)
    assert [step for _, step, _ in pbx.told] == [Step.RINGING, Step.MISSED]
    assert {call.direction for _, _, call in pbx.told} == {Direction.INTERNAL}


def test_a_call_first_heard_of_in_a_menu_stays_one_to_the_menu(pbx: Line) -> None:
    in_menu = caller("ANSWERED", to=IVR)
    pbx.status(10, in_menu)
    pbx.status(15, in_menu, phone("1001", "RING", path=IVR))
    pbx.status(20, in_menu, phone("1001", "ANSWER", path=IVR))
    pbx.status(60, caller("BYE", to=IVR), phone("1001", "BYE"))
    pbx.cdr(60, whole=60, talk=40)
    assert {call.called_number for _, _, call in pbx.told} == {IVR}
