"""Sound files on their way from the PBX to a listener, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
import contextlib
import time
import tracemalloc

import aiohttp
import pytest

from custom_components.yeastar.media import read_ahead
from custom_components.yeastar.media.read_ahead import ReadAhead
from custom_components.yeastar.pbx import sounds
from custom_components.yeastar.pbx.client import Access, YeastarClient
from custom_components.yeastar.pbx.errors import (
    CannotConnectError,
    InvalidAuthError,
    NoFileError,
    NotReadyError,
    NotYeastarError,
    PbxError,
    RefusedError,
    SlowListenerError,
)
from custom_components.yeastar.pbx.models import EventTarget
from tests.simulator import Fault, ManualClock, Readings, Settings, Simulator
from tests.simulator.readings import BadDownload
from tests.simulator.sound import Sound

pytestmark = pytest.mark.usefixtures("socket_enabled")

# A plus and a blank have to arrive as such.
NAME = "20260302-1.2-+49 301-1001-Inbound.wav"
MIB = 1024 * 1024

type Start = Callable[..., contextlib.AbstractAsyncContextManager[Bench]]


class Bench:
    """A PBX with one recording, and a client of it."""

    def __init__(self, pbx: Simulator, client: YeastarClient) -> None:
        self.pbx = pbx
        self.client = client
        pbx.pbx.recordings.add(NAME)

    async def fetch(
        self, start: int = 0, stop: int | None = None, name: str = NAME
    ) -> bytes:
        """Fetch as a listener does."""
        async with self.listening(name) as ahead:
            await ahead.size()
            return b"".join([chunk async for chunk in ahead.chunks(start, stop)])

    @contextlib.asynccontextmanager
    async def listening(self, name: str = NAME) -> AsyncIterator[ReadAhead]:
        ahead = ReadAhead(
            lambda: self.client.open_file(sounds.recording(name)),
            lambda: self.client.wanted,
        )
        task = asyncio.create_task(ahead.run())
        try:
            yield ahead
        finally:
            task.cancel()
            await asyncio.wait([task])


@contextlib.asynccontextmanager
async def bench(
    readings: Readings | None = None, **settings: object
) -> AsyncIterator[Bench]:
    chosen = Settings(https=False, **settings)  # type: ignore[arg-type]
    async with (
        Simulator(chosen, readings, ManualClock()) as pbx,
        aiohttp.ClientSession() as session,
    ):
        client = YeastarClient(
            session,
            host=pbx.host,
            port=pbx.port,
            use_ssl=False,
            username=pbx.username,
            password=pbx.password,
            fingerprint=None,
            target=lambda address: EventTarget(8123, "x", False, address),
            access=Access(),
            clock=pbx.clock.now,
        )
        yield Bench(pbx, client)


async def take(
    chunks: AsyncIterator[bytes], taken: bytearray, pause: float = 0.0
) -> None:
    """Take chunks, some time after each other."""
    async for chunk in chunks:
        taken += chunk
        await asyncio.sleep(pause)


@pytest.mark.parametrize("content_length", [False, True])
@pytest.mark.parametrize("size", [44, 46, 1644, 3 * MIB + 1])
async def test_a_file_arrives_as_it_is(size: int, content_length: bool) -> None:
    async with bench(content_length=content_length, sound_size=size) as one:
        whole = Sound(size).content()
        assert await one.fetch() == whole
        assert await one.fetch(0, 2) == whole[:2]
        assert await one.fetch(5) == whole[5:]
        assert await one.fetch(size - 3, size) == whole[-3:]
        assert await one.fetch(20, 40) == whole[20:40]
        async with one.listening() as ahead:
            assert await ahead.size() == size
        assert one.pbx.overlaps == 0


async def test_each_fetch_has_its_own_link() -> None:
    async with bench() as one:
        await one.fetch()
        await one.fetch()
        used = [
            request.query["random"]
            for request in one.pbx.requests_of("recording/download")
        ]
        assert len(set(used)) == 2


async def test_the_pinned_certificate_is_wanted_for_files_too() -> None:
    async with (
        Simulator(clock=ManualClock()) as pbx,
        aiohttp.ClientSession() as session,
    ):
        pbx.pbx.recordings.add(NAME)
        client = YeastarClient(
            session,
            host=pbx.host,
            port=pbx.port,
            use_ssl=True,
            username=pbx.username,
            password=pbx.password,
            fingerprint=pbx.fingerprint,
            target=lambda address: EventTarget(8123, "x", False, address),
        )
        one = Bench(pbx, client)
        assert await one.fetch() == Sound(1644).content()
        await client.request("trunk/list")
        await pbx.new_certificate()
        with pytest.raises(CannotConnectError):
            await one.fetch()


@pytest.mark.parametrize("errno", [20004, 20005, 20006])
@pytest.mark.parametrize("endpoint", ["recording/get_random", "recording/download"])
async def test_a_session_forgotten_before_a_file_is_renewed_once(
    endpoint: str, errno: int
) -> None:
    async with bench() as one:
        await one.client.login()
        one.pbx.faults.add(Fault.ERRNO, endpoint=endpoint, errno=errno)
        assert await one.fetch() == Sound(1644).content()
        assert len(one.pbx.requests_of("login")) == 2


@pytest.mark.parametrize("form", BadDownload)
async def test_a_link_that_fails_is_asked_for_once_more(form: BadDownload) -> None:
    async with bench(Readings(bad_download=form)) as one:
        spoiled = 0

        def spoil(request: object) -> None:
            nonlocal spoiled
            if one.pbx.randoms and spoiled < bad:
                spoiled += 1
                one.pbx.randoms.clear()

        one.pbx.on_request = spoil
        bad = 1
        assert await one.fetch() == Sound(1644).content()
        bad, spoiled = 9, 0
        with pytest.raises((NoFileError, RefusedError)):
            await one.fetch()
        assert spoiled == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.HTML, NotYeastarError),
        (Fault.EMPTY, NoFileError),
        (Fault.GARBAGE, NotYeastarError),
        (Fault.NOT_OBJECT, NotYeastarError),
        (Fault.RESET, CannotConnectError),
        (Fault.HTTP_404, NoFileError),
        (Fault.HTTP_500, NotReadyError),
        (Fault.HTTP_504, NotReadyError),
        (Fault.REDIRECT, NotYeastarError),
        (Fault.ERRNO, NotReadyError),
    ],
)
async def test_what_is_no_file_has_its_cause(
    fault: Fault, kind: type[PbxError]
) -> None:
    async with bench() as one:
        one.pbx.faults.add(fault, count=None, endpoint="recording/download")
        with pytest.raises(kind) as caught:
            await one.fetch()
        assert type(caught.value) is kind
        one.pbx.faults.clear()
        # Nothing is left behind that would keep the PBX.
        assert await one.fetch() == Sound(1644).content()
        assert one.pbx.overlaps == 0


async def test_an_unknown_recording_is_named() -> None:
    async with bench() as one:
        with pytest.raises(RefusedError) as caught:
            await one.fetch(name="other.wav")
        assert caught.value.refusal == "recording_unknown"


async def test_sound_under_another_name_is_not_taken() -> None:
    async with bench(sound_type="text/html") as one:
        with pytest.raises(NotYeastarError):
            await one.fetch()
    async with bench(sound_type="application/octet-stream") as one:
        assert await one.fetch() == Sound(1644).content()


async def test_a_refused_login_is_told() -> None:
    async with bench() as one:
        one.pbx.faults.add(Fault.ERRNO, endpoint="login", errno=20003)
        with pytest.raises(InvalidAuthError):
            await one.fetch()


@pytest.mark.parametrize("content_length", [False, True])
@pytest.mark.parametrize("fault", [Fault.CUT, Fault.HALF])
async def test_half_a_file_is_not_taken_for_a_whole_one(
    fault: Fault, content_length: bool
) -> None:
    async with bench(content_length=content_length, sound_size=MIB) as one:
        one.pbx.faults.add(fault, endpoint="recording/download")
        taken = bytearray()
        async with one.listening() as ahead:
            await ahead.size()
            with pytest.raises(CannotConnectError):
                await take(ahead.chunks(0, None), taken)
        assert len(taken) <= MIB // 2
        assert Sound(MIB).content().startswith(bytes(taken))


async def test_a_file_that_comes_to_a_halt_lets_the_pbx_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sounds, "SILENCE", 0.1)
    async with bench(sound_size=MIB) as one:
        one.pbx.faults.add(Fault.STALL, endpoint="recording/download")
        with pytest.raises(CannotConnectError, match="in time"):
            await one.fetch()
        await one.client.request("trunk/list")
        assert one.pbx.overlaps == 0


async def test_a_heartbeat_goes_first_if_the_last_one_is_old() -> None:
    async with bench() as one:
        await one.client.login()
        assert isinstance(one.pbx.clock, ManualClock)
        await one.pbx.clock.advance(239)
        await one.fetch()
        assert one.pbx.requests_of("heartbeat") == []
        await one.pbx.clock.advance(1)
        await one.fetch()
        assert len(one.pbx.requests_of("heartbeat")) == 1
        assert [request.endpoint for request in one.pbx.requests][-3:] == [
            "heartbeat",
            "recording/get_random",
            "recording/download",
        ]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make patience short: a hundredth of what it is."""
    for name in ("STALL", "FAIR", "HELD_LONGEST", "_SLICE"):
        monkeypatch.setattr(read_ahead, name, getattr(read_ahead, name) / 100)
    monkeypatch.setattr(read_ahead, "MOST_BUFFERED", 256 * 1024)


