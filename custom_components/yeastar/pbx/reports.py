"""What the PBX says by itself: the wire of three versions in, one shape out.

Version 2.0.0 is what we ask for. 1.0.0 and 1.0.2 come if a PBX forgets that,
1.0.0 with the same key several times in one object (protocol 4.4). They are
read as their 2.0.0 counterparts.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, tzinfo
import json
import re
from typing import Any

from .models import clean, parse_time, text

# Contract of the webhook. The PBX's own reports stay below 1 KiB, a conference
# with many members below 16 KiB.
LARGEST_REPORT = 64 * 1024
DEEPEST_REPORT = 8
MOST_MEMBERS = 200
# Objects and arrays; a member is two of them.
MOST_PARTS = 1_000
LONGEST_TYPE = 64

# event-*.html: the names of version 2.0.0, in all spellings seen, to our types.
TYPES = {
    "bootup": "boot_up",
    "configchange": "config_change",
    "extensionstatus": "extension_status",
    "callstatus": "call_status",
    "newcdr": "new_cdr",
    # The text says Transfer, both samples Tranfer (event-Transfer.html).
    "tranfer": "transfer",
    "transfer": "transfer",
    "forward": "forward",
    "callfailed": "call_failed",
    "invite": "invite",
    "incoming": "incoming",
    "dtmf": "dtmf",
    "playpromptend": "play_prompt_end",
    "satisfaction": "satisfaction",
    "conferencestatus": "conference_status",
    "sms-send": "sms_send",
    "uacstacall": "uacsta_call",
    "queueagentringnoanswertimeout": "queue_agent_ring_no_answer_timeout",
    "queueautopause": "queue_auto_pause",
}

# v1 call-report: each step of a call is a report of its own there.
CALL_STEPS = frozenset({"RING", "ALERT", "ANSWER", "ANSWERED", "BYE"})

KEYS = {
    "callid": "call_id",
    "callfrom": "call_from",
    "callto": "call_to",
    "timestart": "time_start",
    "callduraction": "call_duration",
    "talkduraction": "talk_duration",
    "srctrunkname": "src_trunk_name",
    # Misspelt in three ways: event 2.0.0, event 1.x, CSV (protocol 8.1).
    "dsttrcunkname": "dst_trunk_name",
    "desttrunkname": "dst_trunk_name",
    "dsttrunkname": "dst_trunk_name",
    "didnumber": "did_number",
    "agentringtime": "agent_ring_time",
    "pincode": "pin_code",
    "extid": "extension",
    "trunkname": "trunk_name",
    "channelid": "channel_id",
    "memberstatus": "member_status",
    "callpath": "call_path",
    "registeredIP": "registered_ip",
    "registeredip": "registered_ip",
    "misscall": "missed_calls",
    "surveyresult": "survey_result",
    "conferencenumber": "conference_number",
    "conferencename": "conference_name",
    "smsid": "sms_id",
    "extnumber": "extension",
    "cstacallid": "csta_call_id",
    "ipaddress": "ip_address",
}
# The documented keys that are snake_case already: a look here is much cheaper than
# to work that out for each key of each report.
KEYS |= {
    key: key
    for key in (
        "action", "agent", "caller", "event", "ext", "extension", "flag", "from",
        "inbound", "info", "infos", "ivr", "members", "number", "operation",
        "outbound", "playtonum", "prompt", "queue", "reason", "recording", "sn",
        "status", "to", "type",
    )
}  # fmt: skip
# v1 call-report: what parties are called there.
MEMBER_KEYS = {
    **KEYS,
    "extid": "number",
    "trunk": "trunk_name",
    "inboundid": "channel_id",
    "outboundid": "channel_id",
}
MEMBER_KINDS = ("ext", "inbound", "outbound")
INTEGERS = frozenset({"call_duration", "talk_duration", "agent_ring_time"})
TIMES = frozenset({"time_start"})

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")


class MalformedReportError(Exception):
    """The body is not a report; the text says why, without quoting it."""


@dataclass(frozen=True, slots=True)
class Report:
    """One report, understood.

    Attributes:
        type: the event's name in snake_case.
        known: whether that is one of the documented ones.
        legacy: whether it came in version 1.0.0 or 1.0.2.
        serial: the PBX that it says it comes from, "" if it says none.
        payload: everything else, as contract 5 says.
        subject: what it is about, for telling repetitions from news: an
            extension, a call, a trunk, or the PBX itself.
    """

    type: str
    known: bool
    legacy: bool
    serial: str
    payload: dict[str, Any]
    subject: Hashable


def decode(body: bytes) -> dict[str, Any]:
    """Return the one JSON object in the body, with repeated keys as lists.

    Raises:
        MalformedReportError: empty, not UTF-8, not JSON, not an object, too deep,
            too many parts.
    """
    # Much cheaper than to decode ten thousand levels and to take them down again.
    if body.count(b"{") + body.count(b"[") > MOST_PARTS:
        raise MalformedReportError("too many parts")
    # Only versions 1.x repeat keys, and only they have an `action`; the hook
    # costs more than the whole rest of the decoding.
    decoder = _DECODER_V1 if b'"action"' in body else _DECODER
    problem: str | None = None
    try:
        wire = body.decode().strip(_JSON_SPACE)
        report, end = decoder.raw_decode(wire)
        if end != len(wire):
            problem = "more than one JSON value"
        if b"\\u" in body:
            report = clean(report)
    except UnicodeDecodeError:
        report, problem = None, "not UTF-8"
    except ValueError, RecursionError:
        report, problem = None, "not JSON"
    if problem is not None:
        # Not in the handler: the errors there quote the report (contract 8).
        raise MalformedReportError(problem)
    if not isinstance(report, dict):
        raise MalformedReportError("not a JSON object")
    return report


def serial_of(wire: dict[str, Any]) -> str:
    """Return the serial number of the PBX that a report says it is from, or ""."""
    return text(wire.get("sn"))


def understand(wire: dict[str, Any], zone: tzinfo) -> Report:
    """Return what a decoded report says.

    Args:
        wire: from `decode`; not changed.
        zone: of the PBX's clock, whose times carry none.

    Raises:
        MalformedReportError: no event name, too deep, too many members.
    """
    name = wire.get("event")
    legacy = name is None
    if legacy:
        name = wire.get("action")
    if not isinstance(name, str) or not (kind := _type_of(name := name.strip())):
        raise MalformedReportError("no event name")
    fields = wire
    if legacy:
        fields = dict(wire)
        step = name.upper() if name.upper() in CALL_STEPS else None
        if step:
            kind = "call_status"
        members = _members_of_v1(fields, step)
        if members or step:
            fields["members"] = members
        _ivr_of_v1(fields)
    payload = _object(fields, zone, 1)
    for key in _ENVELOPE:
        payload.pop(key, None)
    return Report(
        type=kind,
        known=kind in _KNOWN,
        legacy=legacy,
        serial=serial_of(wire),
        payload=payload,
        subject=_subject(payload),
    )


_ENVELOPE = ("event", "action", "sn")
_KNOWN = frozenset(TYPES.values())


def _keep_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keep every value of a key that is repeated, as a list (version 1.0.0).

    Parties are repeated (protocol 4.4); a text that says the same twice says it once.
    """
    result: dict[str, Any] = {}
    repeated: set[str] = set()
    for key, value in pairs:
        if key not in result:
            result[key] = value
        elif isinstance(value, str) and value == result[key]:
            continue
        elif key in repeated:
            result[key].append(value)
        else:
            repeated.add(key)
            result[key] = [result[key], value]
    return result


