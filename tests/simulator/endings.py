"""How a call ends: everybody leaves, the records are written."""

from typing import TYPE_CHECKING

from .cdr import call_records, loser_record
from .encoding import Report
from .legs import Leg
from .readings import Byes
from .routing import conference_status, leave_queue
from .state import Voicemail
from .truth import Outcome

if TYPE_CHECKING:
    from .stories import CallStory


def failure_report(story: CallStory, reason: str) -> list[Report]:
    """Return a `CallFailed`, if the call came from the API or a phone (protocol 5.7)."""
    if story.origin is not None and not story.origin.number:
        return []
    return [
        {
            "callid": story.callid,
            "event": "CallFailed",
            "reason": reason,
            "members": story.members(with_status=False),
            "sn": story.pbx.settings.serial,
        }
    ]


def finish(story: CallStory, first: Leg | None) -> list[Report]:
    """Let everybody leave, `first` at the head, and write the CDR."""
    settle_outcome(story, first)
    reports: list[Report] = []
    byes = story.pbx.readings.byes
    up = story.up()
    if first is not None and len(up) > 1 and byes is not Byes.TOGETHER:
        first.status, first.shown = "BYE", ""
        reports += story.call_status()
    rest_is_told = first is not None and byes is Byes.FIRST_ONLY
    for leg in story.legs:
        leg.status, leg.shown = "BYE", ""
    if not (rest_is_told and reports):
        reports += story.call_status()
    if story.truth.outcome is Outcome.REFUSED:
        reports.clear()
    records = write_records(story)
    story.legs = []
    story.over = True
    story.pbx.calls.pop(story.callid, None)
    leave_queue(story)
    story.pbx.parked.pop(story.slot(), None)
    phones = story.pbx.extension_reports(story.truth.extensions)
    rooms = leave_rooms(story)
    if story.pbx.readings.extension_status_first:
        reports = [*phones, *reports]
    else:
        reports = [*reports, *phones]
    if records and story.pbx.readings.call_status_after_cdr:
        late = [one for one in reports if one["event"] == "CallStatus"][-1:]
        reports = [one for one in reports if one not in late]
        return [*reports, *rooms, *records, *late]
    return [*reports, *rooms, *records]


def settle_outcome(story: CallStory, first: Leg | None) -> None:
    truth = story.truth
    truth.ended_at = story.pbx.now()
    truth.ended_by = first.party if first else ""
    if truth.outcome is None:
        waits = story.path in story.pbx.queues or story.path in story.pbx.ivrs
        if truth.answered_at is not None:
            truth.outcome = Outcome.ANSWERED
        elif story.mailbox:
            truth.outcome = Outcome.VOICEMAIL
        elif waits and story.machine_since is not None:
            truth.outcome = Outcome.ABANDONED
        else:
            truth.outcome = Outcome.MISSED
    elif truth.outcome is Outcome.BUSY and truth.answered_at is not None:
        truth.outcome = Outcome.ANSWERED
    if truth.outcome is Outcome.VOICEMAIL:
        leave_message(story)


def leave_message(story: CallStory) -> None:
    box = story.pbx.voicemails.setdefault(story.mailbox, [])
    unread = sum(not message.read for message in box)
    since = story.machine_since or story.pbx.now()
    box.append(
        Voicemail(
            file=f"msg{unread:04}.wav",
            sender=story.truth.caller,
            read=False,
            date=story.pbx.local_text(since),
            length=str(int(story.pbx.now() - since)),
        )
    )


def leave_rooms(story: CallStory) -> list[Report]:
    reports: list[Report] = []
    for room, stories in list(story.pbx.rooms.items()):
        if story in stories:
            if len(stories) == 1:
                # The last one's report still needs a call id: its own.
                del story.pbx.rooms[room]
            else:
                stories.remove(story)
            reports += conference_status(story, room)
    return reports


def write_loser(story: CallStory, leg: Leg) -> list[Report]:
    """Write the record of one phone that did not get the call."""
    record = loser_record(story, leg)
    story.truth.cdrs.append(record)
    story.pbx.cdrs.append(record)
    return [record]


def write_records(story: CallStory, *, part: bool = False) -> list[Report]:
    records = call_records(story, story.lost_legs, part=part)
    story.truth.cdrs += records
    story.pbx.cdrs += records
    return records
