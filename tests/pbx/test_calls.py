"""Calls as a user would tell them, report by report, in every reading of protocol.md.

Each story goes over the wire's form, so that the keys and misspellings count too.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any

import pytest

from custom_components.yeastar.pbx.calls import (
    TERMINAL,
    Call,
    CallTracker,
    Direction,
    Outcome,
    Step,
)
from custom_components.yeastar.pbx.reports import Report, decode, understand

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALL_ID = "1571897930.5"
OUTSIDE = "02203303"
MOBILE = "0171555"
EXTENSIONS = {"1001": "Anna", "1002": "Ben", "1003": "Cleo", "1004": "Dan"}
IVR, GROUP, QUEUE, ROOM = "6500", "6200", "6700", "6400"


class Numbers:
    """A PBX's directory."""

    def is_extension(self, number: str) -> bool:
        return number in EXTENSIONS

    def answers_itself(self, number: str) -> bool:
        return number in (IVR, QUEUE)

    def name_of(self, number: str) -> str | None:
        return {**EXTENSIONS, OUTSIDE: "Dentist"}.get(number)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def report(event: str, call_id: str = CALL_ID, **fields: Any) -> Report:
    wire = {"event": event, "callid": call_id, "sn": "369451090405", **fields}
    return understand(decode(json.dumps(wire).encode()), UTC)


def phone(number: str, status: str = "", *, path: str = "", channel: str = "") -> Any:
    """Return an extension's member; the channel is its number's unless given."""
    fields = {"number": number, "channelid": channel or f"PJSIP/{number}-00000001"}
    return {"ext": fields | _optional(status, path)}


def caller(status: str = "", *, to: str = "1001", path: str = "") -> Any:
    """Return the member of somebody outside who calls."""
    fields = {"from": OUTSIDE, "to": to, "trunkname": "Line 1", "channelid": "in-1"}
    return {"inbound": fields | _optional(status, path)}


def line(status: str = "", *, to: str = OUTSIDE, by: str = "1001") -> Any:
    """Return the member of somebody outside who is called."""
    fields = {"from": by, "to": to, "trunkname": "Line 1", "channelid": f"out-{to}"}
    return {"outbound": fields | _optional(status, "")}


def _optional(status: str, path: str) -> dict[str, str]:
    fields = {"memberstatus": status, "callpath": path}
    return {key: value for key, value in fields.items() if value}


def cdr(
    kind: str = "Inbound",
    status: str = "ANSWERED",
    *,
    by: str = OUTSIDE,
    to: str = "1001",
    whole: int = 30,
    talk: int = 20,
    **fields: str,
) -> dict[str, str]:
    return {
        "timestart": "2026-03-02 08:00:00",
        "callfrom": by,
        "callto": to,
        "callduraction": str(whole),
        "talkduraction": str(talk),
        "srctrunkname": "Line 1" if kind == "Inbound" else "",
        "dsttrcunkname": "Line 1" if kind == "Outbound" else "",
        "status": status,
        "type": kind,
        "recording": "",
        "didnumber": "5551000" if kind == "Inbound" else "",
        **fields,
    }


class Line:
    """Plays reports to a tracker and writes down what it tells, and when."""

    def __init__(self) -> None:
        self.calls = CallTracker(Numbers())
        self.told: list[tuple[float, Step, Call]] = []

    def status(self, when: float, *members: Any, call_id: str = CALL_ID) -> None:
        self.hear(when, report("CallStatus", call_id, members=list(members)))

    def cdr(self, when: float, *arguments: Any, **fields: Any) -> None:
        self.hear(when, report("NewCdr", **cdr(*arguments, **fields)))

    def event(self, when: float, event: str, *members: Any, **fields: Any) -> None:
        self.hear(when, report(event, members=list(members), **fields))

    def hear(self, when: float, what: Report) -> None:
        self.wait(when)
        for step in self.calls.take(what, at(when)):
            self.told.append((when, step.step, step.call))

    def wait(self, until: float) -> None:
        """Let time pass; calls are closed when they are due, not before."""
        while (due := self.calls.next_due) is not None and due <= at(until):
            for step in self.calls.expire(due):
                self.told.append(((due - START).total_seconds(), step.step, step.call))

    def gone(self, when: float) -> None:
        self.wait(when)
        for step in self.calls.gone(CALL_ID, at(when)):
            self.told.append((when, step.step, step.call))

    @property
    def steps(self) -> list[tuple[float, str]]:
        return [(when, step.value) for when, step, _ in self.told]

    @property
    def end(self) -> Call:
        """Return the call as its one end told it."""
        ends = [call for _, step, call in self.told if step in TERMINAL]
        assert len(ends) == 1
        assert self.told[-1][2] is ends[0]
        assert self.calls.active_count == 0
        return ends[0]


