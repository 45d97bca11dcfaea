"""A real Chromium, and a visitor in it who notices everything that is wrong with a page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response

from tests.demo_process import DemoProcess
from tests.pages import check_page

# The shell first: the whole browser draws windows that nobody sees, for thrice the work.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
)
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


def find_chromium() -> str | None:
    """The browser of this machine, if it has one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


GIVEN_UP = "net::ERR_ABORTED"


@dataclass
class Visitor:
    """One person's browser window on the demo.

    `problems` fills by itself with console errors, failed requests, error answers and
    requests to anybody else; every page that is looked at is also read as HTML. What a
    journey means to happen (a 404, say) is named in `expected` beforehand.
    """

    demo: DemoProcess
    page: Page
    problems: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self._note(f"console {said.type}", said.text, said))
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        self.page.on("request", self._on_request)
        self.page.on("requestfailed", self._on_failure)
        self.page.on("response", self._on_response)

    def _note(self, kind: str, text: str, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{kind}: {text}")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme in ("http", "https", "ws", "wss") and origin not in self.demo.origins:
            self.problems.append(f"a request to a third party: {request.url}")

    def _on_failure(self, request: Request) -> None:
        # A page that is left, or asks anew, gives up what its own script still waits for.
        if request.resource_type != "fetch" or request.failure != GIVEN_UP:
            self.problems.append(f"failed: {request.method} {request.url} ({request.failure})")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"status {response.status}: {response.url}")

    def expect_status(self, status: int) -> None:
        """The next page answers so on purpose; Chromium says it in the console as well."""
        self.expected += [f"status {status}:", f"the server responded with a status of {status}"]

    def open(self, address: str) -> None:
        """Go to an address, of the portal where it is only a path."""
        url = address if "://" in address else f"{self.demo.portal}{address}"
        self.page.goto(url)
        self.look()

    def look(self) -> None:
        """Read the page that is shown now, and whether anything went wrong so far."""
        self.page.wait_for_load_state("load")
        check_page(self.page.content())
        wrong = [text for text in self.problems if not self._is_expected(text)]
        assert not wrong, "\n".join([self.page.url, *wrong])

    def _is_expected(self, problem: str) -> bool:
        return any(part in problem for part in self.expected)

    def press(self, name: str, role: str = "button") -> None:
        """Press a button, or follow a link, that leads to another page; then look at it."""
        with self.page.expect_navigation():
            self.page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]  # "button" or "link"
        self.look()

    def send(self) -> None:
        """Send the giving form by its button, whatever that says by now; look at what comes."""
        with self.page.expect_navigation():
            self.page.locator("#send").click()
        self.look()

    def follow(self, name: str) -> None:
        self.press(name, "link")

    def fill(self, **fields: str) -> None:
        """Fill in fields by their names, as a person types."""
        for name, text in fields.items():
            self._field(name).fill(text)

    def _field(self, name: str) -> Locator:
        return self.page.locator(f"[name={name}]:not([type=radio])")

    def heading(self) -> str:
        return self.page.locator("h1").inner_text()

    def text(self, where: str = "body") -> str:
        """The text shown there, on one line, with every kind of space as a plain one."""
        return " ".join(self.page.locator(where).inner_text().split())

    def fetch(self, url: str) -> bytes:
        """A file as the browser would save it."""
        answer = self.page.request.get(url if "://" in url else f"{self.demo.portal}{url}")
        assert answer.status == 200, f"{answer.status} {url}"
        return bytes(answer.body())


@contextmanager
def visiting(
    browser: Browser, demo: DemoProcess, kind: type[Visitor] = Visitor, **options: Any
) -> Iterator[Visitor]:
    """A visitor with a fresh browser profile; `options` are Playwright's of a context."""
    with _context(browser, **options) as context:
        yield kind(demo, context.new_page())


@contextmanager
def _context(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    given = {"viewport": DESKTOP, "locale": "en-CA", "reduced_motion": "reduce", **options}
    context = browser.new_context(**given)
    context.set_default_timeout(20_000)
    try:
        yield context
    finally:
        context.close()
