"""The call detail records of a call (protocol 5.3)."""

from typing import TYPE_CHECKING

from .encoding import Report
from .legs import Leg
from .readings import FailedCdr, GroupCallTo
from .truth import Outcome

if TYPE_CHECKING:
    from .stories import CallStory


def call_records(
    story: CallStory, lost_legs: list[Leg], *, part: bool = False
) -> list[Report]:
    """Return the `NewCdr` reports of a call, the one about the whole call last.

    Args:
        story: the call at its end.
        lost_legs: legs that rang and did not get the call.
        part: only the record of what is over at a transfer or a forward.
    """
    readings = story.pbx.readings
    outcome = story.truth.outcome
    if outcome is Outcome.REFUSED:
        return []
    if outcome is Outcome.FAILED and readings.failed_cdr is FailedCdr.NONE:
        return []
    if part:
        return [_record(story)]
    records: list[Report] = []
    if readings.phantom_cdr:
        records.append(_unanswered(story, callduraction="1"))
    if readings.several_cdrs and story.path and not readings.loser_cdr_at_once:
        records += [loser_record(story, leg) for leg in lost_legs if leg.number]
    if readings.mobile_cdr and story.direction == "inbound":
        mobiles = [leg for leg in [*lost_legs, *story.legs] if leg.kind == "outbound"]
        records += [
            _unanswered(
                story,
                callto=leg.to_number,
                type="Outbound",
                dsttrcunkname=leg.trunk,
                srctrunkname="",
            )
            for leg in mobiles
        ]
    return [*records, _record(story)]


def loser_record(story: CallStory, leg: Leg) -> Report:
    """Return the record of a phone of a group, or an agent, that lost the call."""
    return _unanswered(story, callto=_with_extension(story, leg.number))


def _unanswered(story: CallStory, **fields: str) -> Report:
    return {
        **_record(story),
        "talkduraction": "0",
        "status": story.pbx.readings.cdr_no_answer,
        "recording": "",
        **fields,
    }


def _record(story: CallStory) -> Report:
    pbx, truth = story.pbx, story.truth
    now = pbx.now()
    status = _status(story)
    talk_from = truth.answered_at
    if talk_from is None and status in {"ANSWERED", "VOICEMAIL"}:
        talk_from = story.machine_since
    kind = truth.direction.capitalize()
    call_to = _call_to(story)
    if truth.answered_at is not None and pbx.settings.record_calls:
        stamp = f"{pbx.local(truth.started_at):%Y%m%d%H%M%S}"
        truth.recording = (
            f"{stamp}-{truth.callid}-{truth.caller}-{truth.called}-{kind}.wav"
        )
        pbx.recordings.add(truth.recording)
    waited = 0.0
    if story.queue_since is not None and truth.answered_at is not None:
        waited = truth.answered_at - story.queue_since
    return {
        "event": "NewCdr",
        "callid": truth.callid,
        "timestart": pbx.local_text(truth.started_at),
        "callfrom": _name(story, truth.caller),
        "callto": call_to,
        "callduraction": str(int(now - truth.started_at)),
        "talkduraction": str(int(now - talk_from)) if talk_from is not None else "0",
        "srctrunkname": truth.trunk if truth.direction == "inbound" else "",
        "dsttrcunkname": truth.trunk if truth.direction == "outbound" else "",
        "pincode": "",
        "status": status,
        "type": _type(story) or kind,
        "recording": truth.recording,
        "didnumber": truth.did,
        "agentringtime": str(int(waited)),
        "sn": pbx.settings.serial,
    }


def _type(story: CallStory) -> str:
    """Return one of the types that only v1 documents, "" for the others (protocol 5.3)."""
    if not story.pbx.readings.more_cdr_types:
        return ""
    if story.came_from_api:
        return "Callback"
    return "Transfer" if story.truth.transferred_to else ""


def _status(story: CallStory) -> str:
    readings = story.pbx.readings
    truth = story.truth
    if truth.answered_at is not None:
        return "ANSWERED"
    match truth.outcome:
        case Outcome.VOICEMAIL:
            return "VOICEMAIL"
        case Outcome.BUSY:
            return "BUSY"
        case Outcome.FAILED:
            return (
                "FAILED"
                if readings.failed_cdr is FailedCdr.FAILED
                else readings.cdr_no_answer
            )
        case Outcome.ABANDONED if readings.machine_counts_as_answer:
            return "ANSWERED"
        case _:
            return readings.cdr_no_answer


def _call_to(story: CallStory) -> str:
    pbx, truth = story.pbx, story.truth
    if story.path in pbx.ring_groups or story.path in pbx.queues:
        return _with_extension(story, truth.answered_by)
    if story.path in pbx.ivrs and truth.answered_by in pbx.extensions:
        return _name(story, truth.answered_by)
    return _name(story, truth.called)


def _with_extension(story: CallStory, extension: str) -> str:
    both = story.pbx.readings.group_call_to is GroupCallTo.BOTH
    if both and extension in story.pbx.extensions:
        return f"{story.path}({extension})"
    return story.path


def _name(story: CallStory, number: str) -> str:
    extension = story.pbx.extensions.get(number)
    if extension is None or not story.pbx.readings.cdr_names:
        return number
    # The form of an Asterisk caller id; nothing is documented.
    return f'"{extension.name}" <{number}>'
