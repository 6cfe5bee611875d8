"""The simulator stands alone: it shares no mistake with the service that it is there to test."""

from __future__ import annotations

import ast
from pathlib import Path

import paymentapp.simulator

MODULES = sorted(Path(paymentapp.simulator.__file__).parent.glob("*.py"))


def test_it_imports_nothing_else_of_the_service() -> None:
    imported = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
            elif isinstance(node, ast.Import):
                imported.update(name.name for name in node.names)
    ours = {name for name in imported if name.startswith("paymentapp")}
    assert len(ours) > 10
    assert {name for name in ours if not name.startswith("paymentapp.simulator")} == set()


def test_no_amount_is_a_float() -> None:
    for name in ("currencies", "validation", "state", "bodies", "payouts"):
        text = Path(MODULES[0].parent / f"{name}.py").read_text("utf-8")
        assert "float" not in text, name
