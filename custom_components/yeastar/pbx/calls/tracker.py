"""From reports to calls: who rings, who answered, how it ended.

Pure: reports and the time go in, transitions come out. `evidence` keeps what the
reports of one call prove, `description` says it in the contract's words, and here is
decided what is told of it and when, for all calls of a PBX.
"""

from collections import Counter, OrderedDict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from ..reports import Report
from .description import Call, describe
from .evidence import SETTLE, Evidence
from .observations import observations
from .record import CallRecord, record_of
from .records import NumberPlan
from .told import Begun, Heard, Step, Told, Transition, step_of

# How long a finished call is remembered, so that late reports do not revive it.
REMEMBER = timedelta(minutes=10)
# How long an open call may be silent before the PBX is asked about it; if it is still
# silent then, twice as long, and four times.
SILENT = timedelta(minutes=2)
# Until then the PBX, which is asked after `SETTLE`, can say that a call goes on.
UNSURE = timedelta(seconds=8)
# When a call was last heard of if that is not known.
NEVER = datetime.min.replace(tzinfo=UTC)
# A call of which the PBX cannot tell whether it runs is over after so long a silence.
LONGEST_CALL = timedelta(days=1)
_LONGEST_PAUSE = 2

# Far more than any S-Series PBX can carry (S300: 60 calls at once); whoever invents
# calls must not fill the memory.
MOST_OPEN = 1_000
MOST_FINISHED = 20_000
LONGEST_ID = 128

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


@dataclass(slots=True, eq=False)
class _OpenCall:
    """A call that goes on or is not told to its end.

    Attributes:
        evidence: what is known of it.
        told: what was announced of it.
        doubt_at: when a record came that need not be its last.
        asked_at: when the PBX was asked about it, None if not since it was heard of.
        pauses: how often it was, in vain or to learn that nothing has changed.
        unheard: nothing was heard of it since a restart.
    """

    evidence: Evidence
    told: Told
    doubt_at: datetime | None = None
    asked_at: datetime | None = None
    pauses: int = 0
    unheard: bool = False

    @property
    def close_at(self) -> datetime:
        """Return until when to wait for the other half of its end."""
        wait = UNSURE if self.evidence.unsure else SETTLE
        return self.evidence.heard_at + wait

    @property
    def ask_at(self) -> datetime:
        """Return when to ask the PBX about it, if nothing is heard until then."""
        if self.doubt_at is not None:
            return self.doubt_at + SETTLE
        last = max(self.evidence.heard_at, self.asked_at or self.evidence.heard_at)
        return last + SILENT * (1 << min(self.pauses, _LONGEST_PAUSE))


