"""Each page of the console in a real browser: readable by everybody, and nothing from elsewhere."""

from __future__ import annotations

import pytest

from tests.browser.axe import violations
from tests.browser.chromium import SCHEMES, WIDTHS, Watched
from tests.browser.conftest import Opens
from tests.browser.walk import endpoint_of, existing, walk

pytestmark = pytest.mark.slow


def problems(window: Watched) -> list[str]:
    """Return what is wrong with the open page, in each colour scheme and width.

    What a scheme changes is colours: in the second one only these are looked at.
    """
    found = []
    for width in WIDTHS:
        window.page.set_viewport_size({"width": width, "height": 900})
        if window.overflow() > 0:
            found.append(f"{window.overflow()} px wider than {width} px")
        for scheme in SCHEMES:
            window.page.emulate_media(color_scheme=scheme)
            wrong = violations(window.page, colours_only=scheme != SCHEMES[0])
            found += [f"{width} px, {scheme}: {each}" for each in wrong]
    headings = window.page.locator("h1").count()
    return found if headings == 1 else [*found, f"{headings} headings of the first level"]


def test_every_page_can_be_read_and_used_by_everybody(open_as: Opens) -> None:
    """Axe is put into the page, which the content policy forbids: so it is off in this window."""
    window = open_as("admin", bypass_csp=True, reduced_motion="reduce")
    found = {path: problems(window) for path in walk(window)}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}
    assert {*map(endpoint_of, found)} >= {*existing()}


def test_signing_in_and_an_error_can_be_read_and_used_by_everybody(open_as: Opens) -> None:
    window = open_as(bypass_csp=True, reduced_motion="reduce")
    window.go("/console/sign-in")
    assert problems(window) == []
    window.sign_in("pk_0123456789abcdef_" + "x" * 43)
    assert window.page.get_by_role("alert").is_visible()
    assert problems(window) == []
    window.go("/console/no-such-page", 404)
    assert problems(window) == []


def test_no_page_logs_an_error_or_loads_anything_from_elsewhere(open_as: Opens) -> None:
    window = open_as("admin")
    paths = list(walk(window))
    window.assert_nothing_wrong()
    refused = {url: status for url, status in window.statuses.items() if status >= 400}
    assert refused == {}
    assert {*map(endpoint_of, paths)} >= {*existing()}


def test_every_page_can_be_read_without_scripts(open_as: Opens) -> None:
    window = open_as("admin", java_script_enabled=False)
    for endpoint in existing():
        path = "/console/" if endpoint == "today" else f"/console/{endpoint}"
        window.go(path)
        assert window.page.locator("h1").is_visible()
        assert len(window.page.locator("main").inner_text()) > 20, path
    window.page.get_by_role("button", name="Sign out").click()
    assert window.path == "/console/sign-in"
    window.go("/console/")
    assert window.path == "/console/sign-in"
