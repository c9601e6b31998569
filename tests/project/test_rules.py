"""`scripts/lint` refuses what Home Assistant's reviewers would, tried on a copy."""

from collections.abc import Callable, Iterator
import json
from pathlib import Path
import shutil
import subprocess
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
INTEGRATION = Path("custom_components/yeastar")
COPIED = ("custom_components", "docs", "tests/project", "blueprints", "scripts")

type Break = Callable[[Path], None]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project, with the tools of this one."""
    copy = tmp_path_factory.mktemp("project")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for file in (*ROOT.glob("*.*"), ROOT / "LICENSE"):
        if file.is_file():
            shutil.copy(file, copy)
    # What is said to prove the quality scale needs only to be there.
    for file in (ROOT / "tests").rglob("*.py"):
        there = copy / file.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.touch()
    for environment in (".venv", ".venv-server"):
        (copy / environment).symlink_to(ROOT / environment)
    return copy


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Iterator[Path]:
    """Return a copy to be broken."""
    copy = tmp_path / "copy"
    shutil.copytree(original, copy, symlinks=True)
    return copy


def run(*command: Path) -> tuple[int, str]:
    """Run a program; return how it ended and what it said."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def rules(project: Path) -> tuple[int, str]:
    """Run what `scripts/lint` begins with."""
    return run(project / ".venv/bin/python", project / "scripts/rules.py")


def in_json(file: str, *path: str, value: Any = None) -> Break:
    """Return what puts a value into a JSON file, or takes one out of it."""

    def change(project: Path) -> None:
        content = json.loads((project / file).read_text())
        node = content
        for key in path[:-1]:
            node = node[key]
        if value is None:
            del node[path[-1]]
        else:
            node[path[-1]] = value
        (project / file).write_text(json.dumps(content))

    return change


def in_text(file: str, old: str, new: str) -> Break:
    """Return what replaces a text in a file."""

    def change(project: Path) -> None:
        content = (project / file).read_text()
        assert old in content
        (project / file).write_text(content.replace(old, new, 1))

    return change


def without(file: str) -> Break:
    """Return what deletes a file."""
    return lambda project: (project / file).unlink()


def instead(file: str, other: str) -> Break:
    """Return what replaces a file by another one."""

    def change(project: Path) -> None:
        shutil.copy(project / other, project / file)

    return change


def to(file: str) -> str:
    return str(INTEGRATION / file)


EN, DE = to("translations/en.json"), to("translations/de.json")
MANIFEST, ICONS = to("manifest.json"), to("icons.json")
SCALE = to("quality_scale.yaml")

