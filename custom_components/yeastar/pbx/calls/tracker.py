"""From reports to calls: who rings, who answered, how it ended.

Pure: reports and the time go in, transitions come out. `evidence` keeps what the
reports of one call prove, `description` says it in the contract's words, and here is
decided what is told of it and when, for all calls of a PBX.
"""

from collections import Counter, OrderedDict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from ..reports import Report
from .description import Call, Direction, NumberPlan, Outcome, describe
from .evidence import SETTLE, Evidence
from .observations import observations
from .record import CallRecord, record_of

# How long a finished call is remembered, so that late reports do not revive it.
REMEMBER = timedelta(minutes=10)
# How long an open call may be silent before the PBX is asked about it.
SILENT = timedelta(minutes=2)

# Far more than any S-Series PBX can carry (S300: 60 calls at once); whoever invents
# calls must not fill the memory.
MOST_OPEN = 1_000
MOST_FINISHED = 20_000
LONGEST_ID = 128


class Step(StrEnum):
    """What can be told of a call, in this order."""

    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"
    MISSED = "missed"
    FAILED = "failed"


TERMINAL = frozenset({Step.ENDED, Step.MISSED, Step.FAILED})


@dataclass(frozen=True, slots=True)
class Transition:
    """One thing that happened to a call."""

    step: Step
    call: Call


# Reports that show that a call takes place. An `invite` does not: the call may be
# refused, and then there never was one (protocol 6.6).
_OPENING = frozenset(
    {
        "call_status",
        "new_cdr",
        "call_failed",
        "transfer",
        "forward",
        "incoming",
        "conference_status",
    }
)
# Those that say something without members, too.
_ALONE = frozenset({"new_cdr", "call_failed"})
# Those whose list of members is complete and says what each one does. The one of
# `dtmf` has only who pressed the key.
_LISTING = frozenset({"call_status", "conference_status"})


