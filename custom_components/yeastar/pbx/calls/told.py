"""What was announced of a call, on the bus and to each phone: the input to what is next.

The bus hears of each step once a call (contract 5), a phone what is about that phone
(contract 6).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from .description import Call, Direction, Outcome
from .evidence import Evidence
from .leg import Leg


class Step(StrEnum):
    """What can be told of a call, in this order."""

    RINGING = "ringing"
    ANSWERED = "answered"
    # Only to a phone that rang, and then only instead of the others that follow.
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    ENDED = "ended"
    MISSED = "missed"
    FAILED = "failed"


TERMINAL: Final = frozenset({Step.ENDED, Step.MISSED, Step.FAILED})
_ORDER: Final = list(Step)

type Begun = Mapping[str, tuple[Call, bool]]


@dataclass(frozen=True, slots=True)
class Transition:
    """One thing that happened to a call, as the bus hears it."""

    step: Step
    call: Call


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that happened to a call, as one phone or one group hears it.

    Attributes:
        who: the number of the extension or the group.
    """

    kind: Literal["extension", "group"]
    who: str
    step: Step
    call: Call


@dataclass(slots=True)
class Told:
    """What was announced of one call.

    Attributes:
        before: the call as it was announced before a restart, None if it was not.
        direction: as it was announced, None if it was not.
        ringing: that it rings is told, or is no news any more.
        answered: the same for its answer.
        phones: what each phone has heard last.
        groups: what each group has heard last.
    """

    before: Call | None = None
    direction: Direction | None = None
    ringing: bool = False
    answered: bool = False
    phones: dict[str, Step] = field(default_factory=dict)
    groups: dict[str, Step] = field(default_factory=dict)

    @classmethod
    def before_restart(
        cls, call: Call, heard: Mapping[str, Step] | None, *, answered: bool
    ) -> Told:
        """Return what was announced before a restart.

        Args:
            call: as it was told last.
            heard: what each phone heard last; None if that was not kept.
            answered: whether it was told as answered.
        """
        told = cls(call, call.direction, ringing=True, answered=answered)
        if call.path is not None:
            told.groups[call.path] = Step.ANSWERED if answered else Step.RINGING
        if heard is not None:
            told.phones.update(heard)
            return told
        for number in call.extensions:
            took_part = number in (call.caller_number, call.answered_by)
            if not answered:
                told.phones[number] = Step.RINGING
            elif took_part:
                told.phones[number] = Step.ANSWERED
            else:
                told.phones[number] = Step.ANSWERED_ELSEWHERE
        return told

    def next_step(self, evidence: Evidence, caller: Leg | None) -> Step | None:
        """Return what the bus is to hear next of a call that is not over."""
        if caller is None:
            # What rings by itself is nobody's call.
            return None
        judged = evidence.judged
        if not self.answered and not judged.taken and evidence.answered_now(caller):
            self.answered = True
            return Step.ANSWERED
        if self.ringing or evidence.person or judged.speak_of_parties:
            return None
        if evidence.rings(caller):
            self.ringing = True
            return Step.RINGING
        return None

    def note_present(self, evidence: Evidence) -> None:
        """Take what goes on now as known: it began before us."""
        for leg in evidence.phones():
            if leg.live and leg.number is not None:
                step = Step.ANSWERED if leg.talks else Step.RINGING
                self.phones.setdefault(leg.number, step)
        for path in evidence.groups:
            self.groups.setdefault(path, Step.RINGING)

    def of_phones(
        self, evidence: Evidence, caller: Leg | None, step: Step | None
    ) -> Iterator[tuple[str, Step]]:
        """Yield what phones are to hear of a call that is not over.

        Args:
            evidence: of the call.
            caller: who calls, None if nobody is known to.
            step: what the bus just heard, if anything.
        """
        if caller is None or not (self.ringing or self.answered):
            return
        rung: dict[str, bool] = {}
        talking: set[str] = set()
        for leg in evidence.phones():
            number = str(leg.number)
            if leg.person == caller.person:
                if step is Step.RINGING or (step is Step.ANSWERED and leg.live):
                    talking.add(number)
            elif leg.talks:
                talking.add(number)
            else:
                rung[number] = rung.get(number, False) or leg.rings
        for number in talking:
            about = Step.ANSWERED if self.answered else step
            if about is not None and self._is_news(number, about):
                yield number, about
        for number, rings in rung.items():
            if number in talking:
                continue
            if rings and number not in self.phones:
                yield number, Step.RINGING
            elif (
                not rings
                and self.answered
                and evidence.person
                and self.phones.get(number) is Step.RINGING
            ):
                yield number, Step.ANSWERED_ELSEWHERE

    def of_groups(self, evidence: Evidence, step: Step | None) -> Iterator[str]:
        """Yield the groups that a call reached only now, after the bus heard of it."""
        if self.ringing and step is None and len(evidence.groups) > len(self.groups):
            yield from (one for one in evidence.groups if one not in self.groups)

    def at_end(
        self, evidence: Evidence, call: Call, step: Step
    ) -> Iterator[tuple[str, Step]]:
        """Yield what phones are to hear of the end of a call."""
        took_part = {call.caller_number, call.answered_by}
        took_part |= {leg.number for leg in evidence.phones() if leg.talked}
        for number in dict.fromkeys((*call.extensions, *self.phones)):
            heard = self.phones.get(number)
            if step is not Step.ENDED or number in took_part or heard is Step.ANSWERED:
                yield number, step
            elif heard is Step.RINGING:
                yield number, Step.ANSWERED_ELSEWHERE

    def _is_news(self, number: str, step: Step) -> bool:
        heard = self.phones.get(number)
        return (
            heard is None
            or _ORDER.index(step) > _ORDER.index(heard)
            or (
                # It rang, lost the call, and was given it later.
                heard is Step.ANSWERED_ELSEWHERE and step is Step.ANSWERED
            )
        )


def step_of(call: Call) -> Step:
    """Return what is told of a call that is over."""
    if call.outcome is Outcome.ANSWERED:
        return Step.ENDED
    return Step.FAILED if call.direction is Direction.OUTBOUND else Step.MISSED
