"""From reports to calls: who rings, who answered, how it ended.

Pure: reports and the time go in, transitions come out. Reports may be repeated,
reordered, delayed and lost, so nothing here counts them; each one adds evidence
about the legs of a call, and a call is told by what the evidence allows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
import re
from typing import Any, Protocol

from .reports import Report

# Contract: how long to wait for the other half of an end (hang-ups and CDR).
SETTLE = timedelta(seconds=3)
# How long a finished call is remembered, so that late reports do not revive it.
REMEMBER = timedelta(minutes=10)
# How long an open call may be silent before the PBX is asked about it.
SILENT = timedelta(minutes=2)

# event-NewCdr.html: a call to a group that somebody answered, as group(extension).
_GROUP = re.compile(r"\s*([^()]+?)\s*\(\s*([^()]+?)\s*\)\s*")


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


class Step(StrEnum):
    """What can be told of a call, in this order."""

    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"
    MISSED = "missed"
    FAILED = "failed"


TERMINAL = frozenset({Step.ENDED, Step.MISSED, Step.FAILED})


class Directory(Protocol):
    """What is known of numbers inside the PBX."""

    def is_extension(self, number: str) -> bool:
        """Tell whether this is an extension."""

    def answers_itself(self, number: str) -> bool:
        """Tell whether this is an IVR or a queue, which pick up without a person."""

    def name_of(self, number: str) -> str | None:
        """Return the name of an extension or a contact with this number."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as the contract's section 5 tells it. Durations in whole seconds."""

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


@dataclass(frozen=True, slots=True)
class Transition:
    """One thing that happened to a call."""

    step: Step
    call: Call


# event-CallStatus.html. A leg only ever moves to a higher rank; a report that
# shows a lower one is an old report that comes late.
_RANKS = {"ALERT": 1, "RING": 1, "ANSWER": 2, "ANSWERED": 2, "HOLD": 2, "BYE": 3}
_RINGING, _TALKING, _OVER = 1, 2, 3


@dataclass(slots=True)
class _Leg:
    """One party's part of a call."""

    kind: str
    number: str | None
    other: str | None
    trunk: str | None
    path: str | None
    status: str = ""
    rank: int = 0
    was_caller: bool = False
    was_callee: bool = False
    talked: bool = False
    # Not in the latest report any more: hung up without saying so, probably.
    gone: bool = False

    @property
    def live(self) -> bool:
        """Tell whether this party still takes part."""
        return not self.gone and self.rank < _OVER


@dataclass(slots=True)
class _State:
    """All evidence about one call."""

    call_id: str
    heard_at: datetime
    started_at: datetime | None
    legs: dict[str, _Leg] = field(default_factory=dict)
    records: list[Mapping[str, Any]] = field(default_factory=list)
    answered_at: datetime | None = None
    answered_by: str | None = None
    hung_up_at: datetime | None = None
    failure: str | None = None
    # Somebody takes part, whether or not it was seen when they answered.
    person: bool = False
    moved: bool = False
    queried: bool = False
    told_ringing: bool = False
    told_answered: bool = False

    @property
    def hung_up(self) -> bool:
        """Tell whether all parties have left, or the call came to nothing."""
        if not self.legs:
            return self.failure is not None
        if any(leg.live for leg in self.legs.values()):
            return self.failure is not None and not any(
                leg.live and (leg.rank == _TALKING or leg.status == "RING")
                for leg in self.legs.values()
            )
        return any(leg.rank == _OVER for leg in self.legs.values()) or (
            self.failure is not None
        )

    @property
    def over(self) -> bool:
        """Tell whether there is a sign that the call is over.

        A CDR is one, unless the call was moved on: then each part may have its
        own CDR (protocol 5.3), and parties that still talk prove that it goes on.
        """
        if self.hung_up:
            return True
        if not self.records:
            return False
        return not (self.moved and len(self._talking()) > 1)

    def _talking(self) -> list[_Leg]:
        return [leg for leg in self.legs.values() if leg.live and leg.rank == _TALKING]

    @property
    def answering_leg(self) -> _Leg | None:
        """Return the callee's leg if two parties talk now.

        One that talks alone has an IVR, a queue, a voicemail or, at a dial
        through the API, nobody yet on the other side.
        """
        talking = self._talking()
        if len(talking) < 2:
            return None
        callees = [leg for leg in talking if leg.was_callee]
        # The outside party of an outbound call comes before the phone that dialled.
        return callees[0] if callees else None


