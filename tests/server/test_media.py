"""A long recording in a real Home Assistant, and the memory that it needs there."""

from pathlib import Path

import aiohttp
import pytest

from homeassistant.util import dt as dt_util
from tests.simulator import RealClock, Settings, Simulator
from tests.simulator.sound import Sound

from .demo import add_integration
from .harness import HomeAssistantServer, Json

SIZE = 200 * 1000 * 1000


def memory(server: HomeAssistantServer, which: str) -> int:
    """Return what the server's process has (`VmRSS`) or once had (`VmHWM`), in kB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith(which)]
    return int(line.split()[1])


async def opened(server: HomeAssistantServer, item: Json, title: str = "") -> Json:
    """Open a folder and return what is in it with this title, or at all."""
    folder = await server.command(
        "media_source/browse_media", media_content_id=item["media_content_id"]
    )
    found = [one for one in folder["children"] if title in one["title"]]
    return found[0]


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.timeout(180)
async def test_200_megabytes_are_heard_with_less_than_20_of_memory() -> None:
    async with (
        Simulator(clock=RealClock()) as pbx,
        HomeAssistantServer(yaml="media_source:\n") as server,
    ):
        await add_integration(server, pbx)
        call = await pbx.calls.inbound("siptrunk", "0301234567", "5551", to="1001")
        await call.ring()
        await call.answer()
        await call.hang_up()
        await pbx.idle()
        zone = (await server.get("/api/config"))["time_zone"]
        zone_info = await dt_util.async_get_time_zone(zone)
        day = dt_util.now(zone_info).date().isoformat()
        item: Json = {"media_content_id": "media-source://yeastar"}
        for title in ("Yeastar", "Recordings", day, "1001", ""):
            item = await opened(server, item, title)
        assert item["title"].endswith("Ada Lovelace (0301234567) → 1001 Erwin Co, 0:00")
        media = await server.command(
            "media_source/resolve_media", media_content_id=item["media_content_id"]
        )
        url = server.url + media["url"]
        patience = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=patience) as session:
            async with session.get(url) as response:
                assert await response.read() == Sound(1644).content()
            async with session.get(url.partition("?")[0]) as response:
                assert response.status == 401
            pbx.settings = Settings(sound_size=SIZE)
            before = max(memory(server, "VmRSS"), memory(server, "VmHWM"))
            heard = 0
            async with session.get(url) as response:
                async for chunk in response.content.iter_any():
                    heard += len(chunk)
            assert heard == SIZE
            assert memory(server, "VmHWM") - before < 20_000
            # A listener who leaves in the middle frees the PBX.
            async with session.get(url, headers={"Range": "bytes=1000000-"}) as part:
                assert part.status == 206
                await part.content.readany()
            async with session.get(url, headers={"Range": "bytes=0-3"}) as part:
                assert await part.read() == b"RIFF"
        assert pbx.overlaps == 0
        # Home Assistant itself misses ffmpeg and the like here.
        for line in server.log.splitlines():
            assert " ERROR " not in line or (
                "yeastar" not in line and "http" not in line
            )
