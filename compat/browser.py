"""A real browser before a real server: Debian's Chromium, the console as it is built into the program."""

import contextlib
import os
import pathlib
import shutil
import sys
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The chapter's own pipeline and the definitions of other suites are used here too.
sys.path.insert(0, str(ROOT / "compat" / "chapter"))

HOME = "/_stepwell/console"
playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
expect = playwright.expect
# Longer than anything takes; a test ends as soon as what it waits for is there.
expect.set_options(timeout=20_000)
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@contextlib.contextmanager
def chromium(*arguments):
    """Chromium, or the test is skipped."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: install it, or say where it is with CHROMIUM")
    # The server's proxy variables are for SDKs; the browser asks the server itself.
    plain = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with playwright.sync_playwright() as driver:
        # In a container Chromium's own sandbox has no rights to work with.
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *arguments], env=plain)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def browser(server):
    try:
        urllib.request.urlopen(f"{server.url}{HOME}/").read()
    except urllib.error.HTTPError:
        pytest.skip("the console is not in this program: it was built without Node.js")
    with chromium() as launched:
        yield launched


class Console:
    """A tab, and how to get around in it."""

    def __init__(self, page, server):
        self.page, self.server = page, server

    def go(self, path):
        self.page.goto(f"{self.server.url}{HOME}{path}")
        return self.page

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name):
        return self.page.get_by_role("link", name=name, exact=True)

    def field(self, label):
        return self.page.get_by_label(label, exact=True)

    def state(self, name):
        """A state in the graph."""
        return self.page.locator(f'[data-name="{name}"]')

    def write(self, text, label="Definition"):
        """Into the editor, in place of what is there."""
        editor = self.page.get_by_role("textbox", name=label, exact=True)
        editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)


@pytest.fixture
def console(browser, server):
    """A tab in which nothing may go wrong: no error of a script, nothing that the page's policy stops,
    nothing asked of another host."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    page = context.new_page()
    page.set_default_timeout(20_000)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("console", lambda message: wrong.append(f"console: {message.text}")
            if "Content Security Policy" in message.text else None)
    page.on("request", lambda request: wrong.append(f"elsewhere: {request.url}")
            if not request.url.startswith((server.url, "data:", "blob:")) else None)
    yield Console(page, server)
    context.close()
    assert wrong == []
