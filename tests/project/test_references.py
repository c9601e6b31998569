"""`scripts/references.py` refuses references that lead nowhere, tried on a copy."""

from pathlib import Path
import shutil
import subprocess
import sys

import pytest

ROOT = Path(__file__).parents[2]
FILE = "custom_components/yeastar/pbx/clock.py"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of what is checked, to be broken."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("custom_components", "docs", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    return tmp_path


def references(project: Path) -> tuple[int, str]:
    """Run the check; return how it ended and what it said."""
    done = subprocess.run(
        [sys.executable, project / "scripts/references.py"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_all_references_lead_somewhere() -> None:
    assert references(ROOT) == (0, "")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("# Nothing of it is said (protocol 5.99).", "has no section 5.99"),
        ("# Nothing of it is said (protocol 5.2, 6.88).", "has no section 6.88"),
        ("# Said there (contract 42).", "docs/contract.md has no section 42"),
        ("# Nothing has parts (5.2).", "(5.2) is to say of what: (protocol 5.2)"),
        ("# Empty ones are missing (6.3, 6.6): so be it.", "(protocol 6.3, 6.6)"),
        ("# See contract, section 6.", "is written `contract 5`"),
        ("# As the contract's section 6 says.", "is written `contract 5`"),
        ("# zz9:login has no tag.", None),
        ("# Told by cloud:page and by k2:login.", None),
        ("half = seconds(0.5)", None),
        ("# A pause of 0.1 (s) is enough.", None),
    ],
)
def test_what_leads_nowhere_is_named(
    copy: Path, line: str, complaint: str | None
) -> None:
    broken = copy / FILE
    broken.write_text(f"{broken.read_text()}\n{line}\n")
    code, output = references(copy)
    if complaint is None:
        assert (code, output) == (0, "")
    else:
        assert code == 1
        assert complaint in output


def test_a_tag_that_is_not_explained_is_named(copy: Path) -> None:
    page = copy / "docs/protocol.md"
    page.write_text(page.read_text().replace("`k2:page`", "K2"))
    broken = copy / FILE
    broken.write_text(f"{broken.read_text()}\n# By k2:login.\n")
    code, output = references(copy)
    assert code == 1
    assert "does not explain k2:" in output
