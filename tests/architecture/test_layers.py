"""Imports run one way: no cycles, and each layer imports only the layers below it."""

from __future__ import annotations

from pathlib import Path

import pytest

import paymentapp
from tests.architecture.import_graph import find_circle, import_graph

PACKAGE = Path(paymentapp.__file__).parent
GRAPH = import_graph(PACKAGE)

NOTHING: frozenset[str] = frozenset()
BASE = {"clock", "errors", "loopback", "masking"}
MODELS = BASE | {"models"}
# Each layer, a package or a module of its own, and the layers that it may import. A module may
# import anything in its own layer. `services` has four layers inside.
MAY_IMPORT = {
    **dict.fromkeys(
        ("_version", "built_once", "clock", "errors", "loopback", "masking", "banking"), NOTHING
    ),
    "nacha": {"banking"},
    "payment_files": NOTHING,
    "models": BASE,
    "variables": BASE,
    "trusted_proxies": {"variables"},
    "quotas": {"variables"},
    "store_names": {"variables"},
    "rate_limits": BASE | {"quotas"},
    "config": BASE | {"quotas", "store_names", "trusted_proxies", "variables"},
    "vault": BASE | {"config"},
    "supervision": {"errors"},
    "correlation": NOTHING,
    "logs": BASE | {"correlation", "variables"},
    "metrics.base": NOTHING,
    "metrics": MODELS
    | {"config", "messaging", "metrics.base", "providers", "services", "services.dispatch"}
    | {"services.outbound", "storage", "webhook_client"},
    "tracing.base": NOTHING,
    "tracing": MODELS
    | {"_version", "correlation", "providers", "services.dispatch", "services.inbound"}
    | {"services.outbound", "storage", "tracing.base", "variables"},
    "exports": MODELS,
    "webhook_client": BASE,
    "messaging": BASE,
    "oidc": MODELS | {"variables"},
    "storage": MODELS | {"config", "supervision"},
    "providers": MODELS | {"correlation", "config", "variables", "vault", "nacha", "banking"},
    "declarations": {"config", "errors", "logs", "oidc", "providers", "tracing", "variables"},
    "services": MODELS | {"correlation", "providers", "storage", "services.dispatch"},
    "services.dispatch": MODELS | {"correlation", "providers", "storage", "services"},
    "services.inbound": MODELS
    | {"correlation", "providers", "storage", "services", "services.dispatch"},
    "services.outbound": MODELS
    | {"correlation"}
    | {"messaging", "schemas", "services", "storage", "vault", "webhook_client"},
    "services.backoffice": MODELS | {"providers", "storage", "services", "services.dispatch"},
    "worker": MODELS
    | {"config", "services.dispatch", "services.inbound", "services.outbound", "storage"}
    | {"supervision"},
    "bootstrap_dispatch": MODELS
    | {"built_once", "config", "messaging", "metrics", "metrics.base", "providers", "storage"}
    | {"services", "services.dispatch", "services.inbound", "services.outbound"}
    | {"tracing", "tracing.base", "vault", "webhook_client", "worker"},
    "bootstrap_reading": {"bootstrap_dispatch", "built_once", "services"},
    "bootstrap_rules": {"config", "providers", "services", "services.dispatch"},
    "bootstrap_telemetry": {"metrics", "metrics.base", "providers", "storage"}
    | {"tracing", "tracing.base"},
    "bootstrap": MODELS
    | {"bootstrap_reading", "bootstrap_rules", "bootstrap_telemetry", "built_once"}
    | {"config", "vault", "oidc", "providers", "storage", "supervision", "worker"}
    | {"services", "services.dispatch", "services.inbound", "services.outbound"}
    | {"messaging", "metrics", "metrics.base", "rate_limits", "tracing.base", "webhook_client"},
    "bootstrap_backoffice": {"bootstrap", "services", "services.backoffice"},
    "schemas": MODELS | {"payment_files", "services", "storage"},
    "api": MODELS
    | {"_version", "bootstrap", "correlation", "exports", "payment_files", "providers", "schemas"}
    | {"services", "metrics.base", "rate_limits", "services.outbound", "storage", "tracing.base"}
    | {"webhook_client"},
    "console": MODELS
    | {
        "_version",
        "api",
        "config",
        "correlation",
        "exports",
        "oidc",
        "payment_files",
        "rate_limits",
    }
    | {"schemas", "services", "services.backoffice", "services.dispatch", "services.outbound"}
    | {"bootstrap", "bootstrap_backoffice", "providers", "storage"},
    "paymentapp": {"api", "bootstrap"},
    "server": BASE
    | {"_version", "bootstrap", "config", "console", "logs", "metrics", "paymentapp", "rate_limits"}
    | {"tracing", "variables", "worker"},
    "delivering": BASE | {"bootstrap", "config", "metrics", "server", "supervision", "tracing"},
    "web": {"api", "config"},
    "gunicorn_conf": BASE
    | {"bootstrap", "config", "declarations", "metrics", "providers", "rate_limits", "server"}
    | {"tracing"},
    "cli": MODELS
    | {"_version", "bootstrap", "bootstrap_backoffice", "config", "declarations", "exports"}
    | {"metrics", "payment_files", "providers", "schemas", "server", "services"}
    | {"services.backoffice", "services.dispatch", "services.outbound", "storage", "tracing"}
    | {"variables", "vault"},
    "__main__": {"cli"},
    "aws_lambda": MODELS
    | {
        "api",
        "bootstrap",
        "built_once",
        "config",
        "declarations",
        "messaging",
        "paymentapp",
        "providers",
    }
    | {"server", "services", "storage", "worker"},
}
_SUB_LAYERS = {name for name in MAY_IMPORT if "." in name}


def layer(module: str) -> str:
    """Return the layer that a module is in; `create_app`'s own is `paymentapp`."""
    parts = module.split(".")[1:]
    inside = ".".join(parts[:2])
    return inside if inside in _SUB_LAYERS else parts[0] if parts else module


def test_no_import_leads_back_to_where_it_began() -> None:
    circle = find_circle(GRAPH)
    assert not circle, " -> ".join(circle)


def test_every_layer_says_what_it_may_import() -> None:
    assert {layer(module) for module in GRAPH} == MAY_IMPORT.keys()


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_layer_imports_the_layers_below_it(name: str) -> None:
    for module, targets in GRAPH.items():
        if layer(module) == name:
            beyond = {
                target for target in targets if layer(target) not in {name, *MAY_IMPORT[name]}
            }
            assert not beyond, f"{module} imports {beyond}"


def test_of_the_providers_others_know_what_they_are_and_their_registry() -> None:
    known = {f"paymentapp.providers.{name}" for name in ("base", "updates", "registry")}
    for module, targets in GRAPH.items():
        inside = {target for target in targets if layer(target) == "providers"}
        assert layer(module) == "providers" or inside <= known, module


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