class CallTracker:
    """All calls of a PBX, open ones and lately finished ones."""

    def __init__(self, directory: Directory) -> None:
        """Start with no calls."""
        self._directory = directory
        self._open: dict[str, _State] = {}
        self._finished: dict[str, datetime] = {}

    @property
    def active(self) -> list[Call]:
        """Return the open calls, oldest first."""
        return [self._snapshot(state) for state in self._open.values()]

    @property
    def active_count(self) -> int:
        """Return how many calls are open."""
        return len(self._open)

    @property
    def next_due(self) -> datetime | None:
        """Return when `expire` has something to tell, None if never."""
        return min(
            (state.heard_at + SETTLE for state in self._open.values() if state.over),
            default=None,
        )

    def silent(self, now: datetime) -> list[str]:
        """Return the calls to ask the PBX about: nothing heard for 2 minutes."""
        return [
            state.call_id
            for state in self._open.values()
            if now - state.heard_at >= SILENT
        ]

    def take(self, report: Report, now: datetime) -> list[Transition]:
        """Take a report in, return what it means: nothing, or one or two steps."""
        payload = report.payload
        call_id = payload.get("call_id")
        if report.type not in _CALL_REPORTS or not isinstance(call_id, str):
            return []
        if report.type == "call_status" and not payload.get("members"):
            # event-CallStatus.html: may be empty and then says nothing.
            return []
        self._forget(now)
        if call_id in self._finished:
            return []
        state = self._open.get(call_id)
        if state is None:
            state = _State(call_id, heard_at=now, started_at=now)
            self._open[call_id] = state
        state.heard_at = now
        match report.type:
            case "call_status":
                self._take_legs(state, payload["members"], now, partial=report.legacy)
            case "new_cdr":
                state.records.append(payload)
                if len(state.records) > 20:
                    del state.records[0]
                state.hung_up_at = state.hung_up_at or now
            case "call_failed":
                state.failure = str(payload.get("reason") or "")
                state.hung_up_at = state.hung_up_at or now
            case "transfer" | "forward":
                state.moved = True
                self._note_parties(state, payload.get("members"))
            case "conference_status":
                state.person = True
        return self._tell(state, now, alone_rings=report.legacy)

    def adopt(self, call_id: str, members: list[dict[str, Any]], now: datetime) -> None:
        """Take in a call that the PBX says is running and of which nothing was told.

        When it began to ring or was answered is not known, so neither will be told.
        """
        if call_id in self._open or call_id in self._finished or not members:
            return
        state = _State(call_id, heard_at=now, started_at=None)
        state.told_ringing = True
        self._take_legs(state, members, now, partial=False)
        if state.answering_leg is not None:
            state.told_answered = True
            state.answered_at = None
        if not state.hung_up:
            self._open[call_id] = state

    def confirm(
        self, call_id: str, members: list[dict[str, Any]], now: datetime
    ) -> list[Transition]:
        """Take what the PBX answered when asked about a silent call."""
        if (state := self._open.get(call_id)) is None:
            return []
        state.heard_at = now
        if members:
            self._take_legs(state, members, now, partial=False)
        return self._tell(state, now, alone_rings=False)

    def gone(self, call_id: str, now: datetime) -> list[Transition]:
        """Close a call that the PBX does not know any more."""
        state = self._open.get(call_id)
        return [self._close(state, now)] if state is not None else []

    def expire(self, now: datetime) -> list[Transition]:
        """Close the calls for whose other half was waited long enough."""
        self._forget(now)
        return [
            transition
            for state in list(self._open.values())
            if state.over and now - state.heard_at >= SETTLE
            if (transition := self._close_unless_phantom(state, now)) is not None
        ]

    def _forget(self, now: datetime) -> None:
        """Drop finished calls after ten minutes; the oldest one is always first."""
        while self._finished:
            call_id = next(iter(self._finished))
            if now - self._finished[call_id] < REMEMBER:
                return
            del self._finished[call_id]

    def _take_legs(
        self,
        state: _State,
        members: list[dict[str, Any]],
        now: datetime,
        *,
        partial: bool,
    ) -> None:
        """Bring the legs up to date with a list of members.

        The list is complete (event-CallStatus.html), in version 1 it is not. A
        member that it no longer has is gone, unless the list itself is an old
        one, which shows in a leg that would have to go back.
        """
        seen: dict[str, _Leg] = {}
        stale = False
        fresh: list[_Leg] = []
        for member in members:
            key = _leg_key(member)
            rank = _RANKS.get(str(member.get("member_status") or "").upper(), 0)
            leg = state.legs.get(key)
            if leg is None:
                leg = state.legs[key] = _new_leg(member)
                fresh.append(leg)
            elif rank < leg.rank and not (partial and leg.rank == _OVER):
                stale = True
            seen[key] = leg
        was_answered = state.person
        for member, leg in zip(members, seen.values(), strict=False):
            _update_leg(leg, member, revive=partial)
        if stale:
            for leg in fresh:
                leg.gone = leg.rank < _OVER
        else:
            for key, leg in state.legs.items():
                if key in seen:
                    leg.gone = False
                elif not partial:
                    leg.gone = True
        if was_answered and any(leg.live and leg.kind == "ext" for leg in fresh):
            # Somebody joined a call that was answered: transfer or conference.
            state.moved = True
        if state.answered_by is None and (leg := _answered_leg(state)) is not None:
            state.person = True
            state.answered_at = now
            state.answered_by = leg.number
        if state.hung_up and state.hung_up_at is None:
            state.hung_up_at = now

    def _note_parties(self, state: _State, members: object) -> None:
        """Note the parties of a transfer or forward, which have no status."""
        for member in members if isinstance(members, list) else ():
            key = _leg_key(member)
            if key not in state.legs:
                leg = state.legs[key] = _new_leg(member)
                leg.gone = True

    def _tell(
        self, state: _State, now: datetime, *, alone_rings: bool
    ) -> list[Transition]:
        """Return the steps that the evidence now allows and that were not told."""
        if state.over:
            if state.records and state.hung_up:
                transition = self._close_unless_phantom(state, now)
                return [transition] if transition is not None else []
            return []
        if state.records:
            return []
        if not state.told_answered and state.answering_leg is not None:
            state.told_answered = state.told_ringing = True
            return [Transition(Step.ANSWERED, self._snapshot(state))]
        if state.told_ringing or state.person:
            return []
        live = [leg for leg in state.legs.values() if leg.live]
        # One phone that rings alone is dialled through the API and will call
        # somebody when it is picked up (protocol 5.17).
        if any(leg.status == "RING" for leg in live) and (len(live) > 1 or alone_rings):
            state.told_ringing = True
            return [Transition(Step.RINGING, self._snapshot(state))]
        return []

    def _close_unless_phantom(self, state: _State, now: datetime) -> Transition | None:
        """Close a call; one that was nothing but a one-second CDR never was."""
        if (
            not state.legs
            and not state.failure
            and all(
                _seconds(record, "call_duration") <= 1
                and _seconds(record, "talk_duration") == 0
                and _word(record, "status") != "ANSWERED"
                for record in state.records
            )
        ):
            del self._open[state.call_id]
            self._finished[state.call_id] = now
            return None
        return self._close(state, now)

    def _close(self, state: _State, now: datetime) -> Transition:
        """End a call and remember that it was told."""
        del self._open[state.call_id]
        self._finished[state.call_id] = now
        return _ended(self._snapshot(state, now), state, self._directory)

    def _snapshot(self, state: _State, now: datetime | None = None) -> Call:
        """Return what is known of a call."""
        return _describe(state, self._directory, now)


