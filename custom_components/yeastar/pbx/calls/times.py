"""When a call began, was answered and ended: all that is known of it, reconciled once.

Reports say when they were heard, perhaps late; the PBX's records how long things
took, by a clock that may be wrong but runs at the right speed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from .evidence import Evidence
from .records import Records

# Records have whole seconds, and reports take a moment.
ALIKE = timedelta(seconds=2)
_SECOND = timedelta(seconds=1)
# How far a record's own start may be from what was heard, to be of the same call.
_SAME_START = timedelta(seconds=5)


@dataclass(slots=True)
class Times:
    """When things happened, and how long they took; None what is not known."""

    started_at: datetime | None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    ring: int | None = None
    talk: int | None = None


def running(evidence: Evidence) -> Times:
    """Return the times of a call that goes on."""
    times = Times(evidence.started_at, evidence.answered_at)
    if times.started_at is not None and times.answered_at is not None:
        times.ring = _seconds(times.started_at, times.answered_at)
    return times


def finished(
    evidence: Evidence,
    judged: Records,
    ended_at: datetime,
    *,
    answered: bool,
    mailbox: bool,
    machine: bool,
) -> Times:
    """Return the times of a call that is over: started ≤ answered ≤ ended.

    Args:
        evidence: of the call.
        judged: its records.
        ended_at: when it ended by all signs.
        answered: whether a person took it.
        mailbox: whether a voicemail did.
        machine: whether an IVR or a queue picked up before a person could.
    """
    started, ended, whole = _span(evidence, judged, ended_at)
    times = Times(started, None, ended)
    seconds = judged.seconds
    if not answered:
        spoken = judged.talk if mailbox and whole else 0
        if started is not None:
            length = seconds if whole and seconds is not None else None
            if length is None:
                length = _seconds(started, ended)
            times.ring = max(0, length - spoken)
        times.talk = 0
        return times
    taken = _answer(evidence, judged, started, ended, machine=machine)
    if taken is None:
        return times
    times.answered_at = taken
    times.talk = _seconds(taken, ended)
    if started is not None:
        times.ring = _seconds(started, taken)
    if whole and abs(times.talk - judged.since_answer) <= 1 and judged.talk:
        # To the second, as the PBX has it.
        times.talk = judged.talk
        if seconds is not None:
            times.ring = max(0, seconds - judged.since_answer)
    return times


def _span(
    evidence: Evidence, judged: Records, ended: datetime
) -> tuple[datetime | None, datetime, bool]:
    """Return when a call began and ended, and whether its records are about all of it."""
    heard, span = evidence.started_at, judged.span
    if heard is not None:
        ended = max(ended, heard)
    if span is None:
        return heard, ended, False
    length = span[1] - span[0]
    if not evidence.legs and not evidence.resumed:
        # Nothing but records: their clock is all there is.
        return span[0], span[1], True
    if heard is None or ended - length <= heard + ALIKE:
        # Its beginning was not heard, or it was.
        by_record = ended - length
        if heard is not None and -ALIKE <= heard - by_record <= _SECOND:
            by_record = heard
        return by_record, ended, True
    seen = evidence.hung_up_at is not None and not evidence.unknown
    if not seen and abs(span[0] - heard) <= _SAME_START and span[1] <= ended:
        # The end was heard of late.
        return heard, heard + length, True
    # The records are about a part of it.
    return heard, ended, False


def _answer(
    evidence: Evidence,
    judged: Records,
    started: datetime | None,
    ended: datetime,
    *,
    machine: bool,
) -> datetime | None:
    """Return when a person answered.

    Not before it was last seen that nobody had, not after it was seen that somebody
    has: what the PBX calls talk may have been its own voice at first.
    """
    seen = taken = evidence.answered_at
    if (judged.talk and (seen is None or judged.says_talk)) or (
        # Taken and hung up within the same second.
        seen is None and judged.answer is not None
    ):
        taken = ended - timedelta(seconds=judged.since_answer)
        if seen is not None and taken > seen:
            taken = seen
        if evidence.waiting_at is not None and taken < evidence.waiting_at - ALIKE:
            taken = seen or evidence.waiting_at
        in_time = seen is not None and not evidence.answer_found
        if machine and in_time and judged.talks_from_the_start:
            # The record counts from when the queue picked up.
            taken = seen
    if taken is None:
        return None
    return min(max(taken, started or taken), ended)


def _seconds(start: datetime, end: datetime) -> int:
    """Return whole seconds, never less than none."""
    return max(0, round((end - start).total_seconds()))
