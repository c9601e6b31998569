"""Calls that phones and the API begin, and how version 1 tells of calls."""

from dataclasses import replace
from datetime import UTC
import json
from typing import Any

import pytest

from custom_components.yeastar.pbx.calls import Direction, Outcome
from custom_components.yeastar.pbx.reports import Report, decode, understand

from .line import (
    ANSWERED_CALL,
    CALL_ID,
    MISSED_CALL,
    OUTSIDE,
    QUEUE,
    STORY,
    Line,
    cdr,
    line,
    phone,
)


@pytest.fixture
def pbx() -> Line:
    return Line()


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