_CALL_REPORTS = frozenset(
    {
        "call_status",
        "new_cdr",
        "call_failed",
        "transfer",
        "forward",
        "conference_status",
    }
)


def _leg_key(member: Mapping[str, Any]) -> str:
    """Return what makes a leg the same in two reports."""
    return str(
        member.get("channel_id")
        or f"{member.get('kind')}:{member.get('number') or member.get('trunk_name')}"
    )


def _new_leg(member: Mapping[str, Any]) -> _Leg:
    """Return a leg without a status."""
    kind = str(member.get("kind"))
    number, other = member.get("number"), None
    if kind == "inbound":
        number, other = member.get("from"), member.get("to")
    elif kind == "outbound":
        number, other = member.get("to"), member.get("from")
    return _Leg(kind, number, other, member.get("trunk_name"), member.get("call_path"))


def _update_leg(leg: _Leg, member: Mapping[str, Any], *, revive: bool) -> None:
    """Bring one leg forward; never back, except to be called again in version 1."""
    status = str(member.get("member_status") or "").upper()
    rank = _RANKS.get(status, 0)
    leg.path = leg.path or member.get("call_path")
    # event-CallStatus.html: ALERT and ANSWERED are the caller's words.
    leg.was_caller |= status in ("ALERT", "ANSWERED")
    leg.was_callee |= status in ("RING", "ANSWER")
    leg.talked |= rank == _TALKING
    if rank >= leg.rank or (revive and leg.rank == _OVER):
        leg.rank, leg.status = rank, status


