"""The simulators import nothing from the service or each other, and so share no bug with it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import simulators

FOLDER = Path(simulators.__file__).parent
NAME = simulators.__name__
PROVIDERS = ("paypal", "stripe", "bank", "openach")


def imported(folder: Path) -> Iterator[tuple[Path, str]]:
    """Return each module of a folder with each module that it imports, anywhere in it."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not node.level, path
                yield path, node.module or ""
            elif isinstance(node, ast.Import):
                yield from ((path, name.name) for name in node.names)


def test_they_import_nothing_of_the_service() -> None:
    found = list(imported(FOLDER))
    assert len([name for _, name in found if name.startswith(NAME)]) > 100
    assert [each for each in found if each[1].startswith("paymentapp")] == []


def test_what_they_have_in_common_is_of_no_one_provider() -> None:
    for path, name in imported(FOLDER / "common"):
        assert not name.startswith(NAME) or name.startswith(f"{NAME}.common."), path


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_knows_itself_and_what_is_common(provider: str) -> None:
    allowed = (f"{NAME}.{provider}", f"{NAME}.common.")
    for path, name in imported(FOLDER / provider):
        assert not name.startswith(NAME) or name.startswith(allowed), (path, name)


def test_there_are_no_other_folders() -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    assert folders == {"common", *PROVIDERS}


def test_a_class_of_theirs_has_a_name_of_its_own() -> None:
    """Keep class names unique in the service, too."""
    places: dict[str, list[Path]] = {}
    for path in (*FOLDER.rglob("*.py"), *(FOLDER.parent / "paymentapp").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(path)
    twice = {n: p for n, p in places.items() if len(p) > 1 and any(FOLDER in x.parents for x in p)}
    assert twice == {}


def test_no_amount_is_a_float() -> None:
    for name in ("currencies", "validation", "state", "bodies", "payouts"):
        text = Path(FOLDER / "paypal" / f"{name}.py").read_text("utf-8")
        assert "float" not in text, name
