"""Whole calls of the simulator, dropped, repeated, delayed and shuffled.

A failure prints the story's seeds and hypothesis' blob; both repeat it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
import json
import random
from typing import Any

from hypothesis import HealthCheck, given, note, settings, strategies as st
import pytest

from custom_components.yeastar.pbx.calls import TERMINAL, Call, CallTracker, Step
from custom_components.yeastar.pbx.reports import Report, decode, understand
from tests.simulator.readings import GroupCallTo, Readings
from tests.simulator.scenarios import Kind, Story, many_calls, story_reports
from tests.simulator.settings import Settings
from tests.simulator.truth import Truth

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
PBX = Settings()
EXTENSIONS = {one.number for one in PBX.extensions}
MACHINES = {one.number for one in (*PBX.queues, *PBX.ivrs)}
# Those that show that a call takes place, phantoms apart.
OPENING = {"CallStatus", "NewCdr", "CallFailed", "Tranfer", "Forward"}

by_hypothesis = settings(
    deadline=None,
    max_examples=150,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Numbers:
    """The directory of the simulator's PBX."""

    def is_extension(self, number: str) -> bool:
        return number in EXTENSIONS

    def answers_itself(self, number: str) -> bool:
        return number in MACHINES

    def name_of(self, number: str) -> str | None:
        return None


type Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """A step, and when it was told."""

    at: float
    step: Step
    call: Call


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def read(wire: Wire) -> Report:
    return understand(decode(json.dumps(wire).encode()), UTC)


class Home:
    """A client that polls silent calls once a minute, as Home Assistant does."""

    def __init__(self, sent: list[tuple[float, Wire]]) -> None:
        self.calls = CallTracker(Numbers())
        self.told: list[Told] = []
        self._sent = sent
        self._next_tick = 60.0

    def hear(self, when: float, wire: Wire) -> None:
        self.pass_time(when)
        self._tell(when, self.calls.take(read(wire), at(when)))

    def pass_time(self, until: float) -> None:
        while True:
            due = self.calls.next_due
            expiry = (due - START).total_seconds() if due else until + 1
            moment = min(expiry, self._next_tick)
            if moment > until:
                return
            if moment == expiry:
                self._tell(moment, self.calls.expire(at(moment)))
            else:
                self._next_tick += 60
                self._poll(moment)

    def _poll(self, now: float) -> None:
        for call_id in self.calls.silent(at(now)):
            running = self._running(call_id, now)
            if running is None:
                self._tell(now, self.calls.gone(call_id, at(now)))
            else:
                self._tell(now, self.calls.confirm(call_id, running, at(now)))

    def _running(self, call_id: str, now: float) -> list[dict[str, Any]] | None:
        """Return what the PBX says of a call, None if it is over."""
        mine = [(when, one) for when, one in self._sent if one.get("callid") == call_id]
        if not mine or mine[-1][0] <= now:
            return None
        states = [
            one for when, one in mine if when <= now and one["event"] == "CallStatus"
        ]
        if not states:
            return []
        members: list[dict[str, Any]] = read(states[-1]).payload["members"]
        return [one for one in members if one["member_status"] != "BYE"]

    def _tell(self, when: float, transitions: Iterable[Any]) -> None:
        self.told += [Told(when, one.step, one.call) for one in transitions]


@cache
def readings_of(seed: int) -> Readings:
    """Return one reading of all that is UNSURE; 0 is the most likely one."""
    return Readings.at_random(random.Random(seed)) if seed else Readings()


def play(kind: Kind, seed: int, reading: Readings) -> Story:
    """Play a call; of its reports only those that name it."""
    story = story_reports(seed, kind, readings=reading)
    named = [(when, one) for when, one in story.reports if "callid" in one]
    return replace(story, reports=named)


# Where no two parties meet in one call, so that nobody is told to answer: an
# announcement, and who is alone in a conference.
NOBODYS = (Kind.PAGING_ANNOUNCED, Kind.CONFERENCE)
ROOMS = {one.number for one in PBX.conferences}


def is_nobodys(truth: Truth) -> bool:
    """Tell whether a call is of one of those kinds."""
    return not truth.caller or truth.called in ROOMS


seeds = st.integers(0, 400)
kinds = st.sampled_from(Kind)


def hear(sent: list[tuple[float, Wire]], arrived: list[tuple[float, Wire]]) -> Home:
    """Let reports arrive, and five minutes pass after the last one was due."""
    home = Home(sent)
    for when, wire in arrived:
        home.hear(when, wire)
    last = max(when for when, _ in (*sent, *arrived))
    home.pass_time(last + 300)
    return home


def expected_outcome(truth: Truth) -> str:
    """Return the outcome as the contract names it.

    What the simulator calls missed is `failed` for a call to somebody outside.
    """
    if truth.direction == "outbound" and truth.outcome == "missed":
        return "failed"
    return str(truth.outcome)