def _refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(name)


# Ids such as 1571897930.5 may come unquoted and must not be rounded.
_DECODER = json.JSONDecoder(parse_float=str, parse_constant=_refuse_constant)
_JSON_SPACE = " \t\n\r"
_DECODER_V1 = json.JSONDecoder(
    object_pairs_hook=_keep_repeated, parse_float=str, parse_constant=_refuse_constant
)


def snake_case(name: str) -> str:
    """Return a name of the wire in snake_case; only a-z, 0-9 and _ remain."""
    return _NOT_WORD.sub("_", _WORD_START.sub("_", name).lower()).strip("_")


def _type_of(name: str) -> str:
    """Return our type for an event's name, "" if it has none.

    A name in another script, of which snake_case leaves nothing, stays as it came.
    """
    if known := TYPES.get(name.lower()):
        return known
    name = name[:LONGEST_TYPE]
    if found := snake_case(name)[:LONGEST_TYPE]:
        return found
    return name.lower()[:LONGEST_TYPE] if any(map(str.isalnum, name)) else ""


def _items(value: object) -> Iterable[dict[str, Any]]:
    """Return the objects of what may be one object or a list of them."""
    if isinstance(value, dict):
        return (value,)
    if isinstance(value, list):
        return (item for item in value if isinstance(item, dict))
    return ()


def _members_of_v1(fields: dict[str, Any], step: str | None) -> list[dict[str, Any]]:
    """Take the parties of a version 1 report out of it, as 2.0.0 lists them.

    They are one-key objects in an array `call` (1.0.2), or stand at the top,
    repeated if there are several (1.0.0). The step of a call is what each
    party's `memberstatus` is in 2.0.0.
    """
    members = [dict(member) for member in _items(fields.pop("call", None))]
    for kind in MEMBER_KINDS:
        if isinstance(fields.get(kind), dict | list):
            members += [{kind: party} for party in _items(fields.pop(kind))]
    if step is None:
        return members
    return [
        {kind: {"memberstatus": step, **party}}
        for member in members
        for kind, parties in member.items()
        for party in _items(parties)
    ]