async def test_a_short_file_frees_the_pbx_however_slow_the_listener_is() -> None:
    async with bench(sound_size=MIB) as one, one.listening() as ahead:
        await ahead.size()
        chunks = ahead.chunks(0, None)
        taken = bytearray(await anext(chunks))
        # Not one more chunk is taken, and yet everybody else is served.
        await one.client.request("trunk/list")
        assert one.pbx.overlaps == 0
        async for chunk in chunks:
            taken += chunk
        assert bytes(taken) == Sound(MIB).content()


@pytest.mark.usefixtures("quick")
async def test_a_listener_who_takes_nothing_loses_the_pbx() -> None:
    async with bench(sound_size=20 * MIB) as one, one.listening() as ahead:
        await ahead.size()
        chunks = ahead.chunks(0, None)
        await anext(chunks)
        began = time.monotonic()
        while one.client._access.lock.locked():
            await asyncio.sleep(0.01)
        # After two tenths of a second, long before the limit for everybody.
        assert 0.15 <= time.monotonic() - began < 1.5
        taken = bytearray()
        with pytest.raises(SlowListenerError):
            await take(chunks, taken)
        # What was there already is still handed over.
        assert 256 * 1024 <= len(taken) < MIB


@pytest.mark.usefixtures("quick")
async def test_a_slow_listener_lets_others_go_first() -> None:
    async with bench(sound_size=20 * MIB) as one, one.listening() as ahead:
        await ahead.size()
        got = bytearray()
        heartbeat = asyncio.create_task(one.client.heartbeat())
        began = time.monotonic()
        with pytest.raises(SlowListenerError):
            # Never long enough to be taken for one who takes nothing.
            await take(ahead.chunks(0, None), got, pause=0.02)
        await heartbeat
        assert time.monotonic() - began >= 0.1
        assert len(one.pbx.requests_of("heartbeat")) == 1
        assert one.pbx.overlaps == 0
        # The rest is there for who asks again.
        assert got + await one.fetch(len(got)) == Sound(20 * MIB).content()


