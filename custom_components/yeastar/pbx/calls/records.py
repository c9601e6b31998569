"""All CDRs of one call, judged together: the same for a live call and the log.

Transfers, forwards and queues may give several CDRs, a mobile that rings along its
own, and some are of calls that never were (protocol 5.3). What each of them is about
shows only beside the others.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import cached_property
from typing import Protocol

from .leg import Leg
from .record import CallRecord

# The PBX writes whole seconds.
_SECOND = timedelta(seconds=1)
_ALIKE = timedelta(seconds=2)


class NumberPlan(Protocol):
    """What is known of numbers inside the PBX."""

    def is_extension(self, number: str) -> bool:
        """Return True if this is an extension."""

    def answers_itself(self, number: str) -> bool:
        """Return True if this is an IVR or a queue: they pick up without a person."""

    def name_of(self, number: str) -> str | None:
        """Return the name of an extension or a contact with this number."""


class Role(Enum):
    """What a CDR is about."""

    WHOLE = auto()
    PART = auto()
    # A phone that rang, or an agent, and did not get the call.
    LOSER = auto()
    # An IVR, a queue or a voicemail that picked up.
    MACHINE = auto()
    MOBILE = auto()
    PHANTOM = auto()


class Records:
    """The CDRs of a call.

    Attributes:
        roles: what each of them is about.
    """

    def __init__(
        self, records: Iterable[CallRecord], plan: NumberPlan, *, inbound: bool = False
    ) -> None:
        """Judge some CDRs.

        Args:
            records: of one call, in the order in which they were heard.
            plan: what is known of numbers inside the PBX.
            inbound: the call is known to come from outside.
        """
        self._all = list(records)
        self._plan = plan
        self._inbound = inbound or any(one.kind == "INBOUND" for one in self._all)
        self.roles = {id(one): self._role(one) for one in self._all}

    def _role(self, record: CallRecord) -> Role:
        if record.phantom and any(not one.phantom for one in self._all):
            return Role.PHANTOM
        # The call came in, or began in the house; a trunk that it goes out on while
        # it still does so leads to somebody's mobile.
        others = [
            one for one in self._all if one.kind != "OUTBOUND" and not one.phantom
        ]
        if record.kind == "OUTBOUND" and (
            any(record.overlaps(one) for one in others)
            or (self._inbound and not others)
        ):
            return Role.MOBILE
        if record.status == "VOICEMAIL" or (
            record.status == "ANSWERED" and self._is_machine(record)
        ):
            return Role.MACHINE
        if record.status != "ANSWERED" and record.taker is not None:
            return Role.LOSER
        if all(
            record.started_at <= one.started_at + _SECOND
            and record.ended_at >= one.ended_at - _SECOND
            for one in self._all
        ):
            return Role.WHOLE
        return Role.PART

    def _is_machine(self, record: CallRecord) -> bool:
        return (
            record.taker is None
            and record.called is not None
            and self._plan.answers_itself(record.called)
        )

    def _of(self, *roles: Role) -> list[CallRecord]:
        return [one for one in self._all if self.roles[id(one)] in roles]

    @cached_property
    def answer(self) -> CallRecord | None:
        """Return the record of the first person who took the call, None if nobody."""
        return min(self._taken, key=lambda one: one.answered_at, default=None)

    @cached_property
    def _taken(self) -> list[CallRecord]:
        own = self._of(Role.WHOLE, Role.PART)
        return [one for one in own if one.status == "ANSWERED"]

    @cached_property
    def main(self) -> CallRecord | None:
        """Return the record that says best how the call ended, None if there is none.

        A person outweighs a voicemail, and that everything else. Of calls that came
        to nothing the last and longest record speaks: what a phone did that rang for
        a shorter time is not what the call came to.
        """
        if self.answer is not None:
            return self.answer
        own = self._of(Role.WHOLE, Role.PART, Role.MACHINE) or self._all
        return max(
            own,
            key=lambda one: (
                one.status == "VOICEMAIL",
                one.status == "ANSWERED",
                one.ended_at,
                one.duration or 0,
                not one.unanswered,
            ),
            default=None,
        )

    @cached_property
    def status(self) -> str:
        """Return how the call ended in the PBX's word; "" if the records do not say."""
        if self.main is None or self.roles[id(self.main)] is Role.LOSER:
            # That one phone was busy does not say what the call came to.
            return ""
        return self.main.status

    @cached_property
    def answered_by(self) -> str | None:
        """Return the number of who took the call, None if that is not known."""
        if (record := self.answer) is None:
            return None
        if record.taker is not None or record.kind == "OUTBOUND":
            return record.taker or record.called
        for mobile in self._of(Role.MOBILE):
            # It rang along, and it was the one that was picked up.
            apart = abs(mobile.answered_at - record.answered_at)
            if mobile.status == "ANSWERED" and apart <= _ALIKE:
                return mobile.called
        called = record.called
        return called if called and self._plan.is_extension(called) else None

    @cached_property
    def first(self) -> CallRecord | None:
        """Return the record of how the call began."""
        own = self._of(Role.WHOLE, Role.PART, Role.MACHINE, Role.LOSER) or self._all
        return min(
            own,
            key=lambda one: (
                one.started_at,
                self.roles[id(one)] is not Role.WHOLE,
                one.taker is not None,
            ),
            default=None,
        )

    @cached_property
    def path(self) -> str | None:
        """Return the group that led to the answer, or that was left without one."""
        for record in (self.answer, self.main, self.first):
            if record is None or record.called is None:
                continue
            if record.taker is not None or self._plan.answers_itself(record.called):
                return record.called
        return None

    @property
    def extensions(self) -> Iterable[str]:
        """Yield the extensions that are named, in the order in which they had part."""
        for one in sorted(self._all, key=lambda one: one.started_at):
            for number in (one.caller, one.taker or one.called):
                if number and self._plan.is_extension(number):
                    yield number

    @property
    def recording(self) -> str | None:
        """Return the name of the recording that has most of the talk."""
        recorded = [one for one in self._all if one.recording]
        longest = max(recorded, key=lambda one: (one.talk, one.ended_at), default=None)
        return longest.recording if longest is not None else None

    # --- times ---

    @cached_property
    def _timed(self) -> list[CallRecord]:
        own = self._of(Role.WHOLE, Role.PART, Role.MACHINE, Role.LOSER) or self._all
        return [one for one in own if one.duration is not None]

    @cached_property
    def span(self) -> tuple[datetime, datetime] | None:
        """Return from when to when it lasted by the PBX's clock, None if unknown.

        No call ends after its record was heard: a clock that is ahead is put back.
        """
        if not self._timed:
            return None
        started = min(one.started_at for one in self._timed)
        ended = max(one.ended_at for one in self._timed)
        ahead = max(timedelta(), ended - max(one.heard_at for one in self._timed))
        return started - ahead, ended - ahead

    @cached_property
    def seconds(self) -> int | None:
        """Return how long all of it took, None if unknown."""
        if self.span is None:
            return None
        return round((self.span[1] - self.span[0]).total_seconds())

    @cached_property
    def since_answer(self) -> int:
        """Return how long before its end the call was first answered, by anybody."""
        if self.span is None or self.main is None:
            return 0
        if self.answer is None:
            return self.main.talk
        ended = max(one.ended_at for one in self._timed)
        return round((ended - self.answer.answered_at).total_seconds())

    @cached_property
    def talk(self) -> int:
        """Return how long it was talked from the first answer on.

        With nobody's answer: how long the PBX calls talk, whoever it was that talked.
        """
        taken = self._taken
        if not taken or self.answer is None:
            return self.main.talk if self.main is not None else 0
        ended = max(one.ended_at for one in taken)
        return round((ended - self.answer.answered_at).total_seconds())

    @property
    def talks_from_the_start(self) -> bool:
        """Return True if all of it is called talk, but for a second or two."""
        return self.seconds is not None and self.seconds - self.since_answer <= 2

    @property
    def says_talk(self) -> bool:
        """Return True if the talk that is recorded may have been with a person."""
        main = self.main
        return main is not None and self.roles[id(main)] is not Role.MACHINE

    @property
    def taken(self) -> bool:
        """Return True if they say that a person took the call, or may have."""
        return self.answer is not None or any(
            one.status in ("BUSY", "FAILED") for one in self._of(Role.WHOLE, Role.PART)
        )

    @property
    def speak_of_parties(self) -> bool:
        """Return True if one is about more than a machine, or a phone that lost.

        Then a phone that is reported to ring afterwards has rung before.
        """
        return bool(self._of(Role.WHOLE, Role.PART, Role.MOBILE))

    # --- legs ---

    @cached_property
    def leave_more(self) -> bool:
        """Return True if they are only of phones that did not get the call.

        Another phone may ring on, or have taken it.
        """
        return all(role is Role.LOSER for role in self.roles.values())

    def cover(self, legs: Iterable[Leg], group: str | None) -> bool:
        """Return True if the records are about all of these legs.

        Then nobody is left whose part of the call could go on.

        Args:
            legs: of those who have not hung up, as far as is known.
            group: through which the call went; a record of it that names no agent may
                be about one who rang in vain while the caller waits on.
        """
        numbers: set[str | None] = set()
        lines: set[str] = set()
        for one in self._all:
            role = self.roles[id(one)]
            vain = (
                one.unanswered
                and one.called is not None
                and (one.called == group or self._is_machine(one))
            )
            if role is Role.MOBILE:
                numbers.add(one.called)
            elif role is Role.LOSER:
                numbers.add(one.taker)
            elif role is Role.WHOLE or role is Role.PART or one.status == "VOICEMAIL":
                if not vain:
                    numbers |= {one.caller, one.called, one.taker}
                    lines.add("outbound" if one.kind == "OUTBOUND" else "inbound")
        numbers.discard(None)
        return bool(numbers or lines) and all(
            leg.number in numbers
            or leg.path in numbers
            or (leg.kind in lines and (leg.kind == "inbound" or leg.is_line))
            for leg in legs
        )