class CallTracker:
    """All calls of a PBX, open ones and lately finished ones.

    Attributes:
        drift: how much the PBX's clock is fast.
        last_opened: id and time of the call that was last seen to begin.
        observed: how often the reports of calls have shown what.
    """

    def __init__(
        self,
        directory: NumberPlan,
        told: Container[str] = (),
        begun: Begun = MappingProxyType({}),
        heard: Mapping[str, Mapping[str, Step]] = MappingProxyType({}),
    ) -> None:
        """Start with no calls.

        Args:
            directory: what is known of numbers.
            told: calls that were told to their end, also before this start.
            begun: calls that were told and not to their end, also before this start,
                each as it was told last and whether as answered.
            heard: what each phone heard last of those.
        """
        self._directory = directory
        self._told = told
        self._begun = begun
        self._heard_before = heard
        self.drift = timedelta()
        self.observed: Counter[str] = Counter()
        self.last_opened: tuple[str, datetime] | None = None
        # In the order in which they were last heard of, the most silent one first.
        self._open: OrderedDict[str, _OpenCall] = OrderedDict()
        # Those of the open ones that are over but for the other half of their end,
        # in the same order.
        self._closing: OrderedDict[str, _OpenCall] = OrderedDict()
        # Those of the open ones that nothing was heard of since a restart, until the
        # PBX said that they are over.
        self._dormant: set[str] = set()
        # When calls were finished, the oldest first.
        self._finished: OrderedDict[str, datetime] = OrderedDict()
        self._heard: list[Heard] = []
        self._latest: datetime | None = None

    @property
    def active(self) -> list[Call]:
        """Return the calls that go on, oldest first."""
        going_on = [
            call
            for call_id, call in self._open.items()
            if call_id not in self._closing and call_id not in self._dormant
        ]
        going_on.sort(key=lambda call: call.evidence.opened_at)
        return [self._describe(call) for call in going_on]

    @property
    def active_count(self) -> int:
        """Return how many calls go on."""
        return len(self._open) - len(self._closing) - len(self._dormant)

    def __contains__(self, call_id: str) -> bool:
        """Return True if a call is open: it goes on, or its end is not complete."""
        return call_id in self._open

    def parties(self, call_id: str) -> list[dict[str, Any]]:
        """Return who takes part in an open call by its reports, like their members."""
        call = self._open.get(call_id)
        return call.evidence.members() if call is not None else []

    def extensions_in(self, call_id: str) -> tuple[str, ...]:
        """Return the extensions that had part in a call that goes on, else none."""
        call = self._open.get(call_id)
        if call is None or (call_id in self._closing and not call.evidence.unsure):
            return ()
        return self._describe(call).extensions

    def on_trunk(self, call_id: str) -> bool:
        """Return True if somebody outside has part in an open call."""
        if (call := self._open.get(call_id)) is None:
            return False
        if call.unheard and call.told.before is not None:
            return call.told.before.trunk is not None
        evidence = call.evidence
        if not evidence.legs:
            return any(record.trunk for record in evidence.records)
        return any(leg.kind != "ext" and leg.live for leg in evidence.legs.values())

    def heard(self) -> list[Heard]:
        """Return what phones and groups have to hear since this was asked last."""
        heard, self._heard = self._heard, []
        return heard

    @property
    def next_due(self) -> datetime | None:
        """Return when `expire` has something to tell, None if never."""
        return min((call.close_at for call in self._closing.values()), default=None)

    def doubt(self, call_id: object) -> datetime | None:
        """Return when to ask about a call whose record need not be its last."""
        call = self._open.get(call_id) if isinstance(call_id, str) else None
        return call.ask_at if call is not None and call.doubt_at is not None else None

    def covered(self, call_id: str, records: Iterable[CallRecord]) -> bool:
        """Return True if records are about everybody who is known to be in a call."""
        call = self._open.get(call_id)
        return call is not None and call.evidence.covered_by(records)

    def silent(self, now: datetime) -> list[str]:
        """Return the calls to ask the PBX about, the one that waits longest first.

        That is when nothing is heard for 2 minutes, or 3 s after a doubtful record.
        """
        self._notice(now)
        silent = [
            (call.ask_at, call_id)
            for call_id, call in self._open.items()
            if (call_id not in self._closing or call.evidence.unsure)
            and call.ask_at <= now
        ]
        return [call_id for _, call_id in sorted(silent)]

    def is_silent(self, call_id: str, now: datetime) -> bool:
        """Return True if nothing was heard for 2 minutes of a call that goes on.

        Or since a restart.
        """
        call = self._open.get(call_id)
        if call is None or call_id in self._closing:
            return False
        return call_id in self._dormant or now - call.evidence.heard_at >= SILENT

    def is_dormant(self, call_id: str) -> bool:
        """Return True if nothing was heard of an open call since a restart."""
        return call_id in self._dormant

    def resume(self) -> None:
        """Go on with the calls that were told before a restart and not to their end.

        They are silent until something is heard of them, and asked about like others.
        """
        for call_id, (before, _) in self._begun.items():
            if call_id not in self._open and len(self._open) < MOST_OPEN:
                heard_at = before.answered_at or before.started_at or NEVER
                call = self._opened(call_id, heard_at, started_at=None)
                call.doubt_at, call.unheard = heard_at, True
                self._open[call_id] = call
                self._dormant.add(call_id)
        for call_id, _ in sorted(
            self._open.items(), key=lambda item: item[1].evidence.heard_at
        ):
            self._open.move_to_end(call_id)

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
        call = self._open.get(call_id)
        if call is None:
            if report.type not in _OPENING or not (members or report.type in _ALONE):
                return []
            if call_id in self._told:
                return []
            if len(self._open) >= MOST_OPEN:
                transitions = self._close(next(iter(self._open.values())), now)
            call = self._opened(call_id, now, started_at=now)
            if report.type == "call_status":
                self.last_opened = (call_id, now)
        evidence = call.evidence
        call.pauses, call.asked_at = 0, None
        self._wake(call)
        match report.type:
            case _ if report.type in _LISTING and members:
                evidence.take_members(members, now, complete=not report.legacy)
            case "conference_status":
                evidence.note_empty(now)
            case "new_cdr":
                if evidence.note_record(record_of(payload, now, self.drift)):
                    call.doubt_at = now
            case "call_failed":
                evidence.note_parties(members, now)
                evidence.note_failure(str(payload.get("reason") or ""), now)
            case "transfer" | "forward":
                # Version 1 calls both a transfer.
                answered = report.type == "transfer" and not report.legacy
                evidence.note_sent_on(now, answered=answered)
                evidence.note_parties(members, now)
            case _:
                evidence.note_parties(members, now)
        return transitions + self._tell(call, now)

    def adopt(self, call_id: str, members: list[dict[str, Any]], now: datetime) -> None:
        """Take in a call that the PBX says is running and of which nothing was told.

        When it began to ring or was answered is not known, so neither will be told;
        unless that was told before a restart.
        """
        self._notice(now)
        if call_id in self._finished or call_id in self._told or not members:
            return
        if (call := self._open.get(call_id)) is None:
            if len(self._open) >= MOST_OPEN or not 0 < len(call_id) <= LONGEST_ID:
                return
            call = self._opened(call_id, now, started_at=None)
        elif call_id not in self._dormant:
            return
        evidence = call.evidence
        answered_at = evidence.answered_at
        evidence.take_members(members, now, complete=True)
        evidence.answered_at = answered_at
        call.told.ringing = True
        call.told.answered = evidence.person
        call.told.note_present(evidence)
        if not evidence.hung_up:
            evidence.alive_at = evidence.heard_at = now
            self._open[call_id] = call
            self._open.move_to_end(call_id)
            self._wake(call)

    def _wake(self, call: _OpenCall) -> None:
        """Note that something is heard of a call, if that was not so since a restart."""
        if call.unheard:
            call.unheard, call.doubt_at = False, None
            self._dormant.discard(call.evidence.call_id)

    def confirm(
        self, call_id: str, members: list[dict[str, Any]], now: datetime
    ) -> list[Transition]:
        """Take in that the PBX, when it was asked, said that a call runs."""
        self._notice(now)
        if call_id in self._dormant and members:
            self.adopt(call_id, members, now)
        if (call := self._open.get(call_id)) is None:
            return []
        self._wake(call)
        call.evidence.note_runs(now)
        # That one record was not the last says nothing about how long it will go on.
        call.pauses += call.doubt_at is None
        call.doubt_at = None
        if members:
            call.evidence.take_members(members, now, complete=True, asked=True)
        return self._tell(call, now)

    def cannot_tell(self, call_id: str, now: datetime) -> list[Transition]:
        """Take in that the PBX, when it was asked, could not tell about a call."""
        self._notice(now)
        if (call := self._open.get(call_id)) is None:
            return []
        call.doubt_at, call.pauses, call.asked_at = None, call.pauses + 1, now
        if now - call.evidence.heard_at < LONGEST_CALL:
            return []
        return self.gone(call_id, now)

    def gone(self, call_id: str, now: datetime) -> list[Transition]:
        """Take in that the PBX does not know a call any more.

        If it ended just now, its reports are on their way, so the call waits as
        long for its CDR as any other.
        """
        self._notice(now)
        if (call := self._open.get(call_id)) is None:
            return []
        call.evidence.note_unknown()
        return self._tell(call, now)

    def found(
        self, call_id: str, records: Iterable[CallRecord], now: datetime
    ) -> list[Transition]:
        """Take in that a call is over, as was found by catching up.

        Args:
            call_id: of the call.
            records: that the PBX's log has of it, perhaps none.
            now: the time.
        """
        self._notice(now)
        if call_id in self._finished:
            return []
        if (call := self._open.get(call_id)) is None:
            call = self._opened(call_id, now, started_at=None)
            self._open[call_id] = call
        known = {one.facts for one in call.evidence.records}
        for record in records:
            if record.facts not in known:
                call.evidence.note_record(record)
        call.evidence.note_unknown()
        return self._close(call, now, late=True)

    def expire(self, now: datetime) -> list[Transition]:
        """Close the calls for whose other half was waited long enough."""
        self._notice(now)
        due = [call for call in self._closing.values() if call.close_at <= now]
        due.sort(key=lambda call: call.close_at)
        return [one for call in due for one in self._close(call, now)]

    def _notice(self, now: datetime) -> None:
        """Let time pass: forget what was finished ten minutes ago."""
        if self._latest is not None and now < self._latest:
            # The clock was set back; what was heard in its future was heard now.
            for call in self._open.values():
                call.evidence.heard_at = min(call.evidence.heard_at, now)
            for call_id, finished_at in self._finished.items():
                self._finished[call_id] = min(finished_at, now)
        self._latest = now
        while self._finished:
            call_id, finished_at = next(iter(self._finished.items()))
            if now - finished_at < REMEMBER and len(self._finished) <= MOST_FINISHED:
                return
            del self._finished[call_id]

    def _opened(
        self, call_id: str, now: datetime, *, started_at: datetime | None
    ) -> _OpenCall:
        """Open a call, or go on with one that was told before a restart."""
        evidence = Evidence(
            call_id, self._directory, now, started_at, heard_at=now, alive_at=now
        )
        if (begun := self._begun.get(call_id)) is None:
            return _OpenCall(evidence, Told())
        before, answered = begun
        evidence.resume(
            before.started_at,
            before.extensions,
            (before.answered_at, before.answered_by) if answered else None,
        )
        heard = self._heard_before.get(call_id)
        return _OpenCall(
            evidence, Told.before_restart(before, heard, answered=answered)
        )

    def _describe(
        self, call: _OpenCall, ended_at: datetime | None = None, *, late: bool = False
    ) -> Call:
        """Return what is known of a call."""
        return describe(
            call.evidence,
            before=call.told.before,
            announced=call.told.direction,
            ended_at=ended_at,
            late=late,
        )

    def _tell(self, call: _OpenCall, now: datetime) -> list[Transition]:
        """Return the step that the evidence now allows and that was not told."""
        evidence, told = call.evidence, call.told
        call_id = evidence.call_id
        evidence.heard_at = now
        self._open[call_id] = call
        self._open.move_to_end(call_id)
        if evidence.over:
            if not evidence.unsure:
                call.doubt_at = None
            if evidence.complete:
                return self._close(call, now)
            self._closing[call_id] = call
            self._closing.move_to_end(call_id)
            self._dormant.discard(call_id)
            return []
        evidence.alive_at = now
        self._closing.pop(call_id, None)
        caller = evidence.caller()
        step = told.next_step(evidence, caller)
        news = list(told.of_phones(evidence, caller, step))
        groups = list(told.of_groups(evidence, step))
        if step is None and not news and not groups:
            return []
        described = self._describe(call)
        for number, about in news:
            told.phones[number] = about
            self._heard.append(Heard("extension", number, about, described))
        for group in evidence.groups if step is not None else groups:
            about = step or Step.RINGING
            told.groups[group] = about
            self._heard.append(Heard("group", group, about, described))
        if step is None:
            return []
        told.direction = described.direction
        return [Transition(step, described)]

    def _close(
        self, call: _OpenCall, now: datetime, *, late: bool = False
    ) -> list[Transition]:
        """End a call and remember that it was told, if it ever was one."""
        evidence, told = call.evidence, call.told
        call_id = evidence.call_id
        del self._open[call_id]
        self._closing.pop(call_id, None)
        self._dormant.discard(call_id)
        if evidence.never_was:
            return []
        self._finished[call_id] = now
        self.observed.update(observations(evidence))
        late = late or call.unheard
        described = self._describe(call, evidence.ended_at or now, late=late)
        step = step_of(described)
        for number, about in told.at_end(evidence, described, step):
            self._heard.append(Heard("extension", number, about, described))
        for group in {**told.groups, **evidence.groups, described.path or "": None}:
            self._heard.append(Heard("group", group, step, described))
        return [Transition(step, described)]
