"""The same call heard live, with reports lost, and found in the PBX's log.

A failure prints the story's seeds and hypothesis' blob; both repeat it.
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, note, settings, strategies as st
import pytest

from custom_components.yeastar.pbx.calls import TERMINAL, Call, CallTracker, Step
from custom_components.yeastar.pbx.calls.log import call_of
from custom_components.yeastar.pbx.calls.record import record_of
from tests.simulator.readings import GroupCallTo
from tests.simulator.scenarios import Kind, Story
from tests.simulator.truth import Truth

from .test_calls_random import (
    EXTENSIONS,
    NOBODYS,
    Home,
    Numbers,
    arrive,
    by_hypothesis,
    is_phantom,
    kinds,
    play,
    read,
    readings_of,
    seeds,
    statuses,
)

# What the simulator's PBX shows when a call begins, taken for UTC.
BEGAN = datetime(2019, 10, 24, 14, 18, 50, tzinfo=UTC)
# The PBX writes whole seconds, and what was heard within two of them is the same.
ALIKE = 2.0


def plain(kind: Kind, seed: int, reading: int) -> Story:
    """Play a call whose records say by themselves what they are about.

    The record of a part looks like that of a whole call if nothing else is known, and
    one of a queue that names no agent like one of another agent.
    """
    chosen = replace(
        readings_of(reading), several_cdrs=False, group_call_to=GroupCallTo.BOTH
    )
    return play(kind, seed, chosen)


@pytest.fixture(autouse=True)
def same_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reports be heard at the time that the records have."""
    monkeypatch.setattr("tests.pbx.test_calls_random.START", BEGAN)


def from_log(story: Story) -> Call | None:
    """Return the call as all of its records tell it."""
    sent = {id(wire): when for when, wire in story.reports}
    records = [
        record_of(
            read(wire).payload,
            BEGAN + timedelta(seconds=sent[id(wire)]),
            timedelta(),
        )
        for wire in story.truth.cdrs
    ]
    return call_of(records, Numbers())


def check_times(call: Call) -> None:
    moments = [call.started_at, call.answered_at, call.ended_at]
    known = [one for one in moments if one is not None]
    assert known == sorted(known)
    if call.started_at is None or call.ended_at is None:
        return
    length = (call.ended_at - call.started_at).total_seconds()
    if call.ring_seconds is not None and call.talk_seconds is not None:
        assert call.ring_seconds >= 0
        assert call.talk_seconds >= 0
        assert call.ring_seconds + call.talk_seconds <= length + 1


@settings(by_hypothesis, max_examples=500)
@given(data=st.data(), kind=kinds, seed=seeds, reading=seeds)
def test_whatever_is_lost_the_whole_calls_record_gives_the_same_call_as_the_log(
    data: st.DataObject, kind: Kind, seed: int, reading: int
) -> None:
    story = plain(kind, seed, reading)
    if not story.truth.cdrs or is_phantom(story.truth.cdrs[-1]):
        return
    last = story.truth.cdrs[-1]
    size = len(story.reports)
    kept = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    arrived = [
        one
        for one, keep in zip(story.reports, kept, strict=True)
        if keep or one[1] is last
    ]
    note(f"arrived: {[(when, one['event'], statuses(one)) for when, one in arrived]}")
    home = Home(story.reports)
    for when, wire in arrived:
        home.hear(when, wire)
    home.pass_time(story.reports[-1][0] + 300)
    [live] = [one.call for one in home.told if one.step in TERMINAL]
    logged = from_log(story)
    assert logged is not None
    assert (live.outcome, live.direction) == (logged.outcome, logged.direction)
    assert live.caller_number == logged.caller_number
    assert live.did_number == logged.did_number
    assert live.recording == logged.recording
    assert (live.talk_seconds is None) == (logged.talk_seconds is None)
    for mine, its in (
        (live.talk_seconds, logged.talk_seconds),
        (live.ring_seconds, logged.ring_seconds),
    ):
        assert mine is not None
        assert its is not None
        assert abs(mine - its) <= ALIKE
    for moment, other in (
        (live.started_at, logged.started_at),
        (live.answered_at, logged.answered_at),
        (live.ended_at, logged.ended_at),
    ):
        assert (moment is None) == (other is None)
        if moment is not None and other is not None:
            assert abs((moment - other).total_seconds()) <= ALIKE
    for one in home.told:
        check_times(one.call)


@settings(by_hypothesis, max_examples=300)
@given(data=st.data(), kind=kinds, seed=seeds, reading=seeds)
def test_times_fit_each_other_whatever_is_lost_or_late(
    data: st.DataObject, kind: Kind, seed: int, reading: int
) -> None:
    story = play(kind, seed, readings_of(reading))
    size = len(story.reports)
    late = st.lists(st.sampled_from([0.0, 0.0, 2.9, 3.1, 40.0]), max_size=2)
    fates = data.draw(st.lists(late, min_size=size, max_size=size))
    home = Home(story.reports)
    # An hour off, as after a change to summer time that the PBX did not make.
    home.calls.drift = timedelta(hours=data.draw(st.sampled_from([0, 1, -1])))
    for when, wire in arrive(story, fates):
        home.hear(when, wire)
    home.pass_time(story.reports[-1][0] + 400)
    for one in home.told:
        check_times(one.call)


# --- what a phone hears is about that phone ---


def phone_steps(story: Story) -> dict[str, list[Step]]:
    """Play a call undisturbed; return what each phone heard."""
    calls = CallTracker(Numbers())
    heard: dict[str, list[Step]] = {}
    for when, wire in story.reports:
        moment = BEGAN + timedelta(seconds=when)
        calls.expire(moment)
        calls.take(read(wire), moment)
        for one in calls.heard():
            if one.kind == "extension":
                heard.setdefault(one.who, []).append(one.step)
    calls.expire(BEGAN + timedelta(seconds=story.reports[-1][0] + 60))
    for one in calls.heard():
        if one.kind == "extension":
            heard.setdefault(one.who, []).append(one.step)
    return heard


def rang(truth: Truth) -> set[str]:
    return set(truth.rang) & EXTENSIONS - {truth.caller}


@pytest.mark.parametrize("kind", [one for one in Kind if one not in NOBODYS])
@settings(by_hypothesis, max_examples=25)
@given(seed=seeds, reading=seeds)
def test_a_phone_hears_of_its_own_part_in_a_call(
    kind: Kind, seed: int, reading: int
) -> None:
    story = play(kind, seed, readings_of(reading))
    truth = story.truth
    heard = phone_steps(story)
    note(f"{heard}")
    took_part = set(truth.talked) & EXTENSIONS
    end = "ended" if truth.outcome == "answered" else "missed"
    if truth.outcome != "answered" and truth.direction == "outbound":
        end = "failed"
    for number in rang(truth) | took_part:
        steps = [one.value for one in heard.get(number, [])]
        assert max(Counter(steps).values(), default=0) <= 1
        if number in rang(truth):
            assert steps[:1] == ["ringing"]
        if number in took_part:
            assert "answered" in steps
            assert steps[-1] == "ended"
        elif number in rang(truth):
            assert "answered" not in steps
            assert steps[-1] in (
                ("answered_elsewhere", "ended") if end == "ended" else (end,)
            )
    assert heard.keys() <= set(truth.extensions)
