"""Whole calls at random: planned here, played without sockets or by a live PBX."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
import heapq
import random
from typing import Any

from .encoding import Report
from .errors import StoryError
from .readings import Readings
from .settings import Settings
from .state import PbxState
from .stories import CallStory
from .truth import Truth

# The moment of the samples in protocol 5.
START = 1_571_897_930.0
REASONS = (
    "NO Outbound Restriction",
    "Circuit/channel congestion",
    "DND",
    "Line Unreachable",
    "410 Gone",
    "404 NOT found",
    "408 Request Time",
    "480 Temporatily Unavailable",
    "484 Address incomplete",
    "603 Declined",
)


class Kind(StrEnum):
    """What happens in a call."""

    INBOUND_ANSWERED = "inbound_answered"
    INBOUND_MISSED = "inbound_missed"
    INBOUND_TIMED_OUT = "inbound_timed_out"
    INBOUND_DECLINED = "inbound_declined"
    INBOUND_BUSY = "inbound_busy"
    INBOUND_VOICEMAIL = "inbound_voicemail"
    INBOUND_FORWARDED = "inbound_forwarded"
    INBOUND_FORWARDED_OUT = "inbound_forwarded_out"
    INBOUND_MOBILE = "inbound_mobile"
    INBOUND_HELD = "inbound_held"
    INBOUND_TRANSFERRED = "inbound_transferred"
    INBOUND_TRANSFERRED_BY_API = "inbound_transferred_by_api"
    INBOUND_TRANSFER_LOST = "inbound_transfer_lost"
    GROUP_ANSWERED = "group_answered"
    INBOUND_PICKED_UP = "inbound_picked_up"
    GROUP_MISSED = "group_missed"
    GROUP_HUNTED = "group_hunted"
    GROUP_PICKED_UP = "group_picked_up"
    QUEUE_ANSWERED = "queue_answered"
    QUEUE_ABANDONED = "queue_abandoned"
    QUEUE_AGENT_PAUSED = "queue_agent_paused"
    IVR_ANSWERED = "ivr_answered"
    IVR_ABANDONED = "ivr_abandoned"
    IVR_QUEUE_ANSWERED = "ivr_queue_answered"
    OUTBOUND_ANSWERED = "outbound_answered"
    OUTBOUND_MISSED = "outbound_missed"
    OUTBOUND_BUSY = "outbound_busy"
    OUTBOUND_FAILED = "outbound_failed"
    OUTBOUND_SECOND_TRUNK = "outbound_second_trunk"
    INTERNAL_ANSWERED = "internal_answered"
    INTERNAL_MISSED = "internal_missed"
    INTERNAL_BUSY = "internal_busy"
    INTERNAL_VOICEMAIL = "internal_voicemail"
    API_DIAL_ANSWERED = "api_dial_answered"
    API_DIAL_MISSED = "api_dial_missed"
    API_DIAL_NOT_PICKED_UP = "api_dial_not_picked_up"
    API_DIAL_OUTSIDE = "api_dial_outside"
    API_DIAL_GROUP = "api_dial_group"
    PAGING = "paging"
    PAGING_ANNOUNCED = "paging_announced"
    CONFERENCE = "conference"


@dataclass(frozen=True, slots=True)
class Step:
    """Wait so many seconds, then call this method of the story."""

    wait: float
    name: str
    arguments: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def apply(self, story: CallStory) -> list[Report]:
        """Carry the step out."""
        reports: list[Report] = getattr(story, self.name)(
            *self.arguments, **self.options
        )
        return reports


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A call that could be played."""

    kind: Kind
    direction: str
    caller: str
    called: str
    trunk: str = ""
    did: str = ""
    by_api: bool = False
    prompts: str = ""
    steps: tuple[Step, ...]

    def begin(self, pbx: PbxState) -> CallStory:
        """Make the call of it."""
        return CallStory(
            pbx,
            self.direction,
            self.caller,
            self.called,
            trunk=self.trunk,
            did=self.did,
            by_api=self.by_api,
            prompts=self.prompts,
        )


@dataclass(frozen=True, slots=True)
class Story:
    """A call played to its end: reports with seconds since its start, the truth."""

    kind: Kind
    reports: list[tuple[float, Report]]
    truth: Truth


@dataclass(frozen=True, slots=True)
class Traffic:
    """Several calls at the same time: all reports in order, all truths."""

    reports: list[tuple[float, Report]]
    truths: list[Truth]


