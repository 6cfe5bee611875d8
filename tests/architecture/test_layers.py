"""Imports run one way: no circle, and each room of the package imports only the rooms below it."""

from __future__ import annotations

from pathlib import Path

import pytest

import paymentapp
from tests.architecture.import_graph import find_circle, import_graph

PACKAGE = Path(paymentapp.__file__).parent
GRAPH = import_graph(PACKAGE)

NOTHING: frozenset[str] = frozenset()
BASE = {"clock", "errors", "loopback"}
RECORDS = BASE | {"events", "item_ids", "models", "notes"}
# Each room, a package or a module of its own, and the rooms that it may import. In its own it may
# import anything.
MAY_IMPORT = {
    **dict.fromkeys(("_version", "clock", "errors", "loopback"), NOTHING),
    **dict.fromkeys(("family", "banking", "simulator"), NOTHING),
    "nacha": {"banking"},
    **dict.fromkeys(("events", "item_ids", "models", "notes"), RECORDS),
    "variables": BASE,
    "config": BASE | {"variables"},
    "declarations": {"config", "errors", "providers", "variables"},
    "vault": BASE,
    "storage": RECORDS | {"config"},
    "providers": RECORDS | {"config", "variables", "vault", "nacha", "banking"},
    "services": RECORDS | {"crew", "providers", "storage"},
    "schemas": RECORDS | {"services", "storage"},
    "crew": RECORDS,
    "worker": RECORDS | {"config", "crew", "services", "storage"},
    "bootstrap": RECORDS | {"config", "vault", "providers", "storage", "services", "worker"},
    "backoffice": {"bootstrap", "services"},
    "api": RECORDS | {"_version", "bootstrap", "providers", "schemas", "services", "storage"},
    "paymentapp": {"api", "bootstrap"},
    "server": BASE | {"bootstrap", "paymentapp"},
    "gunicorn_conf": BASE | {"bootstrap", "config", "declarations", "providers", "server"},
    "dev": BASE | {"family", "vault"},
    "run": BASE | {"bootstrap", "config", "dev", "family", "providers", "server"},
    "cli": RECORDS
    | {"_version", "backoffice", "bootstrap", "config", "declarations", "providers", "run"}
    | {"server", "services", "storage", "variables", "vault"},
    "__main__": {"cli"},
    "aws_lambda": RECORDS
    | {"api", "bootstrap", "config", "declarations", "paymentapp", "providers", "server"}
    | {"services", "storage"},
}


def room(module: str) -> str:
    """The part of the package that a module is in; `create_app`'s own is `paymentapp`."""
    return module.split(".")[1] if "." in module else module


def test_no_import_leads_back_to_where_it_began() -> None:
    circle = find_circle(GRAPH)
    assert not circle, " -> ".join(circle)


def test_every_room_says_what_it_may_import() -> None:
    assert {room(module) for module in GRAPH} == MAY_IMPORT.keys()


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_room_imports_the_rooms_below_it(name: str) -> None:
    for module, targets in GRAPH.items():
        if room(module) == name:
            beyond = {target for target in targets if room(target) not in {name, *MAY_IMPORT[name]}}
            assert not beyond, f"{module} imports {beyond}"


def test_of_the_providers_others_know_what_they_are_and_their_registry() -> None:
    known = {"paymentapp.providers.base", "paymentapp.providers.registry"}
    for module, targets in GRAPH.items():
        inside = {target for target in targets if room(target) == "providers"}
        assert room(module) == "providers" or inside <= known, module


@pytest.mark.parametrize(
    "late",
    [
        "from shop.a import A",
        "def use():\n    from shop import a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import shop.a",
    ],
    ids=["at the top", "in a function", "for type checkers"],
)
def test_a_circle_is_found_wherever_its_imports_stand(tmp_path: Path, late: str) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "__init__.py").write_text("from shop import a, c")
    (shop / "a.py").write_text("from shop.b import B")
    (shop / "b.py").write_text("import shop.c")
    (shop / "c.py").write_text("")
    assert find_circle(import_graph(shop)) == []
    (shop / "c.py").write_text(late)
    assert find_circle(import_graph(shop)) == ["shop.a", "shop.b", "shop.c", "shop.a"]
