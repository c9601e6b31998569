"""Calls that were told before a restart and go on after it."""

from dataclasses import replace

import pytest

from custom_components.yeastar.pbx.calls import Direction, Outcome

from .line import (
    ANSWERED_CALL,
    CALL_ID,
    MISSED_CALL,
    OUTSIDE,
    OVER,
    STORY,
    TALKING,
    Line,
    answer,
    at,
    caller,
    line,
    listed,
    phone,
    ring,
)


@pytest.fixture
def pbx() -> Line:
    return Line()


def test_a_restart_while_it_rings_changes_nothing(pbx: Line) -> None:
    ring(pbx)
    pbx.restart()
    pbx.status(4, caller("ALERT"), phone("1001", "RING"))
    pbx.status(10, *TALKING)
    pbx.status(30, *OVER)
    pbx.cdr(30, recording="a.wav")
    assert pbx.steps == STORY
    assert pbx.end == ANSWERED_CALL


def test_a_restart_while_they_talk_changes_nothing(pbx: Line) -> None:
    answer(pbx)
    pbx.restart()
    pbx.status(20, *TALKING)
    pbx.status(30, *OVER)
    pbx.cdr(30, recording="a.wav")
    assert pbx.steps == STORY
    assert pbx.end == ANSWERED_CALL


def test_an_answered_call_of_which_only_the_hang_up_is_heard_was_answered(
    pbx: Line,
) -> None:
    answer(pbx)
    pbx.restart()
    pbx.status(30, *OVER)
    pbx.wait(33)
    assert pbx.steps == [*STORY[:2], (33, "ended")]
    assert pbx.end == replace(ANSWERED_CALL, did_number=None, recording=None)


def test_a_ringing_call_of_which_only_the_hang_up_is_heard_was_missed(
    pbx: Line,
) -> None:
    ring(pbx)
    pbx.restart()
    pbx.status(30, *OVER)
    pbx.wait(33)
    assert pbx.steps == [(0, "ringing"), (33, "missed")]
    assert pbx.end == replace(MISSED_CALL, did_number=None)


def test_a_transfer_after_the_restart_does_not_ring_again(pbx: Line) -> None:
    answer(pbx)
    pbx.restart()
    pbx.status(20, caller("ANSWERED"), phone("1002", "RING"))
    pbx.status(25, caller("ANSWERED"), phone("1002", "ANSWER"))
    pbx.status(30, caller("BYE"), phone("1002", "BYE"))
    pbx.wait(33)
    assert pbx.steps == [*STORY[:2], (33, "ended")]
    assert (pbx.end.answered_by, pbx.end.extensions) == ("1001", ("1001", "1002"))


def test_the_other_side_is_known_when_only_the_phone_is_heard_again(
    pbx: Line,
) -> None:
    answer(pbx)
    pbx.restart()
    pbx.status(30, phone("1001", "BYE"))
    pbx.wait(33)
    end = pbx.end
    assert end.direction is Direction.INBOUND
    assert (end.caller_number, end.caller_name) == (OUTSIDE, "Dentist")
    assert (end.called_number, end.trunk) == ("1001", "Line 1")


def test_a_call_that_the_pbx_lists_after_the_restart_keeps_its_times(
    pbx: Line,
) -> None:
    answer(pbx)
    pbx.restart()
    pbx.calls.adopt(CALL_ID, listed(*TALKING), at(20))
    assert [one.started_at for one in pbx.calls.active] == [at(0)]
    pbx.status(30, *OVER)
    pbx.cdr(30, recording="a.wav")
    assert pbx.steps == STORY
    assert pbx.end == ANSWERED_CALL


@pytest.mark.parametrize(("whole", "talk"), [(0, 0), (1, 0)])
def test_a_phantom_cdr_is_not_the_end_of_a_call_that_was_told(
    pbx: Line, whole: int, talk: int
) -> None:
    answer(pbx)
    pbx.restart()
    pbx.cdr(20, status="NO ANSWER", whole=whole, talk=talk)
    pbx.status(21, *TALKING)
    pbx.status(30, *OVER)
    pbx.cdr(30, recording="a.wav")
    assert pbx.steps == STORY


def test_an_outgoing_call_stays_one(pbx: Line) -> None:
    pbx.status(0, line("RING"), phone("1001", "ALERT"))
    assert pbx.steps == [(0, "ringing")]
    pbx.restart()
    pbx.status(12, line("BYE"), phone("1001", "BYE"))
    pbx.wait(15)
    assert pbx.steps == [(0, "ringing"), (15, "failed")]
    assert pbx.end.outcome is Outcome.FAILED
    assert pbx.end.called_number == OUTSIDE
