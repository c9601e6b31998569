"""Calls: from reports, and from the PBX's own records, to what is told of them.

Pure: reports, records and the time go in, `Transition` objects come out.

May import: the rest of `pbx`, nothing of Home Assistant. Hands out what is named
below; `log`, `search`, `parties` and `record` are for those who ask the PBX.
"""

from .description import Call, Direction, Outcome
from .tracker import TERMINAL, CallTracker, Step, Transition

__all__ = [
    "TERMINAL",
    "Call",
    "CallTracker",
    "Direction",
    "Outcome",
    "Step",
    "Transition",
]
