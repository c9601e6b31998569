"""A user's way through Home Assistant's page, walked in a real browser.

Each step leaves a picture in `artifacts/page/`.
"""

import asyncio
from dataclasses import dataclass, replace
import json
from pathlib import Path
import time

import pytest
import yaml

from tests.simulator import RealClock, Settings, Simulator

from .browser import Browser, missing_browser
from .harness import INTEGRATION, ROOT, HomeAssistantServer

DOCS = ROOT / "docs"
NEW_PASSWORD = "Changed1"
CALLER = "0301234567"
INTEGRATION_PAGE = "/config/integrations/integration/yeastar"

TEXTS = json.loads((INTEGRATION / "translations/en.json").read_text())


@dataclass(frozen=True, slots=True)
class Walk:
    """What a step works with."""

    browser: Browser
    server: HomeAssistantServer
    pbx: Simulator

    async def menu(self, item: str) -> None:
        """Choose from the menu of the entry, on the integration's page."""
        row = self.browser.page.locator("ha-config-entry-row").first
        await row.get_by_role("button", name="Menu").first.click()
        await self.browser.page.get_by_role("menuitem", name=item).click()

    async def until_loaded(self) -> None:
        """Wait until the entry is set up; the page does not wait for that."""
        async with asyncio.timeout(30):
            while True:
                (entry,) = await self.server.entries("yeastar")
                if entry["state"] == "loaded":
                    return
                await asyncio.sleep(0.1)

    async def reload(self) -> None:
        """Reload the entry, so that nobody has to wait for what happens in minutes."""
        (entry,) = await self.server.entries("yeastar")
        await self.server.reload_entry(entry["entry_id"])


async def add_the_integration(walk: Walk) -> None:
    browser, pbx = walk.browser, walk.pbx
    await browser.open("/config/integrations/dashboard")
    await browser.press("Add integration")
    await browser.search("yeastar", "Search for a brand name")
    await browser.click("Yeastar PBX")
    await browser.see("Connect to the PBX", "choose HTTP as report method")
    await browser.fill("Address of the PBX", pbx.host)
    await browser.fill("Port", str(pbx.port))
    await browser.fill("API user name", pbx.username)
    await browser.fill("API password", "wrong")
    await browser.press("Submit")
    # Nothing is sent to it before somebody has looked at its certificate.
    await browser.see("Is this your PBX?", readable(pbx.fingerprint))
    await browser.picture("certificate")
    assert pbx.requests == []
    await browser.press("Submit")
    await browser.see("The PBX refused this user name or password.")
    await browser.picture("wrong password")
    # What was typed is still there, but for the password.
    assert await browser.field("Address of the PBX").input_value() == pbx.host
    assert await browser.field("API user name").input_value() == pbx.username
    assert await browser.field("API password").input_value() == ""
    await browser.fill("API password", pbx.password)
    await browser.press("Submit")
    await browser.see("Where does the PBX find Home Assistant?", walk.server.url)
    await browser.picture("address")
    await browser.press("Submit")
    # Home Assistant's own dialog: an area for each device.
    await browser.see("Name and assign")
    await browser.press("Skip and finish")


def readable(fingerprint: str) -> str:
    """Return the fingerprint in the form that browsers show."""
    return ":".join(
        fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)
    ).upper()


async def see_the_devices(walk: Walk) -> None:
    browser = walk.browser
    await browser.open(INTEGRATION_PAGE)
    await browser.see("1001 Erwin Co", "6700 Support", "siptrunk", "Yeastar S100")
    await browser.see("Extension", "Queue", "Trunk")
    await browser.picture("integration")
    await browser.click("1001 Erwin Co")
    await browser.see("Device info", "Connected via", "Idle")
    await browser.see("Registered", "Status", "Unread voicemails", "Call")


async def watch_a_call(walk: Walk) -> None:
    browser, pbx = walk.browser, walk.pbx
    call = await pbx.calls.inbound("siptrunk", CALLER, "5551000", to="1001")
    await call.ring()
    await browser.see("Ringing")
    await call.answer(by="1001")
    await browser.see("In a call")
    await browser.picture("extension in a call")
    await call.hang_up(by="1001")
    await browser.see("Idle", "Ended")


async def read_the_activity(walk: Walk) -> None:
    browser = walk.browser
    # The page shows an event that is new to the database only once it is written.
    while CALLER not in json.dumps(await walk.server.get("/api/logbook")):
        await asyncio.sleep(0.2)
    await browser.open("/logbook")
    await browser.see("Ada Lovelace (0301234567)")
    await browser.see("is calling 1001", "talked to 1001")
    await browser.picture("activity")


