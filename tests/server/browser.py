"""Home Assistant's page in a real browser: headless Chromium, driven by Playwright.

What a user sees is looked for by its text; what goes wrong behind the page (errors
on its console, answers that are refusals, notices that something failed) is kept.
"""

from contextlib import suppress
import re
import shutil
from types import TracebackType
from typing import Self

from playwright.async_api import (
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Playwright,
    Response,
    async_playwright,
)

from .harness import PASSWORD, ROOT, USERNAME, HomeAssistantServer

CHROMIUM = ROOT / ".chromium/start"
PICTURES = ROOT / "artifacts/page"

# Milliseconds. A step takes about one second on a machine that has nothing else to do.
PATIENCE = 60_000
WIDTH, HEIGHT = 1100, 800

ARGUMENTS = [
    # There is no sandbox for root, nor in most containers.
    "--no-sandbox",
    "--disable-gpu",
    # Nothing asks the internet for anything.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]

# Home Assistant fetches the pictures of other integrations from the internet.
FOREIGN_PICTURE = re.compile(r"/api/brands/integration/(?!yeastar/)")
# The browser says so of every answer that is a refusal; those are kept themselves.
REFUSAL = "Failed to load resource"
FAILURE = re.compile(r"fail|error|unable|unknown", re.IGNORECASE)
# How the page shows a text that it has no translation for: by its key.
UNTRANSLATED = re.compile(r"component\.yeastar\.|ui\.(panel|components|dialogs)\.\w+")
UNFILLED = re.compile(r"\{[a-z_]+\}")


def missing_browser() -> str | None:
    """Return why there is no browser, None if there is one."""
    if CHROMIUM.exists():
        return None
    reason = CHROMIUM.with_name("missing")
    return reason.read_text() if reason.exists() else "scripts/bootstrap makes it"


class Browser:
    """A browser that shows one Home Assistant, logged in.

    Entering starts it, leaving ends it with all that belongs to it.
    """

    page: Page

    def __init__(self, server: HomeAssistantServer) -> None:
        """Choose the server; nothing is started yet."""
        self._server = server
        self._playwright: Playwright | None = None
        self._pictures = 0
        self.faults: list[str] = []

    # Life

    async def __aenter__(self) -> Self:
        """Start the browser and log in, as the demo's user."""
        shutil.rmtree(PICTURES, ignore_errors=True)
        PICTURES.mkdir(parents=True)
        try:
            self._playwright = await async_playwright().start()
            chromium = await self._playwright.chromium.launch(
                executable_path=CHROMIUM, args=ARGUMENTS
            )
            self.page = await chromium.new_page(
                viewport={"width": WIDTH, "height": HEIGHT},
                locale="en-GB",
                reduced_motion="reduce",
            )
            self.page.set_default_timeout(PATIENCE)
            self.page.on("console", self._console)
            self.page.on("pageerror", lambda error: self.faults.append(str(error)))
            self.page.on("response", self._response)
            await self._log_in()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the browser; if something went wrong, keep what it showed last."""
        try:
            if error is not None:
                with suppress(Error):
                    await self.picture("last")
        finally:
            await self._close()

    async def _close(self) -> None:
        # Ends the browser too, and waits for it.
        if self._playwright is not None:
            await self._playwright.stop()

    async def _log_in(self) -> None:
        await self.page.goto(self._server.url)
        await self.page.locator("input[name=username]").fill(USERNAME)
        await self.page.locator("input[name=password]").fill(PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.locator("home-assistant-main").wait_for()
        # It goes to its overview in two steps; who goes elsewhere before the second
        # one is taken back.
        await self.arrive(r"/\w+/\w+$")

    def _console(self, message: ConsoleMessage) -> None:
        text = message.text
        if message.type == "error" and not text.startswith(REFUSAL):
            self.faults.append(text)
        if message.type == "warning" and "yeastar" in text:
            self.faults.append(text)

    def _response(self, response: Response) -> None:
        if response.status >= 400 and not FOREIGN_PICTURE.search(response.url):
            self.faults.append(f"{response.status} {response.url}")

    # What a user does

    async def open(self, path: str) -> None:
        """Go to a page by its path, without loading everything anew."""
        await self.page.evaluate(
            """path => {
                history.pushState(null, "", path);
                window.dispatchEvent(new CustomEvent("location-changed"));
            }""",
            path,
        )

    async def arrive(self, path: str) -> None:
        """Wait until the page is at a path, given as a regular expression."""
        address = re.compile(re.escape(self._server.url) + path)
        # The page changes its address without loading anything.
        await self.page.wait_for_url(address, wait_until="commit")

    async def click(self, text: str) -> None:
        """Click on the one thing that has exactly this text."""
        await self.page.get_by_text(text, exact=True).click()

    async def press(self, name: str) -> None:
        """Press a button; of several, the one on top of the others."""
        await self.page.get_by_role("button", name=name, exact=True).last.click()

    async def search(self, text: str, placeholder: str = "Search") -> None:
        """Fill the search field of the picker that has just been opened."""
        picker = self.page.get_by_placeholder(placeholder, exact=True)
        await picker.last.fill(text)

    async def fill(self, label: str, text: str) -> None:
        """Fill the field with this label."""
        await self.field(label).fill(text)

    def field(self, label: str) -> Locator:
        """Return the input with this label."""
        labelled = re.compile(rf"^\s*{re.escape(label)}")
        return self.page.locator("ha-input").filter(has_text=labelled).locator("input")

    # What a user sees

    async def see(self, *texts: str) -> None:
        """Wait until each of these texts is on the page."""
        for text in texts:
            await self.page.get_by_text(text).first.wait_for()

    async def picture(
        self, name: str, *, width: int = WIDTH, height: int = HEIGHT
    ) -> None:
        """Keep what the page shows, and look for what should not be in any page."""
        shown = await self.page.evaluate(VISIBLE_TEXT)
        for wrong in (UNTRANSLATED, UNFILLED):
            if found := wrong.search(shown):
                self.faults.append(f"{name}: {found[0]}")
        for toast in await self.page.locator("ha-toast").all():
            if FAILURE.search(text := await toast.inner_text()):
                self.faults.append(f"{name}: {text}")
        self._pictures += 1
        await self.page.set_viewport_size({"width": width, "height": height})
        await self.page.evaluate("window.scrollTo(0, 0)")
        await self.page.screenshot(
            path=PICTURES / f"{self._pictures:02} {name}.png", animations="disabled"
        )
        await self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


# All text of the page, also that in its components' own trees.
VISIBLE_TEXT = """() => {
    const texts = [];
    const walk = node => {
        if (node.nodeType === Node.TEXT_NODE) texts.push(node.data);
        if (["STYLE", "SCRIPT"].includes(node.nodeName)) return;
        if (node.shadowRoot) walk(node.shadowRoot);
        node.childNodes.forEach(walk);
    };
    walk(document.body);
    return texts.join("\\n");
}"""