class CallTracker:
    """All calls of a PBX, open ones and lately finished ones.

    Attributes:
        last_opened: id and time of the call that was last seen to begin.
        observed: how often the reports of calls have shown what.
    """

    def __init__(
        self,
        directory: NumberPlan,
        told: Container[str] = (),
        begun: Mapping[str, tuple[Call, bool]] = MappingProxyType({}),
    ) -> None:
        """Start with no calls.

        Args:
            directory: what is known of numbers.
            told: calls that were told to their end, also before this start.
            begun: calls that were told and not to their end, also before this start,
                each as it was told last and whether as answered.
        """
        self._directory = directory
        self._told = told
        self._begun = begun
        self.observed: Counter[str] = Counter()
        self.last_opened: tuple[str, datetime] | None = None
        # In the order in which they were last heard of, the most silent one first.
        self._open: OrderedDict[str, Evidence] = OrderedDict()
        # Those of the open ones that are over but for the other half of their end,
        # in the same order.
        self._closing: OrderedDict[str, Evidence] = OrderedDict()
        # When calls were finished, the oldest first.
        self._finished: OrderedDict[str, datetime] = OrderedDict()
        self._latest: datetime | None = None

    @property
    def active(self) -> list[Call]:
        """Return the calls that go on, oldest first."""
        going_on = [
            evidence
            for call_id, evidence in self._open.items()
            if call_id not in self._closing
        ]
        going_on.sort(key=lambda evidence: evidence.opened_at)
        return [self._describe(evidence) for evidence in going_on]

    @property
    def active_count(self) -> int:
        """Return how many calls go on."""
        return len(self._open) - len(self._closing)

    def __contains__(self, call_id: str) -> bool:
        """Tell whether a call is open: it goes on, or its end is not complete."""
        return call_id in self._open

    def parties(self, call_id: str) -> list[dict[str, Any]]:
        """Return who takes part in an open call by its reports, like their members."""
        evidence = self._open.get(call_id)
        return evidence.members() if evidence is not None else []

    def extensions_in(self, call_id: str) -> tuple[str, ...]:
        """Return the extensions that had part in a call that goes on, else none."""
        evidence = self._open.get(call_id)
        if evidence is None or call_id in self._closing:
            return ()
        return self._describe(evidence).extensions

    @property
    def next_due(self) -> datetime | None:
        """Return when `expire` has something to tell, None if never."""
        for evidence in self._closing.values():
            return evidence.heard_at + SETTLE
        return None

    def silent(self, now: datetime) -> list[str]:
        """Return the calls to ask the PBX about: nothing heard for 2 minutes."""
        self._notice(now)
        silent = []
        for call_id, evidence in self._open.items():
            if now - evidence.heard_at < SILENT:
                break
            if call_id not in self._closing:
                silent.append(call_id)
        return silent

    def is_silent(self, call_id: str, now: datetime) -> bool:
        """Tell whether nothing was heard for 2 minutes of a call that goes on."""
        evidence = self._open.get(call_id)
        return (
            evidence is not None
            and call_id not in self._closing
            and now - evidence.heard_at >= SILENT
        )

    def take(self, report: Report, now: datetime) -> list[Transition]:
        """Take a report in, return what it means for its call.

        That is one step, or nothing; with very many calls open also the end of the
        one that was silent for the longest time.
        """
        payload = report.payload
        call_id = payload.get("call_id")
        if not isinstance(call_id, str) or not 0 < len(call_id) <= LONGEST_ID:
            return []
        self._notice(now)
        if call_id in self._finished:
            if report.known:
                self.observed[f"{report.type}_after_the_end"] += 1
            return []
        members = payload.get("members")
        if report.type == "call_status" and not members:
            # event-CallStatus.html: may be empty and then says nothing.
            return []
        transitions: list[Transition] = []
        evidence = self._open.get(call_id)
        if evidence is None:
            if report.type not in _OPENING or not (members or report.type in _ALONE):
                return []
            if call_id in self._told:
                return []
            if len(self._open) >= MOST_OPEN:
                transitions = self._close(next(iter(self._open.values())), now)
            evidence = self._evidence(call_id, now, started_at=now)
            if report.type == "call_status":
                self.last_opened = (call_id, now)
        match report.type:
            case _ if report.type in _LISTING and members:
                evidence.take_members(members, now, complete=not report.legacy)
            case "new_cdr":
                evidence.note_record(record_of(payload, now))
            case "call_failed":
                evidence.note_parties(members, now)
                evidence.note_failure(str(payload.get("reason") or ""), now)
            case "transfer" | "forward":
                # Version 1 calls both a transfer.
                answered = report.type == "transfer" and not report.legacy
                evidence.note_move(now, answered=answered)
                evidence.note_parties(members, now)
            case _:
                evidence.note_parties(members, now)
        return transitions + self._tell(evidence, now)

    def adopt(self, call_id: str, members: list[dict[str, Any]], now: datetime) -> None:
        """Take in a call that the PBX says is running and of which nothing was told.

        When it began to ring or was answered is not known, so neither will be told;
        unless that was told before a restart.
        """
        self._notice(now)
        if call_id in self._open or call_id in self._finished or not members:
            return
        if call_id in self._told:
            return
        if len(self._open) >= MOST_OPEN or not 0 < len(call_id) <= LONGEST_ID:
            return
        evidence = self._evidence(call_id, now, started_at=None)
        evidence.told_ringing = True
        answered_at = evidence.answered_at
        evidence.take_members(members, now, complete=True)
        evidence.told_answered = evidence.person
        evidence.answered_at = answered_at
        if not evidence.hung_up:
            self._open[call_id] = evidence

    def confirm(
        self, call_id: str, members: list[dict[str, Any]], now: datetime
    ) -> list[Transition]:
        """Take what the PBX answered when asked about a silent call."""
        self._notice(now)
        if (evidence := self._open.get(call_id)) is None:
            return []
        if members:
            evidence.take_members(members, now, complete=True)
        return self._tell(evidence, now)

    def gone(self, call_id: str, now: datetime) -> list[Transition]:
        """Take in that the PBX does not know a call any more.

        If it ended just now, its reports are on their way, so the call waits as
        long for its CDR as any other.
        """
        self._notice(now)
        if (evidence := self._open.get(call_id)) is None:
            return []
        evidence.note_unknown(now)
        return self._tell(evidence, now)

    def found_over(
        self, call: Call, records: Iterable[CallRecord], now: datetime
    ) -> Transition:
        """Take in that a call is over, as the PBX's call log has it.

        Args:
            call: as the log has it, for a call of which nothing was heard.
            records: of the log, for a call that was heard of and whose end was not.
            now: the time.
        """
        self._notice(now)
        if (evidence := self._open.get(call.call_id)) is not None:
            evidence.records.extend(records)
            evidence.note_unknown(call.ended_at or now)
            for transition in self._close(evidence, now):
                call = transition.call
        self._finished[call.call_id] = now
        return Transition(step_of(call), replace(call, late=True))

    def expire(self, now: datetime) -> list[Transition]:
        """Close the calls for whose other half was waited long enough."""
        self._notice(now)
        transitions: list[Transition] = []
        while (due := self.next_due) is not None and due <= now:
            transitions += self._close(next(iter(self._closing.values())), now)
        return transitions

    def _notice(self, now: datetime) -> None:
        """Let time pass: forget what was finished ten minutes ago."""
        if self._latest is not None and now < self._latest:
            # The clock was set back; what was heard in its future was heard now.
            for evidence in self._open.values():
                evidence.heard_at = min(evidence.heard_at, now)
            for call_id, finished_at in self._finished.items():
                self._finished[call_id] = min(finished_at, now)
        self._latest = now
        while self._finished:
            call_id, finished_at = next(iter(self._finished.items()))
            if now - finished_at < REMEMBER and len(self._finished) <= MOST_FINISHED:
                return
            del self._finished[call_id]

    def _evidence(
        self, call_id: str, now: datetime, *, started_at: datetime | None
    ) -> Evidence:
        """Open a call, or go on with one that was told before a restart."""
        evidence = Evidence(call_id, opened_at=now, started_at=started_at, heard_at=now)
        if (begun := self._begun.get(call_id)) is not None:
            call, answered = begun
            evidence.resume(
                started_at=call.started_at,
                extensions=call.extensions,
                answered=answered,
                answered_at=call.answered_at,
                answered_by=call.answered_by,
            )
        return evidence

    def _describe(self, evidence: Evidence, ended_at: datetime | None = None) -> Call:
        """Return what is known of a call, also from before a restart."""
        call = describe(evidence, self._directory, ended_at)
        begun = self._begun.get(evidence.call_id)
        if not evidence.resumed or begun is None:
            return call
        before = begun[0]
        # A call without a line may be one of which only the phones were heard again.
        internal = call.direction is Direction.INTERNAL
        return replace(
            call,
            direction=before.direction if internal else call.direction,
            caller_number=call.caller_number or before.caller_number,
            caller_name=call.caller_name or before.caller_name,
            called_number=call.called_number or before.called_number,
            did_number=call.did_number or before.did_number,
            trunk=call.trunk or before.trunk,
            path=call.path or before.path,
        )

    def _tell(self, evidence: Evidence, now: datetime) -> list[Transition]:
        """Return the step that the evidence now allows and that was not told."""
        call_id = evidence.call_id
        evidence.heard_at = now
        self._open[call_id] = evidence
        self._open.move_to_end(call_id)
        if evidence.over:
            if evidence.complete:
                return self._close(evidence, now)
            self._closing[call_id] = evidence
            self._closing.move_to_end(call_id)
            return []
        self._closing.pop(call_id, None)
        if evidence.may_be_answered and len(talking := evidence.talking()) > 1:
            if any(evidence.is_callee(leg) for leg in talking):
                evidence.told_answered = True
                return [Transition(Step.ANSWERED, self._describe(evidence))]
        if evidence.may_ring and evidence.rings:
            evidence.told_ringing = True
            return [Transition(Step.RINGING, self._describe(evidence))]
        return []

    def _close(self, evidence: Evidence, now: datetime) -> list[Transition]:
        """End a call and remember that it was told, if it ever was one."""
        call_id = evidence.call_id
        del self._open[call_id]
        self._closing.pop(call_id, None)
        if evidence.never_was:
            return []
        self._finished[call_id] = now
        self.observed.update(observations(evidence))
        call = self._describe(evidence, evidence.ended_at or now)
        return [Transition(step_of(call), call)]


def step_of(call: Call) -> Step:
    """Return what is told of a call that is over."""
    if call.outcome is Outcome.ANSWERED:
        return Step.ENDED
    return Step.FAILED if call.direction is Direction.OUTBOUND else Step.MISSED
