"""Whether reports arrive is known: proven by them, disproven by readings."""

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.yeastar.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from tests.conftest import WEBHOOK_ID, Wait
from tests.simulator import Simulator

DELIVERY = "sensor.yeastar_s100_event_delivery"
MINUTE = 60.0


def delivery(hass: HomeAssistant) -> str:
    state = hass.states.get(DELIVERY)
    assert state is not None
    return state.state


def issues(hass: HomeAssistant) -> list[ir.IssueEntry]:
    return [i for i in ir.async_get(hass).issues.values() if i.domain == DOMAIN]


@pytest.mark.usefixtures("loaded")
@pytest.mark.usefixtures("long_run")
async def test_a_quiet_pbx_is_not_accused(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    assert delivery(hass) == "unproven"
    await wait(120 * MINUTE, step=MINUTE)
    assert delivery(hass) == "unproven"
    pbx.set_extension_status("1000", "Ringing")
    await wait(1)
    assert delivery(hass) == "working"
    await wait(120 * MINUTE, step=MINUTE)
    assert delivery(hass) == "working"
    assert issues(hass) == []


@pytest.mark.usefixtures("loaded")
async def test_a_change_that_was_not_reported_is_noticed_and_mended(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    await wait(MINUTE)
    logins = len(pbx.requests_of("login"))
    pbx.delivery.drop()
    pbx.set_extension_status("1000", "Unregistered")
    await wait(7 * MINUTE)
    assert delivery(hass) == "failing"
    # Something that helps by itself is tried first.
    assert len(pbx.requests_of("login")) == logins + 1
    assert pbx.targets
    (issue,) = issues(hass)
    assert issue.translation_placeholders is not None
    assert (
        issue.translation_placeholders["address"]
        == f"http://127.0.0.1:{hass.http.server_port}"
    )
    assert WEBHOOK_ID not in repr(issue)
    # It is not said, and not tried, over and over.
    await wait(60 * MINUTE, step=MINUTE)
    assert len(pbx.requests_of("login")) == logins + 1
    pbx.delivery.clear()
    pbx.set_extension_status("1000", "Registered")
    await wait(1)
    assert delivery(hass) == "working"
    assert issues(hass) == []


@pytest.mark.usefixtures("loaded")
@pytest.mark.usefixtures("long_run")
async def test_lists_that_contradict_reports_do_not_become_a_login_storm(
    pbx: Simulator, wait: Wait
) -> None:
    words = ("Ringing", "Busy")
    for number in range(48):
        # Reported, but never in the list.
        report = {"event": "ExtensionStatus", "extension": "1000", "sn": pbx.serial}
        await pbx.emit({**report, "status": words[number % 2]})
        await wait(10 * MINUTE, step=MINUTE)
    assert len(pbx.requests_of("login")) <= 1 + 8


@pytest.mark.usefixtures("loaded")
async def test_a_late_report_is_no_lost_one(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    await wait(MINUTE)
    pbx.delivery.delay(270.0)
    pbx.set_extension_status("1000", "Unregistered")
    await wait(10 * MINUTE)
    assert delivery(hass) == "working"
    assert len(pbx.requests_of("login")) == 1


@pytest.mark.usefixtures("loaded")
async def test_what_changed_while_the_pbx_was_away_is_no_lost_report(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    await wait(MINUTE)
    await pbx.go_down()
    await wait(3 * MINUTE)
    pbx.pbx.extensions["1000"].registered = False
    await pbx.come_up()
    await wait(15 * MINUTE)
    assert delivery(hass) == "unproven"
    assert issues(hass) == []


async def test_unloading_takes_the_notice_along(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    await wait(MINUTE)
    pbx.delivery.drop()
    pbx.set_extension_status("1000", "Unregistered")
    await wait(7 * MINUTE)
    assert len(issues(hass)) == 1
    await hass.config_entries.async_unload(loaded.entry_id)
    assert issues(hass) == []
