"""The simulator by itself: `python -m tests.simulator --help`."""

import argparse
import asyncio
from collections.abc import Sequence
import contextlib
from enum import Enum
import signal
import sys
from typing import Any

from .api import RequestRecord
from .clock import RealClock
from .courier import SentReport
from .player import play_for_ever
from .readings import Readings
from .settings import Settings
from .simulator import Simulator


def say(text: str) -> None:
    """Print one line at once."""
    print(text, flush=True)


def _label(value: Any) -> str:
    return value.name.lower() if isinstance(value, Enum) else str(value).lower()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser, with an option for each reading."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulator",
        description="A Yeastar S-Series PBX with API 2.0.0 on the loopback address.",
    )
    default = Settings()
    parser.add_argument("--port", type=int, default=8088, help="0 for any free port")
    parser.add_argument("--http", action="store_true", help="no TLS")
    parser.add_argument(
        "--redirect-port", type=int, help="plain HTTP port that redirects to HTTPS"
    )
    parser.add_argument("--username", default=default.username)
    parser.add_argument("--password", default=default.password)
    parser.add_argument("--serial", default=default.serial)
    parser.add_argument(
        "--extensions", type=int, help="so many registered extensions from 1000 on"
    )
    parser.add_argument("--transport", choices=("HTTP", "TCP"), default="HTTP")
    parser.add_argument("--old-firmware", action="store_true")
    parser.add_argument("--play", action="store_true", help="play random calls")
    parser.add_argument("--seed", type=int, default=0, help="for everything random")
    parser.add_argument(
        "--pace", type=float, default=0.2, help="times the seconds of played calls"
    )
    parser.add_argument(
        "--pause", type=float, default=3.0, help="seconds between played calls"
    )
    parser.add_argument(
        "--answer-after",
        type=float,
        default=2.0,
        help="seconds until phones rung by the API are picked up",
    )
    parser.add_argument("--bodies", action="store_true", help="show whole reports")
    readings = parser.add_argument_group("readings of what protocol.md leaves open")
    for name, values in Readings.matrix().items():
        readings.add_argument(
            f"--{name.replace('_', '-')}",
            choices=[_label(value) for value in values],
            help=f"default {_label(values[0])}",
        )
    return parser


def chosen_readings(options: argparse.Namespace) -> Readings:
    """Return the readings that the command line asks for."""
    chosen = {}
    for name, values in Readings.matrix().items():
        wanted = getattr(options, name)
        for value in values:
            if _label(value) == wanted:
                chosen[name] = value
    return Readings(**chosen)


def chosen_settings(options: argparse.Namespace) -> Settings:
    """Return the settings that the command line asks for."""
    changes = {
        "port": options.port,
        "https": not options.http,
        "redirect_port": options.redirect_port,
        "username": options.username,
        "password": options.password,
        "serial": options.serial,
        "transport": options.transport,
        "old_firmware": options.old_firmware,
    }
    if options.extensions is None:
        return Settings(**changes)
    return Settings.with_extensions(options.extensions, **changes)


def request_line(record: RequestRecord) -> str:
    """Return a request as one line, without its token and password."""
    body = {
        key: "***" if key == "password" else value
        for key, value in (record.body or {}).items()
    }
    result = record.errno or "ok"
    if record.fault is not None:
        result = f"fault {record.fault.name}"
    return f"<- {record.method} {record.endpoint} {body or ''} {result}"


def report_line(sent: SentReport, *, whole: bool) -> str:
    """Return an attempt to deliver a report as one line."""
    target = f"{sent.target.address}:{sent.target.port}"
    what = sent.body.decode(errors="replace") if whole else sent.event
    if sent.report and not whole:
        for key in ("callid", "extension", "status"):
            what += f" {sent.report[key]}" if key in sent.report else ""
    return f"-> {target} {what} {sent.status or sent.error}"


async def run(options: argparse.Namespace) -> None:
    """Run until SIGINT or SIGTERM."""
    sim = Simulator(
        settings=chosen_settings(options),
        readings=chosen_readings(options),
        clock=RealClock(),
        seed=options.seed,
    )
    sim.on_request = lambda record: say(request_line(record))
    sim.courier.on_sent = lambda sent: say(report_line(sent, whole=options.bodies))
    sim.calls.answer_after = options.answer_after
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with sim:
        say(f"PBX {sim.serial} at {sim.url}")
        say(f"user {sim.username}, password {sim.password}")
        if sim.settings.https:
            say(f"certificate {sim.fingerprint}")
        player = None
        if options.play:
            player = asyncio.create_task(
                play_for_ever(sim, options.seed, options.pace, options.pause)
            )
        await ended.wait()
        if player is not None:
            player.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await player
    say("ended")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with the command line's arguments; return the exit code."""
    options = make_parser().parse_args(arguments)
    try:
        asyncio.run(run(options))
    except OSError as error:
        print(f"cannot listen: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
