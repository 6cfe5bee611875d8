"""deploy/gcp and deploy/azure, as far as they can be checked without clouds and plug-ins."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.hcl import ROOT, SCANNER, blocks, need_scanner, resources, walk
from tests.support.terraform import Terraform

CLOUDS = ("gcp", "azure")
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
RIGHT = {"gcp": {"project": "a-project"}, "azure": {"subscription_id": SUBSCRIPTION}}
SECRET = re.compile(r"secret|password|token|_key$|credential", re.I)


def folder(cloud: str) -> Path:
    return ROOT / "deploy" / cloud


def text(cloud: str) -> str:
    return "".join(path.read_text() for path in sorted(folder(cloud).glob("*.tf")))


class Variables(Terraform):
    """The variables of a cloud, and what depends on them alone, without any provider."""

    def __init__(self, place: Path, cloud: str) -> None:
        source = place / "written" / cloud
        source.mkdir(parents=True)
        (source / "variables.tf").write_text((folder(cloud) / "variables.tf").read_text())
        (source / "locals.tf").write_text(own_locals(cloud))
        super().__init__(place, source=source)
        self.cloud = cloud

    def given(self, **variables: object) -> None:
        self.set(**{**RIGHT[self.cloud], **variables})


def own_locals(cloud: str) -> str:
    """Return the first locals of the file of secrets, which depend on variables alone."""
    name = "secrets.tf" if cloud == "gcp" else "vaults.tf"
    found = re.search(r"^locals \{\n.*?^\}\n", (folder(cloud) / name).read_text(), re.M | re.S)
    assert found is not None
    return found[0]


@pytest.fixture(params=CLOUDS)
def variables(request: pytest.FixtureRequest, tmp_path: Path) -> Variables:
    made = Variables(tmp_path, request.param)
    made.given()
    return made


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_files_have_terraforms_format(cloud: str, tmp_path: Path) -> None:
    Terraform(tmp_path, source=folder(cloud)).run("fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_configuration_is_valid_where_the_providers_can_be_had(
    cloud: str, tmp_path: Path
) -> None:
    terraform = Terraform(tmp_path, source=folder(cloud))
    try:
        terraform.run("init", "-backend=false")
    except AssertionError as error:
        if "provider" not in str(error) or "registry" not in str(error):
            raise
        pytest.skip("no providers: there is neither a mirror nor the registry here")
    assert json.loads(terraform.run("validate", "-json"))["diagnostics"] == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_policy_scanner_finds_nothing_that_we_do_not_mean(cloud: str) -> None:
    need_scanner()
    done = subprocess.run(
        [SCANNER, "--config-file", f"deploy/{cloud}/.checkov.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout
    assert "Failed checks: 0" in done.stdout


def test_the_variables_defaults_are_accepted(variables: Variables) -> None:
    variables.run("plan")


COMMON: list[dict[str, object]] = [
    {
        "name": "Payments!",
        "image": "paymentapp",
        "web_instances": {"least": 0},
        "worker_instances": 0,
        "settings": {"PAYMENTAPP_VAULT_KEYS": "k1:AAAA"},
        "secrets": {"PASSWORD": ["web"]},
        "paypal_base_url": "http://api-m.paypal.com",
        "paypal_webhook_id": "../x",
        "database_disk_gb": 1.5,
        "database_connections": 10,
        "connections_per_process": 1,
        "backup_days": 1,
        "domain": "https://pay.example.com",
        "requests_per_address": {"others": 0},
    },
    {
        "secrets": {"PAYPAL_CLIENT_SECRET": ["everybody"]},
        "settings": {"PAYPAL_CLIENT_SECRET": "x"},
        "web_instances": {"least": 3, "most": 2},
        "worker_instances": 1.5,
    },
    {"secrets": {"PAYPAL_CLIENT_SECRET": []}},
]
WRONG: dict[str, dict[str, object]] = {
    "gcp": {
        "project": "A project",
        "region": "the moon",
        "subnet": "10.0.0.0/30",
        "kms_key": "mine",
        "cpu": "3",
        "memory": "100Mi",
        "database_tier": "db-f1-micro",
        "database_instance": "My database",
        "oldest_due_seconds": 5,
    },
    "azure": {
        "subscription_id": "mine",
        "location": "East US",
        "network": "10.0.0.0/24",
        "operator_addresses": ["0.0.0.0/0"],
        "cpu": 3,
        "database_sku": "B_Standard_B1ms",
        "database_server": "My database",
        "log_retention_days": 1,
    },
}


@pytest.mark.parametrize("number", range(len(COMMON) + 1))
def test_wrong_variables_are_refused(variables: Variables, number: int) -> None:
    wrong = [*COMMON, WRONG[variables.cloud]][number]
    variables.given(**wrong)
    told = variables.complaint("plan")
    assert set(re.findall(r"var\.([a-z_]+)", told)) >= set(wrong), told


def test_web_has_no_credentials_of_a_provider(variables: Variables) -> None:
    found = variables.value("local.elsewhere")
    assert found == {"web": {"PAYMENTAPP_PAYPAL_CREDENTIALS": "elsewhere"}, "worker": {}}


@pytest.mark.parametrize("provider", ["STRIPE", "OPENACH"])
def test_web_is_told_who_has_the_credentials_of_a_provider(
    variables: Variables, provider: str
) -> None:
    variables.given(secrets={f"PAYMENTAPP_{provider}_SECRET_KEY": ["worker"]})
    found = variables.value("local.elsewhere")
    assert found["web"][f"PAYMENTAPP_{provider}_CREDENTIALS"] == "elsewhere"
    assert found["worker"] == {"PAYMENTAPP_PAYPAL_CREDENTIALS": "elsewhere"}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_variable_is_described_used_and_named_in_the_readme(cloud: str) -> None:
    readme = (folder(cloud) / "README.md").read_text()
    named = set(re.findall(r"`([a-z_]+)`", readme.partition("**Every variable**")[2]))
    others = "".join(
        path.read_text() for path in folder(cloud).glob("*.tf") if path.name != "variables.tf"
    )
    for name, body in blocks(folder(cloud), "variable"):
        assert body["description"], name
        assert body["type"], name
        assert re.search(rf"\bvar\.{name}\b", others), name
        assert name in named, name


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_output_is_described(cloud: str) -> None:
    assert all(body["description"] for _, body in blocks(folder(cloud), "output"))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_secret_is_given_to_terraform(cloud: str) -> None:
    """Keep secrets out of variables and resources, and so out of the state."""
    names = {name for name, _ in blocks(folder(cloud), "variable") if SECRET.search(name)}
    assert names <= {"secrets", "owner_password_version", "kms_key"}
    assert "azurerm_key_vault_secret" not in text(cloud)
    kept = re.findall(
        r"^\s+(?:secret_data|password|administrator_password) += (.+)$", text(cloud), re.M
    )
    assert [
        each for each in kept if "server_ca_cert" not in each and "yamlencode" not in each
    ] == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_secret_of_the_service_comes_from_the_clouds_own_store(cloud: str) -> None:
    """Look at the environment in plain text: every value that is a secret's has another place."""
    plain = re.findall(
        r"^\s+((?:PAYMENTAPP|PAYPAL|AZURE|FIRST)_[A-Z_]+|SERVING_ROLES) += ", text(cloud), re.M
    )
    assert {name for name in plain if SECRET.search(name)} <= {
        "PAYPAL_CLIENT_ID",  # of the defaults of `secrets`, which has names of readers
        "PAYPAL_CLIENT_SECRET",
        "PAYMENTAPP_PAYPAL_CREDENTIALS",  # `elsewhere`
        "PAYMENTAPP_POSTGRESQL_PASSWORD_FILE",
        "FIRST_KEY_SECRET",  # the name of one
    }
    by_reference = {"gcp": "secret_key_ref {", "azure": "secret_name = local.secret_names"}[cloud]
    assert by_reference in text(cloud)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_roles_that_serve_own_nothing(cloud: str) -> None:
    """`init` alone connects as the owner, and grants to both roles that serve."""
    jobs, others = (folder(cloud) / "jobs.tf").read_text(), text(cloud)
    assert jobs.count("PAYMENTAPP_POSTGRESQL_ROLE ") == others.count("PAYMENTAPP_POSTGRESQL_ROLE ")
    serving = {
        "gcp": "google_sql_user.serving[name]",
        "azure": "azurerm_user_assigned_identity.this[name]",
    }
    store = re.findall(r"PAYMENTAPP_STORE += \"(.+)\"", others)
    assert len(store) == 2
    assert sum(serving[cloud] in each for each in store) == 1
    assert all("sslmode=verify-" in each or "local.database_" in each for each in store)
    assert re.findall(r"sslmode=(verify-\w+)", others)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_only_the_worker_dispatches_and_it_always_runs(cloud: str) -> None:
    assert 'PAYMENTAPP_DISPATCHER             = name == "worker" && var.dispatch_enabled' in text(
        cloud
    )
    assert re.search(r"least += var\.worker_instances|least = var\.worker_instances", text(cloud))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_tables_are_made_before_an_image_serves(cloud: str) -> None:
    init = next(each for each in resources(folder(cloud)) if each.kind == "terraform_data")
    assert "var.image" in json.dumps(init.body["triggers_replace"])
    service = {"gcp": "google_cloud_run_v2_service", "azure": "azurerm_container_app"}[cloud]
    (serving,) = [each for each in resources(folder(cloud)) if each.kind == service]
    assert "terraform_data.init" in json.dumps(serving.body["depends_on"])


