"""Calls whose reports come late, twice, out of order, or not at all; phantoms."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.yeastar.pbx.calls import Outcome

from .line import (
    ANSWERED_CALL,
    GROUP,
    MOBILE,
    QUEUE,
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


# --- disorder ---


def test_an_old_report_does_not_take_a_call_back(pbx: Line) -> None:
    pbx.status(10, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.status(11, caller("ALERT"), phone("1001", "RING"), phone("1002", "RING"))
    assert pbx.steps == [(10, "answered")]
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.status(31, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.cdr(31)
    assert pbx.steps == [(10, "answered"), (31, "ended")]
    assert pbx.end.extensions == ("1001", "1002")


def test_late_proof_of_an_answer_is_believed_but_not_told(pbx: Line) -> None:
    ring(pbx)
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.status(31, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.cdr(32, "Inbound", "NO ANSWER")
    pbx.wait(35)
    assert pbx.steps == [(0, "ringing"), (35, "ended")]
    assert (pbx.end.answered_by, pbx.end.answered_at) == ("1001", at(10))


def test_a_phone_that_stopped_ringing_is_not_told_as_ringing(pbx: Line) -> None:
    pbx.status(20, caller("ANSWERED"))
    pbx.status(21, caller("ALERT"), phone("1001", "RING"))
    assert pbx.steps == []


def test_a_call_first_heard_of_when_over_has_only_its_end(pbx: Line) -> None:
    pbx.cdr(30, recording="a.wav")
    ring_late = [caller("ALERT"), phone("1001", "RING")]
    pbx.status(31, *ring_late)
    pbx.status(32, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.status(33, caller("BYE"), phone("1001", "BYE"))
    assert pbx.steps == [(33, "ended")]


def test_a_cdr_alone_tells_the_whole_call(pbx: Line) -> None:
    pbx.cdr(100, recording="a.wav")
    pbx.wait(103)
    assert pbx.steps == [(103, "ended")]
    began = datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert pbx.end == replace(
        ANSWERED_CALL,
        started_at=began,
        answered_at=began + timedelta(seconds=10),
        ended_at=began + timedelta(seconds=30),
    )


def test_a_phone_that_talks_proves_an_answer_though_the_caller_left(
    pbx: Line,
) -> None:
    pbx.status(0, caller("ALERT", to=QUEUE, path=QUEUE), phone("1001", "RING"))
    pbx.status(30, caller("BYE", to=QUEUE), phone("1001", "ANSWER"))
    pbx.cdr(30, to=QUEUE)
    assert pbx.steps == [(0, "ringing"), (30, "ended")]
    assert pbx.end.answered_by == "1001"


def test_the_cdr_of_a_very_short_call_may_come_late(pbx: Line) -> None:
    pbx.status(0, phone("1001", "RING"))
    pbx.status(1, phone("1001", "BYE"))
    pbx.cdr(3.5, "Internal", "NO ANSWER", by="1001", to="1002", whole=1, talk=0)
    pbx.wait(7)
    assert (pbx.end.caller_number, pbx.end.called_number) == ("1001", "1002")


def test_no_phone_rings_once_a_cdr_came(pbx: Line) -> None:
    pbx.cdr(0, "Outbound", "NO ANSWER", to=MOBILE, whole=9, talk=0)
    pbx.status(1, caller("ALERT"), phone("1001", "RING"))
    assert pbx.steps == []


def test_a_transferred_calls_ring_is_no_ringing_after_its_answer(pbx: Line) -> None:
    pbx.status(0, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.status(9, caller("ANSWERED"), phone("1001", "BYE"), phone("1002", "RING"))
    assert pbx.steps == [(0, "answered")]


def test_what_a_voicemail_record_names_is_nobody(pbx: Line) -> None:
    pbx.cdr(30, "Inbound", "VOICEMAIL", to="6200(1001)")
    pbx.wait(33)
    assert (pbx.end.answered_by, pbx.end.outcome) == (None, Outcome.VOICEMAIL)


def test_of_several_cdrs_alone_the_answered_inbound_one_speaks(pbx: Line) -> None:
    pbx.cdr(30, "Outbound", "ANSWERED", to=MOBILE, whole=90, talk=80)
    pbx.cdr(30, "Inbound", "NO ANSWER", to=GROUP, whole=60, talk=0)
    pbx.cdr(30, "Inbound", "ANSWERED", to="6200(1002)", recording="a.wav")
    pbx.wait(33)
    end = pbx.end
    assert (end.direction, end.answered_by, end.recording) == (
        "inbound",
        "1002",
        "a.wav",
    )
    assert (end.ring_seconds, end.talk_seconds) == (10, 20)


def test_a_transferred_calls_cdrs_may_be_of_its_parts_only(pbx: Line) -> None:
    answer(pbx)
    pbx.cdr(20, whole=20, talk=10)
    pbx.status(20, caller("ANSWERED"), phone("1001", "BYE"), phone("1002", "RING"))
    pbx.status(25, caller("ANSWERED"), phone("1002", "ANSWER"))
    pbx.status(60, caller("BYE"), phone("1002", "BYE"))
    pbx.cdr(60, to="1002", whole=40, talk=35)
    assert (pbx.end.ring_seconds, pbx.end.talk_seconds) == (10, 50)


def test_nobody_answers_once_the_cdr_told_the_answer(pbx: Line) -> None:
    pbx.cdr(0)
    pbx.status(0.5, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.status(1, caller("ANSWERED"), phone("1001", "BYE"), phone("1002", "RING"))
    pbx.status(1.5, caller("ANSWERED"), phone("1002", "ANSWER"))
    assert pbx.steps == []


def test_repeated_reports_tell_nothing_twice(pbx: Line) -> None:
    for _ in range(3):
        ring(pbx)
    for _ in range(3):
        pbx.status(10, caller("ANSWERED"), phone("1001", "ANSWER"))
    for _ in range(3):
        pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    for _ in range(3):
        pbx.cdr(30, recording="a.wav")
    assert pbx.steps == STORY
    assert pbx.end == ANSWERED_CALL


def test_empty_members_say_nothing(pbx: Line) -> None:
    pbx.status(0)
    assert (pbx.calls.active_count, pbx.calls.next_due) == (0, None)
    answer(pbx)
    pbx.status(15)
    assert pbx.steps == STORY[:2]
    assert pbx.calls.active_count == 1


def test_a_late_report_does_not_revive_a_finished_call(pbx: Line) -> None:
    answer(pbx)
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.cdr(30)
    ring(pbx)
    pbx.cdr(40)
    pbx.wait(60)
    assert len(pbx.steps) == 3
    assert pbx.calls.active == []


def test_an_unknown_word_changes_nothing(pbx: Line) -> None:
    answer(pbx)
    pbx.status(15, caller("PARKED"), phone("1001", "DREAMING"))
    pbx.status(20, caller(), phone("1001"))
    assert pbx.steps == STORY[:2]
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.cdr(30, recording="a.wav")
    assert pbx.end == ANSWERED_CALL


def test_lower_case_words_count(pbx: Line) -> None:
    pbx.status(0, caller("alert"), phone("1001", "ring"))
    pbx.status(10, caller("answered"), phone("1001", "Answer"))
    assert pbx.steps == STORY[:2]


def test_channel_ids_may_be_missing(pbx: Line) -> None:
    def bare(*members: Any) -> list[Any]:
        for member in members:
            for fields in member.values():
                del fields["channelid"]
        return list(members)

    pbx.status(0, *bare(caller("ALERT"), phone("1001", "RING")))
    pbx.status(10, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.status(20, *bare(caller("HOLD"), phone("1001", "ANSWER")))
    pbx.status(30, *bare(caller("BYE"), phone("1001", "BYE")))
    pbx.cdr(30, recording="a.wav")
    assert pbx.steps == STORY
    assert pbx.end == ANSWERED_CALL


def test_a_party_may_get_its_channel_id_later(pbx: Line) -> None:
    nameless = [caller("ALERT"), phone("1001", "RING")]
    for member in nameless:
        for fields in member.values():
            del fields["channelid"]
    pbx.status(0, *nameless)
    pbx.status(10, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.cdr(12)
    pbx.wait(15)
    assert pbx.steps == [*STORY[:2], (15, "ended")]


# --- phantoms ---


def test_a_phantom_cdr_is_discarded_silently(pbx: Line) -> None:
    pbx.cdr(0, "Outbound", "NO ANSWER", whole=1, talk=0)
    assert pbx.calls.active_count == 0
    pbx.wait(10)
    assert pbx.steps == []
    # And does not hide a call of that id that does come.
    pbx.status(20, caller("ALERT"), phone("1001", "RING"))
    assert pbx.steps == [(20, "ringing")]


def test_a_phantom_cdr_of_a_real_call_does_not_end_it(pbx: Line) -> None:
    ring(pbx)
    pbx.cdr(1, "Inbound", "NO ANSWER", whole=1, talk=0)
    pbx.status(10, caller("ANSWERED"), phone("1001", "ANSWER"))
    pbx.cdr(12, "Inbound", "NO ANSWER", whole=1, talk=0)
    pbx.wait(20)
    pbx.status(30, caller("BYE"), phone("1001", "BYE"))
    pbx.cdr(30, "Inbound", "NO ANSWER", whole=1, talk=0)
    pbx.cdr(30, recording="a.wav")
    assert pbx.steps == STORY
    assert pbx.end == ANSWERED_CALL


def test_a_real_call_of_one_second_is_told(pbx: Line) -> None:
    ring(pbx)
    pbx.status(1, caller("BYE"), phone("1001", "BYE"))
    pbx.cdr(1, "Inbound", "NO ANSWER", whole=1, talk=0)
    pbx.wait(4)
    assert pbx.steps == [(0, "ringing"), (4, "missed")]
    assert pbx.end.ring_seconds == 1


def test_a_phantom_cdr_does_not_end_a_call_that_one_phone_declined(pbx: Line) -> None:
    both = [phone("1001", "RING", path=GROUP), phone("1002", "RING", path=GROUP)]
    pbx.status(0, caller("ALERT", to=GROUP), *both)
    pbx.status(5, caller("ALERT", to=GROUP), phone("1001", "BYE"), both[1])
    pbx.cdr(12, "Inbound", "NO ANSWER", to=GROUP, whole=1, talk=0)
    pbx.wait(30)
    assert (pbx.steps, pbx.calls.active_count) == ([(0, "ringing")], 1)
