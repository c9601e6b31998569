"""The PBX's record of a call (CDR), as far as it tells about a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
import re
from typing import Any

# event-NewCdr.html: a call to a group that somebody answered, as group(extension).
_GROUP = re.compile(r"\s*([^()]+?)\s*\(\s*([^()]+?)\s*\)\s*")
_ONE_SECOND = timedelta(seconds=1)
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
        began: when that was by the PBX's clock put right, None if unknown.
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
    came_on: str | None
    went_on: str | None
    recording: str | None

    @property
    def trunk(self) -> str | None:
        """Return the trunk of the party outside."""
        return self.came_on or self.went_on

    @property
    def facts(self) -> tuple[object, ...]:
        """Return what tells it from other records of its call, by whichever clock.

        That of a part may begin like that of the whole, and be about the same party.
        """
        return self.called, self.taker, self.status, self.duration, self.talk

    @property
    def ended_at(self) -> datetime:
        """Return when it ended, as it says itself if it does."""
        if self.began is None:
            return self.heard_at
        return self.began + timedelta(seconds=self.duration or 0)

    @property
    def started_at(self) -> datetime:
        """Return when it began, worked out from its end if it does not say so."""
        return self.began or self.heard_at - timedelta(seconds=self.duration or 0)

    @property
    def answered_at(self) -> datetime:
        """Return when what the PBX calls talk began."""
        return self.ended_at - timedelta(seconds=min(self.talk, self.duration or 0))

    def overlaps(self, other: CallRecord) -> bool:
        """Return True if both went on at the same time."""
        return (
            self.started_at < other.ended_at - _ONE_SECOND
            and other.started_at < self.ended_at - _ONE_SECOND
        ) or self.started_at == other.started_at

    @property
    def unanswered(self) -> bool:
        """Return True if nobody took it, in whichever spelling (protocol 5.3)."""
        return self.status not in ("ANSWERED", "VOICEMAIL", "BUSY", "FAILED")

    @property
    def phantom(self) -> bool:
        """Return True if this may be of a call that never was (protocol 5.3)."""
        short = self.duration is not None and self.duration <= 1
        return short and not self.talk and self.unanswered


def record_of(
    payload: Mapping[str, Any], heard_at: datetime, drift: timedelta = timedelta()
) -> CallRecord:
    """Return what a `new_cdr` report says.

    Args:
        payload: of the report.
        heard_at: when it came.
        drift: how much the PBX's clock is fast.
    """
    called, taker = text_of(payload.get("call_to")), None
    if called and (match := _GROUP.fullmatch(called)):
        called, taker = match[1], match[2]
    try:
        began = datetime.fromisoformat(str(payload.get("time_start"))) - drift
    except ValueError, OverflowError:
        began = None
    return CallRecord(
        call_id=text_of(payload.get("call_id")) or "",
        heard_at=heard_at,
        kind=(text_of(payload.get("type")) or "").strip().upper(),
        status=(text_of(payload.get("status")) or "").strip().upper(),
        caller=plain(payload.get("call_from")),
        called=plain(called),
        taker=plain(taker),
        duration=_seconds(payload.get("call_duration")),
        talk=_seconds(payload.get("talk_duration")) or 0,
        began=began if began is not None and began.tzinfo is not None else None,
        did=text_of(payload.get("did_number")),
        came_on=text_of(payload.get("src_trunk_name")),
        went_on=text_of(payload.get("dst_trunk_name")),
        recording=text_of(payload.get("recording")),
    )


def plain(value: object) -> str | None:
    """Return a number without the name that may stand before it, None for none."""
    number = text_of(value)
    if number and number[-1] in "> " and (match := _NAMED.fullmatch(number)):
        return match[1]
    return number


def _seconds(value: object) -> int | None:
    """Return a duration, None if it is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text_of(value: object) -> str | None:
    """Return a text that is not empty."""
    return value if isinstance(value, str) and value else None
