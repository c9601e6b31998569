"""What somebody has set up on the PBX before the simulation starts."""

from dataclasses import dataclass
import ssl
from typing import Any

# Default report port, protocol 2.1.
DEFAULT_REPORT_PORT = 8260


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionSpec:
    """An extension. `type` is `SIP` or `FXS`; `port` is for FXS only."""

    number: str
    name: str
    type: str = "SIP"
    registered: bool = True
    port: str = ""
    address: str = "192.168.5.100"
    # "Extension Status Monitor" of protocol 7.2; off: no ExtensionStatus.
    monitored: bool = True
    outbound_allowed: bool = True
    mobile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkSpec:
    """A trunk; `status` is the word of `trunk/list` when no call uses it."""

    name: str
    type: str = "SIP"
    status: str = ""
    port: str = ""
    # The three switches per trunk of protocol 7.2.
    monitored: bool = True
    control_answering: bool = False
    control_destination: bool = False

    @property
    def idle_status(self) -> str:
        """The status as set, or what is normal for the type."""
        if self.status:
            return self.status
        match self.type:
            case "SIP" | "IAX":
                return "Registered"
            case "BRI" | "E1":
                return "Up"
            case _:
                return "Idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSpec:
    """A queue. `password` is what `queue/add_dynamicagent` asks, "" for none."""

    number: str
    name: str
    agents: tuple[str, ...] = ()
    dynamic_agents: tuple[str, ...] = ()
    password: str = ""
    strategy: str = "Ring All"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """A ring group or a paging group."""

    number: str
    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IvrSpec:
    """An IVR; `keys` says which number a key leads to."""

    number: str
    name: str
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceSpec:
    """A conference room."""

    number: str
    name: str
    participant_password: str = ""
    moderator_password: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSpec:
    """A company contact; `extra` holds further fields of protocol 6.2."""

    id: str
    first_name: str
    last_name: str = ""
    company: str = ""
    business_number: str = ""
    mobile: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailSpec:
    """A message in an extension's voicemail box; `date` is PBX local time."""

    number: str
    file: str = "msg0000.wav"
    sender: str = "0301234567"
    read: bool = False
    date: str = "2019-10-20 21:41:42"
    length: str = "77"


EXTENSIONS = (
    ExtensionSpec(number="1000", name="Jayson", mobile="0171234567"),
    ExtensionSpec(number="1001", name="Erwin Co", address="192.168.5.101"),
    ExtensionSpec(number="1002", name="Phillip Huff", address="192.168.5.102"),
    ExtensionSpec(number="1003", name="Zoë Šťastná", address="192.168.5.103"),
    ExtensionSpec(number="1004", name="Store Room", registered=False),
    ExtensionSpec(number="1005", name="Fax", type="FXS", port="Span1_Port3"),
)
TRUNKS = (
    TrunkSpec(name="siptrunk"),
    TrunkSpec(name="Line 1", type="FXO", port="Span1_Port1"),
    TrunkSpec(name="gsm1", type="GSM", port="Span2_Port1"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration of a simulated PBX."""

    host: str = "127.0.0.1"
    # 0 takes any free port; the real one listens on 8088 (protocol 1.1).
    port: int = 0
    https: bool = True
    # A second, plain HTTP port that redirects to HTTPS, as 80 does; None for none.
    redirect_port: int | None = None
    redirect_status: int = 302
    # Lowest and highest TLS version; None for what Python's ssl takes by itself.
    tls_versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None
    username: str = "ha"
    password: str = "Simulated1"
    serial: str = "369451090405"
    device_name: str = "Yeastar S100"
    # None leaves the field out, as the Cloud PBX does (protocol 6.1).
    hardware_version: str | None = "V1.10 0000-0000"
    firmware: str = "30.13.0.30"
    # "HTTP", or "TCP" for a PBX that is set to the other report method: it then
    # sends nothing over HTTP.
    transport: str = "HTTP"
    # Hours east of Greenwich of the PBX's local time.
    utc_offset: float = 8.0
    # Name of a zone with daylight saving, used instead of the offset.
    zone: str = ""
    # Seconds that the PBX's clock is fast.
    clock_fast: float = 0.0
    uptime: float = 1979.0
    maximum_extensions: int = 500
    # Firmware without API 2.0.0: every v2 request fails (protocol 7.1).
    old_firmware: bool = False
    # Endpoints that this firmware does not know yet, for example
    # "extension/query_call" before 2020-11-09; they give 10003.
    missing_endpoints: frozenset[str] = frozenset()
    # Seconds between two configuration writes below which 10025 is the answer.
    config_pause: float = 1.0
    record_calls: bool = True
    # Bytes of a recording or a message, whether it says so itself, and what the web
    # server calls it.
    sound_size: int = 1644
    sound_finished: bool = True
    sound_type: str = "audio/x-wav"
    # Answers without Content-Length, as in every sample of protocol 1.3.
    content_length: bool = False
    extensions: tuple[ExtensionSpec, ...] = EXTENSIONS
    trunks: tuple[TrunkSpec, ...] = TRUNKS
    queues: tuple[QueueSpec, ...] = (
        QueueSpec(number="6700", name="Support", agents=("1001", "1002")),
        QueueSpec(number="6701", name="Sales", agents=("1003",), password="1234"),
    )
    ring_groups: tuple[GroupSpec, ...] = (
        GroupSpec(number="6200", name="Office", members=("1000", "1001", "1002")),
    )
    ivrs: tuple[IvrSpec, ...] = (
        IvrSpec(
            number="6500",
            name="Welcome",
            keys=(("1", "1001"), ("2", "6700"), ("3", "6200")),
        ),
    )
    conferences: tuple[ConferenceSpec, ...] = (
        # A leading blank, as in the sample of protocol 5.16.
        ConferenceSpec(number="6400", name=" 6400"),
    )
    paging_groups: tuple[GroupSpec, ...] = (
        GroupSpec(number="6300", name="House", members=("1001", "1002", "1003")),
    )
    contacts: tuple[ContactSpec, ...] = (
        ContactSpec(
            id="1", first_name="Ada", last_name="Lovelace", mobile="0301234567"
        ),
        ContactSpec(
            id="2", first_name="", company="Plumber", business_number="0305550"
        ),
    )
    voicemails: tuple[VoicemailSpec, ...] = (VoicemailSpec(number="1001"),)
    parking_slots: tuple[str, ...] = ("6900", "6901", "6902")
    prompts: tuple[str, ...] = ("music1", "music2", "gong")

    @property
    def report_method(self) -> str:
        """The same under the name that the web page of the PBX gives it."""
        return self.transport

    @staticmethod
    def with_extensions(count: int, **changes: Any) -> Settings:
        """Return settings with `count` registered SIP extensions from 1000 on.

        Args:
            count: number of extensions; beyond 9000 their numbers get a digit more.
            changes: any other field of `Settings`.
        """
        first = 1000 if count <= 9000 else 10000
        extensions = tuple(
            ExtensionSpec(
                number=str(number),
                name=f"Extension {number}",
                address=f"10.0.{number // 250 % 250}.{number % 250 + 1}",
            )
            for number in range(first, first + count)
        )
        changes.setdefault("maximum_extensions", max(500, count))
        return Settings(extensions=extensions, **changes)
