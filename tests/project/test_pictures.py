"""The pictures of the documentation: small, and each shown on a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.service import ROOT

PICTURES = sorted((ROOT / "docs" / "pictures").glob("*"))
TEXT = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_small_and_shown(picture: Path) -> None:
    assert picture.suffix == ".webp"
    assert picture.stat().st_size <= 60_000
    assert f"](pictures/{picture.name})" in TEXT
