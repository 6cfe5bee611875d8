"""htmx, which the package ships: unchanged, of the version that is locked, with its licence."""

from __future__ import annotations

import hashlib
import json

from tests.support.service import ROOT

STATIC = ROOT / "paymentapp" / "console" / "static"
FILE = STATIC / "htmx.min.js"
NOTE = (STATIC / "htmx.LICENSE.txt").read_text()
LOCK = json.loads((ROOT / "tests" / "browser" / "package-lock.json").read_text())


def test_it_is_the_version_that_is_locked() -> None:
    locked = LOCK["packages"]["node_modules/htmx.org"]
    assert f'version:"{locked["version"]}"' in FILE.read_text()
    assert f"htmx {locked['version']}" in NOTE
    assert locked["integrity"].startswith("sha512-")
    assert locked["license"] == "0BSD"


def test_its_licence_and_its_hash_stand_beside_it() -> None:
    assert "Permission to use, copy, modify, and/or distribute this software" in NOTE
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() in NOTE


def test_nothing_in_it_asks_for_eval_where_pages_forbid_it() -> None:
    page = (ROOT / "paymentapp/console/templates/console/base.html").read_text()
    assert '"allowEval": false' in page
    assert '"includeIndicatorStyles": false' in page  # they would be an inline style