def _answered_leg(state: _State) -> _Leg | None:
    """Return the leg of the person who answered, as far as all evidence shows.

    Also when the proof comes late: two legs have talked, one of them called.
    """
    talked = [leg for leg in state.legs.values() if leg.talked]
    if len(talked) < 2:
        return None
    return next((leg for leg in talked if leg.was_callee), None)


def _seconds(record: Mapping[str, Any], key: str) -> int:
    """Return a duration of a CDR, 0 if it has none."""
    value = record.get(key)
    return value if isinstance(value, int) else 0


def _word(record: Mapping[str, Any], key: str) -> str:
    """Return a word of a CDR in upper case."""
    return str(record.get(key) or "").strip().upper()


def _first(records: Iterable[Mapping[str, Any]], key: str) -> str | None:
    """Return the first value that any CDR has."""
    for record in records:
        if isinstance(value := record.get(key), str) and value:
            return value
    return None


def _main_record(state: _State) -> Mapping[str, Any] | None:
    """Return the CDR that speaks for the call.

    A mobile that rang along gives an inbound call an outbound CDR too (5.3);
    among the rest, the one with the longest talk.
    """
    if not state.records:
        return None
    inbound = [r for r in state.records if _word(r, "type") == "INBOUND"]
    return max(
        inbound or state.records,
        key=lambda record: (
            _seconds(record, "talk_duration"),
            _seconds(record, "call_duration"),
        ),
    )


def _group_and_extension(number: str | None) -> tuple[str | None, str | None]:
    """Return the number that was dialled and, if named, who took the call."""
    if number and (match := _GROUP.fullmatch(number)):
        return match[1], match[2]
    return number, None


def _direction(state: _State, record: Mapping[str, Any] | None) -> Direction:
    """Return the direction; the protocol has no word for it in CallStatus (5.2)."""
    kinds = {leg.kind for leg in state.legs.values()}
    if "inbound" in kinds:
        return Direction.INBOUND
    if record is not None:
        try:
            return Direction(_word(record, "type").lower())
        except ValueError:
            pass
    return Direction.OUTBOUND if "outbound" in kinds else Direction.INTERNAL


def _describe(state: _State, directory: Directory, now: datetime | None) -> Call:
    """Return a call from its evidence; `now` is given when it is over."""
    record = _main_record(state)
    direction = _direction(state, record)
    legs = list(state.legs.values())
    caller = called = None
    if direction is Direction.INBOUND:
        line = next((leg for leg in legs if leg.kind == "inbound"), None)
        if line is not None:
            caller, called = line.number, line.other
    elif direction is Direction.OUTBOUND:
        line = next((leg for leg in legs if leg.kind == "outbound"), None)
        if line is not None:
            caller, called = line.other, line.number
    phones = [leg for leg in legs if leg.kind == "ext"]
    if caller is None and direction is not Direction.INBOUND:
        calling = next((leg for leg in phones if leg.was_caller), None)
        caller = calling.number if calling else None
    path = next((leg.path for leg in legs if leg.path), None)
    if called is None and direction is Direction.INTERNAL:
        rung = next((leg for leg in phones if leg.was_callee), None)
        called = path or (rung.number if rung and rung.number != caller else None)
    answered_by = state.answered_by
    did = trunk = recording = None
    if record is not None:
        dialled, taker = _group_and_extension(_first([record], "call_to"))
        caller = caller or _first([record], "call_from")
        called = called or dialled
        if taker is not None:
            path = path or dialled
        if answered_by is None and _word(record, "status") == "ANSWERED":
            answered_by = taker or (
                dialled if dialled and directory.is_extension(dialled) else None
            )
        did = _first(state.records, "did_number")
        recording = _first(state.records, "recording")
        trunk = _first([record], "src_trunk_name") or _first([record], "dst_trunk_name")
    extensions = list(dict.fromkeys(leg.number for leg in phones if leg.number))
    for number in (
        (caller, called, answered_by) if not phones and record is not None else ()
    ):
        if number and directory.is_extension(number) and number not in extensions:
            extensions.append(number)
    if (
        answered_by
        and answered_by not in extensions
        and (directory.is_extension(answered_by))
    ):
        extensions.append(answered_by)
    line_trunk = next((leg.trunk for leg in legs if leg.trunk), None)
    return _with_times(
        Call(
            call_id=state.call_id,
            direction=direction,
            caller_number=caller,
            caller_name=directory.name_of(caller) if caller else None,
            called_number=called,
            did_number=did,
            trunk=line_trunk or trunk,
            path=path,
            extensions=tuple(extensions),
            answered_by=answered_by,
            recording=recording,
        ),
        state,
        record,
        now,
    )