async def look_at_the_dashboard(walk: Walk) -> None:
    """As documented: docs/dashboard.yaml, pasted as it is."""
    browser, pbx = walk.browser, walk.pbx
    await walk.server.command(
        "lovelace/dashboards/create",
        url_path="tele-phone",
        title="Telephone",
        mode="storage",
    )
    await walk.server.command(
        "lovelace/config/save",
        url_path="tele-phone",
        config=yaml.safe_load((DOCS / "dashboard.yaml").read_text()),
    )
    talk = await pbx.calls.inbound("siptrunk", CALLER, "5551000", to="1001")
    await talk.ring()
    await talk.answer(by="1001")
    ringing = await pbx.calls.internal("1000", "1002")
    await ringing.ring()
    await browser.open("/tele-phone")
    for name, value in (
        ("Ada Lovelace → 1001", ":"),
        ("Jayson → 1002", ":"),
        ("1001 Erwin Co", "In a call"),
        ("1002 Phillip Huff", "Ringing"),
        ("1004 Store Room", "Not registered"),
        ("Active calls", "2"),
        ("Event delivery", "Working"),
        ("6700 Support Waiting calls", "0"),
        ("siptrunk", "Available"),
    ):
        row = browser.page.locator("tr").filter(has_text=name).filter(has_text=value)
        await row.first.wait_for()
    for wrong in ("hui-error-card", "hui-warning", "hui-card ha-alert"):
        assert await browser.page.locator(wrong).count() == 0
    await browser.picture("dashboard", width=1500, height=620)
    await talk.hang_up(by="1001")
    await ringing.hang_up(by="1000")
    cards = browser.page.locator("hui-markdown-card")
    running, today = cards.nth(0), cards.nth(1)
    await running.filter(has_text="–").wait_for()
    rows = today.locator("tr").filter(has_text="→")
    await rows.first.filter(has_text="Jayson → 1002").wait_for()
    assert "Ada Lovelace → 1001" in await rows.nth(1).inner_text()


async def build_an_automation(walk: Walk) -> None:
    """From the pickers alone; then a call sets it off."""
    browser, pbx = walk.browser, walk.pbx
    await browser.open("/config/automation/edit/new")
    await browser.press("Add trigger")
    await browser.click("Devices")
    await browser.click("1001 Erwin Co")
    await browser.see("Call started ringing", "Call answered", "Call missed")
    await browser.picture("triggers")
    await browser.page.get_by_text("Call missed").first.click()
    await browser.click("Direction")
    await browser.click("From outside")
    await browser.press("Add action")
    await browser.search("persistent notification")
    await browser.page.get_by_text("Create persistent notification").click()
    message = browser.page.locator("ha-service-control input").first
    await message.fill("Somebody called in vain")
    await browser.picture("automation")
    await browser.press("Save")
    await browser.page.locator("ha-dialog input").first.fill("Tell of missed calls")
    await browser.press("Save")
    await browser.arrive("/config/automation/edit/[0-9]+")
    call = await pbx.calls.inbound("siptrunk", CALLER, "5551000", to="1001")
    await call.ring()
    await call.hang_up(by=CALLER)
    await browser.click("Notifications")
    await browser.see("Somebody called in vain")
    await browser.picture("notification")
    await browser.page.keyboard.press("Escape")


async def dial_from_the_tools(walk: Walk) -> None:
    browser, pbx = walk.browser, walk.pbx
    await browser.open("/config/developer-tools/action")
    page = browser.page
    await page.locator("ha-service-picker ha-picker-field").click()
    await browser.search("yeastar dial")
    await page.get_by_text("yeastar.dial").click()
    rows = page.locator("ha-settings-row")
    extension = rows.filter(has_text="Whose phone rings first")
    await extension.locator("ha-picker-field").click()
    await browser.search("1000")
    await page.get_by_text("1000 Jayson").last.click()
    number = rows.filter(has_text="Who is called")
    await number.locator("input").fill("1002")
    await browser.picture("dial")
    await browser.press("Perform action")
    await browser.see("call_id")
    assert pbx.requests_of("call/dial")
    for call in list(pbx.calls.live.values()):
        await call.hang_up()