class Planner:
    """Draws scenarios that suit a PBX."""

    def __init__(self, pbx: PbxState, source: random.Random) -> None:
        """Plan for `pbx`, which needs two free extensions and a trunk at least."""
        self.pbx = pbx
        self.source = source

    def kinds(self) -> list[Kind]:
        """Return the kinds that this PBX is equipped for."""
        missing = {
            "group": not self.pbx.ring_groups,
            "queue": not self.pbx.queues,
            "ivr": not self.pbx.ivrs or not self.pbx.queues,
            "inbound": not self.pbx.trunks,
            "outbound": not self.pbx.trunks,
            "paging": not self.pbx.paging_groups,
            "conference": not self.pbx.conferences,
        }
        more = {
            Kind.OUTBOUND_SECOND_TRUNK: len(self.pbx.trunks) < 2,
            Kind.API_DIAL_GROUP: not self.pbx.ring_groups,
        }
        return [
            kind
            for kind in Kind
            if not missing.get(kind.partition("_")[0], False)
            and not more.get(kind, False)
        ]

    def plan(
        self, kind: Kind | None = None, taken: frozenset[str] = frozenset()
    ) -> Scenario | None:
        """Return a scenario, None if too few extensions are free.

        Args:
            kind: of which kind; None draws one.
            taken: extensions that must not be used.
        """
        free = [
            number
            for number in self.pbx.extensions
            if number not in taken and self.pbx.can_ring(number)
        ]
        if len(free) < 3:
            return None
        first, second, third = self.source.sample(free, 3)
        chosen = kind or self.source.choice(self.kinds())
        family = chosen.partition("_")[0]
        outside = f"0{self.source.randrange(10**8, 10**9)}"
        trunk = next(iter(self.pbx.trunks), "")
        if self.pbx.trunks:
            trunk = self.source.choice(list(self.pbx.trunks))
        steps = tuple(self._steps(chosen, first, second, outside, trunk))
        match family:
            case "outbound":
                ends = {"direction": "outbound", "caller": third, "called": outside}
            case "internal":
                ends = {"direction": "internal", "caller": third, "called": first}
            case "api":
                goes_out = chosen is Kind.API_DIAL_OUTSIDE
                inside = first
                if chosen is Kind.API_DIAL_GROUP:
                    inside = next(iter(self.pbx.ring_groups))
                ends = {
                    "direction": "outbound" if goes_out else "internal",
                    "caller": third,
                    "called": outside if goes_out else inside,
                }
            case "paging" | "conference":
                announced = chosen is Kind.PAGING_ANNOUNCED
                groups = self.pbx.conferences if family == "conference" else None
                ends = {
                    "direction": "internal",
                    "caller": "" if announced else third,
                    "called": next(iter(groups or self.pbx.paging_groups)),
                }
            case _:
                called = {
                    "group": next(iter(self.pbx.ring_groups), ""),
                    "queue": next(iter(self.pbx.queues), ""),
                    "ivr": next(iter(self.pbx.ivrs), ""),
                }.get(family, first)
                ends = {"direction": "inbound", "caller": outside, "called": called}
        return Scenario(
            kind=chosen,
            trunk="" if ends["direction"] == "internal" else trunk,
            did="5551000" if ends["direction"] == "inbound" else "",
            by_api=family == "api",
            prompts="hello" if chosen is Kind.PAGING_ANNOUNCED else "",
            steps=steps,
            **ends,
        )

    def _wait(self, most: float = 30.0) -> float:
        """Return some seconds, mostly whole ones: clocks of reports have no others."""
        return float(self.source.randint(0, int(most)))

    def _talk(self, *parties: str) -> Iterator[Step]:
        """Yield the end of a call that somebody answered."""
        yield Step(self._wait(300), "hang_up", (self.source.choice(parties),))

    def _steps(
        self, kind: Kind, first: str, second: str, outside: str, trunk: str
    ) -> Iterator[Step]:
        """Yield the steps; `first` is the extension called, `second` another."""
        ring = Step(0.0, "ring")
        answer = Step(self._wait(), "answer", (first,))
        match kind:
            case Kind.INBOUND_ANSWERED | Kind.INTERNAL_ANSWERED:
                yield from (ring, answer, *self._talk(first, ""))
            case (
                Kind.INBOUND_MISSED
                | Kind.INTERNAL_MISSED
                | Kind.OUTBOUND_MISSED
                | Kind.GROUP_MISSED
                | Kind.QUEUE_ABANDONED
                | Kind.API_DIAL_NOT_PICKED_UP
                | Kind.CONFERENCE
            ):
                yield from (ring, Step(self._wait(), "hang_up"))
            case Kind.INBOUND_TIMED_OUT:
                yield from (ring, Step(30.0, "time_out"))
            case Kind.INBOUND_DECLINED:
                yield from (ring, Step(self._wait(), "hang_up", (first,)))
            case Kind.INBOUND_BUSY | Kind.INTERNAL_BUSY | Kind.OUTBOUND_BUSY:
                yield from (ring, Step(self._wait(3), "busy"))
            case Kind.INBOUND_VOICEMAIL | Kind.INTERNAL_VOICEMAIL:
                yield from (ring, Step(30.0, "voicemail"))
                yield Step(self._wait(60), "hang_up")
            case Kind.INBOUND_FORWARDED:
                yield from (ring, Step(self._wait(), "forward", (second,)))
                yield Step(self._wait(), "answer", (second,))
                yield from self._talk(second, "")
            case Kind.INBOUND_FORWARDED_OUT:
                far = f"1{outside}"
                yield from (ring, Step(0.0, "forward", (far,), {"trunk": trunk}))
                yield Step(self._wait(), "answer", (far,))
                yield from self._talk(far, "")
            case Kind.INBOUND_MOBILE:
                mobile = f"17{outside}"
                yield from (ring, Step(0.0, "ring_mobile", (mobile, trunk, first)))
                who = self.source.choice((mobile, first))
                yield Step(self._wait(), "answer", (who,))
                yield from self._talk(who, "")
            case Kind.INBOUND_HELD:
                yield from (ring, answer, Step(self._wait(), "hold", (first,)))
                yield Step(self._wait(), "resume")
                yield from self._talk(first, "")
            case Kind.INBOUND_TRANSFERRED | Kind.INBOUND_TRANSFERRED_BY_API:
                by_user = kind is Kind.INBOUND_TRANSFERRED
                yield from (ring, answer)
                yield Step(self._wait(), "transfer", (second,), {"by_user": by_user})
                yield Step(self._wait(), "answer", (second,))
                yield from self._talk(second, "")
            case Kind.INBOUND_TRANSFER_LOST:
                yield from (ring, answer)
                yield Step(self._wait(), "transfer", (second,))
                yield Step(self._wait(), "hang_up")
            case Kind.INBOUND_PICKED_UP | Kind.GROUP_PICKED_UP:
                yield from (ring, Step(self._wait(), "pick_up", (second,)))
                yield from self._talk(second, "")
            case Kind.OUTBOUND_ANSWERED:
                yield from (ring, Step(self._wait(), "answer", (outside,)))
                yield from self._talk(outside, "")
            case Kind.OUTBOUND_SECOND_TRUNK:
                others = [one for one in self.pbx.trunks if one != trunk]
                another = self.source.choice(others)
                yield from (ring, Step(self._wait(5), "try_trunk", (another,)))
                yield Step(self._wait(), "answer", (outside,))
                yield from self._talk(outside, "")
            case Kind.OUTBOUND_FAILED:
                reason = self.source.choice(REASONS)
                yield from (ring, Step(self._wait(5), "fail", (reason,)))
            case Kind.API_DIAL_ANSWERED:
                # The caller picks up his own phone first.
                yield from (ring, Step(self._wait(), "answer"), answer)
                yield from self._talk(first, "")
            case Kind.API_DIAL_GROUP:
                yield from (ring, Step(self._wait(), "answer"))
                yield Step(self._wait(), "answer")
                yield Step(self._wait(300), "hang_up")
            case Kind.API_DIAL_MISSED:
                yield from (ring, Step(self._wait(), "answer"))
                yield Step(self._wait(), "hang_up")
            case Kind.API_DIAL_OUTSIDE:
                yield from (ring, Step(self._wait(), "answer"))
                yield Step(self._wait(), "answer", (outside,))
                yield from self._talk(outside, "")
            case _:
                yield from self._steps_in_a_group(kind)

    def _steps_in_a_group(self, kind: Kind) -> Iterator[Step]:
        """Yield the steps of a call to a group, a queue or an IVR."""
        ring = Step(0.0, "ring")
        match kind:
            case Kind.GROUP_ANSWERED | Kind.QUEUE_ANSWERED:
                # Nobody by name: whoever of the group is free.
                yield from (ring, Step(self._wait(), "answer"))
                yield Step(self._wait(300), "hang_up")
            case Kind.GROUP_HUNTED:
                yield from (Step(0.0, "hunt"), Step(self._wait(), "hunt"))
                yield Step(self._wait(), "answer")
                yield Step(self._wait(300), "hang_up")
            case Kind.PAGING | Kind.PAGING_ANNOUNCED:
                # Everybody hears it, one after the other picks up.
                yield from (ring, Step(0.0, "answer"), Step(0.0, "answer"))
                yield Step(self._wait(60), "time_out")
            case Kind.QUEUE_AGENT_PAUSED:
                yield ring
                agent = next(iter(self.pbx.queues.values())).all_agents()[0]
                pause = {"pause": self.source.random() < 0.5}
                yield Step(self._wait(), "agent_timeout", (agent,), pause)
                yield Step(self._wait(), "answer")
                yield Step(self._wait(300), "hang_up")
            case Kind.IVR_ANSWERED | Kind.IVR_QUEUE_ANSWERED:
                yield from (ring, Step(self._wait(5), "prompt_end"))
                key = "1" if kind is Kind.IVR_ANSWERED else "2"
                yield Step(self._wait(), "choose", (key,))
                yield Step(self._wait(), "answer")
                yield Step(self._wait(300), "hang_up")
            case Kind.IVR_ABANDONED:
                yield from (ring, Step(self._wait(), "dtmf", ("9",)))
                yield Step(self._wait(), "hang_up")


