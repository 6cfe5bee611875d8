"""The numbers of the page of today are fetched again by themselves, and disturb nobody."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.chromium import NARROW, Watched
from tests.browser.conftest import Opens

pytestmark = pytest.mark.slow
PART = "/console/today/numbers"
EVERY_MS = 15_000


def today(window: Watched) -> Page:
    """Open the page, with a clock that the test moves."""
    window.page.clock.install()
    return window.go("/console/")


def test_they_come_again_without_moving_what_somebody_reads(open_as: Opens) -> None:
    window = open_as("Grace Hopper", width=NARROW)
    page = today(window)
    page.evaluate("document.getElementById('volume-numbers').open = true; scrollTo(0, 600)")
    with page.expect_response(lambda answer: answer.url.endswith(PART)):
        page.clock.run_for(EVERY_MS)
    page.wait_for_function("document.getElementById('volume-numbers').open")
    assert page.evaluate("scrollY") == 600
    window.assert_nothing_wrong()


@pytest.mark.parametrize(
    "state",
    [
        "document.querySelector('#numbers a').focus()",
        "Object.defineProperty(document, 'hidden', {get: () => true})",
    ],
    ids=["somebody is in them", "the page is hidden"],
)
def test_they_do_not_come_where_that_would_disturb_or_nobody_looks(
    open_as: Opens, state: str
) -> None:
    page = today(open_as("Grace Hopper"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(state)
    page.clock.run_for(2 * EVERY_MS)
    assert [url for url in asked if url.endswith(PART)] == []


def test_a_session_that_has_ended_leads_to_the_sign_in(open_as: Opens) -> None:
    window = open_as("Grace Hopper")
    page = today(window)
    window.context.clear_cookies()
    page.clock.run_for(EVERY_MS)
    page.wait_for_url("**/console/sign-in**")
