"""Where Home Assistant is reached: an address that may change at any moment."""

import asyncio
from contextlib import suppress
from typing import Self

HOST = "127.0.0.1"


class Door:
    """A port that leads to Home Assistant's, until it moves to another one."""

    def __init__(self, inside: int) -> None:
        """Lead to the port `inside`."""
        self._inside = inside
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Return the port that is open now."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        """Open."""
        await self._open()
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close, and leave nothing."""
        await self._close()

    async def move(self) -> None:
        """Close this port and open another; who comes to the old one is refused."""
        old = self.port
        await self._close()
        while True:
            await self._open()
            if self.port != old:
                return
            await self._close()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._connected, HOST, 0)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry everything both ways until one side closes."""
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        task.add_done_callback(self._pipes.discard)
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(HOST, self._inside)
            try:
                await asyncio.gather(
                    _carry(reader, far_writer), _carry(far_reader, writer)
                )
            finally:
                far_writer.close()
        writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one way; an end on one side is an end on the other."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