@pytest.fixture
def pbx() -> Line:
    return Line()


def ring(pbx: Line) -> None:
    """Let an outside call ring at 1001."""
    pbx.status(0, caller("ALERT"), phone("1001", "RING"))


def answer(pbx: Line) -> None:
    """Let 1001 answer it after ten seconds."""
    ring(pbx)
    pbx.status(10, caller("ANSWERED"), phone("1001", "ANSWER"))


ANSWERED_CALL = Call(
    call_id=CALL_ID,
    direction=Direction.INBOUND,
    caller_number=OUTSIDE,
    caller_name="Dentist",
    called_number="1001",
    did_number="5551000",
    trunk="Line 1",
    extensions=("1001",),
    answered_by="1001",
    started_at=at(0),
    answered_at=at(10),
    ended_at=at(30),
    ring_seconds=10,
    talk_seconds=20,
    outcome=Outcome.ANSWERED,
    recording="a.wav",
)
MISSED_CALL = replace(
    ANSWERED_CALL,
    answered_by=None,
    answered_at=None,
    ring_seconds=30,
    talk_seconds=0,
    outcome=Outcome.MISSED,
    recording=None,
)
STORY = [(0, "ringing"), (10, "answered"), (30, "ended")]


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
    assert pbx.end.answered_by == "1001"


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


# --- a mobile that rings along ---


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


# --- calls from a phone ---


@pytest.mark.parametrize(
    ("status", "failure", "outcome"),
    [
        ("NO ANSWER", None, Outcome.FAILED),
        ("BUSY", "486 Busy here", Outcome.BUSY),
        ("NO ANSWER", "486 busy Here", Outcome.BUSY),
        ("NO ANSWER", "404 NOT found", Outcome.FAILED),
        ("FAILED", "NO Outbound Restriction", Outcome.FAILED),
    ],
)
def test_an_outbound_call_that_is_not_answered_fails(
    pbx: Line, status: str, failure: str | None, outcome: Outcome
) -> None:
    pbx.status(0, phone("1001", "ALERT"), line("RING"))
    if failure:
        pbx.event(30, "CallFailed", phone("1001"), line(), reason=failure)
    pbx.status(30, phone("1001", "BYE"), line("BYE"))
    pbx.cdr(30, "Outbound", status, by="1001", to=OUTSIDE, talk=0)
    assert pbx.steps == [(0, "ringing"), (30, "failed")]
    assert pbx.end == replace(
        MISSED_CALL,
        direction=Direction.OUTBOUND,
        caller_number="1001",
        caller_name="Anna",
        called_number=OUTSIDE,
        did_number=None,
        outcome=outcome,
    )


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("User Busy", Outcome.BUSY), ("408 Request Time", Outcome.FAILED)],
)
def test_a_failure_alone_ends_a_call(pbx: Line, reason: str, outcome: Outcome) -> None:
    pbx.status(0, phone("1001", "ALERT"))
    pbx.event(1, "CallFailed", phone("1001"), line(), reason=reason)
    pbx.wait(4)
    assert pbx.steps == [(4, "failed")]
    assert (pbx.end.outcome, pbx.end.direction) == (outcome, "outbound")
    assert pbx.end.called_number == OUTSIDE