def _ivr_of_v1(fields: dict[str, Any]) -> None:
    """Name an IVR's number as 2.0.0 does (event-PlayPromptEnd.html)."""
    ivr = fields.get("ivr")
    if isinstance(ivr, dict) and "ivrid" in ivr:
        fields["ivr"] = {"number": ivr["ivrid"]}


def members_of(value: object) -> list[dict[str, Any]]:
    """Return members as `{kind: ext|inbound|outbound, …}`.

    Raises:
        MalformedReportError: more than any call can have.
    """
    members = [
        _member(kind, party)
        for member in _items(value)
        for kind, parties in member.items()
        if kind in MEMBER_KINDS
        for party in _items(parties)
    ]
    if len(members) > MOST_MEMBERS:
        raise MalformedReportError("too many members")
    return members


def _member(kind: str, party: dict[str, Any]) -> dict[str, Any]:
    """Return one party of a call.

    Nothing of it has parts (protocol 5.2), so what has some is left out.
    """
    member: dict[str, Any] = {"kind": kind}
    for wire_key, value in party.items():
        key = MEMBER_KEYS.get(wire_key) or snake_case(wire_key) or "_"
        if type(value) is str and key not in _SPECIAL:
            member[key] = value or None
        elif not isinstance(value, dict | list):
            member[key] = _value(key, value, UTC, 2)
    return member


def _object(fields: dict[str, Any], zone: tzinfo, depth: int) -> dict[str, Any]:
    """Return an object with our keys and values."""
    result: dict[str, Any] = {}
    for wire_key, value in fields.items():
        key = KEYS.get(wire_key) or snake_case(wire_key) or "_"
        if type(value) is str and key not in _SPECIAL:
            # Nearly everything: a plain string.
            result[key] = value or None
        else:
            result[key] = _value(key, value, zone, depth)
    return result


def _value(key: str, value: Any, zone: tzinfo, depth: int) -> Any:
    """Return one value in our shape; what does not fit its key stays as it came."""
    if depth >= DEEPEST_REPORT:
        raise MalformedReportError("nested too deeply")
    if key == "members" and depth == 1:
        return members_of(value)
    if isinstance(value, dict):
        return _object(value, zone, depth + 1)
    if isinstance(value, list):
        return [_value(key, item, zone, depth + 1) for item in value]
    if value is None or isinstance(value, bool):
        return value
    # On the wire everything is a string, but numbers have been seen (protocol 8.2).
    plain = str(value)
    if key in INTEGERS and (number := plain.strip()).isascii() and number.isdecimal():
        return int(number) if len(number) < 10 else plain
    if key in TIMES and (moment := parse_time(plain.strip(), zone)):
        return moment.isoformat()
    if key == "conference_name":
        plain = plain.strip()
    return plain or None


_SPECIAL = INTEGERS | TIMES | {"conference_name", "members"}


def _subject(payload: dict[str, Any]) -> Hashable:
    """Return what a report is about."""
    for key in ("call_id", "extension", "trunk_name"):
        if isinstance(value := payload.get(key), str):
            return (key, value)
    return None


class Retransmissions:
    """Tell a report that the PBX sends again from one that says something new.

    The PBX repeats a report until it is answered (v1:api-reports-introduction),
    and the same bytes may also be news: ringing, idle, ringing again. So only
    the latest report about a subject counts, and call records always do.
    """

    WINDOW = 60.0

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start with nothing heard; `clock` gives seconds that never go back."""
        self._clock = clock
        self._latest: dict[Hashable, tuple[float, int]] = {}
        self._records: dict[int, float] = {}

    def seen(self, report: Report, body: bytes) -> bool:
        """Tell whether this is a repetition; remember it if it is not."""
        now = self._clock()
        # Keyed, so that nobody can make two that are alike, and much quicker than a
        # digest; the bodies themselves would be too much to keep.
        digest = hash(body)
        self._forget(now)
        is_record = report.type == "new_cdr"
        latest = self._latest.get(report.subject)
        if (latest is not None and latest[1] == digest) or (
            is_record and digest in self._records
        ):
            return True
        # Deleted first, so that the oldest one stays in front.
        self._latest.pop(report.subject, None)
        self._latest[report.subject] = (now, digest)
        if is_record:
            self._records[digest] = now
        return False

    def _forget(self, now: float) -> None:
        """Drop what is older than the window; amortised one look a report."""
        oldest = now - self.WINDOW
        while self._latest:
            subject = next(iter(self._latest))
            if self._latest[subject][0] > oldest:
                break
            del self._latest[subject]
        while self._records:
            digest = next(iter(self._records))
            if self._records[digest] > oldest:
                break
            del self._records[digest]
