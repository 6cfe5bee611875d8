"""The copy of htmx in the package is the file of the npm package."""

from __future__ import annotations

import re

import pytest

from tests.project.test_vendored import FILE, NOTE
from tests.support.service import ROOT

PACKAGE = ROOT / ".tools" / "browser" / "node_modules" / "htmx.org"

pytestmark = pytest.mark.slow


def test_it_is_the_file_of_the_npm_package_with_its_licence() -> None:
    """`npm ci` has compared the package with the integrity that the lock file has."""
    assert (PACKAGE / "dist" / "htmx.min.js").read_bytes() == FILE.read_bytes()
    licence = re.sub(r"\s+", " ", (PACKAGE / "LICENSE").read_text())
    assert licence.strip() in re.sub(r"\s+", " ", NOTE)
