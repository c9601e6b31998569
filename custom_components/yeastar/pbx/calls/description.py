"""A call as it is told: who called whom, who answered, how long, how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from .evidence import Evidence
from .record import CallRecord


class Direction(StrEnum):
    """Where a call comes from and goes to."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    MISSED = "missed"
    VOICEMAIL = "voicemail"
    BUSY = "busy"
    FAILED = "failed"
    ABANDONED = "abandoned"


class NumberPlan(Protocol):
    """What is known of numbers inside the PBX."""

    def is_extension(self, number: str) -> bool:
        """Tell whether this is an extension."""

    def answers_itself(self, number: str) -> bool:
        """Tell whether this is an IVR or a queue, which pick up without a person."""

    def name_of(self, number: str) -> str | None:
        """Return the name of an extension or a contact with this number."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is told (contract 5). Durations in whole seconds."""

    call_id: str
    direction: Direction
    caller_number: str | None = None
    caller_name: str | None = None
    called_number: str | None = None
    did_number: str | None = None
    trunk: str | None = None
    path: str | None = None
    extensions: tuple[str, ...] = ()
    answered_by: str | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    ring_seconds: int | None = None
    talk_seconds: int | None = None
    outcome: Outcome | None = None
    recording: str | None = None
    late: bool = False


@dataclass(slots=True)
class _Times:
    """When things happened, and how long they took."""

    started_at: datetime | None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    ring: int | None = None
    talk: int | None = None


def describe(
    evidence: Evidence, directory: NumberPlan, ended_at: datetime | None = None
) -> Call:
    """Return what is known of a call; `ended_at` is given when it is over."""
    record = _main_record(evidence)
    direction = _direction(evidence, record)
    caller, called = _caller_and_called(evidence, direction)
    path = evidence.path
    answered_by = evidence.answered_by
    if record is not None:
        if called is not None and called in (record.caller, record.did):
            # A dialling phone that was never picked up; the DID for what it leads to.
            called = evidence.first_path
        caller = caller or record.caller
        called = called or record.called
        if path is None and record.called:
            path = _path_of(record, record.called, directory)
        if answered_by is None and record.status == "ANSWERED":
            answered_by = record.taker or _person(record.called, directory)
    if path is None and called and directory.answers_itself(called):
        path = called
    outcome = None
    if ended_at is not None:
        waited = any(
            number and directory.answers_itself(number)
            for number in (path, called, record.called if record else None)
        )
        outcome = _outcome(evidence, record, direction, waited, answered_by)
        if (
            outcome is Outcome.ANSWERED
            and answered_by is None
            and direction is Direction.OUTBOUND
        ):
            answered_by = called
    times = _times(evidence, record, outcome, ended_at)
    line = evidence.line("inbound") or evidence.line("outbound")
    trunk = line.trunk if line is not None else None
    return Call(
        call_id=evidence.call_id,
        direction=direction,
        caller_number=caller,
        caller_name=directory.name_of(caller) if caller else None,
        called_number=called,
        did_number=_first(record.did for record in evidence.records),
        trunk=trunk or (record.trunk if record is not None else None),
        path=path,
        extensions=_extensions(evidence, directory, caller, called, answered_by),
        answered_by=answered_by,
        started_at=times.started_at,
        answered_at=times.answered_at,
        ended_at=times.ended_at,
        ring_seconds=times.ring,
        talk_seconds=times.talk,
        outcome=outcome,
        recording=_first(
            one.recording for one in (*((record,) if record else ()), *evidence.records)
        ),
    )


def _first(values: Iterable[str | None]) -> str | None:
    """Return the first value that is there."""
    return next((value for value in values if value), None)


def _main_record(evidence: Evidence) -> CallRecord | None:
    """Return the CDR that speaks for the call.

    A mobile that rang along gives an inbound call an outbound CDR too (protocol 5.3),
    and phones that lost a call have CDRs without an answer; of the parts of a
    transferred call the one with the longest talk speaks.
    """
    if not evidence.records:
        return None
    inbound = any(record.kind == "INBOUND" for record in evidence.records)
    return max(
        evidence.records,
        key=lambda record: (
            not inbound or record.kind == "INBOUND",
            not record.unanswered,
            not record.phantom,
            record.taker is None or not record.unanswered,
            record.talk,
            record.duration or 0,
            record.heard_at,
        ),
    )


def _direction(evidence: Evidence, record: CallRecord | None) -> Direction:
    """Return the direction, for which CallStatus has no word (protocol 5.2)."""
    if evidence.line("inbound") is not None:
        return Direction.INBOUND
    if record is not None:
        try:
            return Direction(record.kind.lower())
        except ValueError:
            # v1 also has Callback and Transfer.
            pass
    if evidence.line("outbound") is not None:
        return Direction.OUTBOUND
    return Direction.INTERNAL


