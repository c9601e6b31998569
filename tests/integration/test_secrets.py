"""What must be nowhere: at debug level, through trouble, in every line of the log."""

from hashlib import md5
import json
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)

from homeassistant.core import HomeAssistant
from tests.conftest import WEBHOOK_ID, Wait
from tests.simulator import Fault, Simulator

MINUTE = 60.0
CALLER, DIALLED = "0301234567", "0309876543"


async def test_no_secret_is_logged_or_downloaded(
    hass: HomeAssistant,
    pbx: Simulator,
    http: None,
    entry: MockConfigEntry,
    hass_client: Any,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens: set[str] = set()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await wait(1)
    tokens |= set(pbx.tokens)
    for fault in (Fault.HTML, Fault.GARBAGE, Fault.RESET, Fault.REDIRECT, Fault.ERRNO):
        pbx.faults.add(fault, count=2)
        await wait(3 * MINUTE)
    pbx.forget_tokens()
    await wait(2 * MINUTE)
    tokens |= set(pbx.tokens)
    inbound = await pbx.calls.inbound("siptrunk", CALLER, "5551000", to="1001")
    await inbound.ring()
    await inbound.answer()
    await wait(5)
    await inbound.hang_up()
    outbound = await pbx.calls.outbound("1000", DIALLED)
    await outbound.ring()
    await outbound.fail("486 Busy here")
    await pbx.emit_raw(b'{"event":"X","number":"' + CALLER.encode() + b'"}')
    await pbx.emit_raw(b"0301234567 is not JSON")
    await wait(5)
    diagnostics = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    pbx.sessions.live.clear()
    pbx.faults.add(Fault.ERRNO, count=None, endpoint="login", errno=20003)
    await wait(3 * MINUTE)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert len(tokens) >= 2
    digest = md5(pbx.password.encode(), usedforsecurity=False).hexdigest()
    secrets = {pbx.password, digest, WEBHOOK_ID, *tokens}
    # The lines are there, and none of them has a secret.
    assert "Serving /api/webhook/" in caplog.text
    assert "Session gone" in caplog.text
    for secret in secrets:
        assert secret not in caplog.text
        assert secret not in json.dumps(diagnostics)
    ours = [r.getMessage() for r in caplog.records if "yeastar" in r.name]
    assert ours
    for number in (CALLER, DIALLED):
        assert number not in "\n".join(ours)
        assert number not in json.dumps(diagnostics)
