"""What only the user can mend is told, in plain words, as long as it lasts."""

import dataclasses
import json
from pathlib import Path
import socket
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.yeastar.const import DOMAIN
from custom_components.yeastar.delivery import own_address
from custom_components.yeastar.repairs import FIXABLE, Notice
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from tests.conftest import WEBHOOK_ID, Wait, entry_data
from tests.simulator import Fault, Simulator
from tests.simulator.readings import OldFirmware

MINUTE = 60.0
HOUR = 60 * MINUTE
CONNECTION = "binary_sensor.yeastar_s100_connection"


def notices(hass: HomeAssistant) -> list[str]:
    return sorted(
        str(issue.translation_key)
        for issue in ir.async_get(hass).issues.values()
        if issue.domain == DOMAIN and issue.active
    )


def notice(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> ir.IssueEntry:
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"{key}_{entry.entry_id}")
    assert issue is not None
    return issue


async def text(hass: HomeAssistant, issue: ir.IssueEntry) -> str:
    """Return title and description as the user reads them."""
    texts = await async_get_translations(hass, "en", "issues", [DOMAIN])
    prefix = f"component.{DOMAIN}.issues.{issue.translation_key}"
    parts = [texts[f"{prefix}.title"], texts.get(f"{prefix}.description", "")]
    return "\n".join(parts).format(**(issue.translation_placeholders or {}))


