"""Where a call goes: phones, groups, queues, IVRs, conference rooms."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .encoding import Report
from .errors import StoryError
from .readings import GroupStart, Waiting
from .state import QueueCaller

if TYPE_CHECKING:
    from .stories import CallStory


def route(story: CallStory, number: str, trunk: str = "") -> list[Report]:
    """Ring whatever `number` is."""
    pbx = story.pbx
    if number in pbx.queues:
        return enter_queue(story, number)
    if number in pbx.ring_groups:
        return ring_several(story, number, pbx.ring_groups[number].members)
    if number in pbx.paging_groups:
        return ring_several(story, number, pbx.paging_groups[number].members)
    if number in pbx.ivrs or number in pbx.conferences:
        return enter_machine(story, number)
    if number in pbx.extensions:
        extension = pbx.extensions[number]
        reachable = extension.is_fxs or extension.registered
        if reachable and not pbx.has_dnd(number):
            story.ring_leg(story.extension_leg(number, "RING", story.path))
        return story.tell()
    if not trunk:
        raise StoryError(f"{number!r} is no number of this PBX: which trunk?")
    caller = story.origin.party if story.origin else ""
    story.ring_leg(story.outbound_leg(number, trunk, caller))
    return story.tell()


def set_path(story: CallStory, number: str) -> None:
    story.path = number
    story.truth.path = story.truth.path or number


def ring_several(story: CallStory, group: str, members: Iterable[str]) -> list[Report]:
    set_path(story, group)
    reports = _start(story, group, members)
    return reports or story.tell()


def _start(story: CallStory, group: str, members: Iterable[str]) -> list[Report]:
    """Ring those of a group that can be rung."""
    each = story.pbx.readings.group_start is GroupStart.ONE_BY_ONE
    reports: list[Report] = []
    rung = False
    caller = story.origin.party if story.origin else ""
    for number in members:
        known = number in story.pbx.extensions and number != caller
        if known and story.pbx.can_ring(number):
            story.ring_leg(story.extension_leg(number, "RING", group))
            rung = True
            if each:
                reports += story.tell()
    if rung and not each:
        reports += story.tell()
    return reports


def wait_at(story: CallStory, number: str) -> None:
    """Let the caller wait in an IVR, a queue or a conference."""
    set_path(story, number)
    if story.machine_since is None:
        story.machine_since = story.pbx.now()
    if story.origin is not None:
        story.origin.path = number
        outside = story.origin.kind == "inbound"
        alert = story.pbx.readings.waiting_caller is Waiting.ALERT
        if not story.origin.talks and not (outside and alert):
            story.origin.status = "ANSWERED"


def enter_machine(story: CallStory, number: str) -> list[Report]:
    wait_at(story, number)
    if number in story.pbx.conferences and story.origin is not None:
        story.origin.status = "ANSWERED"
        story.pbx.rooms.setdefault(number, []).append(story)
        # Talking with the others in the room counts as talking.
        story.note_answer(number)
        return [*story.tell(), *conference_status(story, number)]
    return story.tell()


def enter_queue(story: CallStory, number: str) -> list[Report]:
    wait_at(story, number)
    story.queue_since = story.pbx.now()
    queue = story.pbx.queues[number]
    if story.origin is not None:
        queue.callers.append(
            QueueCaller(
                story.origin.party,
                story.pbx.now(),
                story.origin.channelid,
                story.callid,
            )
        )
    reports = story.tell()
    agents = [one for one in queue.all_agents() if one not in queue.paused]
    return [*reports, *_start(story, number, agents)]


def leave_queue(story: CallStory) -> None:
    for queue in story.pbx.queues.values():
        queue.callers = [one for one in queue.callers if one.callid != story.callid]


def no_answer_reports(story: CallStory, agent: str, *, pause: bool) -> list[Report]:
    """Tell that a queue gave up ringing an agent, and pause him (protocol 5.13, 5.14)."""
    pbx = story.pbx
    caller = story.origin.party if story.origin else ""
    reports: list[Report] = [
        {
            "event": "QueueAgentRingNoAnswerTimeout",
            "queue": f"queue-{story.path}",
            "agent": pbx.extensions[agent].name,
            "callid": story.callid,
            "caller": caller,
            "sn": pbx.settings.serial,
        }
    ]
    if pause:
        pbx.queues[story.path].paused.add(agent)
        reports.append(
            {
                "event": "QueueAutoPause",
                "queue": story.path,
                "agent": agent,
                "misscall": [{"caller": caller, "callid": story.callid}],
                "sn": pbx.settings.serial,
            }
        )
    return reports


def conference_status(story: CallStory, room: str) -> list[Report]:
    """Return a `ConferenceStatus` with everybody in a room (protocol 5.16)."""
    stories = story.pbx.rooms.get(room, [])
    members = [one.member(leg) for one in stories for leg in one.legs if leg.talks]
    return [
        story.pbx.report(
            "ConferenceStatus",
            (stories[0] if stories else story).callid,
            conferencenumber=room,
            conferencename=story.pbx.conferences[room].name,
            members=members,
        )
    ]
