"""The commands of the READMEs, up to services that run, with stand-ins for clouds and `curl`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hcl import ROOT
from tests.support.stand_in import IMAGE, PROVIDERS, Cloud, deployment


@pytest.fixture(params=PROVIDERS)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with deployment(request.param, tmp_path) as made:
        made.empty()
        yield made


def commands(cloud: str) -> str:
    """Return the first block of commands, which begins with the change into the folder."""
    text = (ROOT / "deploy" / cloud / "README.md").read_text()
    (found,) = re.findall(r"^```\n(cd deploy/.*?)^```$", text, re.M | re.S)
    return str(found).partition("\n")[2]


def test_the_first_commands_lead_to_services_that_run(cloud: Cloud) -> None:
    done = cloud.shell(commands(cloud.cloud), CLIENT_ID="an-id", CLIENT_SECRET="a-secret")
    assert done.returncode == 0, done.stdout + done.stderr
    addresses = {
        "gcp": {f'google_cloud_run_v2_service.this["{name}"]' for name in ("web", "worker")},
        "azure": {f'azurerm_container_app.this["{name}"]' for name in ("web", "worker")},
    }
    assert addresses[cloud.cloud] <= set(cloud.state())
    calls = [re.split(r" --|\d", each)[0] for each in cloud.calls()]
    assert [each for each in calls if "show" not in each] == {
        "gcp": [
            "gcloud services enable cloudresourcemanager.googleapis.com",
            "gcloud config get-value project",
            "gcloud secrets versions add paymentapp-paypal-client-id",
            "gcloud secrets versions add paymentapp-paypal-client-secret",
            "gcloud builds submit ../..",
            "gcloud run jobs execute paymentapp-init",
            "gcloud run jobs execute paymentapp-key",
        ],
        "azure": [
            "curl -s https://api.ipify.org",
            "az keyvault secret set",
            "az keyvault secret set",
            "az acr build",
            "az containerapp job start",
        ],
    }[cloud.cloud]


def test_no_command_of_a_readme_names_what_is_not_there(cloud: Cloud) -> None:
    readme = (ROOT / "deploy" / cloud.cloud / "README.md").read_text()
    cloud.given(domain="pay.example.com", image=IMAGE)
    cloud.run("apply", "-auto-approve")
    outputs = cloud.outputs()
    for name in re.findall(r"terraform output (?:-\w+ )?([a-z_]+)", readme):
        assert name in outputs, name


def test_the_commands_are_no_more_than_those_of_aws() -> None:
    assert all(len(commands(cloud).splitlines()) <= 12 for cloud in PROVIDERS)
