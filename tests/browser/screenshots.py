"""Write the pictures of docs/console.md: `make screenshots`.

It starts a service with the records of a week (tests/browser/demo.py), opens the main pages in
Chromium, and writes each as a small WebP file, of at most MAX_BYTES, to docs/pictures.
"""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.browser.chromium import NARROW, WIDE, Watched, running_browser, watched
from tests.browser.demo import running_demo
from tests.browser.walk import endpoint_of
from tests.support.service import ROOT

FOLDER = ROOT / "docs" / "pictures"
MAX_BYTES = 60_000
QUALITIES = (80, 60, 40, 25)
HEIGHT, NARROW_HEIGHT = 820, 760
LISTS = ("today", "payments", "approvals", "bulk", "batches", "holds", "limits", "reports")
# Pages of one record, each with the page whose links lead to it, and a text of its row there.
RECORDS = {
    "payments_show": ("payments?status=failed", "failing-account", "payment-failed"),
    "customers_show": ("customers", "katherine-johnson", "customer"),
    "bulk_show": ("bulk", "", "bulk-run"),
    "webhooks_show": ("webhooks", "", "webhook-endpoint"),
}


class Picture(NamedTuple):
    """A picture that is to be made."""

    name: str
    path: str
    width: int = WIDE
    scheme: str = "light"


def address(endpoint: str) -> str:
    return "/console/" if endpoint == "today" else f"/console/{endpoint}"


def pictures(window: Watched) -> Iterator[Picture]:
    """Yield the pictures of the pages that are there."""
    yield Picture("sign-in", "/console/sign-in")
    for endpoint in LISTS:
        yield Picture(endpoint, address(endpoint))
    for endpoint, (listed, text, name) in RECORDS.items():
        yield Picture(name, _record(window, endpoint, listed, text))
    yield Picture("today-dark", "/console/", scheme="dark")
    yield Picture("today-narrow", "/console/", NARROW)


def _record(window: Watched, endpoint: str, listed: str, text: str) -> str:
    """Return the path of a record's page that a list links to, in a row that has the text."""
    window.go(address(listed))
    rows = window.page.locator("main tr, main li, main section")
    for link in rows.filter(has_text=text).locator("a[href]").all():
        path = (link.get_attribute("href") or "").removeprefix(window.url)
        if endpoint_of(path) == endpoint:
            return path
    raise ValueError(f"no row of {listed} leads to {endpoint}")


def take(window: Watched, picture: Picture) -> bytes:
    """Return a picture of the top of a page, in as good a quality as MAX_BYTES allow."""
    height = HEIGHT if picture.width == WIDE else NARROW_HEIGHT
    window.page.set_viewport_size({"width": picture.width, "height": height})
    window.page.emulate_media(color_scheme="dark" if picture.scheme == "dark" else "light")
    window.go(picture.path)
    window.page.wait_for_load_state("networkidle")
    devtools = window.context.new_cdp_session(window.page)
    for quality in QUALITIES:
        options = {"format": "webp", "quality": quality}
        content = base64.b64decode(devtools.send("Page.captureScreenshot", options)["data"])
        if len(content) <= MAX_BYTES:
            return content
    raise ValueError(f"{picture.name} has more than {MAX_BYTES} bytes at any quality")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=FOLDER)
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder)) as demo,
        running_browser() as browser,
        watched(browser, demo.url, reduced_motion="reduce") as window,
        watched(browser, demo.url) as stranger,
    ):
        window.sign_in(demo.keys["Grace Hopper"])
        for picture in list(pictures(window)):
            content = take(stranger if picture.name == "sign-in" else window, picture)
            (output / f"{picture.name}.webp").write_bytes(content)
            print(f"{picture.name}.webp: {len(content):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