def apply_step(step: Step, story: CallStory) -> list[Report]:
    """Carry a step out.

    If it cannot happen, because others took the phones that it needs, the caller
    hangs up instead.
    """
    if story.over:
        return []
    try:
        return step.apply(story)
    except StoryError:
        return story.hang_up()


def story_reports(
    seed: int = 0,
    kind: Kind | None = None,
    *,
    settings: Settings | None = None,
    readings: Readings | None = None,
    start: float = START,
) -> Story:
    """Play one call without sockets.

    Args:
        seed: the same seed gives the same call.
        kind: what happens; None draws it.
        settings: the PBX, the default one if None.
        readings: how it tells, the default if None.
        start: epoch seconds at which the call begins.
    """
    result = traffic(
        seed, 1, kinds=(kind,), settings=settings, readings=readings, start=start
    )
    return Story(result[1][0], result[0].reports, result[0].truths[0])


def many_calls(
    seed: int = 0,
    count: int = 10,
    *,
    spread: float = 600.0,
    settings: Settings | None = None,
    readings: Readings | None = None,
    start: float = START,
) -> Traffic:
    """Play several calls, some at the same time, without sockets.

    Args:
        seed: the same seed gives the same calls.
        count: how many calls are tried; one for which too few extensions are free
            does not take place.
        spread: seconds over which their beginnings are spread.
        settings: the PBX, the default one if None.
        readings: how it tells, the default if None.
        start: epoch seconds at which the first may begin.
    """
    return traffic(
        seed, count, spread=spread, settings=settings, readings=readings, start=start
    )[0]


