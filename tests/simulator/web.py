"""The PBX's web server on bare sockets: a Boa of the 1990s (protocol 1.3)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
import contextlib
from dataclasses import dataclass, field
import socket
import ssl
import struct
from urllib.parse import parse_qsl, urlsplit

from .sound import Sound

LIMIT = 1 << 20
# How long the closing of a connection may take in real seconds; the default of
# asyncio leaves a timer of half a minute behind.
CLOSING = 1.0
# Rounds of the event loop in which an accepted connection is surely taken up.
ROUNDS = 3

STATUS_TEXT = {
    200: "OK",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    404: "Not Found",
    500: "Internal Server Error",
    501: "Not Implemented",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebRequest:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    client_ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebResponse:
    """An answer; the flags are for faults."""

    status: int = 200
    body: bytes = b""
    # Instead of a body: a file that is made while it is sent.
    sound: Sound | None = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    # Reset the connection instead of answering.
    reset: bool = False
    # Send this many bytes of the body and then nothing, without closing.
    stall_after: int | None = None
    # Send this many bytes of the body, then close in good order, or reset.
    end_after: int | None = None
    cut_after: int | None = None
    # Waited for before each part of a file.
    pause: Callable[[], Awaitable[None]] | None = None
    # Send nothing at all, without closing.
    silent: bool = False

    def head(self, content_length: bool) -> bytes:
        """Return status line and headers in the documented order."""
        lines = [
            f"HTTP/1.1 {self.status} {STATUS_TEXT.get(self.status, 'Unknown')}",
            "Server: Boa/0.94.14rc21",
            "Accept-Ranges: bytes",
            "Connection: close",
            f"Content-Type: {self.content_type}",
            "Access-control-allow-origin: *",
            "Access-control-allow-methods: GET, POST, OPTIONS, PUT, DELETE",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        if content_length:
            lines.append(f"Content-Length: {self.size}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    @property
    def size(self) -> int:
        """The length of the body."""
        return len(self.body) if self.sound is None else self.sound.size

    def parts(self) -> Iterator[bytes]:
        """Yield the body as far as it is sent."""
        left = self.size
        for limit in (self.stall_after, self.end_after, self.cut_after):
            if limit is not None:
                left = min(left, limit)
        for part in [self.body] if self.sound is None else self.sound.parts():
            if left <= 0:
                return
            yield part[:left]
            left -= len(part)


type Handler = Callable[[WebRequest], Awaitable[WebResponse]]


class BadRequestError(Exception):
    """What came is not HTTP."""


async def read_request(
    reader: asyncio.StreamReader, client_ip: str
) -> WebRequest | None:
    """Read one request; None if the client left without asking.

    Raises:
        BadRequestError: it is not HTTP, or too long.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise BadRequestError from error
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequestError from error
    first, *rest = head.decode("latin-1").split("\r\n")
    try:
        method, target, _ = first.split(" ")
        headers = {
            name.strip().lower(): value.strip()
            for name, value in (line.split(":", 1) for line in rest if line)
        }
        length = int(headers.get("content-length", "0"))
    except ValueError as error:
        raise BadRequestError from error
    if length > LIMIT:
        raise BadRequestError
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(reader)
    else:
        try:
            body = await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise BadRequestError from error
    parts = urlsplit(target)
    return WebRequest(
        method=method,
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers=headers,
        body=body,
        client_ip=client_ip,
    )


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    try:
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
            if len(body) > LIMIT:
                raise BadRequestError
        await reader.readline()
    except (ValueError, asyncio.IncompleteReadError) as error:
        raise BadRequestError from error
    return body


@dataclass(slots=True)
class WebServer:
    """A listening socket with one handler; each connection carries one request."""

    handler: Handler
    host: str
    port: int
    content_length: bool = False
    connections: int = 0
    # Requests that came while another was under way. One whose client has given
    # up is not under way, even if the PBX still works at it.
    overlaps: int = 0
    _under_way: set[int] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _context: ssl.SSLContext | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def is_up(self) -> bool:
        """Tell whether it listens."""
        return self._server is not None

    async def start(self, context: ssl.SSLContext | None) -> None:
        """Listen; `port` then holds the real number."""
        if self._server is not None:
            return
        self._context = context
        self._server = await asyncio.start_server(
            self._accept, self.host, self.port, limit=LIMIT
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        server, self._server = self._server, None
        if server is None:
            return
        # A connection that asyncio has accepted but not yet taken up would be
        # forgotten open if the server closed now.
        loop = asyncio.get_running_loop()
        for listening in server.sockets:
            loop.remove_reader(listening.fileno())
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
        server.close()
        server.abort_clients()
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.abort_clients()
        if not self._tasks:
            await server.wait_closed()

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        peer = writer.get_extra_info("peername")
        try:
            if self._context is not None:
                # Not left to the listening socket: a handshake that a client breaks
                # off is an everyday matter, no error of the event loop.
                await writer.start_tls(self._context, ssl_shutdown_timeout=CLOSING)
            await self._answer(reader, writer, peer[0] if peer else "")
            writer.close()
            await writer.wait_closed()
        except OSError, asyncio.CancelledError:
            # The client broke off, or the server stops. Not `wait_closed`: after
            # half a handshake that would never return.
            writer.transport.abort()

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client_ip: str,
    ) -> None:
        try:
            request = await read_request(reader, client_ip)
        except BadRequestError:
            response = WebResponse(status=400, content_type="text/html")
            writer.write(response.head(self.content_length))
            await writer.drain()
            return
        if request is None:
            return
        with self._counted(reader) as client_left:
            response = await self.handler(request)
            if response.reset:
                _reset(writer)
                return
            if not response.silent:
                writer.write(response.head(self.content_length))
                for part in response.parts():
                    if response.pause is not None:
                        await response.pause()
                    writer.write(part)
                    await writer.drain()
                await writer.drain()
            if response.cut_after is not None:
                _reset(writer)
                return
            if response.silent or response.stall_after is not None:
                # Nothing more comes until the client gives up.
                await client_left

    @contextlib.contextmanager
    def _counted(self, reader: asyncio.StreamReader) -> Iterator[asyncio.Task[None]]:
        """Count a request as under way until its answer is out or its client left."""
        self.overlaps += bool(self._under_way)
        number = self.connections
        self.connections += 1
        self._under_way.add(number)
        client_left = asyncio.get_running_loop().create_task(_client_left(reader))
        client_left.add_done_callback(lambda _: self._under_way.discard(number))
        try:
            yield client_left
        finally:
            self._under_way.discard(number)
            client_left.cancel()


async def _client_left(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while await reader.read(1024):
            pass


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close in a way that the client sees as "connection reset by peer"."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, linger
    )
    writer.transport.abort()
