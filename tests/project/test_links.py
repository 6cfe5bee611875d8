"""Every relative link in the documentation leads to an existing file and heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import ROOT

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "deploy").glob("*/*.md"),
    ]
)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
ELSEWHERE = ("https://", "http://", "mailto:")


def text_of(page: Path) -> str:
    """Return a page without its code blocks."""
    return FENCED.sub("", page.read_text())


def links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links, except those outside of the repository."""
    text = re.sub(r"`[^`]*`", lambda code: code[0].replace("](", ""), text_of(page))
    yield from (found for found in LINK.findall(text) if not found.startswith(ELSEWHERE))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = HEADING.findall(text_of(page))
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def problem(page: Path, link: str) -> str | None:
    """Return why a link is broken; None if it is not."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.is_relative_to(ROOT):
        return f"{link} leads out of the repository"
    if not target.exists():
        return f"{link}: there is no {target.relative_to(ROOT)}"
    if anchor and anchor not in anchors(target):
        return f"{link}: {target.relative_to(ROOT)} has no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [found for link in links(page) if (found := problem(page, link))] == []


def test_the_pages_do_have_links() -> None:
    assert sum(len(list(links(page))) for page in PAGES) > 50


@pytest.mark.parametrize(
    "link", ["nowhere.md", "#no-such-heading", "docs/scale.md#no-such-heading", "../elsewhere.md"]
)
def test_a_link_that_leads_nowhere_is_noticed(link: str) -> None:
    assert problem(ROOT / "README.md", link) is not None
