"""The whole story of a file of payments, told by two people in two browsers."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.chromium import Watched
from tests.browser.conftest import Opens
from tests.browser.demo import SECONDS, Demo

pytestmark = pytest.mark.slow
FILE = """customer_id,email,amount,currency,reference
katherine-johnson,katherine.johnson@example.com,1100.00,USD,{name}-1
mary-jackson,mary.jackson@example.com,1200.00,USD,{name}-2
annie-easley,annie.easley@example.com,80.00,USD,{name}-3
joan-clarke,somebody.else@example.com,70.00,USD,{name}-4
"""


def heading(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def turn_to(page: Page, title: str) -> None:
    navigation = page.get_by_role("navigation", name="Pages")
    navigation.get_by_role("link", name=title, exact=True).click()


def notice(page: Page) -> str:
    return page.locator(".notice").first.inner_text()


def wait_for(page: Page, text: str) -> None:
    """Reload a page until it shows a text, as somebody without scripts does."""
    end = time.monotonic() + SECONDS
    while text not in page.inner_text("main"):
        assert time.monotonic() < end, page.inner_text("main")
        time.sleep(0.3)
        page.reload()


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def people(
    request: pytest.FixtureRequest, open_as: Opens, demo: Demo
) -> Iterator[tuple[Watched, Watched]]:
    """Return the windows of who sends a file and of who approves; release what was held."""
    options = {"java_script_enabled": request.param, "accept_downloads": True}
    yield open_as("Grace Hopper", **options), open_as("Ada Lovelace", **options)
    for hold in demo.call("GET", "/holds", by="Grace Hopper")["holds"]:
        if hold["scope"] == "all":
            demo.service.call(
                "DELETE",
                f"/v1/api/holds/{hold['hold_id']}",
                headers={"Authorization": f"Bearer {demo.keys['Grace Hopper']}"},
            )


def send_file(page: Page, file: Path) -> None:
    """Have a file checked, see which row is wrong, and have the others paid."""
    turn_to(page, "Bulk")
    page.get_by_label("File in CSV").set_input_files(file)
    page.get_by_label("Leave it out, and pay the others").check()
    page.get_by_role("button", name="Check the file").click()
    wait_for(page, "cannot be paid")
    wrong = page.get_by_role("region", name="Rows that are not fine").inner_text()
    assert "5" in wrong
    assert "email" in wrong
    assert "1,100.00" not in wrong
    page.get_by_role("link", name="Pay the other 3 rows").click()
    assert heading(page) == "Pay 3 rows?"
    assert "2,380.00 USD" in page.inner_text("main")
    page.get_by_role("button", name="Pay 3 rows").click()
    assert "the run goes on" in notice(page)
    wait_for(page, "completed")


def stop_everything(page: Page) -> None:
    page.get_by_role("link", name="Stop payments").click()
    page.get_by_label("Every payment", exact=True).check()
    page.get_by_label("Why").fill("Story: look first")
    page.get_by_role("button", name="See what would stop").click()
    assert "Story: look first" in page.inner_text("main")
    page.get_by_role("button", name="Stop every payment").click()
    assert "in force" in notice(page)


def decide(page: Page, label: str, decision: str, reason: str) -> None:
    """Approve or reject the payment whose checkbox has a label."""
    turn_to(page, "Approvals")
    page.get_by_label(label).check()
    page.get_by_role("button", name=f"{decision} the chosen").click()
    assert heading(page) == f"{decision} 1 payment?"
    page.get_by_label("What was checked" if decision == "Approve" else "Why").fill(reason)
    page.get_by_role("button", name=f"{decision} 1 payment").click()
    assert "1 payment" in notice(page)


def find(page: Page, reference: str) -> None:
    """Find a payment by its reference, and open it."""
    turn_to(page, "Payments")
    page.get_by_label("Find a payment").fill(reference)
    page.get_by_role("button", name="Find").click()
    assert reference in page.inner_text("main")


def release_everything(page: Page) -> None:
    page.get_by_role("link", name="Stop payments").click()
    page.get_by_role("link", name="Release… every payment", exact=True).click()
    page.get_by_role("button", name="Release every payment").click()
    assert "Released" in notice(page)


def export(page: Page, reference: str) -> list[dict[str, str]]:
    """Download the report of one payment; return its rows."""
    turn_to(page, "Reports")
    page.get_by_label("Reference").fill(reference)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    return list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))


def test_a_file_is_sent_approved_by_another_person_held_released_found_and_exported(
    people: tuple[Watched, Watched], tmp_path: Path
) -> None:
    grace, ada = people
    name = f"STORY-{time.time_ns()}"
    file = tmp_path / "payments.csv"
    file.write_text(FILE.format(name=name))
    send_file(grace.go("/console/"), file)
    stop_everything(grace.page)
    own = grace.go("/console/approvals")
    assert own.get_by_label("Choose 1,100.00 USD to katherine-johnson").count() == 0
    decide(ada.go("/console/"), "1,100.00 USD to katherine-johnson", "Approve", "Seen the hours")
    decide(ada.page, "1,200.00 USD to mary-jackson", "Reject", "Paid in February")
    find(grace.page, f"{name}-1")
    assert "held" in grace.page.inner_text("main").lower()
    assert "Ada Lovelace" in grace.page.inner_text("main")
    release_everything(grace.page)
    find(grace.page, f"{name}-1")
    wait_for(grace.page, "succeeded")
    (paid,) = export(grace.page, f"{name}-1")
    assert (paid["status"], Decimal(paid["amount"])) == ("succeeded", Decimal(1100))
    assert "katherine.johnson@example.com" not in paid.values()
    (rejected,) = export(grace.page, f"{name}-2")
    assert rejected["status"] == "rejected"
    for window in people:
        window.page.get_by_role("button", name="Sign out").click()
        assert window.path == "/console/sign-in"
        window.assert_nothing_wrong()
