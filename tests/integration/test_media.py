"""Recordings and voicemail: looked for, and heard over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
import json
import logging
from pathlib import Path
import re
import resource
from typing import Any

import aiohttp
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.yeastar.media import read_ahead, view
from homeassistant.components.media_player import BrowseError
from homeassistant.components.media_source import (
    Unresolvable,
    async_browse_media,
    async_resolve_media,
)
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.conftest import Wait
from tests.simulator import Fault, Readings, Settings, Simulator, VoicemailSpec
from tests.simulator.readings import BadDownload
from tests.simulator.sound import Sound

MINUTE = 60.0
MIB = 1024 * 1024
CALLER, DIALLED = "0301234567", "0309876543"
DAY = "2026-03-02"


@pytest.fixture
async def media(
    hass: HomeAssistant, http: None, loaded: MockConfigEntry, wait: Wait
) -> str:
    """Set up the media browser; return the start of every identifier of the PBX."""
    assert await async_setup_component(hass, "media_source", {})
    await wait(1)
    return f"media-source://yeastar/{loaded.entry_id}"


async def inbound(pbx: Simulator, wait: Wait, caller: str = CALLER) -> str:
    """Have a call that is recorded; return its id."""
    call = await pbx.calls.inbound("siptrunk", caller, "5551000", to="1001")
    await call.ring()
    await wait(4)
    await call.answer(by="1001")
    await wait(75)
    await call.hang_up(by="1001")
    await wait(5)
    return call.callid


async def children(hass: HomeAssistant, identifier: str) -> dict[str, str]:
    """Return what is in a folder: identifiers by title."""
    folder = await async_browse_media(hass, identifier)
    return {one.title: one.media_content_id for one in folder.children or ()}


class Ear:
    """A browser: resolves over the websocket, and fetches what it is told to."""

    def __init__(self, hass: HomeAssistant, websocket: Any, session: Any) -> None:
        self.base = f"http://127.0.0.1:{hass.http.server_port}"
        self.websocket = websocket
        self.session = session

    async def resolve(self, identifier: str) -> str:
        ws = await self.websocket()
        await ws.send_json_auto_id(
            {"type": "media_source/resolve_media", "media_content_id": identifier}
        )
        answer = await ws.receive_json()
        await ws.close()
        assert answer["success"], answer
        assert answer["result"]["mime_type"] == "audio/wav"
        return str(answer["result"]["url"])

    def get(self, url: str, **headers: str) -> Any:
        return self.session.get(self.base + url, headers=headers)

    async def hear(self, identifier: str) -> bytes:
        async with self.get(await self.resolve(identifier)) as response:
            assert response.status == 200
            return bytes(await response.read())

    async def part(self, url: str, which: str) -> tuple[int, bytes, str | None]:
        async with self.get(url, Range=f"bytes={which}") as response:
            body = await response.read()
            return response.status, body, response.headers.get("Content-Range")


@pytest.fixture
async def ear(
    hass: HomeAssistant, media: str, hass_ws_client: Any
) -> AsyncIterator[Ear]:
    """Return a browser that is logged in by its websocket only."""
    # A browser has all the time of the world.
    patience = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=patience) as session:
        yield Ear(hass, lambda: hass_ws_client(hass), session)


async def test_recordings_are_found_by_day_and_extension(
    hass: HomeAssistant, pbx: Simulator, media: str, wait: Wait
) -> None:
    call_id = await inbound(pbx, wait)
    assert await children(hass, "media-source://yeastar") == {"Yeastar S100": media}
    assert await children(hass, media) == {
        "Recordings": f"{media}/recordings",
        "Voicemail": f"{media}/voicemails",
    }
    days = await children(hass, f"{media}/recordings")
    assert list(days)[:2] == [DAY, "2026-03-01"]
    assert len(days) == 31
    assert await children(hass, days["2026-03-01"]) == {}
    folders = await children(hass, days[DAY])
    assert list(folders) == ["All extensions", "1001 Erwin Co"]
    recording = f"{media}/recording/{DAY}/{call_id}"
    for folder in folders.values():
        found = await async_browse_media(hass, folder)
        [one] = found.children or ()
        assert one.media_content_id == recording
        assert one.title.endswith(f"Ada Lovelace ({CALLER}) → 1001 Erwin Co, 1:15")
        assert re.match(r"01:00:\d\d ", one.title)
        assert one.can_play
        assert not one.can_expand
        assert one.media_content_type == "audio/wav"
    assert await children(hass, f"{media}/recordings/{DAY}/1000") == {}


async def test_looking_around_costs_few_requests(
    hass: HomeAssistant, pbx: Simulator, media: str, wait: Wait
) -> None:
    await inbound(pbx, wait)
    before = len(pbx.requests)
    for _ in range(5):
        await children(hass, f"{media}/recordings")
        await children(hass, f"{media}/recordings/{DAY}")
        await children(hass, f"{media}/recordings/{DAY}/1001")
    assert len(pbx.requests) - before == 2
    await inbound(pbx, wait)
    assert len(await children(hass, f"{media}/recordings/{DAY}/1001")) == 2


async def test_a_recording_is_heard(
    pbx: Simulator, media: str, ear: Ear, wait: Wait
) -> None:
    call_id = await inbound(pbx, wait)
    heard = await ear.hear(f"{media}/recording/{DAY}/{call_id}")
    assert heard == Sound(1644).content()
    # Every time with another link.
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    for _ in range(2):
        async with ear.get(url) as response:
            assert response.headers["Content-Type"] == "audio/wav"
            assert response.headers["Cache-Control"] == "private, no-store"
            assert await response.read() == heard
    used = [r.query["random"] for r in pbx.requests_of("recording/download")]
    assert len(used) == len(set(used)) == 3
    assert pbx.overlaps == 0


async def test_nobody_hears_anything_without_a_signature(
    pbx: Simulator, media: str, ear: Ear, wait: Wait
) -> None:
    call_id = await inbound(pbx, wait)
    other = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    before = len(pbx.requests)
    path, _, signature = url.partition("?")
    for attempt in (
        path,
        f"{path}?authSig=x",
        f"{path.replace(call_id, other)}?{signature}",
    ):
        async with ear.get(attempt) as response:
            assert response.status == 401
    assert len(pbx.requests) == before


async def test_the_browser_learns_nothing_of_the_pbx(
    pbx: Simulator, media: str, ear: Ear, wait: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    seen = [url]
    for endpoint in (None, "recording/get_random", "recording/download"):
        if endpoint is not None:
            pbx.faults.add(Fault.ERRNO, count=2, endpoint=endpoint, errno=20012)
        async with ear.get(url) as response:
            seen.append(json.dumps(dict(response.headers)))
            body = await response.read()
            assert response.status == (200 if endpoint is None else 502)
            if endpoint is not None:
                seen.append(body.decode())
    shown = "\n".join(seen)
    downloads = pbx.requests_of("recording/download")
    secrets = {
        *(request.query["random"] for request in downloads if request.query),
        *(request.query["recording"] for request in downloads),
        *pbx.tokens,
        pbx.password,
    }
    assert len(secrets) >= 4
    for secret in secrets:
        assert secret not in shown
    assert f":{pbx.port}" not in shown
    ours = "\n".join(r.getMessage() for r in caplog.records if "yeastar" in r.name)
    for secret in (*secrets, CALLER):
        assert secret not in ours


async def test_what_there_is_to_hear_can_be_asked_about_first(
    pbx: Simulator, media: str, ear: Ear, wait: Wait
) -> None:
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    async with ear.session.head(ear.base + url) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == "1644"
        assert response.headers["Content-Type"] == "audio/wav"
        assert await response.read() == b""
    async with ear.get(url) as response:
        assert await response.read() == Sound(1644).content()


async def test_a_recording_that_is_opened_during_the_unload_is_not_there_now(
    pbx: Simulator, loaded: MockConfigEntry, media: str, ear: Ear, wait: Wait
) -> None:
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    await loaded.runtime_data.client.close()
    sent = len(pbx.requests)
    async with ear.get(url) as response:
        assert response.status == 503
    assert len(pbx.requests) == sent


async def test_a_part_can_be_asked_for(
    pbx: Simulator, media: str, ear: Ear, wait: Wait
) -> None:
    call_id = await inbound(pbx, wait)
    whole = Sound(1644).content()
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    assert await ear.part(url, "0-1") == (206, whole[:2], "bytes 0-1/1644")
    assert await ear.part(url, "0-") == (206, whole, "bytes 0-1643/1644")
    assert await ear.part(url, "1000-") == (206, whole[1000:], "bytes 1000-1643/1644")
    assert await ear.part(url, "1000-9999") == (
        206,
        whole[1000:],
        "bytes 1000-1643/1644",
    )
    assert await ear.part(url, "-44") == (206, whole[-44:], "bytes 1600-1643/1644")
    assert await ear.part(url, "1644-") == (416, b"", "bytes */1644")
    status, body, _ = await ear.part(url, "wrong")
    assert (status, body) == (200, whole)
    assert pbx.overlaps == 0


async def test_each_recording_of_a_transferred_call_is_heard(
    hass: HomeAssistant, pbx: Simulator, media: str, ear: Ear, wait: Wait
) -> None:
    call_id = await inbound(pbx, wait)
    [record] = [one for one in pbx.pbx.cdrs if one["callid"] == call_id]
    second = str(record["recording"]).replace("Inbound", "2-Inbound")
    pbx.pbx.cdrs.append({**record, "recording": second})
    pbx.pbx.recordings.add(second)
    pbx.sounds[second] = 5000
    found = await children(hass, f"{media}/recordings/{DAY}/all")
    assert list(found.values()) == [
        f"{media}/recording/{DAY}/{call_id}/1",
        f"{media}/recording/{DAY}/{call_id}",
    ]
    assert next(iter(found)).endswith("(2)")
    heard = await ear.hear(f"{media}/recording/{DAY}/{call_id}/1")
    assert heard == Sound(5000).content()


async def test_hostile_names_are_neither_shown_nor_asked_for(
    hass: HomeAssistant, pbx: Simulator, media: str, wait: Wait
) -> None:
    call_id = await inbound(pbx, wait)
    [record] = [one for one in pbx.pbx.cdrs if one["callid"] == call_id]
    pbx.pbx.cdrs.clear()
    for index, name in enumerate(
        ("../../etc/passwd", "a/b.wav", "a\nb.wav", ".wav", "x.exe")
    ):
        pbx.pbx.cdrs.append({**record, "callid": f"1.{index}", "recording": name})
    for odd in ("../1.2", "a b", "..", "%2e%2e", "1/2"):
        pbx.pbx.cdrs.append({**record, "callid": odd})
    assert await children(hass, f"{media}/recordings/{DAY}") == {}
    assert pbx.requests_of("recording/get_random") == []


async def test_numbers_are_hidden_where_they_are_to_be(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    media: str,
    ear: Ear,
    wait: Wait,
) -> None:
    hass.config_entries.async_update_entry(loaded, options={"mask_numbers": True})
    await hass.config_entries.async_reload(loaded.entry_id)
    await wait(1)
    pbx.add_voicemail(VoicemailSpec(number="1002", sender="0307654321"))
    await inbound(pbx, wait, caller="0307654321")
    told = []
    for folder in (
        f"{media}/recordings/{DAY}",
        f"{media}/recordings/{DAY}/1001",
        f"{media}/voicemails",
        f"{media}/voicemails/1002",
    ):
        found = await async_browse_media(hass, folder)
        told.append(json.dumps(found.as_dict()))
        for one in found.children or ():
            if one.can_play:
                assert "*******321" in one.title
                told.append(await ear.resolve(one.media_content_id))
    assert len(told) == 6
    assert "7654321" not in "".join(told)


async def test_messages_are_found_by_extension_and_heard(
    hass: HomeAssistant, pbx: Simulator, media: str, ear: Ear
) -> None:
    pbx.add_voicemail(
        VoicemailSpec(
            number="1001",
            file="msg0001.wav",
            sender="0305550",
            read=True,
            date="2026-03-01 10:00:05",
            length="5",
        )
    )
    pbx.sounds["msg0001.wav"] = 5000
    boxes = await children(hass, f"{media}/voicemails")
    assert boxes == {"1001 Erwin Co": f"{media}/voicemails/1001"}
    found = await children(hass, boxes["1001 Erwin Co"])
    assert [title.partition(" ")[2] for title in found] == [
        "18:00:05 Plumber (0305550), 0:05",
        "06:41:42 Ada Lovelace (0301234567), 1:17, new",
    ]
    [newer, older] = found.values()
    assert "0305550" not in newer
    assert await ear.hear(newer) == Sound(5000).content()
    assert await ear.hear(older) == Sound(1644).content()
    assert await children(hass, f"{media}/voicemails/1002") == {}


@pytest.mark.usefixtures("socket_enabled")
async def test_a_message_is_found_again_after_it_was_renumbered(
    pbx: Simulator, media: str, ear: Ear, hass: HomeAssistant
) -> None:
    pbx.readings = Readings(voicemail_renumbered=True)
    for index, sender in enumerate(("0301111111", "0302222222")):
        pbx.add_voicemail(
            VoicemailSpec(
                number="1002",
                file=f"msg{index:04}.wav",
                sender=sender,
                date=f"2026-03-01 10:00:0{index}",
            )
        )
    found = await children(hass, f"{media}/voicemails/1002")
    [second, _] = found.values()
    url = await ear.resolve(second)
    # Somebody hears and deletes the first one; the second gets its name.
    del pbx.pbx.voicemails["1002"][0]
    pbx.read_voicemails("1002")
    async with ear.get(url) as response:
        assert response.status == 200
        assert await response.read() == Sound(1644).content()
    query = pbx.requests_of("voicemail/download")[-1].query
    assert (query["voicemailfile"], query["voicemailstatus"]) == ("msg0000.wav", "read")
    # The other one of that name is not mistaken for it.
    pbx.pbx.voicemails["1002"].clear()
    pbx.add_voicemail(VoicemailSpec(number="1002", sender="0303333333"))
    async with ear.get(url) as response:
        assert response.status == 404


async def test_a_message_that_moves_between_list_and_download_is_found(
    pbx: Simulator, media: str, ear: Ear, hass: HomeAssistant
) -> None:
    [message] = (await children(hass, f"{media}/voicemails/1001")).values()
    url = await ear.resolve(message)
    pbx.on_request = lambda request: (
        pbx.read_voicemails("1001") if request.endpoint == "voicemail/query" else None
    )
    async with ear.get(url) as response:
        assert response.status == 200
    assert len(pbx.requests_of("voicemail/get_random")) == 2


@pytest.mark.parametrize("form", BadDownload)
async def test_a_link_that_fails_is_asked_for_once_more(
    pbx: Simulator, media: str, ear: Ear, wait: Wait, form: BadDownload
) -> None:
    pbx.readings = Readings(bad_download=form)
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    bad = 1

    def spoil(request: Any) -> None:
        nonlocal bad
        if bad and pbx.randoms and request.endpoint == "recording/get_random":
            bad -= 1
            pbx.randoms.clear()

    pbx.on_request = spoil
    async with ear.get(url) as response:
        assert response.status == 200
        assert await response.read() == Sound(1644).content()
    bad = 9
    async with ear.get(url) as response:
        assert response.status == (502 if form is BadDownload.JSON else 404)
        assert await response.read() == b""
    assert bad == 7


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.HTML, 502),
        (Fault.GARBAGE, 502),
        (Fault.RESET, 502),
        (Fault.HTTP_504, 502),
        (Fault.EMPTY, 404),
    ],
)
async def test_what_is_no_sound_is_not_handed_on(
    pbx: Simulator, media: str, ear: Ear, wait: Wait, fault: Fault, status: int
) -> None:
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    pbx.faults.add(fault, count=None, endpoint="recording/download")
    async with ear.get(url) as response:
        assert response.status == status
        assert await response.read() == b""


async def test_a_recording_of_unknown_size_is_heard_as_a_whole(
    pbx: Simulator, media: str, ear: Ear, wait: Wait
) -> None:
    pbx.settings = Settings(sound_size=5000, sound_finished=False)
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    status, body, _ = await ear.part(url, "1000-")
    assert (status, body) == (200, Sound(5000, finished=False).content())


async def test_one_of_unknown_size_that_comes_to_a_halt_is_seen_to_be_cut(
    pbx: Simulator, media: str, ear: Ear, wait: Wait, pass_by: Wait
) -> None:
    pbx.settings = Settings(sound_size=MIB, sound_finished=False)
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    pbx.faults.add(Fault.STALL, endpoint="recording/download")
    async with ear.get(url) as response:
        assert response.content_length is None
        await settled()
        await pass_by(12)
        with pytest.raises(aiohttp.ClientError):
            await response.read()


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.HALF])
async def test_a_recording_cut_in_the_middle_is_seen_to_be_cut(
    pbx: Simulator, media: str, ear: Ear, wait: Wait, fault: Fault
) -> None:
    pbx.settings = Settings(sound_size=2 * MIB)
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    pbx.faults.add(fault, endpoint="recording/download")
    async with ear.get(url) as response:
        assert response.status == 200
        assert response.content_length == 2 * MIB
        with pytest.raises(aiohttp.ClientError):
            await response.read()
    # What browsers do then: they ask for the rest.
    status, body, _ = await ear.part(url, f"{MIB}-")
    assert (status, body) == (206, Sound(2 * MIB).content()[MIB:])
    assert pbx.overlaps == 0


async def settled() -> None:
    """Let everything get as far as it can while no time passes."""
    for _ in range(5000):
        await asyncio.sleep(0)


def listeners() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "yeastar sound"]


async def test_a_browser_that_takes_nothing_does_not_keep_the_pbx(
    hass: HomeAssistant, pbx: Simulator, media: str, ear: Ear, wait: Wait, pass_by: Wait
) -> None:
    pbx.settings = Settings(sound_size=100 * MIB)
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    async with ear.get(url) as response:
        assert (await response.content.readany()).startswith(b"RIFF")
        await settled()
        [listener] = listeners()
        held = len(pbx.requests)
        await pass_by(15)
        assert not listener.done()
        assert len(pbx.requests) == held
        # Nothing is taken; heartbeats and polls go on as if nothing were.
        await pass_by(8)
        assert listener.done()
        beats = len(pbx.requests_of("heartbeat"))
        await pass_by(5 * MINUTE, step=5)
        assert len(pbx.requests_of("heartbeat")) == beats + 1
        assert len(pbx.requests_of("trunk/list")) > 5
        with pytest.raises(aiohttp.ClientError):
            await response.read()
    state = hass.states.get("binary_sensor.yeastar_s100_connection")
    assert state is not None
    assert state.state == "on"
    assert pbx.overlaps == 0
    assert await ear.part(url, "0-1") == (206, b"RI", f"bytes 0-1/{100 * MIB}")


@pytest.mark.parametrize(("seconds", "patient"), [(-30, True), (30, False)])
async def test_a_browser_that_stays_away_is_forgotten_at_last(
    pbx: Simulator,
    media: str,
    ear: Ear,
    wait: Wait,
    pass_by: Wait,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    patient: bool,
) -> None:
    monkeypatch.setattr(read_ahead, "MOST_BUFFERED", 100 * MIB)
    pbx.settings = Settings(sound_size=50 * MIB)
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    async with ear.get(url) as response:
        heard = await response.content.readany()
        await settled()
        await pass_by(view.LISTENER_PATIENCE + seconds, step=10)
        if patient:
            assert len(heard + await response.read()) == 50 * MIB
        else:
            with pytest.raises(aiohttp.ClientError):
                await response.read()


async def test_there_is_room_for_so_many_listeners(
    pbx: Simulator, media: str, ear: Ear, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "MOST_LISTENERS", 2)
    monkeypatch.setattr(read_ahead, "MOST_BUFFERED", 100 * MIB)
    pbx.settings = Settings(sound_size=50 * MIB)
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    async with ear.get(url) as first, ear.get(url) as second:
        assert (first.status, second.status) == (200, 200)
        async with ear.get(url) as third:
            assert third.status == 503
            assert third.headers["Retry-After"] == "10"


async def test_removing_the_entry_ends_what_is_being_heard(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    media: str,
    ear: Ear,
    wait: Wait,
) -> None:
    pbx.settings = Settings(sound_size=100 * MIB)
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    async with ear.get(url) as response:
        await response.content.readany()
        assert await hass.config_entries.async_unload(loaded.entry_id)
        with pytest.raises(aiohttp.ClientError):
            await response.read()
    # Logged out in good order, although a file was under way.
    assert pbx.tokens == {}
    async with ear.get(url) as response:
        assert response.status == 404


# Home Assistant leaves out the last full stop.
NOT_FOUND = "This recording or message does not exist any more, or never did"
NOT_CONNECTED = "This PBX is not connected"
SILENT = "The PBX does not give its recordings and messages now. Try again in a minute"


@pytest.mark.usefixtures("ear")
@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "recording",
        f"recording/{DAY}",
        f"recording/{DAY}/1.9",
        f"recording/{DAY}/1.9/x",
        f"recording/{DAY}/1.9/1/2",
        "recording/0001-01-01/1.9",
        "recording/20260302/1.9",
        "recording/yesterday/1.9",
        f"recording/{DAY}/../x",
        "voicemail/1001",
        "voicemail/1001/msg0000.wav",
        "voicemail/1999/abc",
        "voicemail/all/abc",
        "voicemail/../abc",
    ],
)
async def test_what_does_not_exist_cannot_be_resolved(
    hass: HomeAssistant, media: str, name: str
) -> None:
    with pytest.raises(Unresolvable, match=NOT_FOUND):
        await async_resolve_media(hass, f"{media}/{name}", None)


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "recordings/yesterday",
        "recordings/9999-12-31",
        "recordings/yesterday/1001",
        f"recordings/{DAY}/1001/1",
        "voicemails/../1001",
        "voicemails/1001/1",
    ],
)
async def test_what_does_not_exist_cannot_be_opened(
    hass: HomeAssistant, media: str, name: str
) -> None:
    with pytest.raises(BrowseError, match=NOT_FOUND):
        await async_browse_media(hass, f"{media}/{name}")


async def test_a_pbx_that_is_away_is_told(
    hass: HomeAssistant, pbx: Simulator, media: str, ear: Ear, wait: Wait
) -> None:
    call_id = await inbound(pbx, wait)
    recording = f"{media}/recording/{DAY}/{call_id}"
    url = await ear.resolve(recording)
    await pbx.go_down()
    await wait(MINUTE)
    for folder in (f"recordings/{DAY}", f"recordings/{DAY}/all", "voicemails"):
        with pytest.raises(BrowseError, match=SILENT):
            await async_browse_media(hass, f"{media}/{folder}")
    with pytest.raises(Unresolvable, match=SILENT):
        await async_resolve_media(hass, f"{media}/voicemail/1001/abc", None)
    async with ear.get(url) as response:
        assert response.status == 502
    await pbx.come_up()
    await wait(2 * MINUTE)
    assert await ear.hear(recording) == Sound(1644).content()


@pytest.mark.usefixtures("media")
async def test_a_pbx_that_is_not_set_up_is_told(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(loaded.entry_id)
    for entry_id in (loaded.entry_id, "x"):
        identifier = f"media-source://yeastar/{entry_id}"
        with pytest.raises(BrowseError, match=NOT_CONNECTED):
            await async_browse_media(hass, identifier)
        with pytest.raises(Unresolvable, match=NOT_CONNECTED):
            await async_resolve_media(hass, f"{identifier}/recording/{DAY}/1.1", None)
    assert await children(hass, "media-source://yeastar") == {}


async def test_a_day_here_is_a_whole_day_when_the_clocks_change(
    hass: HomeAssistant, pbx: Simulator, media: str
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    for day, hours in (("2025-10-26", 25), ("2026-03-01", 24), ("2025-03-30", 23)):
        before = len(pbx.requests_of("cdr/get_random"))
        assert await children(hass, f"{media}/recordings/{day}") == {}
        asked = [
            (request.body["starttime"], request.body["endtime"])
            for request in pbx.requests_of("cdr/get_random")[before:]
            if request.body is not None
        ]
        seconds = 0
        for start, end in dict.fromkeys(asked):
            span = datetime.fromisoformat(end) - datetime.fromisoformat(start)
            seconds += int(span.total_seconds()) + 1
        assert seconds == hours * 3600


def resident() -> int:
    """Return how much memory this process has, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def test_200_megabytes_are_heard_with_less_than_20_of_memory(
    pbx: Simulator, media: str, ear: Ear, wait: Wait
) -> None:
    size = 200 * 1000 * 1000
    call_id = await inbound(pbx, wait)
    url = await ear.resolve(f"{media}/recording/{DAY}/{call_id}")
    # Everything that the first time needs is there.
    assert (await ear.part(url, "0-"))[0] == 206
    pbx.settings = Settings(sound_size=size)
    before = most = resident()
    heard = 0
    async with ear.get(url) as response:
        async for chunk in response.content.iter_any():
            if heard // MIB != (heard + len(chunk)) // MIB:
                most = max(most, resident())
            heard += len(chunk)
    assert heard == size
    # PBX, Home Assistant and browser together: all are in this process.
    assert most - before < 20 * 1000 * 1000