BREAKS: dict[str, tuple[Break, str]] = {
    "manifest: order": (
        in_text(
            MANIFEST,
            '"domain": "yeastar",\n  "name": "Yeastar PBX",\n  "categories"',
            '"name": "Yeastar PBX",\n  "domain": "yeastar",\n  "categories"',
        ),
        "order of the keys",
    ),
    "manifest: a key missing": (
        in_json(MANIFEST, "issue_tracker"),
        "lacks issue_tracker",
    ),
    "manifest: a key unknown": (in_json(MANIFEST, "zzz", value=1), "zzz is not known"),
    "manifest: a library": (
        in_json(MANIFEST, "requirements", value=["left-pad==1"]),
        "only what Home Assistant ships",
    ),
    "manifest: a dependency missing": (
        in_json(MANIFEST, "dependencies", value=["http"]),
        "webhook is used",
    ),
    "manifest: a dependency too many": (
        in_json(MANIFEST, "dependencies", value=["cloud", "http", "webhook"]),
        "cloud is a dependency and is not used",
    ),
    "manifest: a key twice": (
        in_text(MANIFEST, '"loggers"', '"version": "9.9.9",\n  "loggers"'),
        "a key twice",
    ),
    "version: not one": (
        in_json(MANIFEST, "version", value="soon"),
        "is not a version",
    ),
    "version: not in the changelog": (
        in_json(MANIFEST, "version", value="0.0.9"),
        "its first heading",
    ),
    "hacs: a key unknown": (
        in_json("hacs.json", "domains", value=[]),
        "domains is not",
    ),
    "hacs: no name": (in_json("hacs.json", "name"), "hacs.json lacks name"),
    "hacs: untested version": (
        in_json("hacs.json", "homeassistant", value="2025.1.0"),
        "the tests run on",
    ),
    "hacs: no file for the zip": (in_json("hacs.json", "filename"), "needs a filename"),
    "brand: missing": (
        without(to("brand/dark_logo@2x.png")),
        "dark_logo@2x.png is not",
    ),
    "brand: wrong size": (
        instead(to("brand/icon.png"), to("brand/icon@2x.png")),
        "is not a size",
    ),
    "brand: not square": (
        instead(to("brand/icon@2x.png"), to("brand/logo@2x.png")),
        "icon@2x.png",
    ),
    "translations: a language missing": (
        without(to("translations/it.json")),
        "it.json is missing",
    ),
    "translations: a text missing": (
        in_json(DE, "services", "dial", "name"),
        "services.dial.name is in en.json but not in de.json",
    ),
    "translations: a text too many": (
        in_json(DE, "services", "dial", "extra", value="x"),
        "services.dial.extra is in de.json but not in en.json",
    ),
    "translations: another placeholder": (
        in_json(DE, "issues", "locked_out", "description", value="Warten."),
        "issues.locked_out.description has other placeholders",
    ),
    "translations: an empty text": (
        in_json(DE, "services", "dial", "name", value=" "),
        "services.dial.name is empty",
    ),
    "forms: a field unexplained": (
        in_json(EN, "config", "step", "user", "data_description", "host"),
        "config.step.user: field host",
    ),
    "forms: an error that never comes": (
        in_json(EN, "config", "error", "gremlins", value="Gremlins."),
        "config.error.gremlins is not used",
    ),
    "exceptions: no text": (
        in_json(EN, "exceptions", "media_not_found"),
        "media_not_found is raised and has no text",
    ),
    "exceptions: a text for none": (
        in_json(EN, "exceptions", "gremlins", value={"message": "Gremlins"}),
        "exceptions.gremlins is not used",
    ),
    "entities: no name": (
        in_json(EN, "entity", "switch", "do_not_disturb"),
        "switch do_not_disturb has no name",
    ),
    "entities: a name for none": (
        in_json(EN, "entity", "sensor", "gremlins", value={"name": "Gremlins"}),
        "sensor gremlins is not used",
    ),
    "entities: no limit of updates at once": (
        in_text(to("sensor.py"), "PARALLEL_UPDATES", "PARALLEL"),
        "sensor.py: PARALLEL_UPDATES",
    ),
    "icons: an entity without": (
        in_json(ICONS, "entity", "sensor", "last_call"),
        "sensor last_call has no icon",
    ),
    "icons: for no entity": (
        in_json(ICONS, "entity", "sensor", "gremlins", value={"default": "mdi:x"}),
        "there is no sensor gremlins",
    ),
    "icons: an action without": (
        in_json(ICONS, "services", "dial"),
        "services dial is in services.yaml but not in icons.json",
    ),
    "icons: a trigger without": (
        in_json(ICONS, "triggers", "call_missed"),
        "triggers call_missed is in triggers.yaml but not in icons.json",
    ),
    "icons: a condition without": (
        in_json(ICONS, "conditions", "trunk_is_up"),
        "conditions trunk_is_up is in conditions.yaml but not in icons.json",
    ),
    "actions: one without texts": (
        in_json(EN, "services", "hangup"),
        "services hangup is in services.yaml but not in en.json",
    ),
    "actions: a field without texts": (
        in_json(EN, "services", "dial", "fields", "number"),
        "services.dial: field number is in services.yaml but not in en.json",
    ),
    "actions: a text without a field": (
        in_json(EN, "services", "dial", "fields", "x", value={"name": "X"}),
        "services.dial: field x is in en.json but not in services.yaml",
    ),
    "actions: one that no code does": (
        in_text(to("services.yaml"), "\nhangup:", "\nhang:"),
        "services.py does not know hang",
    ),
    "triggers: a choice without a text": (
        in_json(EN, "selector", "call_outcome", "options", "voicemail"),
        "voicemail of call_outcome has no text",
    ),
    "quality scale: a rule missing": (
        in_text(SCALE, "\n  brands:", "\n  brand:"),
        "rule brands is in core",
    ),
    "quality scale: to do": (
        in_text(SCALE, "status: done", "status: todo"),
        "is to be done or exempt",
    ),
    "quality scale: a proof that is gone": (
        without(to("diagnostics.py")),
        "there is no diagnostics.py",
    ),
    "quality scale: a heading that is gone": (
        in_text("README.md", "Removing the integration", "Leaving"),
        "README.md has no",
    ),
    "documentation: a link to nothing": (
        in_text("README.md", "](docs/events.md", "](docs/event.md"),
        "docs/event.md is not there",
    ),
    "not JSON": (in_text(DE, "{", ""), "cannot be read"),
}


def test_the_project_keeps_the_rules(original: Path) -> None:
    assert rules(original) == (0, "")


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_named(copy: Path, name: str) -> None:
    damage, complaint = BREAKS[name]
    damage(copy)
    code, output = rules(copy)
    assert code == 1
    assert complaint in output


def test_lint_ends_with_what_is_broken(copy: Path) -> None:
    in_json(ICONS, "services", "dial")(copy)
    code, output = run(copy / "scripts/lint")
    assert code == 1
    assert "services dial is in services.yaml but not in icons.json" in output