def database(cloud: str) -> dict[str, Any]:
    kind = {"gcp": "google_sql_database_instance", "azure": "azurerm_postgresql_flexible_server"}
    (found,) = [each for each in resources(folder(cloud)) if each.kind == kind[cloud]]
    return found.body


def test_google_s_database_is_private_protected_and_backed_up() -> None:
    body = {".".join(path): inner for path, inner in walk(database("gcp"))}
    assert "false" in json.dumps(body["settings.ip_configuration"]["ipv4_enabled"]).lower()
    assert "ENCRYPTED_ONLY" in json.dumps(body["settings.ip_configuration"]["ssl_mode"])
    backup = json.dumps(body["settings.backup_configuration"])
    assert '"point_in_time_recovery_enabled": [true]' in backup
    for place in (body[""]["deletion_protection"], body["settings"]["deletion_protection_enabled"]):
        assert "var.deletion_protection" in json.dumps(place)


def test_azure_s_database_is_private_protected_and_has_no_password() -> None:
    body = database("azure")
    assert "false" in json.dumps(body["public_network_access_enabled"]).lower()
    assert "administrator_password" not in json.dumps(body)
    (authentication,) = body["authentication"]
    assert "false" in json.dumps(authentication["password_auth_enabled"]).lower()
    (lock,) = [each for each in resources(folder("azure")) if each.kind.endswith("_lock")]
    assert "CanNotDelete" in json.dumps(lock.body)
    assert "postgresql_flexible_server.this.id" in json.dumps(lock.body["scope"])


