"""Compare what Home Assistant told and shows with what really happened."""

from collections.abc import Collection, Iterator
from typing import Any

from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import entity_registry as er
from tests.simulator import Outcome, Readings, Simulator, Truth
from tests.simulator.api_files import is_odd

ORDER = ("ringing", "answered", "end")
TERMINAL = ("ended", "missed", "failed")
# extension/list (protocol 6.3) to what is shown.
SHOWN = {
    "registered": "idle",
    "idle": "idle",
    "ringing": "ringing",
    "busy": "busy",
    "hold": "on_hold",
    "unavailable": "unregistered",
}

# A second until it is written, and the moment that writing takes.
LAST_SECOND = 1.5
# Three seconds after the last sign, and what the play's seconds add to it.
LONGEST_WAIT = 5.0

type Told = list[Event[dict[str, Any]]]


def wrong_calls(
    pbx: Simulator, told: Told, heard: Told, crashes: Collection[float]
) -> Iterator[str]:
    """Yield what is wrong about the calls that were told, given what was heard.

    What was told in the last second before a crash may be told again, and a call that
    the PBX has no record of cannot be ended then.
    """
    steps: dict[str, list[Event[dict[str, Any]]]] = {}
    for event in told:
        at = event.time_fired_timestamp
        if event.data["serial"] != pbx.serial:
            continue
        events = steps.setdefault(event.data["call_id"], [])
        if events and _forgotten(
            events[-1].time_fired_timestamp, [one for one in crashes if one <= at]
        ):
            if _kind(events[-1]) in (_kind(event), "end"):
                events.pop()
        events.append(event)
    truths = {truth.callid: truth for truth in pbx.calls.finished}
    recorded = _recorded(pbx)
    for call_id, events in steps.items():
        truth = truths.get(call_id)
        nowhere = call_id not in recorded or (
            truth is not None and _looks_like_a_phantom(truth)
        )
        lost = nowhere and _forgotten(events[-1].time_fired_timestamp, crashes)
        of_it = [one for one in heard if one.data["payload"].get("call_id") == call_id]
        for problem in _wrong_steps(call_id, events, lost=lost):
            recorded_too = call_id in recorded
            yield f"{problem} (recorded: {recorded_too}, {truth}) {_evidence(of_it)}"
        if truth is None:
            continue
        if problem := _wrong_end(truth, events[-1], of_it, pbx):
            yield f"{problem} {_evidence(of_it)}"
    for call_id, truth in truths.items():
        if truth.outcome is Outcome.REFUSED or call_id in steps:
            continue
        if call_id in recorded and not _looks_like_a_phantom(truth):
            yield f"{call_id} ({truth.outcome}) was never told"


def _evidence(heard: Told) -> str:
    """Return what was heard of a call, for whoever has to find out what is wrong."""
    lines = []
    for event in heard:
        payload = event.data["payload"]
        parties = [
            (one.get("number") or one.get("from"), one.get("member_status"))
            for one in payload.get("members", ())
        ]
        when = event.time_fired.strftime("%H:%M:%S")
        status = payload.get("status", "")
        lines.append(f"{when} {event.data['type']} {status} {parties}")
    return "heard:\n    " + "\n    ".join(lines)


def _recorded(pbx: Simulator) -> set[str]:
    """Return the calls that the log has in rows that can be read."""
    return {str(record["callid"]) for record in pbx.pbx.cdrs if not is_odd(pbx, record)}


def _forgotten(told_at: float, crashes: Collection[float]) -> bool:
    """Tell whether what was told then may have been forgotten in a crash."""
    return any(0 <= crash - told_at <= LAST_SECOND for crash in crashes)


def _kind(event: Event[dict[str, Any]]) -> str:
    """Return a step, all ends being one."""
    kind: str = event.data["type"]
    return "end" if kind in TERMINAL else kind


def _wrong_steps(call_id: str, events: Told, *, lost: bool) -> Iterator[str]:
    """Yield what is wrong about the order and number of a call's steps.

    Of one that is `lost` the end cannot be known.
    """
    types = [event.data["type"] for event in events]
    kinds = [_kind(event) for event in events]
    if sorted(set(kinds), key=ORDER.index) != kinds:
        yield f"{call_id} was told as {types}"
    elif kinds[-1] != "end" and not lost:
        yield f"{call_id} has no end: {types}"
    for event in events:
        if event.data["late"] and event.data["type"] not in TERMINAL:
            yield f"{call_id} is late at {event.data['type']}"


