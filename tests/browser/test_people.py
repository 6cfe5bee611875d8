"""Signing in by keyboard, and what people without a right see."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Opens
from tests.browser.demo import Demo

pytestmark = pytest.mark.slow
TABS = 40


def tab_to(page: Page, text: str) -> None:
    """Press Tab until the element of a text or a label has the focus, and is seen to have it."""
    script = (
        "() => [document.activeElement.innerText || document.activeElement.labels?.[0]?.innerText"
        " || '', getComputedStyle(document.activeElement).outlineStyle]"
    )
    for _ in range(TABS):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(script)
        if name.strip() == text:
            assert outline != "none", f"{text} does not show that it has the focus"
            return
    raise AssertionError(f"{TABS} times Tab do not lead to {text}")


def test_a_person_signs_in_moves_and_signs_out_by_keyboard(open_as: Opens, demo: Demo) -> None:
    window = open_as()
    page = window.go("/console/sign-in?next=/console/")
    tab_to(page, "API key")
    page.keyboard.type(demo.keys["Grace Hopper"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{demo.url}/console/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.reload()
    tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{demo.url}/console/sign-in")
    window.assert_nothing_wrong()


def test_a_wrong_key_is_said_where_it_was_typed(open_as: Opens) -> None:
    window = open_as()
    page = window.sign_in("pk_0123456789abcdef_" + "x" * 43)
    assert "unknown, expired or revoked" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("API key").input_value() == ""


def test_who_lacks_a_right_is_refused_by_the_server_and_sees_which(
    open_as: Opens, demo: Demo
) -> None:
    window = open_as("Clerk")
    page = window.go("/console/", 403)
    assert page.get_by_role("heading", level=1).inner_text() == "You may not do that"
    assert "payments:read" in page.inner_text("main")
    assert page.get_by_role("link", name="Stop payments").count() == 0
    token = page.locator("input[name=csrf_token]").first.input_value()
    answer = window.context.request.post(
        f"{demo.url}/console/sign-out", form={"csrf_token": f"{token}x"}
    )
    assert answer.status == 403
    assert "earlier session" in answer.text()


def test_the_sessions_of_two_people_are_apart(open_as: Opens) -> None:
    grace, ada = open_as("Grace Hopper"), open_as("Ada Lovelace")
    assert "Grace Hopper" in grace.go("/console/").inner_text("header")
    assert "Ada Lovelace" in ada.go("/console/").inner_text("header")


def test_a_session_cookie_is_out_of_the_reach_of_scripts(open_as: Opens) -> None:
    window = open_as("Ada Lovelace")
    assert window.page.evaluate("document.cookie") == ""
    (cookie,) = window.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")


def test_a_page_of_another_site_can_neither_frame_the_console_nor_send_its_forms(
    open_as: Opens, demo: Demo
) -> None:
    """The other site is on this machine too, by another name."""
    window = open_as("admin")
    other = demo.url.replace("127.0.0.1", "localhost")
    page = window.page
    page.route(
        f"{other}/evil",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f"<iframe src='{demo.url}/console/'></iframe>"
            f"<form method='post' action='{demo.url}/console/sign-out'><button>Win</button></form>",
        ),
    )
    page.goto(f"{other}/evil")
    page.wait_for_load_state()
    assert "Today" not in "".join(frame.content() for frame in page.frames[1:])
    page.get_by_role("button", name="Win").click()
    assert page.get_by_role("heading", level=1).inner_text() != "Today"
    window.go("/console/")
    assert "admin" in page.inner_text("header")