def test_a_failed_trunk_is_not_the_end_if_another_rings(pbx: Line) -> None:
    pbx.status(0, phone("1001", "ALERT"), line("RING"))
    pbx.event(2, "CallFailed", line(), reason="Circuit/channel congestion")
    second = {"from": "1001", "to": OUTSIDE, "trunkname": "B", "channelid": "out-B"}
    pbx.status(
        2, phone("1001", "ALERT"), {"outbound": {**second, "memberstatus": "RING"}}
    )
    pbx.wait(10)
    assert pbx.steps == [(0, "ringing")]
    pbx.status(
        10,
        phone("1001", "ANSWERED"),
        {"outbound": {**second, "memberstatus": "ANSWER"}},
    )
    assert pbx.steps == [(0, "ringing"), (10, "answered")]


def test_an_outbound_call_that_is_answered(pbx: Line) -> None:
    pbx.status(0, line("RING"), phone("1001", "ALERT"))
    pbx.status(10, line("ANSWER"), phone("1001", "ANSWERED"))
    pbx.status(30, line("BYE"), phone("1001", "BYE"))
    pbx.cdr(30, "Outbound", by="1001", to=OUTSIDE)
    assert pbx.steps == STORY
    assert (pbx.end.answered_by, pbx.end.caller_name) == (OUTSIDE, "Anna")


def test_an_internal_call(pbx: Line) -> None:
    pbx.status(0, phone("1001", "ALERT"), phone("1002", "RING"))
    pbx.status(10, phone("1001", "ANSWERED"), phone("1002", "ANSWER"))
    pbx.status(30, phone("1001", "BYE"), phone("1002", "BYE"))
    pbx.cdr(30, "Internal", by='"Anna" <1001>', to='"Ben" <1002>')
    assert pbx.steps == STORY
    assert pbx.end == replace(
        ANSWERED_CALL,
        direction=Direction.INTERNAL,
        caller_number="1001",
        caller_name="Anna",
        called_number="1002",
        did_number=None,
        trunk=None,
        extensions=("1001", "1002"),
        answered_by="1002",
        recording=None,
    )


def test_names_in_a_cdr_are_not_numbers(pbx: Line) -> None:
    pbx.cdr(30, "Internal", by='"Anna" <1001>', to='"Ben" <1002>')
    pbx.wait(33)
    assert (pbx.end.caller_number, pbx.end.answered_by) == ("1001", "1002")
    assert pbx.end.extensions == ("1001", "1002")


# --- calls that the API starts ---

FIRST_LEGS = {
    "rings": [[phone("1001", "RING")]],
    "alerts": [[phone("1001", "ALERT")]],
    "silent": [],
    "rings, then answers": [[phone("1001", "RING")], [phone("1001", "ANSWER")]],
    "rings, then has answered": [[phone("1001", "RING")], [phone("1001", "ANSWERED")]],
    "alerts, then answers": [[phone("1001", "ALERT")], [phone("1001", "ANSWER")]],
}


@pytest.mark.parametrize("first", FIRST_LEGS.values(), ids=FIRST_LEGS)
@pytest.mark.parametrize("dialler", ["ALERT", "ANSWERED", "ANSWER"])
@pytest.mark.parametrize("outside", [True, False])
def test_the_dialling_phone_neither_rings_nor_answers(
    pbx: Line, first: Any, dialler: str, outside: bool
) -> None:
    def callee(status: str) -> Any:
        return line(status) if outside else phone("1002", status)

    for members in first:
        pbx.status(0, *members)
    assert pbx.steps == []
    if dialler == "ALERT" and first and "ANSWERED" in str(first[-1]):
        dialler = "ANSWERED"
    pbx.status(5, phone("1001", dialler), callee("RING"))
    answered = "ANSWER" if dialler == "ANSWER" else "ANSWERED"
    pbx.status(10, phone("1001", answered), callee("ANSWER"))
    pbx.status(30, phone("1001", "BYE"), callee("BYE"))
    to = OUTSIDE if outside else "1002"
    pbx.cdr(30, "Outbound" if outside else "Internal", by="1001", to=to)
    assert pbx.steps == [(5, "ringing"), (10, "answered"), (30, "ended")]
    end = pbx.end
    assert (end.caller_number, end.called_number, end.answered_by) == ("1001", to, to)
    assert end.direction == ("outbound" if outside else "internal")


