"""What the PBX knows at a moment: extensions, trunks, queues, messages, calls."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
import datetime as dt
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from .encoding import Report
from .legs import Leg
from .readings import FreeStatus, Readings
from .settings import ExtensionSpec, QueueSpec, Settings, TrunkSpec, VoicemailSpec

if TYPE_CHECKING:
    from .stories import CallStory

# Defaults of extension/query, the sample of protocol 6.3.
EXTENSION_OPTIONS = {
    "maxregistrations": "1",
    "email": "",
    "mobile": "",
    "language": "System Default",
    "hasvoicemail": "on",
    "enablevmtoemail": "off",
    "alwaysforward": "off",
    "noanswerforward": "on",
    "ntransferto": "Voicemail",
    "ntransferprefix": "",
    "busyforward": "on",
    "btransferto": "Voicemail",
    "btransferprefix": "",
    "ringsimultaneous": "off",
    "mobileprefix": "",
    "enablemobile": "off",
    "allowbeingmonitored": "off",
    "monitormode": "Disabled",
    "ringtimeout": "30",
    "maxduration": "Follow System",
    "dnd": "off",
    "callrestriction": "off",
    "agentid": "",
}


@dataclass(slots=True)
class Extension:
    """An extension as it is now."""

    spec: ExtensionSpec
    name: str
    registered: bool
    address: str
    options: dict[str, str]
    # Set by hand over everything else, for example "Malfunction".
    forced_status: str = ""
    # The status last told in an ExtensionStatus.
    told: str = ""

    @property
    def number(self) -> str:
        """The number."""
        return self.spec.number

    @property
    def is_fxs(self) -> bool:
        """Tell whether it is an analogue phone."""
        return self.spec.type == "FXS"


@dataclass(slots=True)
class Trunk:
    """A trunk as it is now."""

    spec: TrunkSpec
    id: str
    name: str
    status: str


@dataclass(slots=True)
class QueueCaller:
    """Somebody who waits in a queue."""

    number: str
    since: float
    channelid: str
    callid: str = ""


@dataclass(slots=True)
class Queue:
    """A queue as it is now."""

    spec: QueueSpec
    name: str
    agents: list[str]
    dynamic_agents: list[str]
    paused: set[str] = field(default_factory=set)
    callers: list[QueueCaller] = field(default_factory=list)
    # Set by hand: agentstatus digit by extension.
    forced: dict[str, str] = field(default_factory=dict)

    def all_agents(self) -> list[str]:
        """Return static and dynamic agents, each once."""
        return list(dict.fromkeys([*self.agents, *self.dynamic_agents]))


@dataclass(frozen=True, slots=True)
class ParkedCall:
    """Somebody who waits in a parking slot."""

    callid: str
    parker: str
    channelid: str
    number: str
    since: float


@dataclass(slots=True)
class Voicemail:
    """A message."""

    file: str
    sender: str
    read: bool
    date: str
    length: str


class PbxState:
    """The whole state; knows nothing of sockets."""

    def __init__(
        self, settings: Settings, readings: Readings, now: Callable[[], float]
    ) -> None:
        """Start as `settings` says; `now` returns epoch seconds."""
        self.settings = settings
        self.readings = readings
        self.now = now
        self.booted_at = now() - settings.uptime
        self.extensions: dict[str, Extension] = {}
        for spec in settings.extensions:
            self.add_extension(spec)
        self.trunks: dict[str, Trunk] = {}
        self._next_trunk_id = 1
        for trunk in settings.trunks:
            self.add_trunk(trunk)
        self.queues: dict[str, Queue] = {}
        for queue in settings.queues:
            self.add_queue(queue)
        self.ring_groups = {group.number: group for group in settings.ring_groups}
        self.ivrs = {ivr.number: ivr for ivr in settings.ivrs}
        self.conferences = {room.number: room for room in settings.conferences}
        self.paging_groups = {group.number: group for group in settings.paging_groups}
        self.voicemails: dict[str, list[Voicemail]] = {}
        for message in settings.voicemails:
            self.add_voicemail(message)
        self.calls: dict[str, CallStory] = {}
        # Calls whose caller sits in a conference room, by the room's number.
        self.rooms: dict[str, list[CallStory]] = {}
        # By slot.
        self.parked: dict[str, ParkedCall] = {}
        self.cdrs: list[Report] = []
        self.recordings: set[str] = set()
        self._channels = 0
        self._unique = 0

    # --- changing what there is ---

    def add_extension(self, spec: ExtensionSpec) -> Extension:
        """Add an extension as somebody would on the web page."""
        secret = f"xMn5W4Gs{spec.number}Abcd"
        extension = Extension(
            spec=spec,
            name=spec.name,
            registered=spec.registered,
            address=spec.address,
            options={
                **EXTENSION_OPTIONS,
                "callerid": spec.number,
                "registername": spec.number,
                "registerpassword": secret,
                "loginpassword": "5e12ba8dd1083a7f946e457cf3c18779",
                "vmsecret": spec.number,
                "mobile": spec.mobile,
            },
        )
        self.extensions[spec.number] = extension
        return extension

    def add_trunk(self, spec: TrunkSpec) -> Trunk:
        """Add a trunk."""
        trunk = Trunk(
            spec=spec,
            id=str(self._next_trunk_id),
            name=spec.name,
            status=spec.idle_status,
        )
        self._next_trunk_id += 1
        self.trunks[spec.name] = trunk
        return trunk

    def add_queue(self, spec: QueueSpec) -> Queue:
        """Add a queue."""
        queue = Queue(
            spec=spec,
            name=spec.name,
            agents=list(spec.agents),
            dynamic_agents=list(spec.dynamic_agents),
        )
        self.queues[spec.number] = queue
        return queue

    def add_voicemail(self, spec: VoicemailSpec) -> Voicemail:
        """Put a message into a box."""
        message = Voicemail(spec.file, spec.sender, spec.read, spec.date, spec.length)
        self.voicemails.setdefault(spec.number, []).append(message)
        return message

    # --- numbers of calls and channels ---

    def next_unique(self) -> str:
        """Return an Asterisk unique id, `<epoch>.<n>` (protocol 5.2)."""
        self._unique += 1
        return f"{int(self.now() + self.settings.clock_fast)}.{self._unique}"

    def extension_channel(self, number: str) -> str:
        """Return the name of a new channel of an extension."""
        self._channels += 1
        return f"PJSIP/{number}-{self._channels:08x}"

    def trunk_channel(self, trunk: str) -> str:
        """Return the name of a new channel of a trunk."""
        self._channels += 1
        return f"PJSIP/trunk-{trunk}-endpoint-{self._channels:08x}"

    # --- time ---

    def local(self, moment: float | None = None) -> dt.datetime:
        """Return PBX local time, without zone as the PBX tells it."""
        seconds = self.now() if moment is None else moment
        seconds += self.settings.clock_fast
        utc = dt.datetime.fromtimestamp(seconds, dt.UTC)
        return (utc + dt.timedelta(hours=self.utc_offset(seconds))).replace(tzinfo=None)

    def utc_offset(self, moment: float | None = None) -> float:
        """Return how many hours local time is ahead of UTC."""
        if not self.settings.zone:
            return self.settings.utc_offset
        seconds = self.now() if moment is None else moment
        local = dt.datetime.fromtimestamp(seconds, ZoneInfo(self.settings.zone))
        offset = local.utcoffset()
        assert offset is not None
        return offset / dt.timedelta(hours=1)

    def local_text(self, moment: float | None = None) -> str:
        """Return PBX local time as `YYYY-MM-DD HH:MM:SS`."""
        return f"{self.local(moment):%Y-%m-%d %H:%M:%S}"

    # --- who is doing what ---

    def legs(self) -> Iterator[tuple[CallStory, Leg]]:
        """Yield every leg of every call that goes on."""
        for story in list(self.calls.values()):
            for leg in list(story.legs):
                yield story, leg

    def find_leg(self, channelid: str) -> tuple[CallStory, Leg] | None:
        """Return the leg with that channel."""
        for story, leg in self.legs():
            if leg.channelid == channelid and leg.is_up:
                return story, leg
        return None

    def calls_of(self, number: str) -> list[CallStory]:
        """Return the calls in which an extension takes part."""
        return [
            story
            for story in self.calls.values()
            if any(leg.number == number and leg.is_up for leg in story.legs)
        ]

    def phones(self) -> dict[str, str]:
        """Return Ringing, Busy or Hold for each extension that is in a call."""
        rank = {"Ringing": 1, "Hold": 2, "Busy": 3}
        phones: dict[str, str] = {}
        for _, leg in self.legs():
            status = leg.phone_status
            if leg.number and rank.get(status, 0) > rank.get(
                phones.get(leg.number, ""), 0
            ):
                phones[leg.number] = status
        return phones

    def is_free(self, number: str) -> bool:
        """Tell whether an extension could be rung now."""
        extension = self.extensions[number]
        reachable = extension.is_fxs or extension.registered
        return reachable and number not in self.phones() and not self.has_dnd(number)

    def has_dnd(self, number: str) -> bool:
        """Tell whether an extension does not want to be disturbed."""
        return self.extensions[number].options["dnd"] == "on"

    def can_ring(self, number: str) -> bool:
        """Tell whether an extension is rung for a call, busy or not."""
        extension = self.extensions[number]
        reachable = extension.is_fxs or extension.registered
        busy = number in self.phones() and not self.readings.call_waiting
        return reachable and not busy and not self.has_dnd(number)

    def member_name(self, number: str) -> str:
        """Return a party's number as reports write it."""
        if not self.readings.member_names:
            return number
        extension = self.extensions.get(number)
        return f"{extension.name if extension else 'Display Name'}<{number}>"

    # --- status words ---

    def list_status(self, extension: Extension, phones: dict[str, str]) -> str:
        """Return the status of an extension as the lists tell it (protocol 6.3)."""
        if extension.forced_status:
            return extension.forced_status
        if not extension.is_fxs and not extension.registered:
            lower = self.readings.lower_case_unavailable
            return "unavailable" if lower else "Unavailable"
        if extension.number in phones:
            return phones[extension.number]
        if extension.is_fxs or self.readings.free_status is FreeStatus.IDLE:
            return "Idle"
        return "Registered"

    def event_status(self, extension: Extension, phones: dict[str, str]) -> str:
        """Return the status of an extension as `ExtensionStatus` tells it (protocol 5.1)."""
        if extension.is_fxs:
            free = "Idle"
        else:
            free = "Registered" if extension.registered else "Unregistered"
        # The event knows no Hold.
        return phones.get(extension.number, free).replace("Hold", "Busy")

    def extension_report(self, extension: Extension, status: str) -> Report:
        """Return an `ExtensionStatus`."""
        report: Report = {
            "event": "ExtensionStatus",
            "extension": extension.number,
            "status": status,
        }
        if self.readings.registered_ip and not extension.is_fxs:
            report["registeredIP"] = extension.address
        report["sn"] = self.settings.serial
        return report

    def extension_reports(self, numbers: Iterable[str]) -> list[Report]:
        """Return an `ExtensionStatus` for each of those extensions that changed."""
        reports = []
        phones = self.phones()
        for number in dict.fromkeys(numbers):
            extension = self.extensions.get(number)
            if extension is None:
                continue
            status = self.event_status(extension, phones)
            told = extension.told or self.event_status(extension, {})
            if status != told:
                extension.told = status
                if extension.spec.monitored:
                    reports.append(self.extension_report(extension, status))
        return reports

    def trunk_status(self, trunk: Trunk) -> str:
        """Return the status of a trunk as `trunk/list` tells it (protocol 6.4)."""
        status = trunk.status
        if trunk.spec.type in {"FXO", "GSM"} and status == "Idle":
            used = any(leg.trunk == trunk.name and leg.is_up for _, leg in self.legs())
            status = "Busy" if used else "Idle"
        return status.lower() if self.readings.lower_case_trunk_status else status

    def config_change(self, kind: str, name: str, operation: str) -> Report:
        """Return a `ConfigChange` (protocol 5.12)."""
        key = "trunkname" if kind == "trunk" else "extid"
        return {
            "event": "ConfigChange",
            "type": kind,
            key: name,
            "operation": operation,
            "sn": self.settings.serial,
        }

    def report(self, event: str, callid: str, **fields: Any) -> Report:
        """Return a report about a call."""
        return {
            "event": event,
            "callid": callid,
            **fields,
            "sn": self.settings.serial,
        }
