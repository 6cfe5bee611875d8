"""docs/security.md has a row for each risk of the OWASP list, and names tests that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.service import ROOT

PAGE = ROOT / "docs" / "security.md"
# https://owasp.org/API-Security/editions/2023/en/0x11-t10/
RISKS = [
    "API1 Broken object level authorization",
    "API2 Broken authentication",
    "API3 Broken object property level authorization",
    "API4 Unrestricted resource consumption",
    "API5 Broken function level authorization",
    "API6 Unrestricted access to sensitive business flows",
    "API7 Server side request forgery",
    "API8 Security misconfiguration",
    "API9 Improper inventory management",
    "API10 Unsafe consumption of APIs",
]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def rows() -> dict[str, list[str]]:
    """Return the cells of each risk's row: what holds it, and the tests."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| API")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {risk: others for risk, *others in cells}


@cache
def functions(path: Path) -> set[str]:
    """Return the names of a module's functions."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def missing(text: str) -> list[str]:
    """Return the tests that a text names and that are not there."""
    return [
        f"{path}::{name}" if name else path
        for path, name in NAMED.findall(text)
        if not (ROOT / path).exists() or (name and name not in functions(ROOT / path))
    ]


def test_each_risk_has_a_row() -> None:
    assert [risk.strip() for risk in rows()] == RISKS


@pytest.mark.parametrize("risk", RISKS)
def test_each_row_says_what_holds_and_names_tests(risk: str) -> None:
    holds, tests = rows()[risk]
    assert holds.endswith(".")
    assert len(NAMED.findall(tests)) >= 3
    assert all(name for _, name in NAMED.findall(tests)), "a row names tests, and not files"


@pytest.mark.parametrize("page", ["security.md", "guarantees.md"])
def test_the_tests_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    assert len(NAMED.findall(text)) > 20
    assert missing(text) == []


@pytest.mark.parametrize(
    "named", ["tests/api/test_nothing.py", "tests/api/test_auth.py::test_nothing"]
)
def test_a_test_that_is_not_there_is_noticed(named: str) -> None:
    assert missing(f"shown by `{named}`") == [named]


def test_the_page_is_found() -> None:
    for page in ("README.md", "SECURITY.md", "docs/guarantees.md"):
        assert "security.md)" in (ROOT / page).read_text(), page