# --- as it happened ---


@pytest.mark.parametrize("kind", Kind)
@settings(by_hypothesis, max_examples=25)
@given(seed=seeds, reading=seeds)
def test_an_undisturbed_call_is_told_as_it_was(
    kind: Kind, seed: int, reading: int
) -> None:
    story = play(kind, seed, readings_of(reading))
    truth = story.truth
    home = hear(story.reports, story.reports)
    *before, last = home.told
    call = last.call
    steps = [told.step.value for told in before]
    if kind in NOBODYS:
        assert steps == []
    else:
        assert steps == ["ringing"] * (truth.rang_at is not None) + ["answered"] * (
            truth.answered_at is not None
        )
    assert last.step in TERMINAL
    assert call.outcome == expected_outcome(truth)
    assert call.direction == truth.direction
    if kind is not Kind.CONFERENCE:
        assert (call.answered_by or "") == truth.answered_by
    assert (call.caller_number or "", call.called_number) == (
        truth.caller,
        truth.called,
    )
    assert set(call.extensions) == set(truth.extensions)
    assert (call.trunk or "", call.did_number or "") == (truth.trunk, truth.did)
    # Of an IVR that leads to a queue, the queue.
    assert call.path in ({None} if not truth.path else {truth.path, "6700"})
    assert truth.ended_at is not None
    talk = truth.ended_at - truth.answered_at if truth.answered_at else 0
    # Of a part that ends in the second before the whole, the record may be the first.
    assert call.talk_seconds is not None
    assert abs(call.talk_seconds - talk) <= bool(truth.transferred_to)
    assert last.at <= story.reports[-1][0] + 3
    assert home.calls.active_count == 0


@settings(by_hypothesis, max_examples=15)
@given(seed=seeds, reading=seeds)
def test_many_calls_at_once_are_told_apart(seed: int, reading: int) -> None:
    traffic = many_calls(seed, 30, spread=200.0, readings=readings_of(reading))
    sent = [(when, one) for when, one in traffic.reports if "callid" in one]
    home = hear(sent, sent)
    ends = {told.call.call_id: told for told in home.told if told.step in TERMINAL}
    outcomes = {call_id: str(told.call.outcome) for call_id, told in ends.items()}
    assert outcomes == {one.callid: expected_outcome(one) for one in traffic.truths}
    steps = Counter(told.step for told in home.told)
    heard = [one for one in traffic.truths if not is_nobodys(one)]
    assert steps[Step.RINGING] == sum(bool(one.rang_at) for one in heard)
    assert steps[Step.ANSWERED] == sum(bool(one.answered_at) for one in heard)
    home.calls.expire(at(sent[-1][0] + 3600))
    calls = home.calls
    assert not (calls._open or calls._closing or calls._finished)


# --- disturbed ---

# When each copy of a report arrives after it was sent; none: it is lost.
LATE = st.sampled_from([0.0, 0.0, 0.0, 0.5, 2.9, 3.1, 10.0, 60.0])
ANY_FATE = st.lists(LATE, max_size=3)
SOON = st.sampled_from([0.0, 0.0, 0.4, 1.2, 2.9])


def arrive(story: Story, fates: list[list[float]]) -> list[tuple[float, Wire]]:
    """Return what arrives when, in the order of arrival."""
    copies = [
        (when + delay, wire)
        for (when, wire), delays in zip(story.reports, fates, strict=False)
        for delay in delays
    ]
    return sorted(copies, key=lambda copy: copy[0])


def is_phantom(wire: Wire) -> bool:
    """Tell whether a CDR may be one of a call that never was."""
    if wire["event"] != "NewCdr" or int(wire["callduraction"]) > 1:
        return False
    return bool(wire["talkduraction"] == "0") and wire["status"].startswith("NO ANSW")


def statuses(wire: Wire) -> list[str]:
    if wire["event"] != "CallStatus":
        return []
    return [part["memberstatus"] for one in wire["members"] for part in one.values()]


def check_order(told: list[Told]) -> None:
    steps = [one.step for one in told]
    assert steps.count(Step.RINGING) <= 1
    assert steps.count(Step.ANSWERED) <= 1
    order = [
        0 if one is Step.RINGING else 1 if one is Step.ANSWERED else 2 for one in steps
    ]
    assert order == sorted(order)
    for one in told:
        call = one.call
        assert (call.outcome is not None) == (one.step in TERMINAL)
        if one.step in TERMINAL:
            ended = call.outcome == "answered"
            out = call.direction == "outbound"
            assert one.step == ("ended" if ended else "failed" if out else "missed")


