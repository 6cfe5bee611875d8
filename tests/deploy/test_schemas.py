"""Each argument and block in deploy/gcp and deploy/azure against the schemas of the providers."""

from __future__ import annotations

import os

import pytest

from tests.support.hcl import ROOT, Block, resources
from tests.support.provider_schemas import BINDINGS, faults

PROVIDERS = {"gcp": "google_", "azure": "azurerm_"}


@pytest.fixture(params=PROVIDERS)
def cloud(request: pytest.FixtureRequest) -> str:
    if not BINDINGS.exists():
        reason = "no bindings of the providers: make schemas installs them"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return str(request.param)


def of(cloud: str) -> list[Block]:
    found = resources(ROOT / "deploy" / cloud)
    return [each for each in found if each.kind.startswith(PROVIDERS[cloud])]


def test_each_resource_has_the_arguments_of_its_schema(cloud: str) -> None:
    assert len(of(cloud)) > 20
    assert [fault for each in of(cloud) for fault in faults(each)] == []


def test_what_is_misspelt_or_missing_is_found(cloud: str) -> None:
    """Misspell each argument and leave out each one in turn; the first is always a fault."""
    for resource in of(cloud):
        for name in [each for each in resource.body if not each.startswith("__")]:
            if name in ("count", "for_each", "depends_on", "lifecycle", "dynamic", "timeouts"):
                continue
            body = {f"{key}x" if key == name else key: each for key, each in resource.body.items()}
            assert faults(resource._replace(body=body)), f"{resource.kind}: {name}"