def traffic(
    seed: int,
    count: int,
    *,
    kinds: tuple[Kind | None, ...] = (None,),
    spread: float = 0.0,
    settings: Settings | None = None,
    readings: Readings | None = None,
    start: float = START,
) -> tuple[Traffic, list[Kind]]:
    """Play calls on one PBX; return what was told and of which kinds they were."""
    source = random.Random(seed)
    moment = start
    pbx = PbxState(settings or Settings(), readings or Readings(), lambda: moment)
    planner = Planner(pbx, source)
    reports: list[tuple[float, Report]] = []
    truths: list[Truth] = []
    played: list[Kind] = []
    reserved: dict[int, frozenset[str]] = {}
    # (when, order, story or None for a beginning, steps still to come)
    agenda: list[tuple[float, int, CallStory | None, tuple[Step, ...]]] = []
    for number in range(count):
        heapq.heappush(
            agenda, (start + float(int(source.random() * spread)), number, None, ())
        )
    while agenda:
        moment, number, story, steps = heapq.heappop(agenda)
        if story is None:
            taken = frozenset().union(*reserved.values())
            scenario = planner.plan(kinds[number % len(kinds)], taken)
            if scenario is None:
                continue
            story = scenario.begin(pbx)
            steps = scenario.steps
            reserved[number] = _extensions_of(scenario, pbx)
            truths.append(story.truth)
            played.append(scenario.kind)
        else:
            told = apply_step(steps[0], story)
            reports += [(moment - start, report) for report in told]
            steps = steps[1:]
        if steps and not story.over:
            heapq.heappush(agenda, (moment + steps[0].wait, number, story, steps))
        else:
            reserved.pop(number, None)
    return Traffic(reports, truths), played


def _extensions_of(scenario: Scenario, pbx: PbxState) -> frozenset[str]:
    """Return the extensions that a scenario will need."""
    named = {argument for step in scenario.steps for argument in step.arguments}
    named |= {scenario.caller, scenario.called}
    return frozenset(named & pbx.extensions.keys())
