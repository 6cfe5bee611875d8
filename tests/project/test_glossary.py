"""The glossary has each term once, in alphabetical order, in one sentence."""

from __future__ import annotations

import re

from tests.support.service import ROOT

ENTRY = re.compile(r"^- \*\*(?P<term>.+?)\*\*(?: \((?P<of>.+?)\))?: (?P<sentence>.+)$", re.DOTALL)


def entries() -> list[re.Match[str]]:
    """Return every entry; fail if a paragraph after the first two is none."""
    _, _, rest = (ROOT / "docs" / "glossary.md").read_text().split("\n\n", 2)
    matches = [ENTRY.fullmatch(text) for text in re.split(r"\n(?=- )", rest.strip())]
    assert all(matches)
    return [match for match in matches if match]


def test_each_term_is_there_once_and_in_order() -> None:
    terms = [(entry["term"].casefold(), entry["of"] or "") for entry in entries()]
    assert terms == sorted(set(terms))


def test_each_term_has_one_sentence() -> None:
    for entry in entries():
        assert entry["sentence"].endswith("."), entry["term"]
        assert ". " not in entry["sentence"].replace("\n ", ""), entry["term"]
