"""Debian's Chromium, driven by Playwright: which one, and contexts that note what goes wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)

NAMES = ("chromium", "google-chrome", "google-chrome-stable")
WIDE, NARROW = 1280, 390
WIDTHS = (WIDE, NARROW)
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
# As root, and in containers, there is no sandbox to be had; pages come from this machine alone.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


def executable() -> str:
    """Return the path of a Chromium; skip the test where there is none, and fail in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = "no Chromium: make browser-test installs it or says how"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start a browser, and close it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Watched:
    """A browser of one person, with all that it logs and requests."""

    context: BrowserContext
    page: Page
    url: str  # of the service
    messages: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.context.on("console", self._note_message)
        self.context.on("weberror", lambda error: self.messages.append(str(error.error)))
        self.context.on("request", self._note_request)
        self.context.on("response", self._note_response)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.messages.append(message.text)

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "data:")):
            self.foreign.append(request.url)

    def _note_response(self, response: Response) -> None:
        self.statuses[response.url] = response.status

    def go(self, path: str, status: int = 200) -> Page:
        """Open a page of the service."""
        answer = self.page.goto(f"{self.url}{path}")
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}, {self.page.inner_text('main')}"
        return self.page

    def sign_in(self, key: str) -> Page:
        """Sign in as a person does."""
        self.go("/console/sign-in")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        return self.page

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        script = "document.scrollingElement.scrollWidth - window.innerWidth"
        return int(self.page.evaluate(script))

    def assert_nothing_wrong(self) -> None:
        """Assert that nothing was logged, and that nothing came from elsewhere."""
        assert self.messages == []
        assert self.foreign == []


@contextmanager
def watched(browser: Browser, url: str, width: int = WIDE, **options: Any) -> Iterator[Watched]:
    """Open a browser window of its own, with no cookie."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_default_timeout(15_000)
    try:
        yield Watched(context, context.new_page(), url)
    finally:
        context.close()
