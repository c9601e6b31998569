"""Calls as a user would tell them, report by report, in every reading of protocol.md.

Each story goes over the wire's form, so that the keys and misspellings count too.
"""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.yeastar.pbx.calls import Outcome
from tests.pbx.line import (
    ANSWERED_CALL,
    CALL_ID,
    MISSED_CALL,
    STORY,
    Line,
    answer,
    at,
    caller,
    phone,
    ring,
)


@pytest.fixture
def pbx() -> Line:
    return Line()


# --- a call from outside ---

ENDINGS = {
    "both hang up in one report": [[caller("BYE"), phone("1001", "BYE")]],
    "the caller first": [
        [caller("BYE"), phone("1001", "ANSWER")],
        [caller("BYE"), phone("1001", "BYE")],
    ],
    "the phone first, and then only the caller is listed": [
        [caller("ANSWERED"), phone("1001", "BYE")],
        [caller("BYE")],
    ],
    "only the caller's hang-up is told": [[caller("BYE"), phone("1001", "ANSWER")]],
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_an_answered_call_ends_with_its_cdr(pbx: Line, ending: Any) -> None:
    answer(pbx)
    for members in ending:
        pbx.status(30, *members)
    pbx.cdr(30, recording="a.wav")
    assert pbx.steps == STORY
    assert pbx.end == ANSWERED_CALL


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_call_status_may_come_after_the_cdr(pbx: Line, ending: Any) -> None:
    answer(pbx)
    pbx.cdr(30, recording="a.wav")
    for members in ending:
        pbx.status(30.5, *members)
    assert pbx.steps == [*STORY[:2], (30.5, "ended")]
    assert replace(pbx.end, ended_at=at(30)) == ANSWERED_CALL


def test_without_hang_ups_a_call_ends_3_seconds_after_its_cdr(pbx: Line) -> None:
    answer(pbx)
    pbx.cdr(30, recording="a.wav")
    assert pbx.calls.active_count == 0
    assert pbx.calls.next_due == at(33)
    pbx.wait(32.9)
    assert pbx.steps == STORY[:2]
    pbx.wait(33)
    assert pbx.steps == [*STORY[:2], (33, "ended")]
    assert pbx.end == ANSWERED_CALL


def test_without_a_cdr_a_call_ends_3_seconds_after_the_hang_ups(pbx: Line) -> None:
    answer(pbx)
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.wait(33)
    assert pbx.steps == [*STORY[:2], (33, "ended")]
    assert pbx.end == replace(ANSWERED_CALL, did_number=None, recording=None)


def test_one_hang_up_alone_does_not_end_a_call(pbx: Line) -> None:
    answer(pbx)
    pbx.status(30, caller("BYE"), phone("1001", "ANSWER"))
    pbx.wait(100)
    assert pbx.steps == STORY[:2]
    assert pbx.calls.silent(at(149)) == []
    assert pbx.calls.silent(at(150)) == [CALL_ID]
    pbx.gone(150)
    pbx.wait(153)
    assert pbx.end.outcome is Outcome.ANSWERED


def test_the_wait_begins_again_when_more_is_heard(pbx: Line) -> None:
    answer(pbx)
    pbx.cdr(30)
    pbx.status(32, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.wait(34)
    assert pbx.steps == STORY[:2]
    pbx.wait(35)
    assert pbx.steps[-1] == (35, "ended")


@pytest.mark.parametrize("status", ["NO ANSWER", "NO ANSWERED", "no answer"])
def test_a_call_that_nobody_answers_is_missed(pbx: Line, status: str) -> None:
    ring(pbx)
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.cdr(30, "Inbound", status, talk=0)
    assert pbx.steps == [(0, "ringing"), (30, "missed")]
    assert pbx.end == MISSED_CALL


def test_a_missed_call_without_a_cdr(pbx: Line) -> None:
    ring(pbx)
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.wait(33)
    assert pbx.end == replace(MISSED_CALL, did_number=None)


def test_a_phone_that_declines_is_busy(pbx: Line) -> None:
    ring(pbx)
    pbx.status(5, caller("BYE"), phone("1001", "BYE"))
    pbx.cdr(5, "Inbound", "BUSY", whole=5, talk=0)
    assert pbx.steps == [(0, "ringing"), (5, "missed")]
    assert pbx.end.outcome is Outcome.BUSY


@pytest.mark.parametrize("loser", [[phone("1001", "BYE")], []], ids=["bye", "vanish"])
def test_the_voicemail_is_not_an_answer(pbx: Line, loser: Any) -> None:
    ring(pbx)
    pbx.status(20, caller("ANSWERED"), *loser)
    pbx.status(30, caller("BYE"))
    pbx.cdr(30, "Inbound", "VOICEMAIL", talk=10)
    assert pbx.steps == [(0, "ringing"), (30, "missed")]
    assert pbx.end == replace(
        MISSED_CALL, outcome=Outcome.VOICEMAIL, ring_seconds=20, talk_seconds=0
    )


def test_the_voicemail_is_told_without_a_cdr(pbx: Line) -> None:
    ring(pbx)
    pbx.status(20, caller("ANSWERED"))
    pbx.status(30, caller("BYE"))
    pbx.wait(33)
    assert pbx.end.outcome is Outcome.VOICEMAIL


def test_hold_and_resume_change_nothing(pbx: Line) -> None:
    answer(pbx)
    pbx.status(15, caller("HOLD"), phone("1001", "ANSWER"))
    pbx.status(18, caller("ANSWERED"), phone("1001", "HOLD"))
    pbx.status(20, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.cdr(30, recording="a.wav")
    assert pbx.steps == STORY
    assert pbx.end == ANSWERED_CALL


@pytest.mark.parametrize("held", ["caller", "phone"])
def test_a_call_first_heard_of_on_hold_is_answered(pbx: Line, held: str) -> None:
    words = ("HOLD", "ANSWER") if held == "caller" else ("ANSWERED", "HOLD")
    pbx.status(0, caller(words[0]), phone("1001", words[1]))
    assert pbx.steps == [(0, "answered")]
    assert pbx.told[0][2].answered_by == "1001"