async def test_a_lock_out_says_how_long_and_goes_away(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    pbx.sessions.locked_until["127.0.0.1"] = pbx.clock.now() + 10 * MINUTE
    pbx.forget_tokens()
    await wait(MINUTE)
    assert notices(hass) == ["locked_out"]
    shown = await text(hass, notice(hass, loaded, "locked_out"))
    assert "Yeastar S100 blocks logins" in shown
    assert "about 10 more" in shown or "about 9 more" in shown
    await wait(5 * MINUTE)
    later = await text(hass, notice(hass, loaded, "locked_out"))
    assert any(f"about {minutes} more" in later for minutes in (4, 5))
    # The moment itself does not move.
    assert shown.split("until ")[1][:5] == later.split("until ")[1][:5]
    await wait(12 * MINUTE)
    assert notices(hass) == []


@pytest.mark.usefixtures("http")
async def test_a_lock_out_before_the_start_is_told_too(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry, wait: Wait
) -> None:
    pbx.sessions.locked_until["127.0.0.1"] = pbx.clock.now() + 10 * MINUTE
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert notices(hass) == ["locked_out"]
    await wait(20 * MINUTE)
    assert entry.state is ConfigEntryState.LOADED
    assert notices(hass) == []
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("http")
async def test_removing_a_locked_entry_removes_its_notice(
    hass: HomeAssistant, pbx: Simulator, entry: MockConfigEntry
) -> None:
    pbx.sessions.locked_until["127.0.0.1"] = pbx.clock.now() + 10 * MINUTE
    await hass.config_entries.async_setup(entry.entry_id)
    assert notices(hass) == ["locked_out"]
    await hass.config_entries.async_remove(entry.entry_id)
    assert notices(hass) == []


@pytest.mark.parametrize("answer", OldFirmware)
async def test_old_firmware_is_told_until_it_is_updated(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    answer: OldFirmware,
) -> None:
    pbx.readings = dataclasses.replace(pbx.readings, old_firmware_answer=answer)
    pbx.change_settings(old_firmware=True)
    pbx.forget_tokens()
    await wait(6 * MINUTE)
    assert notices(hass) == ["api_too_old"]
    assert "30.13.0.30" in await text(hass, notice(hass, loaded, "api_too_old"))
    pbx.change_settings(old_firmware=False)
    await wait(3 * MINUTE)
    assert notices(hass) == []


async def test_reports_over_tcp_are_told_and_http_is_noticed(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    await wait(MINUTE)
    pbx.change_settings(transport="TCP")
    pbx.forget_tokens()
    await wait(2 * MINUTE)
    assert notices(hass) == ["events_over_tcp"]
    assert "choose HTTP" in await text(hass, notice(hass, loaded, "events_over_tcp"))
    before = len(pbx.requests_of("login"))
    await wait(HOUR, step=MINUTE)
    assert 3 <= len(pbx.requests_of("login")) - before <= 7
    pbx.change_settings(transport="HTTP")
    await wait(12 * MINUTE)
    assert notices(hass) == []
    before = len(pbx.requests_of("login"))
    await wait(HOUR, step=MINUTE)
    assert len(pbx.requests_of("login")) == before


@pytest.mark.usefixtures("loaded")
async def test_a_change_to_tcp_is_the_one_cause_that_is_told(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    await wait(MINUTE)
    pbx.change_settings(transport="TCP")
    pbx.set_extension_status("1003", "Unregistered")
    await wait(8 * MINUTE)
    assert notices(hass) == ["events_over_tcp"]


@pytest.mark.usefixtures("loaded")
async def test_a_report_is_proof_that_they_come_over_http(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    pbx.change_settings(transport="TCP")
    pbx.forget_tokens()
    await wait(2 * MINUTE)
    assert notices(hass) == ["events_over_tcp"]
    pbx.change_settings(transport="HTTP")
    pbx.set_extension_status("1000", "Ringing")
    await wait(1)
    assert notices(hass) == []


async def fix(hass_client: Any, issue_id: str) -> dict[str, Any]:
    """Start the flow that mends an issue, as the page does."""
    client = await hass_client()
    response = await client.post(
        "/api/repairs/issues/fix",
        data=json.dumps({"handler": DOMAIN, "issue_id": issue_id}),
    )
    assert response.status == 200
    return {"client": client, **await response.json()}


async def submit(flow: dict[str, Any]) -> dict[str, Any]:
    response = await flow["client"].post(
        f"/api/repairs/issues/fix/{flow['flow_id']}", data="{}"
    )
    assert response.status == 200
    result: dict[str, Any] = await response.json()
    return result


async def test_a_changed_certificate_is_shown_beside_the_old_one_and_pinned(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    hass_client: Any,
) -> None:
    old = pbx.fingerprint
    await pbx.new_certificate()
    assert pbx.fingerprint != old
    await wait(2 * MINUTE)
    assert notices(hass) == ["certificate_changed"]
    issue = notice(hass, loaded, "certificate_changed")
    assert issue.is_fixable
    logins = len(pbx.requests_of("login"))
    flow = await fix(hass_client, issue.issue_id)
    assert flow["step_id"] == "confirm"
    texts = await async_get_translations(hass, "en", "issues", [DOMAIN])
    question = texts[
        f"component.{DOMAIN}.issues.certificate_changed.fix_flow.step.confirm.description"
    ].format(**flow["description_placeholders"])
    for fingerprint in (old, pbx.fingerprint):
        assert fingerprint[:2].upper() + ":" + fingerprint[2:4].upper() in question
    # Nothing secret was sent to whoever shows it, until somebody agreed.
    assert len(pbx.requests_of("login")) == logins
    result = await submit(flow)
    assert result["type"] == "create_entry"
    await wait(5, step=1)
    assert loaded.data["fingerprint"] == pbx.fingerprint
    assert loaded.state is ConfigEntryState.LOADED
    assert notices(hass) == []
    connection = hass.states.get(CONNECTION)
    assert connection is not None
    assert connection.state == "on"


async def test_a_certificate_that_comes_back_takes_its_notice_back(
    hass: HomeAssistant, pbx: Simulator, loaded: MockConfigEntry, wait: Wait
) -> None:
    await pbx.new_certificate()
    await wait(2 * MINUTE)
    assert notices(hass) == ["certificate_changed"]
    # As if the old one had been restored.
    hass.config_entries.async_update_entry(
        loaded, data={**loaded.data, "fingerprint": pbx.fingerprint}
    )
    await hass.config_entries.async_reload(loaded.entry_id)
    assert notices(hass) == []


@pytest.mark.usefixtures("http")
async def test_a_certificate_that_no_authority_vouches_for_any_more(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, hass_client: Any
) -> None:
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Yeastar S100",
        unique_id=pbx.serial,
        data=entry_data(pbx, fingerprint=None),
    )
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    assert notices(hass) == ["certificate_untrusted"]
    flow = await fix(hass_client, f"certificate_untrusted_{entry.entry_id}")
    await submit(flow)
    await wait(5, step=1)
    assert entry.data["fingerprint"] == pbx.fingerprint
    assert entry.state is ConfigEntryState.LOADED
    assert notices(hass) == []
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_flow_whose_pbx_was_removed_says_so(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    hass_client: Any,
) -> None:
    await pbx.new_certificate()
    await wait(2 * MINUTE)
    flow = await fix(hass_client, f"certificate_changed_{loaded.entry_id}")
    await hass.config_entries.async_remove(loaded.entry_id)
    result = await submit(flow)
    assert (result["type"], result["reason"]) == ("abort", "entry_removed")


async def test_a_notice_that_was_left_open_pins_only_what_it_shows(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    hass_client: Any,
) -> None:
    old = pbx.fingerprint
    await pbx.new_certificate()
    await wait(2 * MINUTE)
    flow = await fix(hass_client, f"certificate_changed_{loaded.entry_id}")
    left_open = pbx.fingerprint
    await pbx.new_certificate()
    await wait(2 * MINUTE)
    again = await submit(flow)
    # By now another one is shown, and that is what has to be looked at.
    assert (again["type"], again["step_id"]) == ("form", "confirm")
    new = again["description_placeholders"]["new"]
    assert new.replace(":", "").lower() == pbx.fingerprint != left_open
    assert loaded.data["fingerprint"] == old
    result = await submit(flow)
    assert result["type"] == "create_entry"
    await wait(5, step=1)
    assert loaded.data["fingerprint"] == pbx.fingerprint


async def test_a_notice_that_was_left_open_until_all_is_well_pins_nothing(
    hass: HomeAssistant,
    pbx: Simulator,
    loaded: MockConfigEntry,
    wait: Wait,
    hass_client: Any,
) -> None:
    await pbx.new_certificate()
    await wait(2 * MINUTE)
    flow = await fix(hass_client, f"certificate_changed_{loaded.entry_id}")
    data = {**loaded.data, "fingerprint": pbx.fingerprint}
    hass.config_entries.async_update_entry(loaded, data=data)
    await hass.config_entries.async_reload(loaded.entry_id)
    await wait(MINUTE)
    result = await submit(flow)
    assert (result["type"], result["reason"]) == ("abort", "no_longer_offered")
    assert loaded.data == data


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the addresses that this machine has, to be changed by the test."""
    own = {"127.0.0.1", "192.0.2.10"}
    monkeypatch.setattr(own_address, "_is_own", lambda address: address in own)
    return own


async def reporting_to(
    hass: HomeAssistant, pbx: Simulator, base_url: str
) -> MockConfigEntry:
    """Return an entry with this base URL, set up."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Yeastar S100",
        unique_id=pbx.serial,
        data=entry_data(pbx, base_url=base_url),
    )
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    return entry


@pytest.mark.usefixtures("http")
async def test_a_base_url_that_was_this_machines_and_is_no_longer_is_told(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, addresses: set[str]
) -> None:
    entry = await reporting_to(hass, pbx, "http://192.0.2.10:8123")
    await wait(MINUTE)
    assert notices(hass) == []
    # The machine gets another address while Home Assistant is down.
    await hass.config_entries.async_unload(entry.entry_id)
    addresses.remove("192.0.2.10")
    await hass.config_entries.async_setup(entry.entry_id)
    await wait(MINUTE)
    assert notices(hass) == ["address_lost"]
    shown = await text(hass, notice(hass, entry, "address_lost"))
    assert "http://192.0.2.10:8123" in shown
    assert f"http://127.0.0.1:{hass.http.server_port}" in shown
    assert WEBHOOK_ID not in shown
    addresses.add("192.0.2.10")
    await wait(HOUR + MINUTE, step=MINUTE)
    assert notices(hass) == []
    # A report proves that somebody hands it on.
    addresses.remove("192.0.2.10")
    await wait(HOUR + MINUTE, step=MINUTE)
    assert notices(hass) == ["address_lost"]
    await hass.config_entries.async_unload(entry.entry_id)
    assert notices(hass) == []


@pytest.mark.usefixtures("http", "addresses")
@pytest.mark.parametrize(
    "base_url", ["http://192.0.2.77:8123", "http://no-such-host.invalid:8123"]
)
async def test_a_base_url_of_another_machine_is_nobodys_mistake(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, base_url: str
) -> None:
    entry = await reporting_to(hass, pbx, base_url)
    await wait(2 * HOUR, step=MINUTE)
    assert notices(hass) == []
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("socket_enabled")
def test_an_address_is_known_for_this_machines_own() -> None:
    assert own_address._is_own("127.0.0.1")
    assert not own_address._is_own("192.0.2.77")


@pytest.mark.usefixtures("http")
async def test_a_name_that_led_here_and_cannot_be_looked_up_now_is_not_lost(
    hass: HomeAssistant, pbx: Simulator, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await reporting_to(hass, pbx, "http://localhost:8123")
    await wait(MINUTE)
    assert notices(hass) == []
    # A name is not an address for good: it leads to another machine now, or nowhere.
    real = hass.loop.getaddrinfo
    answers: list[Any] = [OSError("no such name")]

    async def look_up(host: str, *arguments: Any, **options: Any) -> Any:
        if host != "localhost":
            return await real(host, *arguments, **options)
        if isinstance(answers[0], OSError):
            raise answers[0]
        return answers[0]

    monkeypatch.setattr(hass.loop, "getaddrinfo", look_up)
    await wait(HOUR + MINUTE, step=MINUTE)
    assert notices(hass) == []
    answers[0] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.77", 0))]
    await wait(HOUR + MINUTE, step=MINUTE)
    assert notices(hass) == ["address_lost"]
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("loaded")
async def test_trouble_that_passes_by_itself_is_not_told(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    for fault in (Fault.HTML, Fault.GARBAGE, Fault.RESET, Fault.EMPTY):
        pbx.faults.add(fault, count=3)
        await wait(4 * MINUTE)
        assert notices(hass) == []


@pytest.mark.usefixtures("loaded")
async def test_two_pbxs_have_notices_of_their_own(
    hass: HomeAssistant, pbx: Simulator, wait: Wait
) -> None:
    settings = dataclasses.replace(pbx.settings, serial="999999999999", port=0)
    async with Simulator(settings=settings, clock=pbx.clock) as other:
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="Branch office",
            unique_id=other.serial,
            data=entry_data(other, webhook_id="b" * 64),
        )
        entry.add_to_hass(hass)
        await hass.config_entries.async_setup(entry.entry_id)
        await other.new_certificate()
        await wait(2 * MINUTE)
        assert notices(hass) == ["certificate_changed"]
        assert "Branch office" in await text(
            hass, notice(hass, entry, "certificate_changed")
        )
        await hass.config_entries.async_unload(entry.entry_id)
        assert notices(hass) == []


def test_every_notice_has_its_texts() -> None:
    path = Path(own_address.__file__).parents[1] / "translations/en.json"
    texts = json.loads(path.read_text())["issues"]
    assert set(texts) == set(Notice)
    for key, entry in texts.items():
        assert ("fix_flow" in entry) == (Notice(key) in FIXABLE)