@pytest.mark.parametrize("item", ["x", "recording/1/2", "voicemail/1001"])
async def test_who_is_logged_in_finds_nothing_under_a_wrong_address(
    hass: HomeAssistant, media: str, ear: Ear, hass_access_token: str, item: str
) -> None:
    await children(hass, media)
    url = f"/api/yeastar/media/{media.rpartition('/')[2]}/{item}"
    async with ear.get(url, Authorization=f"Bearer {hass_access_token}") as response:
        assert response.status == 404


async def test_a_box_that_the_pbx_does_not_know_is_empty(
    hass: HomeAssistant, pbx: Simulator, media: str
) -> None:
    pbx.faults.add(Fault.ERRNO, endpoint="voicemail/query", errno=10006)
    assert await children(hass, f"{media}/voicemails/1001") == {}
    pbx.faults.add(Fault.ERRNO, endpoint="voicemail/query", errno=10004)
    with pytest.raises(BrowseError, match=SILENT):
        await async_browse_media(hass, f"{media}/voicemails/1001")


async def test_only_a_few_days_are_remembered(
    hass: HomeAssistant, pbx: Simulator, media: str
) -> None:
    days = list((await children(hass, f"{media}/recordings")).values())[:6]
    for day in (*days, *days[-3:]):
        assert await children(hass, day) == {}
    asked = len(pbx.requests_of("cdr/get_random"))
    assert await children(hass, days[-1]) == {}
    assert len(pbx.requests_of("cdr/get_random")) == asked
    assert await children(hass, days[0]) == {}
    assert len(pbx.requests_of("cdr/get_random")) == asked + 1
