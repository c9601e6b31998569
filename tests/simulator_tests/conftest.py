"""A client and a receiver for the simulator, as plain as can be."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
import contextlib
import hashlib
import json
import ssl
from typing import Any

import aiohttp
import pytest

from tests.simulator import ManualClock, Readings, Settings, Simulator


class Receiver:
    """Takes reports on a bare socket, so that nothing of them gets lost."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        # The next answers' status; 200 when there are none left.
        self.statuses: list[int] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server.close_clients()
            await self._server.wait_closed()

    async def _take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
            self.bodies.append(await reader.readexactly(length))
            self.heads.append(head)
            status = self.statuses.pop(0) if self.statuses else 200
            writer.write(f"HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    def events(self) -> list[str]:
        return [report["event"] for report in self.reports]

    def clear(self) -> None:
        self.bodies.clear()
        self.heads.clear()


class Client:
    """Speaks to one simulator and keeps the token."""

    def __init__(
        self, sim: Simulator, session: aiohttp.ClientSession, receiver: Receiver
    ) -> None:
        self.sim = sim
        self.session = session
        self.receiver = receiver
        self.token = ""

    @property
    def tls(self) -> aiohttp.Fingerprint | bool:
        if not self.sim.settings.https:
            return False
        return aiohttp.Fingerprint(bytes.fromhex(self.sim.fingerprint))

    async def raw(
        self, endpoint: str, *, method: str = "POST", data: Any = None, **query: str
    ) -> tuple[int, bytes]:
        async with self.session.request(
            method,
            f"{self.sim.url}{endpoint}",
            params=query,
            data=data,
            ssl=self.tls,
            allow_redirects=False,
        ) as answer:
            return answer.status, await answer.read()

    async def ask(self, endpoint: str, **body: Any) -> dict[str, Any]:
        data = json.dumps(body) if body else None
        status, raw = await self.raw(endpoint, data=data, token=self.token)
        assert status == 200
        answer: dict[str, Any] = json.loads(raw)
        return answer

    async def errno(self, endpoint: str, **body: Any) -> str | None:
        answer = await self.ask(endpoint, **body)
        assert (answer["status"] == "Failed") == ("errno" in answer)
        return answer.get("errno")

    async def login(self, **changes: Any) -> dict[str, Any]:
        digest = hashlib.md5(self.sim.password.encode()).hexdigest()
        body = {
            "username": self.sim.username,
            "password": digest,
            "port": str(self.receiver.port),
            "url": "report",
            "urltag": "0",
            "version": "2.0.0",
        }
        body |= changes
        body = {key: value for key, value in body.items() if value is not None}
        answer = await self.ask("login", **body)
        self.token = answer.get("token", self.token)
        return answer

    async def reports(self) -> list[dict[str, Any]]:
        """Return what came since the last time, everything delivered."""
        await self.sim.idle()
        reports = self.receiver.reports
        self.receiver.clear()
        return reports


type MakeClient = Callable[..., Awaitable[Client]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def receiver(socket_enabled: None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def make_client(
    receiver: Receiver, clock: ManualClock
) -> AsyncIterator[MakeClient]:
    """Return a function that starts a simulator and a client of it."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(
            settings: Settings | None = None,
            readings: Readings | None = None,
            *,
            login: bool = True,
            **changes: Any,
        ) -> Client:
            chosen = settings or Settings(**changes)
            sim = Simulator(chosen, readings, clock)
            await stack.enter_async_context(sim)
            connector = aiohttp.TCPConnector(force_close=True)
            session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=10)
            )
            await stack.enter_async_context(session)
            client = Client(sim, session, receiver)
            if login:
                await client.login()
            return client

        yield make


@pytest.fixture
async def client(make_client: MakeClient) -> Client:
    return await make_client()


@pytest.fixture
def plain_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
