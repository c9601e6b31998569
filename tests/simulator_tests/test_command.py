"""The simulator as a program."""

import asyncio
from pathlib import Path
import signal
import sys

import aiohttp
import pytest

from tests.simulator import Readings
from tests.simulator.__main__ import chosen_readings, chosen_settings, make_parser
from tests.simulator.readings import Byes

ROOT = Path(__file__).parents[2]


def test_every_reading_has_an_option() -> None:
    options = make_parser().parse_args(
        ["--byes", "together", "--reports-extend-token", "true", "--http"]
    )
    readings = chosen_readings(options)
    assert readings == Readings(byes=Byes.TOGETHER, reports_extend_token=True)
    settings = chosen_settings(options)
    assert (settings.https, settings.port) == (False, 8088)


def test_a_number_of_extensions() -> None:
    options = make_parser().parse_args(["--extensions", "50"])
    assert len(chosen_settings(options).extensions) == 50


@pytest.mark.usefixtures("socket_enabled")
async def test_it_answers_and_ends_cleanly() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.simulator", "--http", "--port", "0", "--play"),
        *("--pace", "0", "--pause", "0.2"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        first = (await process.stdout.readline()).decode()
        url = first.split()[-1]
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}extension/list?token=x") as answer,
        ):
            assert b"20004" in await answer.read()
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    lines = out.decode().splitlines()
    assert "<- POST extension/list  20004" in lines
    assert lines[-1] == "ended"
    assert err == b""
    assert process.returncode == 0
