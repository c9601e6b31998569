"""A real Home Assistant server in a temporary folder, driven from outside.

The server is the one that `scripts/bootstrap` installs in `.venv-server`. Nothing
of Home Assistant is imported here: everything goes over its REST and WebSocket
API, as a browser's would.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
import json
import os
from pathlib import Path
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
from types import TracebackType
from typing import Any, Self

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
HASS = ROOT / ".venv-server/bin/hass"
INTEGRATION = ROOT / "custom_components/yeastar"

USERNAME = "demo"
PASSWORD = "demo"

HOST = "127.0.0.1"
# Below the range from which Linux (32768) and macOS (49152) take the local ports
# of outgoing connections: no such connection can occupy the port in the seconds
# in which the server is down, at its start or between a crash and the next start.
PORTS = range(20_000, 30_000)

# Seconds. A first start compiles what it imports; a busy machine takes its time.
START_TIMEOUT = 100.0
STOP_TIMEOUT = 20.0
POLL_INTERVAL = 0.1

# No `http:` here: Home Assistant 2026.11 takes it for a trial and reverts it after
# five minutes. A country spares the page a repair notice about a missing one.
CONFIGURATION = """\
homeassistant:
  name: Yeastar demo
  country: DE
automation: !include automations.yaml
history:
logbook:
media_source:
recorder:
"""

type Json = dict[str, Any]


class StartError(Exception):
    """The server did not come up; the text ends with the last lines of its log."""


class RefusedError(Exception):
    """Home Assistant answered a request with an error."""

    def __init__(self, request: str, status: int | str, answer: str) -> None:
        """Keep the HTTP status, or the WebSocket API's error code, and the text."""
        super().__init__(f"{request}: {status} {answer}")
        self.status = status
        self.answer = answer


class ConnectionLostError(Exception):
    """The WebSocket ended: the server stopped, crashed or was killed."""


@dataclass(frozen=True, slots=True)
class BusEvent:
    """One event of Home Assistant's bus."""

    type: str
    data: Json
    fired_at: datetime


class WebSocket:
    """One authenticated connection to the WebSocket API."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Take over a connected socket."""
        self._socket = socket
        self._last_id = 0
        self._early: list[Json] = []

    async def receive(self) -> Json:
        """Return the next message, raise ConnectionLostError when there is none."""
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionLostError("Home Assistant closed the WebSocket")
        answer: Json = message.json()
        return answer

    async def log_in(self, token: str) -> None:
        """Authenticate the connection."""
        await self.receive()  # auth_required
        await self._socket.send_json({"type": "auth", "access_token": token})
        answer = await self.receive()
        if answer["type"] != "auth_ok":
            raise RefusedError("WebSocket", answer["type"], answer.get("message", ""))

    async def command(self, command: str, **data: Any) -> Any:
        """Send one command and return its result."""
        self._last_id += 1
        await self._socket.send_json({"id": self._last_id, "type": command, **data})
        while True:
            answer = await self.receive()
            if answer["type"] == "event":
                # Of an earlier subscription, overtaking this command's answer.
                self._early.append(answer)
            elif answer["id"] == self._last_id:
                break
        if not answer["success"]:
            error = answer["error"]
            raise RefusedError(command, error["code"], error["message"])
        return answer["result"]

    def __aiter__(self) -> AsyncIterator[BusEvent]:
        """Iterate over the events subscribed to."""
        return self

    async def __anext__(self) -> BusEvent:
        """Wait for the next event subscribed to."""
        answer = self._early.pop(0) if self._early else await self.receive()
        event = answer["event"]
        return BusEvent(
            event["event_type"],
            event["data"],
            datetime.fromisoformat(event["time_fired"]),
        )


