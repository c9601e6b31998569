"""The quality scale: every rule is there, and what is said to prove it exists."""

import ast
from pathlib import Path
import re
from typing import Any

import pytest
import yaml

import homeassistant.components

ROOT = Path(__file__).parents[2]
INTEGRATION = ROOT / "custom_components/yeastar"
RULES: dict[str, Any] = yaml.safe_load(
    (INTEGRATION / "quality_scale.yaml").read_text()
)["rules"]
# A file, perhaps with a heading of it: README.md, "Options".
PROOF = re.compile(
    r'((?:tests|docs|translations|brand|pbx)/[\w/]*(?:\.\w+)?|\w+\.(?:py|md|json|toml))(?:, ((?:"[^"]+"(?: and )?)+))?'
)


def test_the_rules_are_those_of_home_assistant() -> None:
    """As one of its own integrations lists them: it is checked there."""
    core = Path(homeassistant.components.__path__[0])
    theirs = yaml.safe_load((core / "shelly/quality_scale.yaml").read_text())["rules"]
    assert RULES.keys() == theirs.keys()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_met_or_does_not_apply_and_says_why(rule: str) -> None:
    assert RULES[rule]["status"] in {"done", "exempt"}
    assert len(RULES[rule]["comment"]) > 8


@pytest.mark.parametrize("rule", RULES)
def test_what_proves_a_rule_exists(rule: str) -> None:
    for name, headings in PROOF.findall(RULES[rule]["comment"]):
        places = [ROOT / name, INTEGRATION / name]
        found = [place for place in places if place.exists()]
        assert found, f"{rule}: there is no {name}"
        for heading in re.findall(r'"([^"]+)"', headings):
            assert re.search(
                rf"^#+ {re.escape(heading)}$", found[0].read_text(), re.MULTILINE
            ), f"{rule}: {name} has no heading {heading!r}"


@pytest.mark.parametrize("name", ["binary_sensor", "event", "sensor", "switch"])
def test_each_platform_says_how_many_updates_at_once(name: str) -> None:
    tree = ast.parse((INTEGRATION / f"{name}.py").read_text())
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "PARALLEL_UPDATES" in assigned
