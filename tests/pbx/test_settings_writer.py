"""Changes of settings, one after the other, against a PBX that needs its time."""

import asyncio
from itertools import pairwise
import time

import aiohttp
import pytest

from custom_components.yeastar.pbx import settings_writer
from custom_components.yeastar.pbx.client import YeastarClient
from custom_components.yeastar.pbx.models import EventTarget
from custom_components.yeastar.pbx.settings_writer import SettingsWriter
from tests.simulator import RealClock, Settings, Simulator


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("pause", [0.0, 0.15])
async def test_changes_that_come_at_once_are_made_one_by_one(
    monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    monkeypatch.setattr(settings_writer, "PAUSE", 0.05)
    settings = Settings(https=False, config_pause=pause)
    async with (
        Simulator(settings, clock=RealClock()) as pbx,
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
        )
        writer = SettingsWriter(client, time.monotonic)
        numbers = list(pbx.pbx.extensions)
        await asyncio.gather(
            *(writer.update_extension(number, {"dnd": "on"}) for number in numbers)
        )
        assert {one.options["dnd"] for one in pbx.pbx.extensions.values()} == {"on"}
        times = [request.time for request in pbx.requests_of("extension/update")]
        assert min(later - earlier for earlier, later in pairwise(times)) >= 0.04
        assert pbx.overlaps == 0
