#!/usr/bin/env python3
"""Check that the tests run through more than 95 % of *each* module.

A total hides a module that nobody tests behind forty that are tested well. Reads what
`coverage json` writes; prints one line for each module below, and then ends with 1.
"""

import json
from pathlib import Path
import sys

LEAST = 95.0


def main() -> int:
    """Check the report that is named; return how the program ends."""
    files = json.loads(Path(sys.argv[1]).read_text())["files"]
    if not files:
        print("nothing was measured")
        return 1
    low = {
        name: covered
        for name, found in files.items()
        if (covered := found["summary"]["percent_covered"]) <= LEAST
    }
    for name, covered in sorted(low.items()):
        print(f"{name}: the tests run through {covered:.1f} % only")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
