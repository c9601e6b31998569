#!/usr/bin/env python3
"""Check that each reference to the protocol or the contract leads to a section.

That is, of docs/protocol.md or docs/contract.md. A reference is written `protocol 5.2`
or `contract 5`; several in a row as `protocol 6.3, 6.6`. Prints
one line for each that leads nowhere, for each number in brackets that does not say
what it is a number of, and for each tag of a source that the page does not explain;
and then ends with 1.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
import re
import sys

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"protocol": "docs/protocol.md", "contract": "docs/contract.md"}
CHECKED = ("custom_components", "scripts", "tests")
# Says what is wrong, to see it refused.
PLANTED = "tests/project"

HEADING = re.compile(r"^#{2,3} (\d+(?:\.\d+)?)\b", re.MULTILINE)
NUMBERS = r"\d+(?:\.\d+)?(?:(?:,| and| to) \d\.\d+)*"
REFERENCE = re.compile(rf"\b([Pp]rotocol|[Cc]ontract) ({NUMBERS})")
# As in `(6.3)` or `(5.1, 6.4)`: in a sentence, never behind a name or a bracket.
BARE = re.compile(r"(?<=[ #])\((\d\.\d{1,2}(?:, \d\.\d{1,2})*)[):]")
TAG = re.compile(r"\b(s2|k2|v1|s1000|cloud|code):[\w-]+")
OTHER_FORM = re.compile(r"\b([Pp]rotocol|[Cc]ontract)(?:'s|,) section \d")


def text_of(line: str) -> str:
    """Return what of a line of code is written for people."""
    stripped = line.strip()
    if stripped.startswith(("#", '"""')) or "# " in stripped:
        return line
    # Within a docstring: no line of code reads like a sentence.
    return line if re.match(r"[A-Za-z`*(]", stripped) and "=" not in line else ""


def problems(
    name: str, content: str, sections: Mapping[str, set[str]], tags: set[str]
) -> Iterator[str]:
    """Yield what is wrong with the references of one file."""
    for count, line in enumerate(content.splitlines(), 1):
        for page, found in REFERENCE.findall(line):
            for number in re.findall(r"\d+(?:\.\d+)?", found):
                if number not in sections[page.lower()]:
                    file = PAGES[page.lower()]
                    yield f"{name}:{count}: {file} has no section {number}"
        for bare in BARE.findall(text_of(line)):
            yield f"{name}:{count}: ({bare}) is to say of what: (protocol {bare})"
        for tag in TAG.findall(text_of(line)):
            if tag not in tags:
                yield f"{name}:{count}: docs/protocol.md does not explain {tag}:"
        for page in OTHER_FORM.findall(line):
            yield f"{name}:{count}: a reference is written `{page.lower()} 5`"


def main() -> int:
    """Check all files; return how the program ends."""
    pages = {name: (ROOT / file).read_text() for name, file in PAGES.items()}
    sections = {name: set(HEADING.findall(page)) for name, page in pages.items()}
    tags = set(re.findall(r"`(\w+):", pages["protocol"]))
    broken = 0
    for folder in CHECKED:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if name.startswith(PLANTED):
                continue
            for problem in problems(name, path.read_text(), sections, tags):
                print(problem)
                broken += 1
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