async def answer_a_reauth(walk: Walk) -> None:
    browser, pbx = walk.browser, walk.pbx
    pbx.sessions.settings = replace(pbx.settings, password=NEW_PASSWORD)
    pbx.forget_tokens()
    await walk.reload()
    await browser.open(INTEGRATION_PAGE)
    await browser.see("Attention required", "The PBX refuses the stored user name")
    await browser.picture("attention")
    await browser.press("Reconfigure")
    await browser.see("The PBX wants a new password", "Yeastar S100 refuses")
    assert await browser.field("API user name").input_value() == pbx.username
    await browser.picture("new password")
    await browser.fill("API password", NEW_PASSWORD)
    await browser.press("Submit")
    await browser.see("Re-authentication was successful")
    await browser.click("Close")
    await walk.until_loaded()


async def answer_a_repair(walk: Walk) -> None:
    browser, pbx = walk.browser, walk.pbx
    before = readable(pbx.fingerprint)
    await pbx.new_certificate()
    # Nobody can log out of a PBX whose certificate is in doubt.
    pbx.forget_tokens()
    await walk.reload()
    await browser.open("/config/repairs")
    await browser.click("Yeastar S100 shows another certificate")
    await browser.see("Is this still your PBX?", before, readable(pbx.fingerprint))
    await browser.picture("repair")
    await browser.press("Submit")
    await browser.see("The issue is repaired!")
    await browser.press("Finish")
    await browser.see("There are currently no repairs pending")
    await walk.until_loaded()


async def reconfigure(walk: Walk) -> None:
    browser = walk.browser
    await browser.open(INTEGRATION_PAGE)
    await walk.menu("Reconfigure")
    await browser.see("Change the connection")
    assert await browser.field("Address of the PBX").input_value() == walk.pbx.host
    assert await browser.field("API password").input_value() == ""
    await browser.picture("reconfigure")
    await browser.fill("API password", NEW_PASSWORD)
    await browser.press("Submit")
    await browser.see("Reconfiguration was successful")
    await browser.click("Close")
    await walk.until_loaded()


async def change_the_options(walk: Walk) -> None:
    browser = walk.browser
    await browser.press("Configure")
    await browser.see("Hide outside numbers")
    await browser.picture("options")
    await browser.page.locator("ha-dialog ha-switch").first.click()
    await browser.press("Submit")
    await browser.see("Options successfully saved")
    await browser.press("Finish")
    await walk.until_loaded()


async def download_diagnostics(walk: Walk) -> None:
    browser, pbx = walk.browser, walk.pbx
    async with browser.page.expect_download() as download:
        await walk.menu("Download diagnostics")
    content = Path(await (await download.value).path()).read_text()
    assert json.loads(content)["data"]["session"]["connected"] is True
    for secret in (NEW_PASSWORD, CALLER, pbx.serial):
        assert secret not in content


async def delete_the_entry(walk: Walk) -> None:
    browser = walk.browser
    await walk.menu("Delete")
    await browser.see("Delete Yeastar S100?")
    await browser.press("Delete")
    await browser.see("No entries")
    await browser.picture("deleted")
    assert await walk.server.entries("yeastar") == []
    assert not walk.pbx.tokens


# What has to be among the integration's texts for a step to make sense.
NEEDED = {
    build_an_automation: ("triggers", "call_missed"),
    dial_from_the_tools: ("services", "dial"),
    answer_a_repair: ("issues", "certificate_changed"),
}


def present(*path: str) -> bool:
    """Tell whether there are texts at this path."""
    texts = TEXTS
    for key in path:
        texts = texts.get(key, {})
    return bool(texts)


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.skipif(bool(missing_browser()), reason=str(missing_browser()))
@pytest.mark.timeout(300)
async def test_a_user_finds_the_way_from_adding_a_pbx_to_deleting_it() -> None:
    steps = [
        add_the_integration,
        see_the_devices,
        watch_a_call,
        build_an_automation,
        read_the_activity,
        look_at_the_dashboard,
        dial_from_the_tools,
        answer_a_reauth,
        answer_a_repair,
        reconfigure,
        change_the_options,
        download_diagnostics,
        delete_the_entry,
    ]
    steps = [step for step in steps if present(*NEEDED.get(step, ()))]
    async with (
        Simulator(settings=Settings(), clock=RealClock()) as pbx,
        HomeAssistantServer(yaml=(DOCS / "calls_today.yaml").read_text()) as server,
        Browser(server) as browser,
    ):
        for step in steps:
            started = time.monotonic()
            await step(Walk(browser, server, pbx))
            print(f"{step.__name__}: {time.monotonic() - started:.1f} s")
        assert browser.faults == []