@pytest.mark.parametrize("word", ["RING", "ALERT"])
def test_a_dialling_phone_that_is_not_picked_up(pbx: Line, word: str) -> None:
    pbx.status(0, phone("1001", word))
    pbx.status(20, phone("1001", "BYE"))
    pbx.cdr(20, "Internal", "NO ANSWER", by="1001", to="1002", whole=20, talk=0)
    assert pbx.steps == [(20, "missed")]
    assert (pbx.end.caller_number, pbx.end.called_number) == ("1001", "1002")


@pytest.mark.parametrize("picked_up", ["ANSWER", "ANSWERED"])
def test_a_dialled_phone_that_nobody_answers_is_missed(
    pbx: Line, picked_up: str
) -> None:
    pbx.status(0, phone("1001", "RING"))
    pbx.status(5, phone("1001", picked_up))
    pbx.status(5, phone("1001", picked_up), phone("1002", "RING"))
    pbx.status(20, phone("1001", "BYE"), phone("1002", "BYE"))
    pbx.cdr(20, "Internal", "NO ANSWER", by="1001", to="1002", whole=20, talk=0)
    pbx.wait(23)
    assert [step for _, step in pbx.steps] == ["ringing", "missed"]
    assert pbx.end.outcome is Outcome.MISSED


def test_a_played_prompt_is_answered_by_who_picks_up(pbx: Line) -> None:
    pbx.status(0, phone("1001", "RING"))
    pbx.status(5, phone("1001", "ANSWER"))
    pbx.event(20, "PlayPromptEnd", phone("1001"), prompt="fire")
    pbx.status(20, phone("1001", "BYE"))
    pbx.cdr(20, "Internal", by="", to="1001", whole=20, talk=15)
    assert [step for _, step in pbx.steps] == ["ended"]
    assert (pbx.end.answered_by, pbx.end.caller_number) == ("1001", None)


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
    pbx.cdr(30, "Inbound", "ANSWERED", to="1001")
    assert pbx.steps == [(0, "ringing"), (30, "ended")]
    assert pbx.end.answered_by == "1001"


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


# --- version 1 ---


def v1(action: str, **fields: Any) -> Report:
    wire = {"action": action, "callid": CALL_ID, "sn": "369451090405", **fields}
    return understand(decode(json.dumps(wire).encode()), UTC)


def test_version_1_lists_only_the_parties_concerned(pbx: Line) -> None:
    inbound = {"from": OUTSIDE, "to": "1001", "trunk": "Line 1", "inboundid": "1.1"}
    outside, inside = {"inbound": inbound}, {"ext": {"extid": "1001"}}
    pbx.hear(0, v1("RING", call=[inside, outside]))
    pbx.hear(0, v1("ALERT", call=[outside]))
    pbx.hear(10, v1("ANSWER", call=[inside]))
    pbx.hear(10, v1("ANSWERED", call=[outside]))
    pbx.hear(30, v1("BYE", call=[outside]))
    assert pbx.calls.active_count == 1
    pbx.hear(30, v1("BYE", call=[inside]))
    pbx.hear(30, v1("NewCdr", **cdr(recording="a.wav")))
    assert pbx.steps == STORY
    assert pbx.end == ANSWERED_CALL


def test_version_1_rings_a_phone_again_under_the_same_name(pbx: Line) -> None:
    inbound = {"from": OUTSIDE, "to": QUEUE, "trunk": "Line 1", "inboundid": "1.1"}
    outside, inside = {"inbound": inbound}, {"ext": {"extid": "1001"}}
    pbx.hear(0, v1("ALERT", call=[outside]))
    for when in (1, 20):
        pbx.hear(when, v1("RING", call=[inside]))
        pbx.hear(when + 9, v1("BYE", call=[inside]))
    pbx.hear(40, v1("RING", call=[inside]))
    pbx.hear(45, v1("ANSWER", call=[inside]))
    pbx.hear(45, v1("ANSWERED", call=[outside]))
    assert pbx.steps == [(1, "ringing"), (45, "answered")]
