"""Carries reports to their targets, one new TCP connection each (protocol 4.2)."""

import asyncio
from collections import deque
from collections.abc import Callable
import contextlib
from dataclasses import dataclass, field
import random
import ssl
from typing import Any

from .clock import Clock
from .delivery import Delivery, Order
from .encoding import Encoder, Report
from .readings import HostHeader, Readings, Repeat
from .session import Sessions, Target

HEAD_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SentReport:
    """One attempt to deliver one body, or its omission.

    `report` is None for bytes that never were a report. `status` is the HTTP
    status, None if there was none; `error` then says why.
    """

    time: float
    target: Target
    body: bytes
    report: Report | None
    status: int | None
    error: str = ""
    attempt: int = 1
    # The PBX takes it for delivered: the target answered 200, perhaps any 2xx.
    was_accepted: bool = False

    @property
    def event(self) -> str:
        """The v2 name of the report, "" for raw bytes."""
        return str(self.report.get("event", "")) if self.report else ""


@dataclass(slots=True, kw_only=True)
class _Item:
    """A report, or bytes, that waits for its turn."""

    report: Report | None
    body: bytes | None
    # Fixed for repeats and for reports to sessions that a reboot erased.
    targets: list[Target] | None = None
    attempt: int = 1


@dataclass(slots=True)
class Courier:
    """The report queue of the PBX. Order is kept unless a hook disturbs it."""

    sessions: Sessions
    readings: Readings
    clock: Clock
    source: random.Random
    host: str
    sent: list[SentReport] = field(default_factory=list)
    delivered: list[SentReport] = field(default_factory=list)
    lost: list[SentReport] = field(default_factory=list)
    on_sent: Callable[[SentReport], None] | None = None
    hooks: Delivery = field(default_factory=Delivery)
    _queue: deque[_Item] = field(default_factory=deque)
    _held: list[_Item] = field(default_factory=list)
    _encoders: dict[str, Encoder] = field(default_factory=dict)
    _worker: asyncio.Task[None] | None = None
    _waiting: set[asyncio.Task[None]] = field(default_factory=set)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    # True while the worker waits for the clock, not for the network.
    _holding_up: bool = False

    def __post_init__(self) -> None:
        """Listen to the hooks' `release`."""
        self.hooks.on_release = self._release

    # --- queueing ---

    def post(self, report: Report, targets: list[Target] | None = None) -> None:
        """Queue a report for all live targets, or for those given."""
        for changed, delay in self.hooks.outcomes(report):
            if isinstance(changed, bytes):
                item = _Item(report=None, body=changed, targets=targets)
            elif changed is None:
                self._note_drop(report, targets)
                continue
            else:
                item = _Item(report=changed, body=None, targets=targets)
            self._queue_later(item, delay)

    def post_raw(self, body: bytes) -> None:
        """Queue bytes as they are for all live targets."""
        self._enqueue(_Item(report=None, body=body))

    def _note_drop(self, report: Report, targets: list[Target] | None) -> None:
        for target in self.sessions.targets() if targets is None else targets:
            self.lost.append(
                SentReport(
                    time=self.clock.now(),
                    target=target,
                    body=b"",
                    report=report,
                    status=None,
                    error="dropped",
                )
            )

    def _queue_later(self, item: _Item, delay: float) -> None:
        if delay <= 0:
            self._enqueue(item)
            return

        async def wait() -> None:
            await self.clock.sleep(delay)
            self._enqueue(item)

        task = asyncio.get_running_loop().create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._after_wait)

    def _after_wait(self, task: asyncio.Task[None]) -> None:
        self._waiting.discard(task)
        self._check_idle()

    def _enqueue(self, item: _Item) -> None:
        if self.hooks.holds:
            self._held.append(item)
            return
        self._queue.append(item)
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    def _release(self, order: Order) -> None:
        held, self._held = self._held, []
        match order:
            case Order.SHUFFLED:
                self.source.shuffle(held)
            case Order.REVERSED:
                held.reverse()
        for item in held:
            self._enqueue(item)

    # --- the worker ---

    async def idle(self) -> None:
        """Return when every report was delivered or given up.

        With a clock that does not run by itself, reports that wait for it do not
        count: nothing would ever happen.
        """
        while not self._is_idle():
            self._idle.clear()
            await self._idle.wait()

    def _is_idle(self) -> bool:
        if self.clock.runs_by_itself:
            return self._worker is None and not self._waiting
        return self._worker is None or self._holding_up

    def _check_idle(self) -> None:
        if self._is_idle():
            self._idle.set()

    async def _work(self) -> None:
        try:
            while self._queue:
                await self._deliver(self._next())
        finally:
            self._worker = None
            self._check_idle()

    def _next(self) -> _Item:
        if self.hooks.window > 1:
            index = self.source.randrange(min(self.hooks.window, len(self._queue)))
            item = self._queue[index]
            del self._queue[index]
            return item
        return self._queue.popleft()

    async def _deliver(self, item: _Item) -> None:
        targets = self.sessions.targets() if item.targets is None else item.targets
        for target in targets:
            bodies = (
                [item.body] if item.body is not None else self._encode(item, target)
            )
            for body in bodies:
                await self._deliver_body(item.report, body, target, item.attempt)

    def _encode(self, item: _Item, target: Target) -> list[bytes]:
        if item.report is None:
            return []
        encoder = self._encoders.get(target.token)
        if encoder is None or encoder.version != target.version:
            encoder = Encoder(target.version, self.readings)
            self._encoders[target.token] = encoder
        return encoder.encode(item.report)

    async def _deliver_body(
        self, report: Report | None, body: bytes, target: Target, attempt: int
    ) -> None:
        while True:
            record = await self._attempt(report, body, target, attempt)
            self.sent.append(record)
            if self.on_sent is not None:
                self.on_sent(record)
            if record.was_accepted:
                self.delivered.append(record)
                if self.readings.reports_extend_token:
                    session = self.sessions.live.get(target.token)
                    if session is not None:
                        session.last_used = self.clock.now()
                return
            if not self._goes_on(target, attempt):
                self.lost.append(record)
                return
            attempt += 1
            if not self.readings.repeats_hold_up:
                item = _Item(report=report, body=body, targets=[target])
                item.attempt = attempt
                self._queue_later(item, self.readings.repeat_spacing)
                return
            await self._hold_up()

    async def _hold_up(self) -> None:
        self._holding_up = True
        self._check_idle()
        try:
            await self.clock.sleep(self.readings.repeat_spacing)
        finally:
            self._holding_up = False

    def _goes_on(self, target: Target, attempt: int) -> bool:
        if self.readings.repeat is Repeat.OFF or target.problem:
            return False
        self.sessions.expire()
        return (
            attempt <= self.readings.repeat_count and target.token in self.sessions.live
        )

    async def _attempt(
        self, report: Report | None, body: bytes, target: Target, attempt: int
    ) -> SentReport:
        status, error = None, target.problem
        if not error:
            try:
                # Real time: a receiver that hangs must not need a clock's help.
                async with asyncio.timeout(self.readings.patience):
                    status = await self._post(body, target)
            except TimeoutError:
                error = "time-out"
            except (OSError, ValueError, EOFError) as problem:
                error = f"{type(problem).__name__}: {problem}"
        good = range(200, 300 if self.readings.any_2xx_will_do else 201)
        return SentReport(
            time=self.clock.now(),
            target=target,
            body=body,
            report=report,
            status=status,
            error=error,
            attempt=attempt,
            was_accepted=status in good,
        )

    def head(self, body: bytes, target: Target) -> bytes:
        """Return request line and headers in the documented order."""
        form = self.readings.host_header
        address = self.host if form is HostHeader.PBX_BLANK else target.address
        blank = "" if form is HostHeader.TARGET else " "
        host = f"{address}:{blank}{target.port}"
        # The sample shows no Content-Length, but the body of a POST has no end
        # without it.
        lines = [
            f"POST {target.path} HTTP/1.1",
            f"Host: {host}",
            "Accept: application/json",
            "User-Agent: WebAPI",
            "Content-Type: application/json",
            "Accept: application/json",
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def _post(self, body: bytes, target: Target) -> int:
        context = None
        if target.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        options: dict[str, Any] = {"ssl_shutdown_timeout": 1.0} if context else {}
        reader, writer = await asyncio.open_connection(
            target.address, target.port, ssl=context, limit=HEAD_LIMIT, **options
        )
        try:
            # Head and body in one segment, as the vendor's own receiver needs it.
            writer.write(self.head(body, target) + body)
            await writer.drain()
            return await _status(reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await writer.wait_closed()

    async def stop(self) -> None:
        """Drop everything that is queued or under way."""
        self._queue.clear()
        self._held.clear()
        tasks = [*self._waiting, *([self._worker] if self._worker else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._worker = None
        self._idle.set()


async def _status(reader: asyncio.StreamReader) -> int:
    """Read an answer to its end and return its status."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise ValueError("endless head") from error
    first, *rest = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ")[1])
    for line in rest:
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-length":
            await reader.readexactly(int(value))
    return status
