"""Calls: from reports, and from the PBX's own records, to what is told of them.

Pure: reports, records and the time go in, `Transition` and `Heard` objects come out.

May import: the rest of `pbx`, nothing of Home Assistant. Hands out what is named
below; `log`, `search`, `parties` and `record` are for those who ask the PBX.
"""

from .description import Call, Direction, Outcome
from .told import TERMINAL, Heard, Step, Transition
from .tracker import CallTracker

__all__ = [
    "TERMINAL",
    "Call",
    "CallTracker",
    "Direction",
    "Heard",
    "Outcome",
    "Step",
    "Transition",
]
