"""The page about events shows what really becomes of what the PBX sends."""

import json
from pathlib import Path
import re

import pytest

from custom_components.yeastar.pbx.reports import TYPES, decode, understand
from tests.pbx.line import ZONE

PAGE = Path(__file__).parents[2] / "docs/events.md"
SECTIONS = dict(
    re.findall(
        r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
)


def test_every_event_has_its_section() -> None:
    assert set(SECTIONS) == set(TYPES.values())


@pytest.mark.parametrize("kind", SECTIONS)
def test_the_example_is_real(kind: str) -> None:
    sent, shown = re.findall(r"```json\n(.*?)```", SECTIONS[kind], re.DOTALL)
    report = understand(decode(sent.encode()), ZONE)
    assert report.type == kind
    assert report.payload == json.loads(shown)
