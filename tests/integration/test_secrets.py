"""What must be nowhere: in the log at debug level, downloads, notices, states, files."""

from collections.abc import Iterator
from hashlib import md5
import json
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)

from custom_components.yeastar.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir, restore_state
from tests.conftest import WEBHOOK_ID, Wait
from tests.simulator import Fault, Simulator

MINUTE = 60.0
CALLER, DIALLED, DID = "0301234567", "0309876543", "5551000"
OUTSIDE = (CALLER, DIALLED, DID)
# The one file that has to know them.
ENTRIES = "core.config_entries"


class Traces:
    """Everything that a day of trouble leaves behind."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start with nothing."""
        self.hass = hass
        self.tokens: set[str] = set()
        self.diagnostics = ""
        self.notices: set[str] = set()
        self.states: set[str] = set()

    def look(self) -> None:
        """Note what is shown now."""
        self.notices |= {
            repr(issue)
            for issue in ir.async_get(self.hass).issues.values()
            if issue.domain == DOMAIN
        }
        self.states |= {repr(state.as_dict()) for state in self.hass.states.async_all()}


async def trouble(
    pbx: Simulator, entry: MockConfigEntry, hass_client: Any, wait: Wait, traces: Traces
) -> None:
    """Go through all that can happen to an entry."""
    hass = traces.hass
    assert await hass.config_entries.async_setup(entry.entry_id)
    await wait(1)
    traces.tokens |= set(pbx.tokens)
    for fault in (Fault.HTML, Fault.GARBAGE, Fault.RESET, Fault.REDIRECT, Fault.ERRNO):
        pbx.faults.add(fault, count=2)
        await wait(3 * MINUTE)
    pbx.forget_tokens()
    await wait(2 * MINUTE)
    traces.tokens |= set(pbx.tokens)
    inbound = await pbx.calls.inbound("siptrunk", CALLER, DID, to="1001")
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
    traces.look()
    # A gap, and what it brings.
    pbx.delivery.drop()
    lost = await pbx.calls.inbound("siptrunk", CALLER, DID, to="1000")
    await lost.ring()
    await wait(5)
    await lost.hang_up()
    pbx.set_extension_status("1001", "Unregistered")
    await wait(10 * MINUTE)
    pbx.delivery.clear()
    traces.look()
    traces.diagnostics = json.dumps(
        await get_diagnostics_for_config_entry(hass, hass_client, entry)
    )
    pbx.change_settings(transport="TCP")
    pbx.forget_tokens()
    await wait(2 * MINUTE)
    traces.look()
    traces.tokens |= set(pbx.tokens)
    pbx.change_settings(transport="HTTP")
    pbx.sessions.locked_until["127.0.0.1"] = pbx.clock.now() + 2 * MINUTE
    pbx.forget_tokens()
    await wait(2 * MINUTE)
    traces.look()
    await pbx.new_certificate()
    await wait(10 * MINUTE)
    traces.look()
    pbx.sessions.live.clear()
    pbx.faults.add(Fault.ERRNO, count=None, endpoint="login", errno=20003)
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "fingerprint": pbx.fingerprint}
    )
    await hass.config_entries.async_reload(entry.entry_id)
    await wait(3 * MINUTE)
    traces.look()
    await restore_state.async_get(hass).async_dump_states()
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


def files(hass_storage: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the files in which nothing may be found."""
    for name, content in hass_storage.items():
        if name != ENTRIES:
            yield name, json.dumps(content, default=str)


@pytest.mark.usefixtures("http")
async def test_no_secret_is_logged_downloaded_shown_or_kept(
    hass: HomeAssistant,
    pbx: Simulator,
    entry: MockConfigEntry,
    hass_client: Any,
    hass_storage: dict[str, Any],
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    traces = Traces(hass)
    await trouble(pbx, entry, hass_client, wait, traces)

    assert len(traces.tokens) >= 3
    digest = md5(pbx.password.encode(), usedforsecurity=False).hexdigest()
    # The lines, notices and files are there, and none of them has a secret.
    assert "Serving /api/webhook/" in caplog.text
    assert "Session gone" in caplog.text
    for notice in ("delivery_failing", "events_over_tcp", "locked_out", "certificate"):
        assert any(notice in one for one in traces.notices)
    kept = dict(files(hass_storage))
    assert f"{DOMAIN}.{entry.entry_id}" in kept
    assert "core.restore_state" in kept
    for secret in (pbx.password, digest, WEBHOOK_ID, *traces.tokens):
        assert secret not in caplog.text
        assert secret not in traces.diagnostics
        assert not [one for one in traces.notices | traces.states if secret in one]
        assert not [name for name, content in kept.items() if secret in content]
    ours = [r.getMessage() for r in caplog.records if "yeastar" in r.name]
    assert ours
    for number in OUTSIDE:
        assert number not in "\n".join(ours)
        assert number not in traces.diagnostics
        assert not [one for one in traces.notices if number in one]


@pytest.mark.usefixtures("http")
async def test_with_masked_numbers_no_outside_number_is_anywhere(
    hass: HomeAssistant,
    pbx: Simulator,
    entry: MockConfigEntry,
    hass_client: Any,
    hass_storage: dict[str, Any],
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "mask_numbers": True}
    )
    told = async_capture_events(hass, "yeastar_call")
    said = async_capture_events(hass, "yeastar_event")
    traces = Traces(hass)
    await trouble(pbx, entry, hass_client, wait, traces)
    # The calls are told, late ones too, with the end of the number.
    assert {event.data["late"] for event in told} == {False, True}
    assert any("*******567" in repr(event.data) for event in told)
    kept = dict(files(hass_storage))
    assert "567" in kept[f"{DOMAIN}.{entry.entry_id}"]
    for number in OUTSIDE:
        assert not [e for e in (*told, *said) if number in repr(e.data)]
        assert number not in caplog.text.replace("0301234567 is not JSON", "")
        assert number not in traces.diagnostics
        assert not [one for one in traces.notices | traces.states if number in one]
        assert not [name for name, content in kept.items() if number in content]
