"""Medians with their spread, and the tables that they make."""

from dataclasses import asdict, dataclass
import statistics
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured how often: the median, and where 80 % of the values lie."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: list[float], scale: float = 1.0) -> Figure:
        """Return the figure of some values, each times `scale`."""
        if len(values) == 1:
            value = values[0] * scale
            return cls(value, value, value, 1)
        tenths = statistics.quantiles(values, n=10, method="inclusive")
        median = statistics.median(values)
        return cls(median * scale, tenths[0] * scale, tenths[8] * scale, len(values))

    def __str__(self) -> str:
        """Return the median, and the spread if there is one."""
        if self.count == 1:
            return _short(self.median)
        return f"{_short(self.median)} ({_short(self.low)} to {_short(self.high)})"


@dataclass(frozen=True, slots=True)
class Ratio:
    """One cost as a multiple of another, and what it is to stay below."""

    name: str
    value: float
    goal: float | None = None
    # What `--check` allows: the goal, or what can be had, and room for noise.
    limit: float | None = None


class Section:
    """A part of the report: a table, and the ratios to be watched."""

    def __init__(self, title: str, columns: list[str]) -> None:
        """Start with no rows."""
        self.title = title
        self.columns = columns
        self.rows: list[list[Figure | str | int | float]] = []
        self.ratios: list[Ratio] = []
        self.notes: list[str] = []

    def as_text(self) -> str:
        """Return the section as Markdown."""
        lines = [f"## {self.title}", ""]
        lines.append(f"| {' | '.join(self.columns)} |")
        lines.append(f"|{'|'.join(['---'] + ['---:'] * (len(self.columns) - 1))}|")
        for row in self.rows:
            cells = [_short(x) if isinstance(x, float) else str(x) for x in row]
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", *self.notes] if self.notes else []
        for ratio in self.ratios:
            goal = f", goal at most {ratio.goal}" if ratio.goal is not None else ""
            lines.append(f"* {ratio.name}: **{ratio.value:.2f}**{goal}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return the section as plain values."""
        return {
            "title": self.title,
            "columns": self.columns,
            "rows": [
                [asdict(cell) if isinstance(cell, Figure) else cell for cell in row]
                for row in self.rows
            ],
            "notes": self.notes,
            "ratios": [asdict(ratio) for ratio in self.ratios],
        }


def _short(value: float) -> str:
    """Return a number with three digits that count."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
