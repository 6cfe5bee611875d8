"""What of deploy/gcp and deploy/azure is reached from outside, by what Terraform plans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stand_in import IMAGE, PROVIDERS, Cloud, deployment

Resources = dict[str, dict[str, Any]]
DOMAIN = "pay.example.com"


@pytest.fixture(params=PROVIDERS)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with deployment(request.param, tmp_path) as made:
        yield made


def exposed(planned: Resources) -> list[str]:
    """Return the address of each resource that takes connections from anywhere."""
    return [address for address, values in planned.items() if _is_exposed(address, values)]


def _is_exposed(address: str, values: dict[str, Any]) -> bool:
    kind = address.partition(".")[0]
    if kind == "google_sql_database_instance":
        return values["settings"][0]["ip_configuration"][0].get("ipv4_enabled") is not False
    if kind == "google_cloud_run_v2_service":
        called_by_anybody = bool(values.get("invoker_iam_disabled")) and "worker" in address
        return called_by_anybody or values.get("ingress") == "INGRESS_TRAFFIC_ALL"
    if kind == "google_compute_firewall":
        return not values.get("deny")
    if kind in ("azurerm_postgresql_flexible_server", "azurerm_key_vault"):
        return values.get("public_network_access_enabled") is not False
    if kind == "azurerm_container_app_environment":
        return values.get("public_network_access") != "Disabled"
    if kind == "azurerm_network_security_group":
        allowed = [each for each in values["security_rule"] if each["access"] == "Allow"]
        return any(each["source_address_prefix"] in ("*", "Internet") for each in allowed)
    return False


def test_with_a_domain_nothing_but_the_front_is_reached(cloud: Cloud) -> None:
    assert exposed(cloud.plan(image=IMAGE, domain=DOMAIN)) == []


MISTAKES = {
    "gcp": [
        ("database.tf", "ipv4_enabled    = false", "ipv4_enabled = true"),
        ("services.tf", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_ALL"),
        ("services.tf", "public  = false", "public = true"),
    ],
    "azure": [
        ("database.tf", "public_network_access_enabled = false", ""),
        ("apps.tf", r'public_network_access              = "Disabled"', ""),
        ("network.tf", '"VirtualNetwork"', '"Internet"'),
    ],
}


@pytest.mark.parametrize("number", range(3))
def test_a_way_in_is_found(cloud: Cloud, number: int) -> None:
    name, pattern, text = MISTAKES[cloud.cloud][number]
    cloud.edit(name, pattern, text)
    assert len(exposed(cloud.plan(image=IMAGE, domain=DOMAIN))) == 1


def test_each_address_has_a_limit_of_requests(cloud: Cloud) -> None:
    planned = cloud.plan(image=IMAGE, domain=DOMAIN, requests_per_address={"others": 77})
    if cloud.cloud == "gcp":
        rules = planned["google_compute_security_policy.this[0]"]["rule"]
        limits = {
            each["rate_limit_options"][0]["rate_limit_threshold"][0]["count"]
            for each in rules
            if each["action"] == "throttle"
        }
        served = planned["google_compute_backend_service.web[0]"]
        assert served["load_balancing_scheme"] == "EXTERNAL_MANAGED"
    else:
        policy = planned["azurerm_cdn_frontdoor_firewall_policy.this"]
        limits = {each["rate_limit_threshold"] for each in policy["custom_rule"]}
        assert policy["mode"] == "Prevention"
    assert limits == {12000, 77}