def check_no_hindsight(
    story: Story, arrived: list[tuple[float, Wire]], told: list[Told]
) -> None:
    """Check that nothing is told of which it was known that it is past."""
    last_cdr = story.truth.cdrs[-1] if story.truth.cdrs else None
    for one in told:
        if one.step in TERMINAL:
            continue
        for when, wire in arrived:
            if when >= one.at:
                break
            words = statuses(wire)
            over = bool(words) and len(words) > 1 and set(words) == {"BYE"}
            assert not over, "told after all parties hung up"
            assert wire is not last_cdr or is_phantom(wire), "told after the CDR"
            talk = sum(word in ("ANSWER", "ANSWERED", "HOLD") for word in words) > 1
            if one.step is Step.RINGING:
                assert not talk, "ringing after the answer"


@settings(by_hypothesis, max_examples=600)
@given(data=st.data(), kind=kinds, seed=seeds, reading=seeds)
def test_disturbed_calls_have_one_end_and_nothing_in_hindsight(
    data: st.DataObject, kind: Kind, seed: int, reading: int
) -> None:
    story = play(kind, seed, readings_of(reading))
    size = len(story.reports)
    fates = data.draw(st.lists(ANY_FATE, min_size=size, max_size=size))
    arrived = arrive(story, fates)
    note(f"arrived: {[(when, one['event'], statuses(one)) for when, one in arrived]}")
    home = hear(story.reports, arrived)
    note(f"told: {[(one.at, one.step.value) for one in home.told]}")
    check_order(home.told)
    check_no_hindsight(story, arrived, home.told)
    # `hear` let five minutes pass.
    assert home.calls.active_count == 0
    assert not home.calls._open
    ends = sum(one.step in TERMINAL for one in home.told)
    if any(one["event"] in OPENING and not is_phantom(one) for _, one in arrived):
        assert ends == 1
    elif any("(" in str(one.get("callto")) for _, one in arrived):
        # Of a phone that lost a call: the PBX was asked about that one.
        assert ends <= 1
    elif all(is_phantom(one) for _, one in arrived):
        assert home.told == []
    else:
        assert ends <= 1
    home.calls.expire(at(10_000))
    assert not home.calls._finished


@settings(by_hypothesis, max_examples=300)
@given(data=st.data(), kind=kinds, seed=seeds, reading=seeds)
def test_shuffled_and_repeated_calls_end_as_they_did(
    data: st.DataObject, kind: Kind, seed: int, reading: int
) -> None:
    # A forward's CDR of its first part looks like the end if it comes first, and
    # that of a queue like an abandoned call if it names no agent and comes before
    # the report of the answer.
    chosen = replace(
        readings_of(reading), several_cdrs=False, group_call_to=GroupCallTo.BOTH
    )
    story = play(kind, seed, chosen)
    size = len(story.reports)
    fate = st.lists(SOON, min_size=1, max_size=3)
    fates = data.draw(st.lists(fate, min_size=size, max_size=size))
    arrived = arrive(story, fates)
    note(f"arrived: {[(when, one['event'], statuses(one)) for when, one in arrived]}")
    home = hear(story.reports, arrived)
    call = home.told[-1].call
    assert call.outcome == expected_outcome(story.truth)
    assert call.direction == story.truth.direction
    assert (call.caller_number or "") == story.truth.caller


def is_clear(story: Story) -> bool:
    """Tell whether the CDR alone says how the call ended."""
    if not story.truth.cdrs:
        return False
    last = story.truth.cdrs[-1]
    if is_phantom(last):
        return False
    if story.truth.outcome == "failed":
        # In some readings it says no more than that nobody answered.
        return bool(last["status"] == "FAILED") or story.truth.direction == "outbound"
    in_machine = last["callto"].partition("(")[0] in MACHINES
    return not (
        in_machine and story.truth.outcome == "answered" and ("(" not in last["callto"])
    )


@settings(by_hypothesis, max_examples=300)
@given(data=st.data(), kind=kinds, seed=seeds, reading=seeds)
def test_the_outcome_is_right_whenever_the_cdr_arrives(
    data: st.DataObject, kind: Kind, seed: int, reading: int
) -> None:
    chosen = replace(
        readings_of(reading), several_cdrs=False, group_call_to=GroupCallTo.BOTH
    )
    story = play(kind, seed, chosen)
    if not is_clear(story):
        return
    maybe = st.lists(SOON, max_size=2)
    last = story.truth.cdrs[-1]
    fates = [
        [data.draw(SOON)] if one is last else data.draw(maybe)
        for _, one in story.reports
    ]
    arrived = arrive(story, fates)
    note(f"arrived: {[(when, one['event'], statuses(one)) for when, one in arrived]}")
    home = hear(story.reports, arrived)
    assert home.told[-1].call.outcome == expected_outcome(story.truth)
    assert home.told[-1].call.direction == story.truth.direction