def test_only_the_worker_reads_the_vault_of_what_moves_money() -> None:
    readers = re.findall(r"^    (money|shared) += (\[.+\])$", text("azure"), re.M)
    assert {name: json.loads(who) for name, who in readers} == {
        "money": ["worker"],
        "shared": ["web", "worker"],
    }


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_identity_has_a_role_over_more_than_it_needs(cloud: str) -> None:
    roles = {
        "gcp": {
            "roles/cloudsql.instanceUser",
            "roles/logging.logWriter",
            "roles/monitoring.metricWriter",
            "roles/secretmanager.secretAccessor",
            "roles/secretmanager.secretVersionAdder",
        },
        "azure": {"AcrPull", "Key Vault Secrets User", "Key Vault Secrets Officer"},
    }
    found = re.findall(r'"(roles/[\w.]+)"|role_definition_name = "(.+)"', text(cloud))
    assert {one or other for one, other in found} == roles[cloud]


def test_the_metrics_of_google_s_alerts_are_those_that_the_service_exposes() -> None:
    alerts = (folder("gcp") / "alerts.tf").read_text()
    rules = (ROOT / "deploy" / "monitoring" / "rules.yml").read_text()
    listed = (ROOT / "docs" / "operating.md").read_text()
    for name in sorted(set(re.findall(r"\bpaymentapp_[a-z_]+", alerts))):
        assert name in rules, name
        assert re.sub(r"_count$", "", name) in listed, name


def test_google_has_an_alert_for_each_rule_of_prometheus() -> None:
    """All but `PaymentappDown`: a scrape that fails leaves no series, and the sweep's is silent."""
    rules = (ROOT / "deploy" / "monitoring" / "rules.yml").read_text()
    wanted = {
        re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()
        for name in re.findall(r"alert: Paymentapp(\w+)", rules)
    }
    alerts = (folder("gcp") / "alerts.tf").read_text()
    assert wanted - set(re.findall(r"^    ([a-z-]+) = \{$", alerts, re.M)) == {"down"}


def test_the_lines_that_azure_s_alerts_count_are_lines_that_the_service_logs() -> None:
    lines = re.findall(
        r'^      line = "([^"]+)"', (folder("azure") / "alerts.tf").read_text(), re.M
    )
    assert len(lines) == 8
    aws = (ROOT / "deploy" / "aws" / "alarms.tf").read_text()  # whose own test looks at the sources
    for line in lines:
        assert f'"{line}"' in aws, line
