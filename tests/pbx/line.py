"""What stories about calls are told with: reports in the wire's form, and a line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
import json
from typing import Any

from custom_components.yeastar.pbx.calls import (
    TERMINAL,
    Call,
    CallTracker,
    Direction,
    Outcome,
    Step,
)
from custom_components.yeastar.pbx.reports import Report, decode, understand

# Of the clock of the PBX whose reports the documentation shows.
ZONE = timezone(timedelta(hours=-8))
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALL_ID = "1571897930.5"
OUTSIDE = "02203303"
MOBILE = "0171555"
EXTENSIONS = {"1001": "Anna", "1002": "Ben", "1003": "Cleo", "1004": "Dan"}
IVR, GROUP, QUEUE, ROOM = "6500", "6200", "6700", "6400"


class Numbers:
    """A PBX's directory."""

    def is_extension(self, number: str) -> bool:
        return number in EXTENSIONS

    def answers_itself(self, number: str) -> bool:
        return number in (IVR, QUEUE)

    def name_of(self, number: str) -> str | None:
        return {**EXTENSIONS, OUTSIDE: "Dentist"}.get(number)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def report(event: str, call_id: str = CALL_ID, **fields: Any) -> Report:
    wire = {"event": event, "callid": call_id, "sn": "369451090405", **fields}
    return understand(decode(json.dumps(wire).encode()), UTC)


def phone(number: str, status: str = "", *, path: str = "", channel: str = "") -> Any:
    """Return an extension's member; the channel is its number's unless given."""
    fields = {"number": number, "channelid": channel or f"PJSIP/{number}-00000001"}
    return {"ext": fields | _optional(status, path)}


def caller(status: str = "", *, to: str = "1001", path: str = "") -> Any:
    """Return the member of somebody outside who calls."""
    fields = {"from": OUTSIDE, "to": to, "trunkname": "Line 1", "channelid": "in-1"}
    return {"inbound": fields | _optional(status, path)}


def line(status: str = "", *, to: str = OUTSIDE, by: str = "1001") -> Any:
    """Return the member of somebody outside who is called."""
    fields = {"from": by, "to": to, "trunkname": "Line 1", "channelid": f"out-{to}"}
    return {"outbound": fields | _optional(status, "")}


def _optional(status: str, path: str) -> dict[str, str]:
    fields = {"memberstatus": status, "callpath": path}
    return {key: value for key, value in fields.items() if value}


def cdr(
    kind: str = "Inbound",
    status: str = "ANSWERED",
    *,
    by: str = OUTSIDE,
    to: str = "1001",
    whole: int = 30,
    talk: int = 20,
    **fields: str,
) -> dict[str, str]:
    return {
        "timestart": "2026-03-02 08:00:00",
        "callfrom": by,
        "callto": to,
        "callduraction": str(whole),
        "talkduraction": str(talk),
        "srctrunkname": "Line 1" if kind == "Inbound" else "",
        "dsttrcunkname": "Line 1" if kind == "Outbound" else "",
        "status": status,
        "type": kind,
        "recording": "",
        "didnumber": "5551000" if kind == "Inbound" else "",
        **fields,
    }


class Line:
    """Plays reports to a tracker and writes down what it tells, and when."""

    def __init__(self) -> None:
        self.calls = CallTracker(Numbers())
        self.told: list[tuple[float, Step, Call]] = []
        self.phones: dict[str, dict[str, Step]] = {}

    def status(self, when: float, *members: Any, call_id: str = CALL_ID) -> None:
        self.hear(when, report("CallStatus", call_id, members=list(members)))

    def cdr(self, when: float, *arguments: Any, **fields: Any) -> None:
        self.hear(when, report("NewCdr", **cdr(*arguments, **fields)))

    def event(self, when: float, event: str, *members: Any, **fields: Any) -> None:
        self.hear(when, report(event, members=list(members), **fields))

    def hear(self, when: float, what: Report) -> None:
        self.wait(when)
        for step in self.calls.take(what, at(when)):
            self.told.append((when, step.step, step.call))

    def wait(self, until: float) -> None:
        """Let time pass; calls are closed when they are due, not before."""
        while (due := self.calls.next_due) is not None and due <= at(until):
            for step in self.calls.expire(due):
                self.told.append(((due - START).total_seconds(), step.step, step.call))

    def restart(self) -> None:
        """Forget all calls but what was told of them."""
        begun: dict[str, tuple[Call, bool]] = {}
        over = {call.call_id for _, step, call in self.told if step in TERMINAL}
        for _, step, call in self.told:
            begun[call.call_id] = (call, step is Step.ANSWERED)
        for call_id in over:
            del begun[call_id]
        for one in self.calls.heard():
            if one.kind == "extension":
                self.phones.setdefault(one.call.call_id, {})[one.who] = one.step
        self.calls = CallTracker(Numbers(), over, begun, self.phones)
        self.calls.resume()

    def gone(self, when: float) -> None:
        self.wait(when)
        for step in self.calls.gone(CALL_ID, at(when)):
            self.told.append((when, step.step, step.call))

    @property
    def steps(self) -> list[tuple[float, str]]:
        return [(when, step.value) for when, step, _ in self.told]

    @property
    def end(self) -> Call:
        """Return the call as its one end told it."""
        ends = [call for _, step, call in self.told if step in TERMINAL]
        assert len(ends) == 1
        assert self.told[-1][2] is ends[0]
        assert self.calls.active_count == 0
        return ends[0]


def ring(pbx: Line) -> None:
    """Let an outside call ring at 1001."""
    pbx.status(0, caller("ALERT"), phone("1001", "RING"))


def answer(pbx: Line) -> None:
    """Let 1001 answer it after ten seconds."""
    ring(pbx)
    pbx.status(10, caller("ANSWERED"), phone("1001", "ANSWER"))


ANSWERED_CALL = Call(
    call_id=CALL_ID,
    direction=Direction.INBOUND,
    caller_number=OUTSIDE,
    caller_name="Dentist",
    called_number="1001",
    did_number="5551000",
    trunk="Line 1",
    extensions=("1001",),
    answered_by="1001",
    started_at=at(0),
    answered_at=at(10),
    ended_at=at(30),
    ring_seconds=10,
    talk_seconds=20,
    outcome=Outcome.ANSWERED,
    recording="a.wav",
)
MISSED_CALL = replace(
    ANSWERED_CALL,
    answered_by=None,
    answered_at=None,
    ring_seconds=30,
    talk_seconds=0,
    outcome=Outcome.MISSED,
    recording=None,
)
STORY = [(0, "ringing"), (10, "answered"), (30, "ended")]

RINGING = [caller("ALERT"), phone("1001", "RING")]
TALKING = [caller("ANSWERED"), phone("1001", "ANSWER")]
OVER = [caller("BYE"), phone("1001", "BYE")]


def listed(*members: Any) -> list[dict[str, Any]]:
    """Return members as `call/query` and `extension/query_call` are read."""
    found: list[dict[str, Any]] = report("CallStatus", members=members).payload[
        "members"
    ]
    return found
