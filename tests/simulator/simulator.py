"""The simulated PBX as a whole: start it, look at it, do something to it."""

from collections.abc import Callable
import random
from typing import Any, Self

# Imported for their effect: they register the endpoints.
from . import api_calls, api_config, api_files, api_lists, api_system  # noqa: F401
from .api import Api, RequestRecord
from .calls import Calls
from .certificate import Certificate, make_certificate
from .clock import Clock, FunctionClock, ManualClock, RealClock
from .courier import Courier, SentReport
from .delivery import Delivery
from .encoding import Report
from .errors import ApiError
from .faults import Faults
from .readings import Readings, TokenErrno
from .session import Session, Sessions, Target
from .settings import ExtensionSpec, QueueSpec, Settings, TrunkSpec, VoicemailSpec
from .state import PbxState, QueueCaller
from .web import WebRequest, WebResponse, WebServer


class Simulator:
    """An S-Series PBX on a real socket."""

    def __init__(
        self,
        settings: Settings | None = None,
        readings: Readings | None = None,
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        """Make a PBX; `start` switches it on.

        Args:
            settings: what is set up on it.
            readings: which reading of the UNSURE facts it follows.
            clock: its time; the machine's by default.
            seed: for everything random: tokens, disturbed order.
        """
        self.settings = settings or Settings()
        self.readings = readings or Readings()
        self.clock: Clock = clock or RealClock()
        self.source = random.Random(seed)
        self.faults = Faults()
        self.requests: list[RequestRecord] = []
        # Texts sent: (id, number, text, trunk).
        self.texts: list[tuple[str, str, str, str]] = []
        # Called with each request, and each attempt to deliver a report.
        self.on_request: Callable[[RequestRecord], None] | None = None
        self.pbx = PbxState(self.settings, self.readings, self.clock.now)
        self.sessions = Sessions(
            self.settings, self.readings, self.clock, random.Random(seed + 1)
        )
        self.courier = Courier(
            self.sessions,
            self.readings,
            self.clock,
            random.Random(seed + 2),
            self.settings.host,
        )
        self.calls = Calls(self.pbx, self.courier, self.clock)
        self.certificate: Certificate = make_certificate(
            self.settings.device_name, self.settings.host
        )
        self._api = Api(self)
        self._web = WebServer(
            self._api.handle,
            self.settings.host,
            self.settings.port,
            self.settings.content_length,
        )
        self._redirect: WebServer | None = None
        if self.settings.redirect_port is not None:
            self._redirect = WebServer(
                self._redirected, self.settings.host, self.settings.redirect_port
            )
        self._last_config: float | None = None
        # Random strings of the download endpoints.
        self.randoms: dict[str, tuple[float, str, dict[str, str]]] = {}
        # Sizes of recordings and messages by the name of the file; all others have
        # the settings' one.
        self.sounds: dict[str, int] = {}
        self._is_running = False

    # --- life ---

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Listen. Does nothing if it runs already."""
        if self._is_running:
            return
        self._is_running = True
        if isinstance(self.clock, ManualClock | FunctionClock):
            self.clock.sleepers.settlers.append(self.idle)
        await self._listen()

    async def stop(self) -> None:
        """Leave no task and no socket behind. Does nothing if it is stopped."""
        if not self._is_running:
            return
        self._is_running = False
        if isinstance(self.clock, ManualClock | FunctionClock):
            self.clock.sleepers.settlers.remove(self.idle)
        await self.go_down()
        await self.calls.stop()
        await self.courier.stop()

    async def _listen(self) -> None:
        context = None
        if self.settings.https:
            context = self.certificate.server_context(self.settings.tls_versions)
        await self._web.start(context)
        if self._redirect is not None:
            await self._redirect.start(None)

    async def go_down(self) -> None:
        """Cut every connection and refuse new ones; nothing is forgotten."""
        await self._web.stop()
        if self._redirect is not None:
            await self._redirect.stop()

    async def come_up(self) -> None:
        """Listen again on the same port."""
        await self._listen()

    async def reboot(self, down_for: float = 60.0) -> None:
        """Restart: be away for `down_for` seconds by the clock, tokens lost.

        With a clock that does not run by itself somebody has to move it
        meanwhile, so run this as a task then.
        """
        back_at = self.clock.now() + down_for
        targets = self.sessions.targets()
        await self.go_down()
        self.calls.cut()
        if not self.readings.tokens_survive_reboot:
            self.sessions.forget()
        self.randoms.clear()
        await self.clock.sleep(back_at - self.clock.now())
        self.pbx.booted_at = self.clock.now()
        await self.come_up()
        report = {"event": "BootUp", "sn": self.serial}
        if self.readings.tokens_survive_reboot:
            self.courier.post(report)
        elif self.readings.boot_up_after_reboot:
            self.courier.post(report, targets)

    def change_settings(self, **changes: Any) -> None:
        """Change what the web page sets, or the firmware: the next request sees it."""
        for name, value in changes.items():
            # Every part of the PBX holds the one settings object, which is frozen so
            # that only this changes it.
            object.__setattr__(self.settings, name, value)

    async def new_certificate(self) -> None:
        """Serve another certificate on the same port."""
        was_up = self._web.is_up
        self.certificate = make_certificate(
            self.settings.device_name, self.settings.host
        )
        if was_up:
            await self.go_down()
            await self.come_up()

    # --- what it is ---

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return self.settings.host

    @property
    def port(self) -> int:
        """The port that it listens on, known after `start`."""
        return self._web.port

    @property
    def redirect_port(self) -> int | None:
        """The port that redirects, known after `start`."""
        return self._redirect.port if self._redirect else None

    @property
    def serial(self) -> str:
        """The serial number."""
        return self.settings.serial

    @property
    def username(self) -> str:
        """The API account's name."""
        return self.settings.username

    @property
    def password(self) -> str:
        """The API account's password, in clear text."""
        return self.settings.password

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate: lower-case hex, no colons."""
        return self.certificate.fingerprint

    @property
    def certificate_pem(self) -> bytes:
        """The certificate, for a client that is to trust it as a CA."""
        return self.certificate.pem

    @property
    def url(self) -> str:
        """The base of all requests."""
        scheme = "https" if self.settings.https else "http"
        return f"{scheme}://{self.host}:{self.port}/api/v2.0.0/"

    # --- what came ---

    def requests_of(self, endpoint: str) -> list[RequestRecord]:
        """Return the requests for one endpoint."""
        return [one for one in self.requests if one.endpoint == endpoint]

    def note_request(self, record: RequestRecord) -> None:
        """Put a request on record."""
        self.requests.append(record)
        if self.on_request is not None:
            self.on_request(record)

    @property
    def overlaps(self) -> int:
        """Number of requests that came while another was under way."""
        return self._web.overlaps

    # --- sessions ---

    @property
    def tokens(self) -> dict[str, Session]:
        """The live tokens with their sessions."""
        self.sessions.expire()
        return dict(self.sessions.live)

    @property
    def targets(self) -> list[Target]:
        """Where reports go now."""
        return self.sessions.targets()

    def forget_tokens(self, errno: str | int | TokenErrno | None = None) -> None:
        """Erase all tokens; their next use gives `errno` (20004, 20005, 20006)."""
        if isinstance(errno, TokenErrno):
            errno = errno.value
        self.sessions.forget(None if errno is None else str(errno))

    def unblock(self) -> None:
        """Delete all entries of the list of blocked addresses."""
        self.sessions.unblock()

    # --- reports ---

    @property
    def delivery(self) -> Delivery:
        """Hooks that spoil the delivery of reports."""
        return self.courier.hooks

    @property
    def sent(self) -> list[SentReport]:
        """Every attempt to deliver a report."""
        return self.courier.sent

    @property
    def delivered(self) -> list[SentReport]:
        """The attempts that were answered 200."""
        return self.courier.delivered

    @property
    def lost(self) -> list[SentReport]:
        """The last attempts of reports given up, and those dropped by a hook."""
        return self.courier.lost

    async def emit(self, report: Report) -> None:
        """Queue a report in v2 shape for all live targets, in their versions."""
        self.courier.post(report)

    async def emit_raw(self, body: bytes) -> None:
        """Queue bytes as they are for all live targets."""
        self.courier.post_raw(body)

    async def idle(self) -> None:
        """Return when every queued report was delivered or given up.

        Reports that wait for a clock moved by hand are not waited for.
        """
        await self.courier.idle()

    # --- configuration ---

    def check_config_pause(self) -> None:
        """Note a configuration write.

        Raises:
            ApiError: 10025, the last one was a moment ago.
        """
        now, last = self.clock.now(), self._last_config
        if last is not None and now - last < self.settings.config_pause:
            raise ApiError("10025")
        self._last_config = now

    def tell_config_change(self, kind: str, name: str, operation: str) -> None:
        """Queue a `ConfigChange`."""
        self.courier.post(self.pbx.config_change(kind, name, operation))

    def note_text(self, smsid: str, number: str, text: str, trunk: str) -> None:
        """Keep a text that was sent and tell so."""
        self.texts.append((smsid, number, text, trunk))
        self.courier.post(
            {
                "event": "sms-send",
                "status": "Success",
                "smsid": smsid,
                "sn": self.serial,
            }
        )

    def set_extension_status(self, number: str, status: str) -> None:
        """Put an extension into a status, as its phone or a fault would.

        `Registered` and `Unregistered` are told even if nothing changed (protocol 5.1: also
        a change of the address is told as `Registered`). `Idle` or `Registered`
        end a status that was set before.
        """
        extension = self.pbx.extensions[number]
        extension.forced_status = ""
        match status:
            case "Unregistered" | "Unavailable":
                extension.registered, status = False, "Unregistered"
            case "Registered":
                extension.registered = True
            case "Idle":
                pass
            case _:
                extension.forced_status = status
        extension.told = status
        # The event has no word for the two others, 5.1.
        if extension.spec.monitored and status not in {"Hold", "Malfunction"}:
            self.courier.post(self.pbx.extension_report(extension, status))

    def register(self, number: str, address: str) -> None:
        """Let a phone register from another address."""
        self.pbx.extensions[number].address = address
        self.set_extension_status(number, "Registered")

    def add_extension(self, spec: ExtensionSpec) -> None:
        """Add an extension on the web page."""
        self.pbx.add_extension(spec)
        self.tell_config_change("extension", spec.number, "add")

    def remove_extension(self, number: str) -> None:
        """Delete an extension on the web page."""
        del self.pbx.extensions[number]
        self.tell_config_change("extension", number, "del")

    def rename_extension(self, number: str, name: str) -> None:
        """Give an extension another name."""
        self.pbx.extensions[number].name = name
        self.tell_config_change("extension", number, "update")

    def set_do_not_disturb(self, number: str, on: bool) -> None:
        """Set an extension to take no calls, on its phone or on the web page."""
        self.pbx.extensions[number].options["dnd"] = "on" if on else "off"
        self.tell_config_change("extension", number, "update")

    def set_trunk_status(self, name: str, status: str) -> None:
        """Change a trunk; no report tells of it (0, last point)."""
        self.pbx.trunks[name].status = status

    def add_trunk(self, spec: TrunkSpec) -> None:
        """Add a trunk on the web page."""
        self.pbx.add_trunk(spec)
        self.tell_config_change("trunk", spec.name, "add")

    def remove_trunk(self, name: str) -> None:
        """Delete a trunk on the web page."""
        del self.pbx.trunks[name]
        self.tell_config_change("trunk", name, "del")

    def rename_trunk(self, name: str, new_name: str) -> None:
        """Give a trunk another name; its id stays."""
        trunk = self.pbx.trunks.pop(name)
        trunk.name = new_name
        self.pbx.trunks[new_name] = trunk
        self.tell_config_change("trunk", new_name, "update")

    def add_queue(self, spec: QueueSpec) -> None:
        """Add a queue; `ConfigChange` knows extensions and trunks only (protocol 5.12)."""
        self.pbx.add_queue(spec)

    def remove_queue(self, number: str) -> None:
        """Delete a queue; no report."""
        del self.pbx.queues[number]

    def rename_queue(self, number: str, name: str) -> None:
        """Give a queue another name; no report."""
        self.pbx.queues[number].name = name

    def add_queue_caller(self, number: str, caller: str) -> None:
        """Let somebody wait in a queue without a call of the engine behind it."""
        channel = self.pbx.trunk_channel("siptrunk")
        self.pbx.queues[number].callers.append(
            QueueCaller(caller, self.clock.now(), channel)
        )

    def remove_queue_caller(self, number: str, caller: str) -> None:
        """Let somebody leave a queue."""
        queue = self.pbx.queues[number]
        queue.callers = [one for one in queue.callers if one.number != caller]

    def set_agent_status(self, number: str, agent: str, digit: str | None) -> None:
        """Force an agent's `agentstatus`; None ends that."""
        forced = self.pbx.queues[number].forced
        if digit is None:
            forced.pop(agent, None)
        else:
            forced[agent] = digit

    def add_voicemail(self, spec: VoicemailSpec) -> None:
        """Put a message into a box; no report (protocol 6.10)."""
        self.pbx.add_voicemail(spec)

    def read_voicemails(self, number: str) -> None:
        """Mark every message of a box as read; no report."""
        for index, message in enumerate(self.pbx.voicemails.get(number, [])):
            message.read = True
            if self.readings.voicemail_renumbered:
                message.file = f"msg{index:04}.wav"

    async def _redirected(self, request: WebRequest) -> WebResponse:
        scheme = "https" if self.settings.https else "http"
        location = f"{scheme}://{self.host}:{self.port}{request.path}"
        return WebResponse(
            status=self.settings.redirect_status,
            content_type="text/html",
            headers=(("Location", location),),
        )
