"""`scripts/coverage_check.py` refuses a module that few tests run through."""

import json
from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("covered", "code", "said"),
    [
        ({"a.py": 100.0, "b.py": 95.1}, 0, ""),
        ({"a.py": 100.0, "b.py": 94.9}, 1, "b.py: the tests run through 94.9 % only\n"),
        ({"a.py": 95.0}, 1, "a.py: the tests run through 95.0 % only\n"),
        ({}, 1, "nothing was measured\n"),
    ],
)
def test_each_module_counts_for_itself(
    tmp_path: Path, covered: dict[str, float], code: int, said: str
) -> None:
    report = tmp_path / "coverage.json"
    files = {
        name: {"summary": {"percent_covered": percent}}
        for name, percent in covered.items()
    }
    report.write_text(json.dumps({"files": files}))
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/coverage_check.py", report],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, said)