def _caller_and_called(
    evidence: Evidence, direction: Direction
) -> tuple[str | None, str | None]:
    """Return who calls and what was dialled, as far as the legs show."""
    if direction is Direction.INBOUND:
        line = evidence.line("inbound")
        return (line.number, line.other) if line is not None else (None, None)
    phones = [leg for leg in evidence.legs.values() if leg.kind == "ext"]
    calling = next((leg for leg in phones if leg.was_caller), None)
    if calling is None and len(phones) > 1:
        # An API dial whose parties are both callees: the caller's phone rang first.
        calling = phones[0]
    caller = calling.number if calling is not None else None
    if direction is Direction.OUTBOUND:
        line = evidence.line("outbound")
        if line is None:
            return caller, None
        return caller or line.other, line.number
    rung = next(
        (leg for leg in phones if leg is not calling and evidence.is_callee(leg)), None
    )
    return caller, evidence.first_path or (rung.number if rung is not None else None)


def _person(number: str | None, directory: NumberPlan) -> str | None:
    """Return a number if it is somebody's."""
    return number if number and directory.is_extension(number) else None


def _path_of(record: CallRecord, called: str, directory: NumberPlan) -> str | None:
    """Return the group that a CDR names."""
    grouped = record.taker is not None or directory.answers_itself(called)
    return called if grouped else None


def _extensions(
    evidence: Evidence,
    directory: NumberPlan,
    caller: str | None,
    called: str | None,
    answered_by: str | None,
) -> tuple[str, ...]:
    """Return the extensions that took part, in the order in which they came."""
    found = dict(evidence.extensions)
    # Who was dialled may have been rung unseen; who lost a group's call was seen.
    for number in (caller, called if not found else None, answered_by):
        if number and directory.is_extension(number):
            found[number] = None
    return tuple(found)


def _times(
    evidence: Evidence,
    record: CallRecord | None,
    outcome: Outcome | None,
    ended_at: datetime | None,
) -> _Times:
    """Return when things happened as we saw it, and how long as the CDR says.

    The PBX's clock may be wrong, its durations are not; ours suffer from reports
    that come late. The CDR of a call that was moved may be about one part only.
    """
    times = _Times(evidence.started_at, evidence.answered_at, ended_at)
    whole = record.duration if record is not None else None
    if whole is not None and record is not None and ended_at is not None:
        if not evidence.legs and record.began is not None:
            # Heard of when it was over.
            times.started_at = record.began
            times.ended_at = ended_at = record.began + timedelta(seconds=whole)
        elif not evidence.legs or times.started_at is None:
            times.started_at = ended_at - timedelta(seconds=whole)
        if evidence.moved_at is not None and times.answered_at is not None:
            record = whole = None
    if whole is None or record is None:
        _measure(times, over=ended_at is not None)
    elif outcome is Outcome.ANSWERED:
        times.ring, times.talk = max(0, whole - record.talk), record.talk
        if times.answered_at is None and times.started_at is not None:
            times.answered_at = times.started_at + timedelta(seconds=times.ring)
    elif outcome is not None:
        # What the PBX calls talk was its own voice: mailbox, IVR, queue.
        mailbox = record.talk if outcome is Outcome.VOICEMAIL else 0
        times.ring, times.talk = max(0, whole - mailbox), 0
    else:
        _measure(times, over=False)
    if outcome not in (None, Outcome.ANSWERED):
        times.answered_at, times.talk = None, 0
    return times


def _measure(times: _Times, *, over: bool) -> None:
    """Work out durations from the times that we saw."""
    if times.answered_at is not None and times.ended_at is not None:
        times.talk = _between(times.answered_at, times.ended_at)
    until = times.answered_at or (times.ended_at if over else None)
    if times.started_at is not None and until is not None:
        times.ring = _between(times.started_at, until)


def _between(start: datetime, end: datetime) -> int:
    """Return whole seconds, never less than none."""
    return max(0, round((end - start).total_seconds()))


def _outcome(
    evidence: Evidence,
    record: CallRecord | None,
    direction: Direction,
    waited: bool,
    answered_by: str | None,
) -> Outcome:
    """Return how a call ended; `waited`: in an IVR or a queue.

    A person who talked outweighs everything. The PBX's own `ANSWERED` does not: it
    also means an IVR, a queue or a voicemail.
    """
    if evidence.person:
        return Outcome.ANSWERED
    outbound = direction is Direction.OUTBOUND
    waited = waited and not outbound
    match record.status if record is not None else None:
        case "VOICEMAIL":
            return Outcome.VOICEMAIL
        case "BUSY":
            return Outcome.BUSY
        case "FAILED":
            return Outcome.FAILED
        case "ANSWERED" if answered_by is not None or not waited:
            return Outcome.ANSWERED
    if evidence.failure is not None and evidence.path is None:
        busy = evidence.failure.lower().startswith(("user busy", "486 busy"))
        return Outcome.BUSY if busy else Outcome.FAILED
    if waited:
        return Outcome.ABANDONED
    if outbound:
        return Outcome.FAILED
    if any(leg.talked and leg.was_caller for leg in evidence.legs.values()):
        # The PBX picked up and no person did.
        if evidence.path is not None:
            return Outcome.ABANDONED
        if record is None:
            return Outcome.VOICEMAIL
    return Outcome.MISSED
