"""Every language says everything that English says."""

import json
from pathlib import Path
import re
from typing import Any

import pytest

TRANSLATIONS = Path(__file__).parents[2] / "custom_components/yeastar/translations"
LANGUAGES = ["de", "es", "fr", "it"]


def texts(language: str) -> dict[str, str]:
    """Return all texts of a language, by their path."""
    content = json.loads((TRANSLATIONS / f"{language}.json").read_text())

    def flat(node: Any, path: str) -> dict[str, str]:
        if isinstance(node, str):
            return {path: node}
        found: dict[str, str] = {}
        for key, value in node.items():
            found |= flat(value, f"{path}.{key}")
        return found

    return flat(content, "")


def placeholders(text: str) -> set[str]:
    """Return what is put into a text."""
    return set(re.findall(r"\{\w+\}", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_text_with_the_same_placeholders(language: str) -> None:
    english, other = texts("en"), texts(language)
    assert other.keys() == english.keys()
    for path, text in english.items():
        assert other[path].strip(), path
        assert placeholders(other[path]) == placeholders(text), path