def _looks_like_a_phantom(truth: Truth) -> bool:
    """Tell whether a call's record may be taken for one of a call that never was."""
    seconds = int(truth.ended_at or 0) - int(truth.started_at)
    return truth.answered_at is None and seconds <= 2


def _wrong_end(
    truth: Truth, event: Event[dict[str, Any]], heard: Told, pbx: Simulator
) -> str | None:
    """Return what is wrong about the end of a call, if the evidence was there."""
    data = event.data
    answered = truth.outcome is Outcome.ANSWERED
    if (data["outcome"] == "answered") != answered and not (
        _ambiguous(truth, pbx) or (answered and _unproven(event, heard, pbx))
    ):
        return f"{truth.callid} ended as {data['outcome']}, was {truth}"
    if truth.callid in _recorded(pbx):
        if data["direction"] != truth.direction and not _nobody_reached(event, heard):
            return f"{truth.callid} is {data['direction']}, was {truth}"
        if data["caller_number"] not in (truth.caller, None):
            return f"{truth.callid} came from {data['caller_number']}, was {truth}"
    return None


def _unproven(end: Event[dict[str, Any]], heard: Told, pbx: Simulator) -> bool:
    """Tell whether reports ended a call and none of them, until then, had an answer.

    Those that had were lost, and who is to tell the end three seconds later cannot
    wait for more. Nobody else may end a call without a look into the log.
    """
    at = end.time_fired_timestamp
    before = [one for one in heard if one.time_fired_timestamp <= at]
    if any(_has_an_answer(one.data["payload"]) for one in before):
        return False
    if end.data["call_id"] not in _recorded(pbx):
        return True
    if end.data["late"] or not before:
        return False
    return at - before[-1].time_fired_timestamp <= LONGEST_WAIT


def _nobody_reached(end: Event[dict[str, Any]], heard: Told) -> bool:
    """Tell whether all that was heard, until the end, is a phone that dialled."""
    at = end.time_fired_timestamp
    before = [one.data for one in heard if one.time_fired_timestamp <= at]
    parties = {
        (member["kind"], member.get("number"))
        for data in before
        for member in data["payload"].get("members", ())
    }
    return (
        not end.data["late"]
        and all(data["type"] != "new_cdr" for data in before)
        and len(parties) == 1
    )


def _has_an_answer(payload: dict[str, Any]) -> bool:
    """Tell whether a report shows that a call was answered by somebody who was called."""
    return payload.get("status") == "ANSWERED" or any(
        member["kind"] != "inbound"
        and member.get("member_status") in ("ANSWER", "HOLD")
        for member in payload.get("members", ())
    )


def _ambiguous(truth: Truth, pbx: Simulator) -> bool:
    """Tell whether a record alone cannot say if a person answered.

    A group's number without the extension that took the call, and a machine that
    counts as an answer, leave that open (protocol 5.3).
    """
    readings: Readings = pbx.readings
    return bool(truth.path) or readings.failed_cdr.name == "NONE"


def wrong_states(hass: HomeAssistant, pbx: Simulator) -> Iterator[str]:
    """Yield what is shown and is not so."""
    registry = er.async_get(hass)

    def shown(domain: str, key: str) -> str | None:
        entity_id = registry.async_get_entity_id(
            domain, "yeastar", f"{pbx.serial}_{key}"
        )
        state = hass.states.get(entity_id) if entity_id else None
        return state.state if state is not None else None

    phones = pbx.pbx.phones()
    for number, extension in pbx.pbx.extensions.items():
        word = pbx.pbx.list_status(extension, phones).lower()
        status = shown("sensor", f"extension_{number}_status")
        if status != SHOWN[word]:
            yield f"extension {number} is {word}, shown {status}"
    if (connection := shown("binary_sensor", "connection")) != "on":
        yield f"connection is {connection}"
    if (active := shown("sensor", "active_calls")) != str(len(pbx.calls.live)):
        yield f"{active} active calls, really {len(pbx.calls.live)}"
    for number, queue in pbx.pbx.queues.items():
        waiting = shown("sensor", f"queue_{number}_waiting_calls")
        if waiting != str(len(queue.callers)):
            yield f"{waiting} wait in {number}, really {len(queue.callers)}"
