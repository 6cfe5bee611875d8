"""The composition root builds every service, for the product and for the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import paymentapp
from paymentapp.bootstrap import Services
from paymentapp.bootstrap_backoffice import BackOffice
from paymentapp.built_once import built_once

PACKAGE = Path(paymentapp.__file__).parent
TESTS = Path(__file__).parents[1]
WIRED = [
    str(member._build.__annotations__["return"]).removesuffix(" | None")
    for kind in Services.__mro__
    for member in vars(kind).values()
    if isinstance(member, built_once)
]
RULES = {"Limits", "ApprovalRules"}  # of settings, which tests of one rule make themselves
SERVICES = {"Routes", *WIRED, *(str(field.type) for field in fields(BackOffice))} - RULES
# Tests of one class, by a timer, by rules or by threads of their own.
ALONE = {"test_api_keys.py", "test_routing.py", "test_supervision.py"}


def built(path: Path) -> Iterator[str]:
    """Yield the services that a module builds."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from {node.func.id} & SERVICES


def test_services_are_built_by_the_composition_root_alone() -> None:
    makers = {path.name for path in PACKAGE.rglob("*.py") if any(built(path))}
    roots = ("dispatch", "reading", "rules", "backoffice")
    assert makers == {"bootstrap.py", *(f"bootstrap_{name}.py" for name in roots)}


def test_tests_get_their_services_from_the_composition_root() -> None:
    makers = {path.name for path in TESTS.rglob("*.py") if any(built(path))}
    assert makers == ALONE
