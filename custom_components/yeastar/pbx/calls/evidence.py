"""What the reports of one call prove about it, in whatever order they come.

Reports may be repeated, reordered, delayed and lost, so nothing here counts them.
Each adds evidence about the legs of a call; what was proved stays proved.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..reports import MOST_MEMBERS
from .record import CallRecord, text_of

# Contract: how long to wait for the other half of an end (hang-ups and CDR).
SETTLE = timedelta(seconds=3)

# A caller who waits in a queue for an hour sees hundreds of agents' legs; above
# this, legs that are over and never talked are dropped.
ENOUGH_LEGS = 64
MOST_LEGS = 2 * MOST_MEMBERS
MOST_RECORDS = 20

# event-CallStatus.html. A leg only ever moves to a higher rank; a report that
# shows a lower one is an old report that comes late. An unknown word has no rank.
_RANKS = {"ALERT": 1, "RING": 1, "ANSWER": 2, "ANSWERED": 2, "HOLD": 2, "BYE": 3}
_TALKING, _OVER = 2, 3

type Member = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Leg:
    """One party's part of a call."""

    kind: str
    number: str | None
    other: str | None
    trunk: str | None
    # The line that an outbound call goes out on, not one that joined later.
    is_line: bool = False
    status: str = ""
    rank: int = 0
    was_caller: bool = False
    was_callee: bool = False
    # In which report about the call it was first seen to talk, 0 for none.
    talked: int = 0
    # Not in the latest report any more: hung up without saying so.
    gone: bool = False
    ended_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Tell whether this party still takes part."""
        return not self.gone and self.rank < _OVER

    @property
    def talks(self) -> bool:
        """Tell whether this party is connected now, perhaps on hold."""
        return self.live and self.rank == _TALKING

    @property
    def ended(self) -> bool:
        """Tell whether this party said that it hung up."""
        return self.rank == _OVER


@dataclass(slots=True, eq=False)
class Evidence:
    """All that is known of one call."""

    call_id: str
    opened_at: datetime
    # None if it was running before we were.
    started_at: datetime | None
    heard_at: datetime
    legs: dict[str, Leg] = field(default_factory=dict)
    extensions: dict[str, None] = field(default_factory=dict)
    records: list[CallRecord] = field(default_factory=list)
    # The group number that was dialled, and the one that led to the answer.
    first_path: str | None = None
    path: str | None = None
    # Two parties have talked, whether or not it was seen when they began.
    person: bool = False
    answered_at: datetime | None = None
    answered_by: str | None = None
    failure: str | None = None
    hung_up_at: datetime | None = None
    # The PBX was asked and does not know the call any more.
    unknown: bool = False
    # When somebody joined who was not rung at first: transfer, forward, next agent.
    moved_at: datetime | None = None
    told_ringing: bool = False
    told_answered: bool = False
    # Told before a restart, which took the legs with it.
    resumed: bool = False
    reports: int = 0

    def resume(
        self,
        *,
        started_at: datetime | None,
        extensions: Iterable[str],
        answered: bool,
        answered_at: datetime | None,
        answered_by: str | None,
    ) -> None:
        """Take in what was told of the call before a restart."""
        self.resumed = self.told_ringing = True
        self.started_at = started_at
        if started_at is not None:
            self.opened_at = started_at
        self.extensions = dict.fromkeys(extensions)
        if answered:
            self.told_answered = self.person = True
            self.answered_at, self.answered_by = answered_at, answered_by

    def take_members(
        self, members: list[dict[str, Any]], now: datetime, *, complete: bool
    ) -> None:
        """Bring the legs up to date with a list of members.

        The list is complete (event-CallStatus.html), in version 1 it is not. A
        party that it no longer has is gone, unless the list itself is an old one,
        which shows in a leg that would have to go back.
        """
        self.reports += 1
        steps: dict[Leg, tuple[int, str]] = {}
        fresh: list[Leg] = []
        for member in members:
            status = str(member.get("member_status") or "").strip().upper()
            if (leg := self._leg_of(member)) is None:
                if (leg := self._add_leg(member)) is None:
                    continue
                fresh.append(leg)
            # Two phones of one extension may come without channel ids.
            steps[leg] = max(steps.get(leg, (0, "")), (_RANKS.get(status, 0), status))
            if status in ("ALERT", "ANSWERED"):
                # event-CallStatus.html: these two are the caller's words.
                leg.was_caller = True
            elif status in ("RING", "ANSWER"):
                leg.was_callee = True
        self._note_line(fresh)
        stale = any(
            0 < rank < leg.rank and not self._may_go_back(leg, status)
            for leg, (rank, status) in steps.items()
        )
        was_person = self.person
        for leg, (rank, status) in steps.items():
            if rank == _TALKING and not leg.talked:
                leg.talked = self.reports
            if rank and (rank >= leg.rank or not stale):
                leg.rank, leg.status = rank, status
                if leg.ended and leg.ended_at is None:
                    leg.ended_at = now
        if stale:
            for leg in fresh:
                leg.gone = True
        else:
            self._note_who_is_there(steps, complete=complete)
            self._note_path(members)
            if any(leg.live and leg.kind != "inbound" for leg in fresh) and (
                was_person or self._somebody_left()
            ):
                self.moved_at = now
        self._note_answer(now, in_time=not stale)
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

    def note_unknown(self, now: datetime) -> None:
        """Take in that the PBX does not know the call any more."""
        self.unknown = True
        self._note_hang_up(now)

    def note_move(self, now: datetime, *, answered: bool) -> None:
        """Take in that a call was sent on; only one with two parties is transferred."""
        self.moved_at = now
        self.person |= answered

    def note_record(self, record: CallRecord) -> None:
        """Keep a CDR, unless it cannot be about what was seen."""
        seen = (self.hung_up_at or record.heard_at) - self.opened_at
        if record.phantom and (self.person or seen > SETTLE):
            return
        if len(self.records) == MOST_RECORDS:
            del self.records[0]
        self.records.append(record)

    @property
    def hung_up(self) -> bool:
        """Tell whether all parties have left, or the call came to nothing."""
        if self.unknown:
            return True
        live = [leg for leg in self.legs.values() if leg.live]
        if self.failure is None or (live and self.path is not None):
            # In a group one phone fails and the others ring on.
            return not live and any(leg.ended for leg in self.legs.values())
        return not any(leg.talks or leg.status == "RING" for leg in live)

    @property
    def ended_at(self) -> datetime | None:
        """Return when the call ended by all signs, None if there is none."""
        if self.hung_up_at is not None:
            return self.hung_up_at
        line = self.line("inbound")
        signs = [record.heard_at for record in self.records[-1:]]
        if line is not None and line.ended_at is not None:
            signs.append(line.ended_at)
        return max(signs, default=None)

    @property
    def over(self) -> bool:
        """Tell whether there is a sign that the call is over."""
        if self.hung_up:
            return True
        if not self.legs:
            return bool(self.records)
        ended = any(leg.ended for leg in self.legs.values())
        return any(ended or not record.phantom for record in self._final_records())

    @property
    def complete(self) -> bool:
        """Tell whether both halves of the end are there: hang-ups and CDR.

        That the second party's hang-up is reported is not sure (protocol 5.2).
        """
        return (self.hung_up or self._caller_left) and any(
            not record.phantom and not self._more_may_follow(record)
            for record in self._final_records()
        )

    @property
    def never_was(self) -> bool:
        """Tell whether this is nothing but a phantom CDR (protocol 5.3)."""
        return (
            not self.legs
            and not self.resumed
            and self.failure is None
            and self.moved_at is None
            and all(record.phantom for record in self.records)
        )

    @property
    def rings(self) -> bool:
        """Tell whether somebody's phone rings because somebody calls.

        One phone that rings alone is dialled through the API and will call
        somebody when it is picked up (protocol 5.17).
        """
        live = [leg for leg in self.legs.values() if leg.live]
        return len(live) > 1 and any(leg.status == "RING" for leg in live)

    @property
    def may_ring(self) -> bool:
        """Tell whether ringing would still be news."""
        return not (self.told_ringing or self.person or self.records or self.over)

    @property
    def may_be_answered(self) -> bool:
        """Tell whether an answer would still be news."""
        return not (
            self.told_answered
            or any(not record.unanswered for record in self.records)
            or self.over
        )

    def talking(self) -> list[Leg]:
        """Return who is connected now.

        One that is alone has an IVR, a queue, a voicemail or, at a dial through
        the API, nobody yet on the other side.
        """
        return [leg for leg in self.legs.values() if leg.talks]

    def is_callee(self, leg: Leg) -> bool:
        """Tell whether this party was called."""
        if leg.was_caller or leg.was_callee:
            return leg.was_callee and not leg.was_caller
        # First seen on hold.
        return leg.kind == ("ext" if self.line("inbound") else "outbound")

    def line(self, kind: str) -> Leg | None:
        """Return the trunk's leg on which the call came in or went out."""
        return next(
            (
                leg
                for leg in self.legs.values()
                if leg.kind == kind and (kind == "inbound" or leg.is_line)
            ),
            None,
        )

    @property
    def _caller_left(self) -> bool:
        """Tell whether somebody from outside hung up and left one party alone."""
        return (line := self.line("inbound")) is not None and (
            line.ended and sum(leg.live for leg in self.legs.values()) < 2
        )

    def _final_records(self) -> Iterator[CallRecord]:
        """Yield the CDRs that may be about the whole call.

        Transfers, forwards and queues may give a CDR for each part (protocol 5.3); one
        that comes when somebody joins is about the part before. A mobile that
        rings along may have its own, of type Outbound.
        """
        line = self.line("inbound")
        left_at = line.ended_at if line is not None else None
        for record in self.records:
            if line is not None and record.kind == "OUTBOUND":
                continue
            if (
                self.moved_at is None
                or record.heard_at - self.moved_at >= SETTLE
                or (left_at is not None and record.heard_at >= left_at)
            ):
                yield record

    def _more_may_follow(self, record: CallRecord) -> bool:
        """Tell whether this CDR is probably that of a phone that lost the call."""
        if not record.unanswered:
            return False
        if record.taker is not None or self.person:
            return True
        # The PBX answered although phones rang: a voicemail, or a queue.
        legs = self.legs.values()
        return any(leg.was_caller and leg.talked for leg in legs) and any(
            self.is_callee(leg) for leg in legs
        )

    def _may_go_back(self, leg: Leg, status: str) -> bool:
        """Tell whether a leg may really have gone back to an earlier state."""
        if leg.status == "ANSWER" and status == "ALERT":
            # Picked up what the API dialled and now hears the other side ring.
            return True
        # Without channel ids, a phone that is rung again looks like its old leg.
        return leg.ended and f"{leg.kind}:{leg.number}" in self.legs and self._goes_on

    @property
    def _goes_on(self) -> bool:
        return any(leg.live for leg in self.legs.values())

    def _leg_of(self, member: Member) -> Leg | None:
        """Return the leg that a member is about."""
        kind, number, _ = _party(member)
        if channel := text_of(member.get("channel_id")):
            if (leg := self.legs.get(channel)) is not None:
                return leg
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
        kind, number, other = _party(member)
        leg = Leg(kind, number, other, text_of(member.get("trunk_name")))
        key = text_of(member.get("channel_id")) or f"{kind}:{number}"
        self.legs[key] = leg
        if kind == "ext" and number and len(self.extensions) < MOST_LEGS:
            self.extensions[number] = None
        return leg

    def _note_line(self, fresh: list[Leg]) -> None:
        """Note on which leg the call goes out.

        One that is rung beside phones of this PBX is a mobile, and one that joins
        two who talk is where the call was transferred to.
        """
        if not self.person and any(leg.kind == "outbound" for leg in fresh):
            phones = sum(leg.kind == "ext" for leg in self.legs.values())
            for leg in fresh:
                leg.is_line = leg.kind == "outbound" and phones <= 1

    def _note_who_is_there(
        self, seen: Mapping[Leg, tuple[int, str]], *, complete: bool
    ) -> None:
        """Mark who is in the latest list and who is not."""
        for leg in seen:
            leg.gone = False
        if complete:
            for leg in self.legs.values():
                if leg not in seen:
                    leg.gone = True

    def _somebody_left(self) -> bool:
        """Tell whether a party that was called is no longer there."""
        return any(
            leg.rank and not leg.live and leg.kind != "inbound"
            for leg in self.legs.values()
        )

    def _note_path(self, members: list[dict[str, Any]]) -> None:
        """Note the group that the call goes through, until somebody answers."""
        for member in members:
            path = text_of(member.get("call_path"))
            # event-CallStatus.html, zh: for inbound it may be the trunk's name.
            if path and path != member.get("trunk_name"):
                self.first_path = self.first_path or path
                if not self.person:
                    self.path = path

    def _note_answer(self, now: datetime, *, in_time: bool) -> None:
        """Note who answered, as far as all evidence shows.

        Also when the proof comes late: two parties have talked, or one that was
        called from outside; only who calls may talk to an IVR or a voicemail.
        """
        if self.answered_by is not None:
            return
        talked = [leg for leg in self.legs.values() if leg.talked]
        from_outside = self.line("inbound") is not None
        if len(talked) < 2 and not (
            from_outside and any(self.is_callee(leg) for leg in talked)
        ):
            return
        if not self.person:
            self.person = True
            if in_time and not self.records and not self.hung_up:
                self.answered_at = now
        if callees := [leg for leg in talked if self.is_callee(leg)]:
            # An API dial may call both sides callees; then the caller's phone
            # was picked up first. Both at once: the outside party was called.
            callees.sort(key=lambda leg: (leg.talked, leg.kind == "outbound"))
            alone = len(callees) == len(talked) and not from_outside
            self.answered_by = callees[-1 if alone else 0].number

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


def _party(member: Member) -> tuple[str, str | None, str | None]:
    """Return a member's kind, its own number, and the other side's."""
    kind = str(member.get("kind"))
    if kind == "inbound":
        return kind, text_of(member.get("from")), text_of(member.get("to"))
    if kind == "outbound":
        return kind, text_of(member.get("to")), text_of(member.get("from"))
    return kind, text_of(member.get("number")), None
