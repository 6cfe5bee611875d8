"""Every relative link of the documents leads to a file that is there, and to a heading in it."""

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
    """A page without its blocks of code."""
    return FENCED.sub("", page.read_text())


def links(page: Path) -> Iterator[str]:
    """The targets of a page's links, but for those that lead out of the repository."""
    text = re.sub(r"`[^`]*`", lambda code: code[0].replace("](", ""), text_of(page))
    yield from (found for found in LINK.findall(text) if not found.startswith(ELSEWHERE))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = HEADING.findall(text_of(page))
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def problem(page: Path, link: str) -> str | None:
    """Why a link leads nowhere; None where it leads somewhere."""
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
