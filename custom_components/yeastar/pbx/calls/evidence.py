"""What the reports of one call prove about it, in whatever order they come.

Reports may be repeated, reordered, delayed and lost, so nothing here counts them.
Each adds evidence about the legs of a call; what was proved stays proved.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..reports import MOST_MEMBERS
from .leg import RANKS, TALKING, Leg, Member, party
from .record import CallRecord, text_of
from .records import NumberPlan, Records, Role

# Contract: how long to wait for the other half of an end (hang-ups and CDR).
SETTLE = timedelta(seconds=3)

# A caller who waits in a queue for an hour sees hundreds of agents' legs; above
# this, legs that are over and never talked are dropped.
ENOUGH_LEGS = 64
MOST_LEGS = 2 * MOST_MEMBERS
MOST_RECORDS = 20
# Records have whole seconds, and reports take a moment.
_WHOLE_SECONDS = timedelta(seconds=2)


@dataclass(slots=True, eq=False)
class Evidence:
    """All that is known of one call.

    Attributes:
        plan: what is known of numbers inside the PBX.
        started_at: None if it was running before we were.
        alive_at: when it was last heard of as going on.
        called: what was dialled, as it showed before anybody answered.
        path: the group that led to the answer.
        groups: all groups that it went through.
        person: two parties have talked, whether or not it was seen when they began.
        answer_found: that it was answered was found by asking, some time later.
        waiting_at: when it was last seen that nobody had answered.
        unknown: the PBX was asked and does not know the call any more.
        emptied: the list of those in a conference is empty.
        runs_at: when the PBX last said, asked about it, that it goes on.
        sent_on_at: when it was last transferred or forwarded.
        resumed: told before a restart, which took the legs with it.
    """

    call_id: str
    plan: NumberPlan
    opened_at: datetime
    started_at: datetime | None
    heard_at: datetime
    alive_at: datetime
    legs: dict[str, Leg] = field(default_factory=dict)
    extensions: dict[str, None] = field(default_factory=dict)
    records: list[CallRecord] = field(default_factory=list)
    called: str | None = None
    path: str | None = None
    groups: dict[str, None] = field(default_factory=dict)
    person: bool = False
    answered_at: datetime | None = None
    answered_by: str | None = None
    answer_found: bool = False
    waiting_at: datetime | None = None
    failure: str | None = None
    hung_up_at: datetime | None = None
    unknown: bool = False
    emptied: bool = False
    runs_at: datetime | None = None
    sent_on_at: datetime | None = None
    resumed: bool = False
    reports: int = 0
    _judged: tuple[int, Records] | None = None

    def resume(
        self,
        started_at: datetime | None,
        extensions: Iterable[str],
        answer: tuple[datetime | None, str | None] | None,
    ) -> None:
        """Take in what was heard of the call before a restart.

        Args:
            started_at: when it began, None if that is not known.
            extensions: that had part in it.
            answer: when and by whom it was answered, None if it was not.
        """
        self.resumed = True
        self.started_at = started_at
        self.opened_at = started_at or self.opened_at
        self.extensions = dict.fromkeys(extensions)
        known = [one for one in (started_at, answer and answer[0]) if one]
        self.alive_at = max(known, default=self.alive_at)
        if answer is not None:
            self.person = True
            self.answered_at, self.answered_by = answer

    def take_members(
        self,
        members: list[dict[str, Any]],
        now: datetime,
        *,
        complete: bool,
        asked: bool = False,
    ) -> None:
        """Bring the legs up to date with a list of members, reported or asked for.

        The list is complete (event-CallStatus.html), in version 1 it is not. A
        party that it no longer has is gone, unless the list itself is an old one,
        which shows in a leg that would have to go back.
        """
        self.reports += 1
        steps: dict[Leg, tuple[int, str]] = {}
        fresh: list[Leg] = []
        for member in members:
            status = str(member.get("member_status") or "").strip().upper()
            rank = RANKS.get(status, 0)
            if (leg := self._leg_of(member)) is None:
                if (leg := self._add_leg(member)) is None:
                    continue
                leg.first = rank
                fresh.append(leg)
            # Two phones of one extension may come without channel ids.
            steps[leg] = max(steps.get(leg, (0, "")), (rank, status))
            if status in ("ALERT", "ANSWERED"):
                # event-CallStatus.html: these two are the caller's words.
                leg.was_caller = True
            elif status in ("RING", "ANSWER"):
                leg.was_callee = True
        stale = any(
            0 < rank < leg.rank and not self._may_go_back(leg, status)
            for leg, (rank, status) in steps.items()
        )
        for leg, (rank, status) in steps.items():
            if rank == TALKING and not leg.talked:
                leg.talked = self.reports
            if rank and (rank >= leg.rank or not stale):
                leg.rank, leg.status = rank, status
                if leg.ended and leg.ended_at is None:
                    leg.ended_at = now
        if fresh:
            self._note_line(fresh)
            self._note_dialler(fresh)
        if stale:
            for leg in fresh:
                leg.gone = True
        else:
            self._note_who_is_there(steps, complete=complete)
            self._note_groups(members)
            self.emptied = False
            if fresh and any(leg.live for leg in fresh):
                # Whoever failed to take the call, another one is tried now.
                self.failure = None
        known = self.answered_at
        self._note_answer(now, in_time=not stale)
        if asked and self.answered_at != known:
            self.answer_found = True
        self._note_hang_up(now)
        self._drop_old_legs()

    def members(self) -> list[dict[str, Any]]:
        """Return who takes part now, in the shape of a report's members."""
        return [
            {
                "kind": leg.kind,
                "number": leg.number,
                "channel_id": channel,
                "member_status": leg.status,
            }
            for channel, leg in self.legs.items()
            if leg.live and "/" in channel
        ]

    def note_parties(self, members: object, now: datetime) -> None:
        """Note the parties of a report that has no word on what they do."""
        self.reports += 1
        for member in members if isinstance(members, list) else ():
            if self._leg_of(member) is None and (leg := self._add_leg(member)):
                leg.gone = True
                self._note_line([leg])
        self._note_hang_up(now)
        self._drop_old_legs()

    def note_failure(self, reason: str, now: datetime) -> None:
        """Take in why a call failed (event-CallFailed.html)."""
        self.failure = reason
        self._note_hang_up(now)

    def note_empty(self, now: datetime) -> None:
        """Take in that nobody is in a conference any more (event-ConferenceStatus)."""
        self.emptied = True
        for leg in self.legs.values():
            leg.gone = True
        self._note_hang_up(now)

    def note_unknown(self) -> None:
        """Take in that the PBX does not know the call any more.

        Nobody saw when it ended: not before it was last heard of as going on.
        """
        self.unknown = True
        self._note_hang_up(self.alive_at)

    def note_runs(self, now: datetime) -> None:
        """Take in that the PBX says it goes on: no record of before was its last."""
        self.runs_at = now

    def note_sent_on(self, now: datetime, *, answered: bool) -> None:
        """Take in that a call was sent on; only one with two parties is transferred."""
        self.sent_on_at = now
        self.person |= answered

    def note_record(self, record: CallRecord) -> bool:
        """Keep a CDR, unless it cannot be about what was seen; return if it was."""
        seen = (self.hung_up_at or record.heard_at) - self.opened_at
        if record.phantom and (self.person or seen > SETTLE):
            return False
        if len(self.records) == MOST_RECORDS:
            del self.records[0]
        self.records.append(record)
        self._judged = None
        return True

    @property
    def judged(self) -> Records:
        """Return the CDRs, judged together with what was seen."""
        if self._judged is None or self._judged[0] != self.reports:
            self._judged = self.reports, self._judge(self.records)
        return self._judged[1]

    def _judge(self, records: Iterable[CallRecord]) -> Records:
        inbound = self.line("inbound") is not None
        return Records(records, self.plan, inbound=inbound)

    # --- is it over? ---

    @property
    def hung_up(self) -> bool:
        """Return True if all parties have left, or the call came to nothing."""
        if self.unknown or self.emptied:
            return True
        live = [leg for leg in self.legs.values() if leg.live]
        if self.failure is None or (live and self.path is not None):
            # In a group one phone fails and the others ring on.
            return not live and any(leg.ended for leg in self.legs.values())
        return not any(leg.talks or leg.status == "RING" for leg in live)

    @property
    def ended_at(self) -> datetime | None:
        """Return when the call ended by all signs, None if there is none."""
        if self.hung_up_at is not None and not self.unknown:
            return self.hung_up_at
        signs = [record.heard_at for record in self.records[-1:]]
        line = self.line("inbound")
        if line is not None and line.ended_at is not None:
            signs.append(line.ended_at)
        # Nobody saw it: then it is known to have gone on until it was last heard of.
        return max(signs, default=self.alive_at if self.unknown else None)

    @property
    def over(self) -> bool:
        """Return True if there is a sign that the call is over."""
        if self.hung_up:
            return True
        if not self.records or self.judged.leave_more:
            return False
        if self.runs_at is not None and self.records[-1].heard_at <= self.runs_at:
            return False
        return not self.legs or self._records_end_it

    @property
    def unsure(self) -> bool:
        """Return True if only records say that it is over, and not who was there.

        That is so after a restart: it may have been a part of a call that goes on.
        """
        return self.resumed and not self.legs and not self.unknown

    @property
    def complete(self) -> bool:
        """Return True if both halves of the end are there: hang-ups and CDR.

        That the second party's hang-up is reported is not sure (protocol 5.2).
        """
        if not self.records or not (self.hung_up or self._caller_left):
            return False
        if self.unknown and self.records[-1].heard_at < self.heard_at:
            # The record is older than the PBX's word that the call is over.
            return False
        judged = self.judged
        legs = self.legs.values()
        if not (self._is_whole(judged) or judged.cover(legs, self.path)):
            return False
        return any(
            judged.roles[id(record)] in (Role.WHOLE, Role.PART, Role.MACHINE)
            and not record.phantom
            and not self._more_may_follow(record)
            for record in self.records
        )

    def _is_whole(self, judged: Records) -> bool:
        """Return True if the CDRs are about all of the time that was heard of."""
        if self.started_at is None or judged.seconds is None:
            return False
        heard = (self.ended_at or self.heard_at) - self.started_at
        return heard <= timedelta(seconds=judged.seconds) + _WHOLE_SECONDS

    @property
    def _records_end_it(self) -> bool:
        """Return True if the CDRs are about everybody who is still there."""
        last = self.records[-1]
        judged = self.judged
        if self._caller_left:
            return not last.phantom or any(leg.ended for leg in self.legs.values())
        if self.sent_on_at is not None and last.heard_at - self.sent_on_at < SETTLE:
            # Probably about what was before it was sent on.
            return False
        if last.phantom and not any(leg.ended for leg in self.legs.values()):
            return False
        live = [leg for leg in self.legs.values() if leg.live]
        return judged.cover(live, self.path)

    def covered_by(self, records: Iterable[CallRecord]) -> bool:
        """Return True if records are about everybody who was last known to be there."""
        judged = self._judge(records)
        if not self.legs:
            return not judged.leave_more
        live = [leg for leg in self.legs.values() if leg.live]
        return bool(live) and judged.cover(live, self.path)

    @property
    def never_was(self) -> bool:
        """Return True if this is nothing but a phantom CDR (protocol 5.3)."""
        return (
            not self.legs
            and not self.resumed
            and self.failure is None
            and self.sent_on_at is None
            and all(record.phantom for record in self.records)
        )

    @property
    def _caller_left(self) -> bool:
        """Return True if somebody from outside hung up and left no two who talk."""
        return (line := self.line("inbound")) is not None and (
            line.ended and sum(leg.talks for leg in self.legs.values()) < 2
        )

    def _more_may_follow(self, record: CallRecord) -> bool:
        """Return True if this CDR is probably that of a phone that lost the call."""
        if not record.unanswered:
            return False
        if record.taker is not None or self.person:
            return True
        # The PBX answered although phones rang: a voicemail, or a queue.
        legs = self.legs.values()
        return any(leg.was_caller and leg.talked for leg in legs) and any(
            self.is_callee(leg) for leg in legs
        )

    # --- who is who ---

    def caller(self) -> Leg | None:
        """Return the leg of who calls, None if there is no evidence.

        That is somebody from outside, or who heard the ringback; see `_note_dialler`
        for dials through the API. The phones of an announcement ring by themselves.
        """
        callers: list[Leg] = []
        for leg in self.legs.values():
            if leg.kind == "inbound":
                return leg
            if leg.was_caller:
                callers.append(leg)
        if len(callers) > 1:
            # Several dialled into a conference: who was there first has it.
            first = min(leg.since for leg in callers)
            callers = [leg for leg in callers if leg.since == first]
        return callers[0] if len({leg.person for leg in callers}) == 1 else None

    def rings(self, caller: Leg) -> bool:
        """Return True if somebody's phone rings because of who calls, still."""
        return caller.live and any(
            leg.rings and leg.person != caller.person for leg in self.legs.values()
        )

    def answered_now(self, caller: Leg) -> bool:
        """Return True if somebody who was called is connected to another one."""
        talking = [leg for leg in self.legs.values() if leg.talks]
        return len({leg.person for leg in talking}) > 1 and any(
            self.is_callee(leg) and leg.person != caller.person for leg in talking
        )

    def is_callee(self, leg: Leg) -> bool:
        """Return True if this party was called."""
        if leg.was_caller or leg.was_callee:
            return leg.was_callee and not leg.was_caller
        # First seen on hold, or when hanging up.
        return leg.kind != "inbound" and (
            leg.kind == "outbound" or self.line("inbound") is not None
        )

    def callees(self) -> Iterator[Leg]:
        """Yield the legs of who was called."""
        caller = self.caller()
        for leg in self.legs.values():
            if self.is_callee(leg) and (caller is None or leg.person != caller.person):
                yield leg

    def line(self, kind: str) -> Leg | None:
        """Return the trunk's leg on which the call came in or went out.

        Of several trunks that were tried, the one that carried the call.
        """
        found: Leg | None = None
        for leg in self.legs.values():
            if leg.kind == kind and (kind == "inbound" or leg.is_line):
                if kind == "inbound" or leg.talked:
                    return leg
                if found is None or not found.live:
                    found = leg
        return found

    # --- legs ---

    def _may_go_back(self, leg: Leg, status: str) -> bool:
        """Return True if a leg may really have gone back to an earlier state."""
        if status == "ALERT" and leg.rank == TALKING:
            # Picked up what the API dialled, or waited in an IVR or a queue, and now
            # hears another side ring.
            return leg.status == "ANSWER" or (self.path is not None and not self.person)
        # Without channel ids, a phone that is rung again looks like its old leg.
        return leg.ended and f"{leg.kind}:{leg.number}" in self.legs and self._goes_on

    @property
    def _talked(self) -> list[Leg]:
        """Return the legs that were ever connected."""
        return [leg for leg in self.legs.values() if leg.talked]

    @property
    def _goes_on(self) -> bool:
        return any(leg.live for leg in self.legs.values())

    def _leg_of(self, member: Member) -> Leg | None:
        """Return the leg that a member is about."""
        channel = text_of(member.get("channel_id"))
        if channel and (leg := self.legs.get(channel)) is not None:
            if leg.number is None or (leg.other is None and leg.kind != "ext"):
                leg.complete(member)
                self._note_extension(leg)
            return leg
        kind, number, _ = party(member)
        if channel:
            # Known from a report without channel ids, such as one of version 1.
            if (leg := self.legs.pop(f"{kind}:{number}", None)) is not None:
                self.legs[channel] = leg
            return leg
        for leg in reversed(self.legs.values()):
            if leg.kind == kind and leg.number == number:
                return leg
        return None

    def _add_leg(self, member: Member) -> Leg | None:
        """Add a leg without a status, None if there are too many."""
        if len(self.legs) >= MOST_LEGS:
            return None
        kind, number, other = party(member)
        leg = Leg(kind, number, other, text_of(member.get("trunk_name")))
        leg.path, leg.since = _group_of(member), self.reports
        self.legs[text_of(member.get("channel_id")) or f"{kind}:{number}"] = leg
        self._note_extension(leg)
        return leg

    def _note_extension(self, leg: Leg) -> None:
        """Keep the number of an extension that has part in the call."""
        if leg.kind == "ext" and leg.number and len(self.extensions) < MOST_LEGS:
            self.extensions[leg.number] = None

    def _note_line(self, fresh: list[Leg]) -> None:
        """Note on which leg the call goes out.

        One that is rung beside phones of this PBX is a mobile, and one that joins
        two who talk is where the call was transferred to.
        """
        if not self.person and any(leg.kind == "outbound" for leg in fresh):
            phones = {leg.person for leg in self.legs.values() if leg.kind == "ext"}
            for leg in fresh:
                leg.is_line = leg.kind == "outbound" and len(phones) <= 1

    def _note_dialler(self, fresh: list[Leg]) -> None:
        """Note who calls if the PBX rang his own phone first (protocol 5.17).

        He has picked up, alone, when another one begins to ring. A phone that was
        reached through a group has not dialled: it was called like the others.
        """
        if self.caller() is not None:
            return
        rung = [leg for leg in fresh if leg.first < TALKING]
        early = [leg for leg in self.legs.values() if leg not in fresh]
        talking = [leg for leg in early or fresh if leg.talks and leg.path is None]
        if (
            rung
            and len({leg.person for leg in talking}) == 1
            and len({leg.person for leg in early}) < 2
        ):
            talking[0].was_caller = True

    def _note_who_is_there(
        self, seen: Mapping[Leg, tuple[int, str]], *, complete: bool
    ) -> None:
        """Mark who is in the latest list and who is not."""
        for leg in seen:
            leg.gone = False
        if complete and len(seen) < len(self.legs):
            for leg in self.legs.values():
                if leg not in seen:
                    leg.gone = True

    def _note_groups(self, members: list[dict[str, Any]]) -> None:
        """Note the group that the call goes through, until somebody answers."""
        for member in members:
            if (path := _group_of(member)) and len(self.groups) < MOST_MEMBERS:
                self.groups[path] = None
                if not self.person:
                    self.path = path

    def _note_answer(self, now: datetime, *, in_time: bool) -> None:
        """Note what was dialled, and who answered, as far as all evidence shows.

        Also when the proof comes late: two parties have talked, or one that was
        called from outside; only who calls may talk to an IVR or a voicemail.
        """
        if self.answered_by is not None:
            return
        if not self.person and self.called is None and self.sent_on_at is None:
            self._note_called()
        talked = self._talked
        from_outside = self.line("inbound") is not None
        if len({leg.person for leg in talked}) < 2 and not (
            from_outside and any(self.is_callee(leg) for leg in talked)
        ):
            if in_time and not self.person and self._waits():
                self.waiting_at = now
            return
        if not self.person:
            self.person = True
            if in_time and not self.judged.taken and self._are_connected:
                self.answered_at = now
        if callees := [leg for leg in self.callees() if leg.talked]:
            first = min(callees, key=lambda leg: (leg.talked, leg.kind == "outbound"))
            self.answered_by = first.number

    @property
    def _are_connected(self) -> bool:
        """Return True if two are connected now, as far as it shows."""
        talking = [leg for leg in self.legs.values() if leg.talks]
        line = self.line("inbound")
        return len({leg.person for leg in talking}) > 1 or (
            line is not None and line.live and any(map(self.is_callee, talking))
        )

    def _waits(self) -> bool:
        """Return True if somebody's phone rings and nobody can have answered yet."""
        caller = self.caller()
        return (
            caller is not None
            and (not caller.talks or self.path is not None)
            and self.rings(caller)
        )

    def _note_called(self) -> None:
        """Note what who calls has dialled: a group, or the first who is called."""
        if (caller := self.caller()) is None:
            return
        if self.path is not None:
            self.called = self.path
            return
        for leg in self.legs.values():
            if leg.person != caller.person and self.is_callee(leg):
                self.called = leg.number
                return

    def _note_hang_up(self, now: datetime) -> None:
        """Note when the last party left."""
        if not self.hung_up:
            self.hung_up_at = None
        elif self.hung_up_at is None:
            self.hung_up_at = now

    def _drop_old_legs(self) -> None:
        """Forget phones that were rung in vain if there are very many of them."""
        if len(self.legs) <= ENOUGH_LEGS:
            return
        for key, leg in list(self.legs.items()):
            if not leg.live and not leg.talked and leg.kind == "ext":
                del self.legs[key]
                if len(self.legs) <= ENOUGH_LEGS // 2:
                    return

    def phones(self) -> Iterator[Leg]:
        """Yield the legs of extensions."""
        return (leg for leg in self.legs.values() if leg.kind == "ext" and leg.number)


def _group_of(member: Member) -> str | None:
    """Return the group through which a party was reached.

    event-CallStatus.html, zh: for inbound it may be the trunk's name.
    """
    path = text_of(member.get("call_path"))
    return path if path != member.get("trunk_name") else None
