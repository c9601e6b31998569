"""Calls as a user would tell them, report by report, in every reading of protocol.md.

Each story goes over the wire's form, so that the keys and misspellings count too.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from typing import Any

import pytest

from custom_components.yeastar.pbx.calls.tracker import (
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

    def restart(self) -> None:
        """Forget all calls but what was told of them."""
        begun: dict[str, tuple[Call, bool]] = {}
        over = {call.call_id for _, step, call in self.told if step in TERMINAL}
        for _, step, call in self.told:
            begun[call.call_id] = (call, step is Step.ANSWERED)
        for call_id in over:
            del begun[call_id]
        self.calls = CallTracker(Numbers(), over, begun)

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
