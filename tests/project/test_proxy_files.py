"""The proxy's template, and what renders it, name the same variables."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.support.nginx import TEMPLATE
from tests.support.service import ROOT

VARIABLE = re.compile(r"PROXY_[A-Z_]+")


@pytest.fixture(scope="module")
def needed() -> set[str]:
    return set(re.findall(r"\$\{(PROXY_\w+)\}", TEMPLATE.read_text()))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return read


def test_compose_sets_each_variable(needed: set[str], compose: dict[str, Any]) -> None:
    environment = compose["services"]["proxy"]["environment"]
    assert {name for name in environment if VARIABLE.fullmatch(name)} == needed


def test_the_page_sets_each_variable(needed: set[str]) -> None:
    page = (TEMPLATE.parent / "README.md").read_text()
    exported = set(re.findall(r"(PROXY_[A-Z_]+)=", page))
    assert exported == needed == set(re.findall(r"\$(PROXY_[A-Z_]+)", page))


def test_in_compose_nobody_reaches_the_service_but_through_the_proxy(
    compose: dict[str, Any],
) -> None:
    settings = compose["x-service"]["environment"]
    assert settings["PAYMENTAPP_HOST"] == "127.0.0.1"
    assert settings["PAYMENTAPP_TLS"] == "proxy"
    ports = [port for each in compose["services"].values() for port in each.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") and ":8000" not in port for port in ports)
