"""One browser, and one service with the records of a week, for all tests here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import Watched, running_browser, watched
from tests.browser.demo import Demo, running_demo
from tests.support import postgresql


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    """Serve from SQLite, or from PostgreSQL where BROWSER_TEST_STORE says so."""
    with ExitStack() as stack:
        environ = {}
        if os.environ.get("BROWSER_TEST_STORE") == "postgresql":
            server = request.getfixturevalue("postgresql_server")
            environ["PAYMENTAPP_STORE"] = stack.enter_context(postgresql.new_database(server))
        yield stack.enter_context(running_demo(tmp_path_factory.mktemp("demo"), **environ))


Opens = Callable[..., Watched]


@pytest.fixture
def open_as(browser: Browser, demo: Demo) -> Iterator[Opens]:
    """Return what opens a window in which a client is signed in; in which nobody is, for ""."""
    with ExitStack() as stack:

        def open_window(name: str = "", **options: Any) -> Watched:
            window = stack.enter_context(watched(browser, demo.url, **options))
            if name:
                window.sign_in(demo.keys[name])
            return window

        yield open_window