def _with_times(
    call: Call, state: _State, record: Mapping[str, Any] | None, now: datetime | None
) -> Call:
    """Add when things happened: as we saw it, or else as the CDR says."""
    # replace() is slow, and this is on the way of every report of a call.
    started, answered, ended = state.started_at, state.answered_at, None
    ring = talk = None
    if now is not None:
        ended = state.hung_up_at or now
    if record is not None:
        whole = _seconds(record, "call_duration")
        talk = _seconds(record, "talk_duration")
        began = record.get("time_start")
        if not state.legs or started is None:
            # Heard of when it was over, or running before we were.
            try:
                started = datetime.fromisoformat(str(began))
            except ValueError:
                started = (ended or state.heard_at) - timedelta(seconds=whole)
            if now is not None and not state.legs:
                ended = started + timedelta(seconds=whole)
            if answered is None and talk and _word(record, "status") == "ANSWERED":
                answered = started + timedelta(seconds=whole - talk)
        ring = max(0, whole - talk)
    if started is not None and state.legs:
        until = answered or ended
        ring = round((until - started).total_seconds()) if until else ring
    if answered is not None and ended is not None:
        talk = round((ended - answered).total_seconds())
    elif now is not None and answered is None and state.legs:
        talk = talk if call.answered_by else 0
    return Call(
        call_id=call.call_id,
        direction=call.direction,
        caller_number=call.caller_number,
        caller_name=call.caller_name,
        called_number=call.called_number,
        did_number=call.did_number,
        trunk=call.trunk,
        path=call.path,
        extensions=call.extensions,
        answered_by=call.answered_by,
        started_at=started,
        answered_at=answered,
        ended_at=ended,
        ring_seconds=max(0, ring) if ring is not None else None,
        talk_seconds=max(0, talk) if talk is not None and now is not None else None,
        recording=call.recording,
    )


def _ended(call: Call, state: _State, directory: Directory) -> Transition:
    """Return how a call ended: what the legs prove, or else what the CDR says."""
    record = _main_record(state)
    outcome = _outcome(call, state, record, directory)
    if outcome is Outcome.ANSWERED:
        step = Step.ENDED
    elif call.direction is Direction.OUTBOUND:
        step = Step.FAILED
    else:
        step = Step.MISSED
    return Transition(step, replace(call, outcome=outcome))


def _outcome(
    call: Call,
    state: _State,
    record: Mapping[str, Any] | None,
    directory: Directory,
) -> Outcome:
    """Return the outcome.

    A person who talked outweighs everything. The PBX's own `ANSWERED` does not:
    it also means an IVR, a queue or a voicemail.
    """
    if state.person:
        return Outcome.ANSWERED
    outbound = call.direction is Direction.OUTBOUND
    nobody = Outcome.FAILED if outbound else Outcome.MISSED
    dialled = (
        _group_and_extension(_first([record], "call_to"))[0] if record else None
    ) or call.called_number
    group = call.path or dialled
    waited = group is not None and directory.answers_itself(group)
    word = _word(record, "status") if record else ""
    if word == "VOICEMAIL":
        return Outcome.VOICEMAIL
    if word == "BUSY":
        return Outcome.BUSY
    if word == "FAILED":
        return Outcome.FAILED
    if word == "ANSWERED":
        if call.answered_by is None and waited and not outbound:
            return Outcome.ABANDONED
        return Outcome.ANSWERED
    if not outbound and (waited or (record is not None and _held_by_pbx(state))):
        return Outcome.ABANDONED
    if record is None and state.failure is not None:
        return Outcome.BUSY if _is_busy(state.failure) else nobody
    if record is None and not outbound and _held_by_pbx(state):
        # The PBX picked up, no person did and no group was named: its voicemail.
        return Outcome.VOICEMAIL if call.path is None else Outcome.ABANDONED
    return nobody


def _held_by_pbx(state: _State) -> bool:
    """Tell whether the caller talked to the PBX itself: an IVR, a queue, a mailbox."""
    return any(leg.talked and leg.kind == "inbound" for leg in state.legs.values())


def _is_busy(reason: str) -> bool:
    """Tell whether a failure means busy (event-CallFailed.html; case varies)."""
    return reason.lower().startswith(("user busy", "486 busy"))
