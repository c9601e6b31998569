"""A call as plain data, as events, attributes and files carry it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .description import Call, Direction, Outcome

_TIMES = ("started_at", "answered_at", "ended_at")


def as_dict(call: Call) -> dict[str, Any]:
    """Return a call as it is written in events (contract 5)."""
    return {
        "call_id": call.call_id,
        "direction": call.direction,
        "caller_number": call.caller_number,
        "caller_name": call.caller_name,
        "called_number": call.called_number,
        "did_number": call.did_number,
        "trunk": call.trunk,
        "path": call.path,
        "extensions": list(call.extensions),
        "answered_by": call.answered_by,
        "started_at": _iso(call.started_at),
        "answered_at": _iso(call.answered_at),
        "ended_at": _iso(call.ended_at),
        "ring_seconds": call.ring_seconds,
        "talk_seconds": call.talk_seconds,
        "outcome": call.outcome,
        "recording": call.recording,
        "late": call.late,
    }


def from_dict(data: Mapping[str, Any]) -> Call:
    """Return the call that `as_dict` was given.

    Raises:
        KeyError, TypeError, ValueError: the data are something else.
    """
    times = {key: datetime.fromisoformat(data[key]) for key in _TIMES if data[key]}
    return Call(
        **{
            **{key: value for key, value in data.items() if key not in _TIMES},
            **times,
            "direction": Direction(data["direction"]),
            "extensions": tuple(data["extensions"]),
            "outcome": Outcome(data["outcome"]) if data["outcome"] else None,
        }
    )


def _iso(moment: datetime | None) -> str | None:
    """Return a time as text."""
    return moment.isoformat() if moment is not None else None
