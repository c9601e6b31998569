"""The PBX's record of a call (CDR), as far as it tells about a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
import re
from typing import Any

# event-NewCdr.html: a call to a group that somebody answered, as group(extension).
_GROUP = re.compile(r"\s*([^()]+?)\s*\(\s*([^()]+?)\s*\)\s*")
# A number behind a name, as Asterisk writes caller ids; not seen, and not excluded
# (protocol 5.3).
_NAMED = re.compile(r"[^<>]*<\s*([^<>]+?)\s*>\s*")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A CDR as far as it tells about a call. Durations in seconds.

    Attributes:
        call_id: of the call, "" if the PBX left it out.
        heard_at: when it was reported; in the call log, when it should have been.
        taker: the member of a group that this is about.
        duration: of the whole, ringing included; None if unknown.
        talk: how long of it the PBX calls talk, whoever it was that talked.
        began: when that was, None if unknown.
    """

    call_id: str
    heard_at: datetime
    kind: str
    status: str
    caller: str | None
    called: str | None
    taker: str | None
    duration: int | None
    talk: int
    began: datetime | None
    did: str | None
    trunk: str | None
    recording: str | None

    @property
    def ended_at(self) -> datetime:
        """Return when it ended, as it says itself if it does."""
        if self.began is None:
            return self.heard_at
        return self.began + timedelta(seconds=self.duration or 0)

    @property
    def unanswered(self) -> bool:
        """Tell whether nobody took the call, in whichever spelling (protocol 5.3)."""
        return self.status not in ("ANSWERED", "VOICEMAIL", "BUSY", "FAILED")

    @property
    def phantom(self) -> bool:
        """Tell whether this may be the CDR of a call that never was (protocol 5.3)."""
        short = self.duration is not None and self.duration <= 1
        return short and not self.talk and self.unanswered


def record_of(payload: Mapping[str, Any], heard_at: datetime) -> CallRecord:
    """Return what a `new_cdr` report says."""
    called, taker = text_of(payload.get("call_to")), None
    if called and (match := _GROUP.fullmatch(called)):
        called, taker = match[1], match[2]
    try:
        began = datetime.fromisoformat(str(payload.get("time_start")))
    except ValueError:
        began = None
    return CallRecord(
        call_id=text_of(payload.get("call_id")) or "",
        heard_at=heard_at,
        kind=(text_of(payload.get("type")) or "").strip().upper(),
        status=(text_of(payload.get("status")) or "").strip().upper(),
        caller=_plain(text_of(payload.get("call_from"))),
        called=_plain(called),
        taker=_plain(taker),
        duration=_seconds(payload.get("call_duration")),
        talk=_seconds(payload.get("talk_duration")) or 0,
        began=began if began is not None and began.tzinfo is not None else None,
        did=text_of(payload.get("did_number")),
        trunk=text_of(payload.get("src_trunk_name"))
        or text_of(payload.get("dst_trunk_name")),
        recording=text_of(payload.get("recording")),
    )


def _plain(number: str | None) -> str | None:
    """Return a number without the name that may stand before it."""
    if number and (match := _NAMED.fullmatch(number)):
        return match[1]
    return number


def _seconds(value: object) -> int | None:
    """Return a duration, None if it is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text_of(value: object) -> str | None:
    """Return a text that is not empty."""
    return value if isinstance(value, str) and value else None
