"""An MQTT broker, Mosquitto, on the loopback address, and somebody who listens."""

import asyncio
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import tempfile
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from .harness import HOST, ROOT, _free_port

MOSQUITTO = ROOT / ".mosquitto/start"

# Seconds.
START_TIMEOUT = 20.0
POLL_INTERVAL = 0.05

CONFIGURATION = """\
listener {port} {host}
allow_anonymous true
persistence false
# It would become another user, who need not exist.
user root
"""


def missing_broker() -> str | None:
    """Return why there is no broker, None if there is one."""
    if MOSQUITTO.exists():
        return None
    reason = MOSQUITTO.with_name("missing")
    return reason.read_text() if reason.exists() else "scripts/bootstrap makes it"


@asynccontextmanager
async def broker() -> AsyncIterator[int]:
    """Run a broker for as long as this lasts; give its port."""
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="yeastar-broker-") as folder:
        file = Path(folder) / "mosquitto.conf"
        file.write_text(CONFIGURATION.format(port=port, host=HOST))
        process = await asyncio.create_subprocess_exec(
            MOSQUITTO, "-c", file, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while not await _listens(port):
                    assert process.returncode is None, "the broker ended"
                    await asyncio.sleep(POLL_INTERVAL)
            yield port
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@asynccontextmanager
async def messages(port: int, topic: str) -> AsyncIterator[asyncio.Queue[Any]]:
    """Subscribe; give pairs of topic and decoded JSON as they arrive."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[Any] = asyncio.Queue()
    subscribed = asyncio.Event()

    def connected(
        client: Client,
        _userdata: None,
        _flags: ConnectFlags,
        _reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        client.subscribe(topic, qos=1)

    def received(_client: Client, _userdata: None, message: MQTTMessage) -> None:
        pair = (message.topic, json.loads(message.payload))
        loop.call_soon_threadsafe(arrived.put_nowait, pair)

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = connected
    client.on_subscribe = lambda *_: loop.call_soon_threadsafe(subscribed.set)
    client.on_message = received
    client.connect(HOST, port)
    client.loop_start()
    try:
        async with asyncio.timeout(START_TIMEOUT):
            await subscribed.wait()
        yield arrived
    finally:
        client.disconnect()
        client.loop_stop()
