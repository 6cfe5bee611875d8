"""deploy/gcp and deploy/azure as Terraform itself sees them, against the providers' schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stand_in import IMAGE, PROVIDERS, Cloud, deployment

KEY = "projects/a/locations/b/keyRings/c/cryptoKeys/d"
EVERYTHING: dict[str, dict[str, object]] = {
    "gcp": {"kms_key": KEY, "backup_location": "us"},
    "azure": {"operator_addresses": ["203.0.113.7"]},
}


@pytest.fixture(params=PROVIDERS)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with deployment(request.param, tmp_path) as made:
        yield made


def test_terraform_accepts_it(cloud: Cloud) -> None:
    cloud.run("validate")
    planned = cloud.plan(
        image=IMAGE,
        domain="pay.example.com",
        alert_emails=["ops@example.com"],
        paypal_webhook_id="8PT597110X687430LKGECATA",
        **EVERYTHING[cloud.cloud],
    )
    assert len(planned) > 70


# Mistakes: each must be found.

MISTAKES: dict[str, list[tuple[str, str, str, str]]] = {
    "gcp": [
        ("database.tf", "disk_autoresize ", "disk_autosize ", "not expected here"),
        ("database.tf", r"database_version    = .*\n", "", "is required"),
        ("services.tf", r"(?s)  template \{.*?\n  \}\n", "", "Insufficient template blocks"),
        ("services.tf", r"server_ca_cert|private_ip_address", "private_address", "no argument"),
        ("network.tf", "auto_create_subnetworks = false", 'auto_create_subnetworks = "no"', "bool"),
    ],
    "azure": [
        ("database.tf", "auto_grow_enabled ", "autogrow_enabled ", "not expected here"),
        ("database.tf", r"  resource_group_name .*\n", "", "is required"),
        ("jobs.tf", r"(?s)  template \{.*?\n  \}\n", "", "Insufficient template blocks"),
        ("apps.tf", r"\.fqdn\}", ".domain}", "no argument"),
        ("database.tf", "auto_grow_enabled  .*", 'auto_grow_enabled = "no"', "bool"),
    ],
}


@pytest.mark.parametrize("number", range(5))
def test_a_mistake_is_found(cloud: Cloud, number: int) -> None:
    name, pattern, text, complaint = MISTAKES[cloud.cloud][number]
    cloud.edit(name, pattern, text)
    assert complaint in " ".join(cloud.complaint("validate").split())


def of(planned: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {place: each for place, each in planned.items() if place.startswith(f"{kind}.")}