class HomeAssistantServer:
    """A Home Assistant server that serves its page on the loopback address only.

    Entering starts it and creates the user (`USERNAME`, `PASSWORD`); leaving ends
    it and removes its folder, also when the start was interrupted. In between it
    may be stopped, killed and started again on the same folder and port.

    Not bound to an event loop: a fixture may start it in one and a test use it in
    another. Nothing goes to the internet; the mDNS resolver, without which Home
    Assistant has no HTTP client, listens on port 5353 and announces nothing.
    """

    def __init__(
        self, *, yaml: str = "", integration: Path = INTEGRATION, hass: Path = HASS
    ) -> None:
        """Choose what to run.

        Args:
            yaml: more for `configuration.yaml`, such as a `logger:` section.
            integration: folder of the custom integration, copied at the start.
            hass: the command that runs Home Assistant.
        """
        self._yaml = yaml
        self._integration = integration
        self._hass = hass
        self._process: subprocess.Popen[bytes] | None = None
        self._final_log = ""
        self.folder = Path()
        self.port = 0
        self.token = ""

    @property
    def url(self) -> str:
        """Return the address of the page and of the REST API."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Return the id of the server's process, which is its group's as well."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> str:
        """Return all that the server has printed, over all its starts."""
        with suppress(FileNotFoundError):
            return self._log_file.read_text(errors="replace")
        return self._final_log

    def last_log_lines(self, number: int = 40) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.splitlines()[-number:])

    # Life

    async def __aenter__(self) -> Self:
        """Start a new server and create its user."""
        self.folder = Path(tempfile.mkdtemp(prefix="yeastar-home-assistant-"))
        self.port = _free_port()
        try:
            self._write_folder()
            await self.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the server and leave nothing of it.

        Raises:
            AssertionError: its event loop was made to wait for a disk or the like.
        """
        await self._close()
        if error is None:
            # Home Assistant's own watch (block_async_io) names who did it.
            lines = [line for line in self.log.splitlines() if "blocking call" in line]
            assert not [line for line in lines if "yeastar" in line], lines

    async def start(self) -> None:
        """Start the server and wait until it has set up everything.

        Raises:
            StartError: it ended or did not get there within `START_TIMEOUT`.
        """
        self._spawn()
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await self._until_it_listens()
                if not self.token:
                    await self._onboard()
                while (await self.get("/api/config"))["state"] != "RUNNING":
                    await self._pause()
        except (TimeoutError, RefusedError, aiohttp.ClientError) as error:
            raise StartError(f"{error!r}\n{self.last_log_lines()}") from error

    async def stop(self) -> None:
        """Ask the server to end, as a user would; insist after `STOP_TIMEOUT`."""
        if self._process is None:
            return
        try:
            self._process.terminate()
            async with asyncio.timeout(STOP_TIMEOUT):
                while not self._has_ended():
                    await asyncio.sleep(POLL_INTERVAL)
        except TimeoutError:
            pass
        finally:
            self.kill()

    def kill(self) -> None:
        """Take the server down as a power cut would, and all that it started.

        What Home Assistant saves with a delay (its entries: a second) may be lost.
        """
        if self._process is None:
            return
        # The process is not reaped yet, so its id cannot belong to another group.
        # Where all that is left of a group is its dead leader, macOS refuses.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def recorded_events(self, event_type: str) -> list[BusEvent]:
        """Return what the recorder has written of a type, oldest first.

        Complete only when the server has been stopped; a kill loses some seconds.
        """
        file = self.folder / "home-assistant_v2.db"
        query = (
            "SELECT shared_data, time_fired_ts FROM events"
            " JOIN event_types USING (event_type_id) JOIN event_data USING (data_id)"
            " WHERE event_types.event_type = ? ORDER BY event_id"
        )
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            return [
                BusEvent(event_type, json.loads(data), datetime.fromtimestamp(at, UTC))
                for data, at in database.execute(query, (event_type,))
            ]

    async def restart(self) -> None:
        """Stop and start on the same folder and port, as after an update."""
        await self.stop()
        await self.start()

    # REST

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """Send one request and return the decoded answer, text if it is not JSON.

        Raises:
            RefusedError: the status is 400 or more.
        """
        if self.token:
            options["headers"] = {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, **options) as response,
        ):
            text = await response.text()
            if not response.ok:
                raise RefusedError(f"{method} {path}", response.status, text)
            if response.content_type == "application/json":
                return json.loads(text)
            return text

    async def get(self, path: str) -> Any:
        """Get what is at a path, such as `/api/config`."""
        return await self.request("GET", path)

    async def post(self, path: str, data: Mapping[str, Any] | None = None) -> Any:
        """Post JSON to a path."""
        return await self.request("POST", path, json=data or {})

    async def states(self) -> dict[str, Json]:
        """Return the states of all entities by entity id."""
        return {state["entity_id"]: state for state in await self.get("/api/states")}

    async def call(self, action: str, **data: Any) -> Any:
        """Call an action such as `yeastar.hangup`, return the states it changed."""
        return await self.post(f"/api/services/{action.replace('.', '/')}", data)

    async def call_for_response(self, action: str, **data: Any) -> Json:
        """Call an action that answers, return its answer."""
        path = f"/api/services/{action.replace('.', '/')}?return_response"
        answer: Json = (await self.post(path, data))["service_response"]
        return answer

    # Config entries and their flows

    async def entries(self, domain: str) -> list[Json]:
        """Return the config entries of an integration."""
        path = f"/api/config/config_entries/entry?domain={domain}"
        answer: list[Json] = await self.get(path)
        return answer

    async def reload_entry(self, entry_id: str) -> None:
        """Unload an entry and set it up again."""
        await self.post(f"/api/config/config_entries/entry/{entry_id}/reload")

    async def remove_entry(self, entry_id: str) -> None:
        """Remove an entry."""
        await self.request("DELETE", f"/api/config/config_entries/entry/{entry_id}")

    async def flow(self, handler: str, entry_id: str | None = None) -> Json:
        """Start a config flow, to reconfigure an entry if one is given."""
        data = {"handler": handler, "show_advanced_options": False}
        if entry_id is not None:
            data["entry_id"] = entry_id
        return await self._flow_request("POST", "", data)

    async def flow_step(self, flow_id: str, data: Mapping[str, Any]) -> Json:
        """Submit the form that a config flow shows; the answer is its next step."""
        return await self._flow_request("POST", f"/{flow_id}", data)

    async def flow_form(self, flow_id: str) -> Json:
        """Return the form that a flow shows, such as one that asks to log in again."""
        return await self._flow_request("GET", f"/{flow_id}")

    async def flows(self, handler: str) -> list[Json]:
        """Return the flows that wait for the user, those Home Assistant began too.

        `context.source` tells what for: `reauth` if the password became wrong.
        """
        flows = await self.command("config_entries/flow/progress")
        return [flow for flow in flows if flow["handler"] == handler]

    async def options_flow(self, entry_id: str) -> Json:
        """Start the options flow of an entry."""
        return await self._flow_request("POST", "", {"handler": entry_id}, "options/")

    async def options_step(self, flow_id: str, data: Mapping[str, Any]) -> Json:
        """Submit the form that an options flow shows."""
        return await self._flow_request("POST", f"/{flow_id}", data, "options/")

    async def _flow_request(
        self,
        method: str,
        flow: str,
        data: Mapping[str, Any] | None = None,
        kind: str = "",
    ) -> Json:
        path = f"/api/config/config_entries/{kind}flow{flow}"
        answer: Json = await self.request(method, path, json=data)
        return answer

    # WebSocket

    @asynccontextmanager
    async def websocket(self) -> AsyncIterator[WebSocket]:
        """Open an authenticated WebSocket."""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self.url}/api/websocket", max_msg_size=0) as opened,
        ):
            socket = WebSocket(opened)
            await socket.log_in(self.token)
            yield socket

    async def command(self, command: str, **data: Any) -> Any:
        """Send one command of the WebSocket API and return its result."""
        async with self.websocket() as socket:
            return await socket.command(command, **data)

    @asynccontextmanager
    async def events(self, *types: str) -> AsyncIterator[AsyncIterator[BusEvent]]:
        """Listen on the bus: give all events of these types from now on.

        The iterator raises ConnectionLostError when the server goes away.
        """
        async with self.websocket() as socket:
            for event_type in types:
                await socket.command("subscribe_events", event_type=event_type)
            yield aiter(socket)

    # Inside

    @property
    def _log_file(self) -> Path:
        return self.folder / "server.log"

    def _write_folder(self) -> None:
        """Write what the first start needs."""
        shutil.copytree(
            self._integration,
            self.folder / "custom_components" / self._integration.name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (self.folder / "configuration.yaml").write_text(CONFIGURATION + self._yaml)
        (self.folder / "automations.yaml").write_text("[]\n")
        # Home Assistant keeps its HTTP settings here (components/http/config.py):
        # no environment variable chooses the address to listen on, only the port.
        # The settings are "stable", so they count in recovery mode, too.
        self._write_storage("http", 1, {"server_host": [HOST]})
        # All but the user counts as done: the step "core_config" would add
        # integrations that go to the internet (weather, radio, speech).
        steps = ["core_config", "analytics", "integration"]
        self._write_storage("onboarding", 4, {"done": steps})
        # The Marketplace would fetch its catalogs; a disabled entry stays disabled.
        marketplace = {
            "entry_id": "marketplace",
            "domain": "marketplace",
            "title": "Marketplace",
            "version": 1,
            "source": "system",
            "data": {},
            "disabled_by": "user",
        }
        self._write_storage("core.config_entries", 1, {"entries": [marketplace]})

    def _write_storage(self, key: str, version: int, data: Json) -> None:
        file = self.folder / ".storage" / key
        file.parent.mkdir(exist_ok=True)
        content = {"version": version, "minor_version": 1, "key": key, "data": data}
        file.write_text(json.dumps(content))

    def _spawn(self) -> None:
        """Start the process, in a group and session of its own.

        So Ctrl-C in a terminal does not reach it behind the harness's back.
        """
        if self._process is not None:
            raise RuntimeError("the server is running already")
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [self._hass, "-c", self.folder, "--skip-pip", "--log-no-color"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SETUP_PORT": str(self.port)},
                start_new_session=True,
            )

    def _has_ended(self) -> bool:
        """Tell whether the process is over, without giving up its id."""
        if self._process is None:
            return True
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, options) is not None

    async def _pause(self) -> None:
        """Wait a moment for a server that is starting."""
        if self._has_ended():
            raise StartError(f"Home Assistant ended\n{self.last_log_lines()}")
        await asyncio.sleep(POLL_INTERVAL)

    async def _until_it_listens(self) -> None:
        """Wait until the page is served.

        `/api/onboarding` would not do: it is gone once the user exists.
        """
        while True:
            with suppress(aiohttp.ClientConnectionError, RefusedError):
                await self.get("/manifest.json")
                return
            await self._pause()

    async def _onboard(self) -> None:
        """Create the user and a token that outlives restarts and long demos."""
        client_id = f"{self.url}/"
        user = {
            "client_id": client_id,
            "name": USERNAME,
            "username": USERNAME,
            "password": PASSWORD,
            "language": "en",
        }
        code = (await self.post("/api/onboarding/users", user))["auth_code"]
        form = {
            "client_id": client_id,
            "grant_type": "authorization_code",
            "code": code,
        }
        answer = await self.request("POST", "/auth/token", data=form)
        self.token = answer["access_token"]
        self.token = await self.command(
            "auth/long_lived_access_token", client_name="harness", lifespan=365
        )
        # It is written a second later; a crash before that would lock us out.
        users = self.folder / ".storage/auth"
        while not users.exists() or "long_lived_access_token" not in users.read_text():
            await self._pause()

    async def _close(self) -> None:
        try:
            await self.stop()
        finally:
            self._final_log = self.log
            shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    """Return a port of the loopback address on which nobody listens."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe, suppress(OSError):
            # As Home Assistant does, so that a port just left is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port
    raise StartError("no free port on the loopback address")