async def test_nobody_keeps_the_pbx_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "HELD_LONGEST", 0.3)
    monkeypatch.setattr(read_ahead, "MOST_BUFFERED", 64 * 1024)
    async with bench(sound_size=20 * MIB) as one, one.listening() as ahead:
        await ahead.size()
        with pytest.raises(SlowListenerError):
            await take(ahead.chunks(0, None), bytearray(), pause=0.02)
        await one.client.request("trunk/list")


async def test_a_listener_who_leaves_frees_the_pbx_at_once() -> None:
    async with bench(sound_size=100 * MIB) as one:
        async with one.listening() as ahead:
            await ahead.size()
            await anext(ahead.chunks(0, None))
        await one.client.request("trunk/list")
        assert one.pbx.overlaps == 0


async def test_files_are_sent_one_after_the_other() -> None:
    async with bench(sound_size=MIB) as one:
        found = await asyncio.gather(*(one.fetch() for _ in range(5)))
        assert {len(content) for content in found} == {MIB}
        assert one.pbx.overlaps == 0


@contextlib.asynccontextmanager
async def client_of(body: bytes) -> AsyncIterator[YeastarClient]:
    """Return the client of a PBX that sends this, whatever file it is asked for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
        if b"/download" in request:
            writer.write(b"Content-Type: audio/x-wav\r\n\r\n" + body)
        else:
            writer.write(b'\r\n{"status":"Success","token":"t","random":"r"}')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, aiohttp.ClientSession() as session:
        yield YeastarClient(
            session,
            host="127.0.0.1",
            port=server.sockets[0].getsockname()[1],
            use_ssl=False,
            username="ha",
            password="x",
            fingerprint=None,
            target=lambda address: EventTarget(8123, "x", False, address),
        )


@pytest.mark.parametrize(
    ("head", "size"),
    [(b"\0\0\0\0", None), (b"\xff\xff\xff\xff", None), (b"\x24\0\0\0", 44)],
)
async def test_a_size_that_cannot_be_is_unknown(head: bytes, size: int | None) -> None:
    body = b"RIFF" + head + b"WAVE" + bytes(32)
    async with (
        client_of(body) as client,
        client.open_file(sounds.recording(NAME)) as file,
    ):
        assert file.size == size
        assert b"".join([chunk async for chunk in file.chunks()]) == body


@pytest.mark.parametrize(
    "body",
    [
        b"RIFF\x24\0\0\0AVI " + bytes(32),
        b"RIFX\x24\0\0\0WAVE" + bytes(32),
        b"RIFF\x24\0\0\0WAV",
        b"ID3" + bytes(32),
        b'{"status":"Success"}',
        b"{" + bytes(100_000),
        b"<html>",
    ],
)
async def test_what_only_calls_itself_sound_is_not_taken(body: bytes) -> None:
    async with client_of(body) as client:
        with pytest.raises(NotYeastarError):
            async with client.open_file(sounds.recording(NAME)):
                pass


@pytest.mark.parametrize(
    ("name", "good"),
    [
        (NAME, True),
        ("msg0000.wav", True),
        ("MSG.WAV", True),
        ("../msg0000.wav", False),
        ("a/b.wav", False),
        ("a\\b.wav", False),
        (".wav", False),
        ("a\n.wav", False),
        ("a\x00.wav", False),
        ("a\u202e.wav", False),
        ("shadow", False),
        ("", False),
        ("a" * 300 + ".wav", False),
    ],
)
def test_only_plain_names_of_sound_files_are_taken(name: str, good: bool) -> None:
    assert sounds.is_file_name(name) is good


async def test_200_megabytes_need_less_than_20_of_memory() -> None:
    size = 200 * 1000 * 1000
    async with bench(sound_size=size) as one:
        await one.fetch(0, 1)
        tracemalloc.start()
        try:
            async with one.listening() as ahead:
                await ahead.size()
                taken = 0
                async for chunk in ahead.chunks(0, None):
                    taken += len(chunk)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert taken == size
        assert peak < 20 * 1000 * 1000
