"""The ratios of the benchmark hold; of absolute times nothing is asked."""

import json
from pathlib import Path
import subprocess

import pytest

from .__main__ import too_high
from .figures import Figure, Ratio, Section

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_no_ratio_is_above_its_limit() -> None:
    done = subprocess.run(
        [ROOT / "scripts/benchmark", "--short", "--check", "--json"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    sections = json.loads(done.stdout)["sections"]
    watched = [
        ratio
        for section in sections
        for ratio in section["ratios"]
        if ratio["limit"] is not None
    ]
    for ratio in watched:
        print(f"{ratio['name']}: {ratio['value']:.2f}, limit {ratio['limit']:.2f}")
    assert len(watched) > 15


def test_a_ratio_above_its_limit_is_named() -> None:
    section = Section("Reports", ["report", "ratio"])
    section.ratios += [
        Ratio("fine", 1.4, goal=1.5, limit=1.5),
        Ratio("only shown", 99.0, goal=1.5),
        Ratio("too slow", 1.7, goal=1.2, limit=1.5),
    ]
    assert too_high([section]) == ["Reports: too slow: 1.70 is above 1.50"]


def test_a_figure_is_the_median_and_where_most_values_lie() -> None:
    figure = Figure.of([5.0, 1.0, 3.0, 2.0, 100.0], scale=1000)
    assert (figure.median, figure.count) == (3000.0, 5)
    assert figure.low == pytest.approx(1400.0)
    assert figure.high == pytest.approx(62_000.0)
    assert str(Figure.of([0.5])) == "0.50"
