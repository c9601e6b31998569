"""A call as it is told: who called whom, who answered, how long, how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from . import times
from .evidence import Evidence
from .leg import Leg
from .records import NumberPlan, Records


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


def describe(
    evidence: Evidence,
    *,
    before: Call | None = None,
    announced: Direction | None = None,
    ended_at: datetime | None = None,
    late: bool = False,
) -> Call:
    """Return what is known of a call.

    Args:
        evidence: of its reports and records.
        before: the call as it was announced before a restart; nothing of it is
            contradicted.
        announced: the direction in which it was announced, None if it was not.
        ended_at: when it ended by all signs, None if it goes on.
        late: whether it was found by catching up.
    """
    plan, judged = evidence.plan, evidence.judged
    caller = evidence.caller()
    direction = announced or _direction(evidence, judged, caller)
    calling, called = _parties(evidence, judged, caller, direction)
    did = _first(record.did for record in evidence.records)
    if before is not None:
        calling = calling or before.caller_number
        called = before.called_number or called
        did = did or before.did_number
    first = judged.first
    if first is not None:
        if called is not None and called in (first.caller, did):
            # A dialling phone that was never picked up; the DID for what it leads to.
            called = evidence.called
        calling = calling or first.caller
        told = announced is not None and evidence.called is not None
        if not told and ended_at and _began_unheard(evidence, judged, ended_at):
            # Where it rang by then may be where it was sent on to.
            called = first.called or called
        called = called or first.called
    path = evidence.path or (before.path if before else None) or judged.path
    if path is None and called and plan.answers_itself(called):
        path = called
    answered_by = evidence.answered_by
    outcome, when = None, times.running(evidence)
    if ended_at is not None:
        waited = any(
            number and plan.answers_itself(number)
            for number in (path, called, judged.path)
        )
        outcome = Outcome.ANSWERED
        if not evidence.person:
            outcome = _outcome(evidence, judged, direction, waited=waited)
        when = times.finished(
            evidence,
            judged,
            ended_at,
            answered=outcome is Outcome.ANSWERED,
            mailbox=outcome is Outcome.VOICEMAIL,
            machine=waited,
        )
        if outcome is Outcome.ANSWERED:
            answered_by = _taker(evidence, judged, when.answered_at)
            if answered_by is None and direction is Direction.OUTBOUND:
                answered_by = called
    line = evidence.line("inbound") or evidence.line("outbound")
    return Call(
        call_id=evidence.call_id,
        direction=direction,
        caller_number=calling,
        caller_name=_name(plan, calling, before),
        called_number=called,
        did_number=did,
        trunk=_first(
            (
                line.trunk if line is not None and line.talked else None,
                first.trunk if first is not None else None,
                line.trunk if line is not None else None,
                *(record.trunk for record in evidence.records),
                before.trunk if before is not None else None,
            )
        ),
        path=path,
        extensions=_extensions(evidence, judged, plan, calling, called, answered_by),
        answered_by=answered_by,
        started_at=when.started_at,
        answered_at=when.answered_at,
        ended_at=when.ended_at,
        ring_seconds=when.ring,
        talk_seconds=when.talk,
        outcome=outcome,
        recording=judged.recording,
        late=late,
    )


def _first(values: Iterable[str | None]) -> str | None:
    """Return the first value that is there."""
    return next((value for value in values if value), None)


def _name(plan: NumberPlan, number: str | None, before: Call | None) -> str | None:
    """Return who calls, as far as it is known; the number may be hidden by now."""
    if number is None:
        return None
    known = before is not None and before.caller_number == number
    return plan.name_of(number) or (before.caller_name if before and known else None)


def _began_unheard(evidence: Evidence, judged: Records, ended_at: datetime) -> bool:
    """Return True if a call had gone on for a while when it was first heard of."""
    if evidence.resumed or evidence.started_at is None or judged.seconds is None:
        return False
    heard = ended_at - evidence.started_at
    return heard + times.ALIKE < timedelta(seconds=judged.seconds)


def _direction(evidence: Evidence, judged: Records, caller: Leg | None) -> Direction:
    """Return the direction, for which CallStatus has no word (protocol 5.2)."""
    if evidence.line("inbound") is not None:
        return Direction.INBOUND
    if (first := judged.first) is not None:
        try:
            return Direction(first.kind.lower())
        except ValueError:
            # v1 also has Callback and Transfer (protocol 5.3): the trunk tells.
            if first.came_on or first.went_on:
                return Direction.INBOUND if first.came_on else Direction.OUTBOUND
    if evidence.line("outbound") is not None:
        return Direction.OUTBOUND
    alone = caller is not None and all(
        leg.person == caller.person for leg in evidence.legs.values()
    )
    if alone and judged.first is None:
        # Dialled, and reached nobody in the house (CallFailed: protocol 5.7).
        return Direction.OUTBOUND
    return Direction.INTERNAL


def _parties(
    evidence: Evidence, judged: Records, caller: Leg | None, direction: Direction
) -> tuple[str | None, str | None]:
    """Return who calls and what was dialled, as far as there is evidence of it."""
    calling = caller.number if caller is not None else None
    if direction is Direction.INBOUND:
        line = evidence.line("inbound")
        return (line.number, line.other) if line is not None else (None, None)
    if direction is Direction.OUTBOUND:
        if (line := evidence.line("outbound")) is None:
            return calling, evidence.called
        if line is caller:
            return calling, evidence.called
        return calling or line.other, line.number
    called = evidence.called
    if called is None and judged.first is None:
        # Called by the PBX itself, such as for an announcement.
        called = evidence.path or _first(
            leg.number for leg in evidence.phones() if leg is not caller
        )
    return calling, called


def _taker(
    evidence: Evidence, judged: Records, answered_at: datetime | None
) -> str | None:
    """Return who took a call, None if that is not known.

    The record of a call that was sent on names who was dialled, and who talks when
    reports arrive again may be the second one.
    """
    seen, recorded = evidence.answered_by, judged.answered_by
    if recorded is None or answered_at is None or recorded == seen:
        return seen or recorded
    if seen is not None:
        if evidence.resumed or evidence.answer_found:
            # Told, and when that was is not known so well.
            return seen
        known = evidence.answered_at
        early = known is None or answered_at < known - times.ALIKE
        return recorded if early else seen
    left = [leg for leg in evidence.callees() if leg.there_at(answered_at)]
    if any(leg.number == recorded for leg in left):
        return recorded
    mobiles = {leg.number for leg in left if leg.kind == "outbound"}
    return mobiles.pop() if len(mobiles) == 1 else recorded


def _extensions(
    evidence: Evidence,
    judged: Records,
    plan: NumberPlan,
    caller: str | None,
    called: str | None,
    answered_by: str | None,
) -> tuple[str, ...]:
    """Return the extensions that took part, in the order in which they came."""
    found = dict(evidence.extensions)
    # Who was dialled may have been rung unseen; who lost a group's call was seen.
    named = (caller, *(() if found else (called, *judged.extensions)), answered_by)
    for number in named:
        if number and plan.is_extension(number):
            found[number] = None
    return tuple(found)


def _outcome(
    evidence: Evidence, judged: Records, direction: Direction, *, waited: bool
) -> Outcome:
    """Return how a call ended in which no person was seen to answer.

    The PBX's own `ANSWERED` does not say that one did: it also means an IVR, a queue
    or a voicemail. `waited`: in an IVR or a queue.
    """
    outbound = direction is Direction.OUTBOUND
    waited = waited and not outbound
    match judged.status:
        case "VOICEMAIL":
            return Outcome.VOICEMAIL
        case "BUSY":
            return Outcome.BUSY
        case "FAILED":
            return Outcome.FAILED
        case "ANSWERED" if judged.answer is not None or not waited:
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
        if judged.main is None:
            return Outcome.VOICEMAIL
    return Outcome.MISSED
