"""What is released is what was tested, under the version that the manifest has."""

import json
from pathlib import Path
import shutil
import subprocess
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
INTEGRATION = "custom_components/yeastar"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of what a release is made from, known to git."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / INTEGRATION, project / INTEGRATION)
    (project / "scripts").mkdir()
    for name in ("scripts/release", "hacs.json", "CHANGELOG.md", ".gitignore"):
        shutil.copy(ROOT / name, project / name)
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    return project


def git(project: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=project, check=True, timeout=60)


def release(project: Path, *arguments: str) -> tuple[int, str]:
    """Make a release; return how that ended and what it said."""
    done = subprocess.run(
        [project / "scripts/release", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def version() -> str:
    manifest = json.loads((ROOT / INTEGRATION / "manifest.json").read_text())
    return str(manifest["version"])


def dated(project: Path) -> None:
    """Date the newest version in the changelog."""
    page = project / "CHANGELOG.md"
    before, _, rest = page.read_text().partition("\n## ")
    _, _, rest = rest.partition("\n")
    page.write_text(f"{before}\n## {version()} (2026-12-01)\n{rest}")


def test_the_zip_is_the_integration_and_nothing_else(
    project: Path, tmp_path: Path
) -> None:
    (project / INTEGRATION / "notes of mine.txt").write_text("not in git")
    assert release(project)[0] == 0
    with ZipFile(project / "artifacts/yeastar.zip") as archive:
        archive.extractall(tmp_path / "there")
    there = {
        str(path.relative_to(tmp_path / "there")): path.read_bytes()
        for path in (tmp_path / "there").rglob("*")
        if path.is_file()
    }
    here = {
        str(path.relative_to(ROOT / INTEGRATION)): path.read_bytes()
        for path in (ROOT / INTEGRATION).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert there == here


def test_the_zip_is_the_same_each_time(project: Path) -> None:
    made = []
    for path in (project / INTEGRATION / "manifest.json", project / "CHANGELOG.md"):
        path.touch()
        assert release(project)[0] == 0
        made.append((project / "artifacts/yeastar.zip").read_bytes())
    assert made[0] == made[1]


def test_the_notes_are_those_of_the_newest_version(project: Path) -> None:
    dated(project)
    page = project / "CHANGELOG.md"
    page.write_text(page.read_text() + "\n## 0.0.1 (2020-01-01)\n\n* Old.\n")
    code, output = release(project, "--tag", f"v{version()}")
    assert (code, output) == (
        0,
        f"artifacts/yeastar.zip and artifacts/notes.md: version {version()}\n",
    )
    notes = (project / "artifacts/notes.md").read_text()
    assert notes.startswith("* ")
    assert "Old." not in notes


@pytest.mark.parametrize(
    ("tag", "complaint"),
    [("v9.9.9", "but the manifest says"), (f"v{version()}", "(year-month-day)")],
)
def test_a_tag_that_does_not_fit_is_refused(
    project: Path, tag: str, complaint: str
) -> None:
    """Another version, and one that the changelog still calls unreleased."""
    page = project / "CHANGELOG.md"
    page.write_text(page.read_text().replace("(2026", "(not in 2026"))
    code, output = release(project, "--tag", tag)
    assert code == 1
    assert complaint in output
    assert not (project / "artifacts").exists()
