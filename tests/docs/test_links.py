"""Every link in the documentation leads somewhere."""

from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")


@pytest.mark.parametrize(
    "page", [*sorted(path.name for path in ROOT.glob("*.md")), "docs"]
)
def test_every_link_leads_somewhere(page: str) -> None:
    pages = sorted((ROOT / "docs").glob("*.md")) if page == "docs" else [ROOT / page]
    for file in pages:
        for target, anchor in LINK.findall(file.read_text()):
            there = (file.parent / target).resolve() if target else file
            assert there.exists(), f"{file.name}: {target}"
            if anchor:
                anchors = {
                    re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
                    for heading in re.findall(
                        r"^#+ (.+)$", there.read_text(), re.MULTILINE
                    )
                }
                assert anchor[1:] in anchors, f"{file.name}: {anchor}"
