"""Hooks that spoil the delivery of reports (protocol 4.2)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from .encoding import Report

# What a hook matches: the name of an event, or a function of the report.
type Match = str | Callable[[Report], bool]
# What becomes of one report: pairs of a report (or bytes, or None for "dropped")
# and the seconds by the clock that it waits.
type Outcome = tuple[Report | bytes | None, float]


class Order(Enum):
    """In which order `release` sends what `hold` kept back."""

    KEPT = auto()
    REVERSED = auto()
    SHUFFLED = auto()


@dataclass(slots=True)
class _Rule:
    match: Match | None
    change: Callable[[Report], list[Outcome]]
    count: int | None

    def takes(self, report: Report) -> bool:
        if self.count == 0:
            return False
        match self.match:
            case None:
                return True
            case str() as event:
                return report.get("event") == event
            case function:
                return function(report)


@dataclass(slots=True)
class Delivery:
    """All hooks in the order of their setting. Each matches a report by itself.

    Every method takes `match` (an event name, a function of the report, or None
    for all) and `count` (how many reports it hits, None until `clear`).
    """

    rules: list[_Rule] = field(default_factory=list)
    # Reports are kept back while this is set.
    holds: bool = False
    # The next report is taken at random from so many first ones of the queue.
    window: int = 0
    on_release: Callable[[Order], None] = lambda order: None
    # Last reports of calls that wait for their NewCdr.
    _late: dict[str, list[Report]] = field(default_factory=dict)
    _late_active: bool = False

    def clear(self) -> None:
        """Deliver as a faultless PBX would."""
        self.rules.clear()
        self.window = 0
        self._late_active = False
        self.release()

    def hold(self) -> None:
        """Keep reports back until `release`."""
        self.holds = True

    def release(self, order: Order = Order.KEPT) -> None:
        """Send what `hold` kept back."""
        self.holds = False
        self.on_release(order)

    def reorder(self, window: int) -> None:
        """Take reports in random order out of the first `window`; 0 keeps order."""
        self.window = window

    def outcomes(self, report: Report) -> list[Outcome]:
        """Return what becomes of a report."""
        outcomes: list[Outcome] = [(report, 0.0)]
        for rule in list(self.rules):
            hit = False
            changed: list[Outcome] = []
            for one, delay in outcomes:
                if isinstance(one, dict) and rule.takes(one):
                    hit = True
                    changed += [(new, delay + more) for new, more in rule.change(one)]
                else:
                    changed.append((one, delay))
            outcomes = changed
            if hit and rule.count is not None:
                rule.count -= 1
        if self._late_active:
            outcomes = self._make_late(report, outcomes)
        return outcomes

    def change(
        self,
        change: Callable[[Report], list[Outcome]],
        match: Match | None = None,
        count: int | None = None,
    ) -> None:
        """Let `change` say what becomes of each report that matches."""
        self.rules.append(_Rule(match, change, count))

    def drop(self, match: Match | None = None, count: int | None = None) -> None:
        """Lose reports, for example every `NewCdr`."""
        self.change(lambda _: [(None, 0.0)], match, count)

    def duplicate(
        self, match: Match | None = None, times: int = 1, count: int | None = None
    ) -> None:
        """Send reports `times` more."""
        self.change(lambda report: [(report, 0.0)] * (times + 1), match, count)

    def delay(
        self, seconds: float, match: Match | None = None, count: int | None = None
    ) -> None:
        """Send reports later by the clock; others overtake them."""
        self.change(lambda report: [(report, seconds)], match, count)

    def empty_members(
        self,
        match: Match | None = "CallStatus",
        count: int | None = None,
        *,
        instead: bool = False,
    ) -> None:
        """Send the report with no members, before the real one or instead of it."""

        def change(report: Report) -> list[Outcome]:
            empty = {**report, "members": []}
            return [(empty, 0.0)] if instead else [(empty, 0.0), (report, 0.0)]

        self.change(change, match, count)

    def unknown_keys(
        self, match: Match | None = None, count: int | None = None
    ) -> None:
        """Add keys that no document knows, in the report and in its members."""

        def change(report: Report) -> list[Outcome]:
            changed: dict[str, Any] = {**report, "newkey": "1", "newlist": [{"a": "b"}]}
            if isinstance(report.get("members"), list):
                changed["members"] = [
                    {kind: {**fields, "newkey": ""} for kind, fields in member.items()}
                    for member in report["members"]
                ]
            return [(changed, 0.0)]

        self.change(change, match, count)

    def wrong_case(self, match: Match | None = None, count: int | None = None) -> None:
        """Send status words in another case than documented."""

        def change(report: Report) -> list[Outcome]:
            changed = dict(report)
            if isinstance(report.get("status"), str):
                changed["status"] = report["status"].swapcase()
            if isinstance(report.get("members"), list):
                changed["members"] = [
                    {kind: _other_case(fields) for kind, fields in member.items()}
                    for member in report["members"]
                ]
            return [(changed, 0.0)]

        self.change(change, match, count)

    def invalid_json(
        self, match: Match | None = None, count: int | None = None
    ) -> None:
        """Send something that is almost JSON instead of the report."""

        def change(report: Report) -> list[Outcome]:
            broken = repr(report).encode()[:-1] + b",}"
            return [(broken, 0.0)]

        self.change(change, match, count)

    def late_call_status(self) -> None:
        """Send the last `CallStatus` of every call after its `NewCdr`."""
        self._late_active = True

    def _make_late(self, report: Report, outcomes: list[Outcome]) -> list[Outcome]:
        callid = str(report.get("callid", ""))
        if report.get("event") == "NewCdr":
            late = self._late.pop(callid, [])
            return [*outcomes, *((one, 0.0) for one in late)]
        if report.get("event") == "CallStatus" and _is_over(report):
            self._late.setdefault(callid, []).append(report)
            return []
        return outcomes


def _is_over(report: Report) -> bool:
    members = report.get("members") or []
    return all(
        fields.get("memberstatus") == "BYE"
        for member in members
        for fields in member.values()
    )


def _other_case(fields: dict[str, Any]) -> dict[str, Any]:
    if "memberstatus" not in fields:
        return fields
    return {**fields, "memberstatus": str(fields["memberstatus"]).capitalize()}
