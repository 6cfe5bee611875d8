"""What an apply makes on Google Cloud and Azure, with stand-ins for provider and command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from paymentapp.config import load_settings
from tests.support.stand_in import (
    IMAGE,
    OWNER_PASSWORD,
    PROVIDERS,
    SERVICE,
    Cloud,
    Deployed,
    deployment,
)

Resources = dict[str, dict[str, Any]]
DATABASE = {
    "gcp": "google_sql_database_instance.this",
    "azure": "azurerm_postgresql_flexible_server.this",
}
# Of the default machine: cloud.google.com/sql/docs/postgres/flags (7.5 GB of memory), and
# learn.microsoft.com/azure/postgresql/configure-maintain/concepts-limits (8 GiB).
CONNECTIONS = {"gcp": 400, "azure": 859}
KILLED_SECONDS = 10  # after SIGTERM, by Cloud Run: cloud.google.com/run/docs/container-contract


@pytest.fixture(params=PROVIDERS)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with deployment(request.param, tmp_path) as made:
        yield made


@pytest.fixture(scope="module", params=PROVIDERS)
def deployed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    with deployment(request.param, tmp_path_factory.mktemp("deployed")) as cloud:
        yield Deployed(cloud)


def services(resources: Mapping[str, Any], cloud: str) -> list[str]:
    return sorted(each for each in resources if each.startswith(SERVICE[cloud]))


def test_two_applies_lead_to_services_whose_tables_were_made_before(cloud: Cloud) -> None:
    assert services(cloud.apply(), cloud.cloud) == []
    assert cloud.calls() == []
    found = services(cloud.apply(image=IMAGE), cloud.cloud)
    assert [re.findall(r'"(\w+)"', each) for each in found] == [["web"], ["worker"]]
    started = [each for each in cloud.calls() if "execute" in each or "job start" in each]
    made = [re.findall(r"paymentapp-(\w+)", each) for each in started]
    assert made == {"gcp": [["init"], ["key"]], "azure": [["init"]]}[cloud.cloud]
    assert cloud.planned() == []
    before = len(cloud.calls())
    cloud.apply(image=IMAGE.replace(":1", ":2"))
    assert len(cloud.calls()) == 2 * before  # each new image has its tables made first


def test_tables_that_are_not_made_stop_the_apply_before_the_services(cloud: Cloud) -> None:
    cloud.let_jobs_fail()
    cloud.given(image=IMAGE)
    assert "paymentapp-init" in cloud.complaint("apply", "-auto-approve")
    assert services(dict.fromkeys(cloud.state()), cloud.cloud) == []


def test_without_keys_of_the_service_none_is_made(cloud: Cloud) -> None:
    """Where callers have tokens of an issuer: the service starts without a key."""
    found = cloud.plan(image=IMAGE, settings={"PAYMENTAPP_OIDC_ISSUER": "https://id.example.com"})
    if cloud.cloud == "azure":
        assert "MAKE_KEY" not in str(
            found["azurerm_container_app_job.init[0]"]["template"][0]["container"][0]["args"]
        )
    else:
        cloud.run("apply", "-auto-approve")
        assert not any("paymentapp-key" in each for each in cloud.calls())


# What runs.


def test_the_service_accepts_the_environment_of_each_process(deployed: Deployed) -> None:
    web, worker = deployed.settings("web"), deployed.settings("worker")
    assert (web.dispatcher, worker.dispatcher) == (False, True)
    assert {each.postgresql_identity for each in (web, worker)} == {
        {"gcp": "google", "azure": "azure"}[deployed.name]
    }
    users = {conninfo_to_dict(each.store)["user"] for each in (web, worker)}
    assert len(users) == 2
    owner = conninfo_to_dict(load_settings(deployed.init()).store)["user"]
    assert owner not in users
    assert set(deployed.init()["PAYMENTAPP_POSTGRESQL_ROLE"].split()) == users


def test_a_key_is_made_before_the_service_starts(deployed: Deployed) -> None:
    """Without a valid one the server refuses to listen (paymentapp.server.check_access)."""
    if deployed.name == "azure":
        address = "azurerm_container_app_job.init[0]"
        steps = deployed.containers(address)["args"][1].split(" && ")
        assert [each.split()[-1] for each in steps] == ['"$MAKE_ROLES"', "init", "first"]
        assert deployed.init()["FIRST_KEY_VAULT"] == "vault-uri-of-keys-de9816e3"
    else:
        container = deployed.containers('google_cloud_run_v2_job.this["key"]')
        assert container["args"] == ["--if-none", "first"]
        assert "id-of-paymentapp-first-key" in str(container["env"])


def test_only_the_worker_has_a_providers_credentials(deployed: Deployed) -> None:
    for name, has in (("web", False), ("worker", True)):
        environment = deployed.environment(f'{SERVICE[deployed.name]}["{name}"]')
        assert ("PAYPAL_CLIENT_SECRET" in environment) is has
    assert not any(name.startswith("PAYPAL_CLIENT") for name in deployed.init())


def test_the_worker_always_runs_twice_and_nobody_calls_it(deployed: Deployed) -> None:
    worker = deployed.service("worker")
    template = worker["template"][0]
    if deployed.name == "gcp":
        (scaling,) = template["scaling"]
        assert (scaling["min_instance_count"], scaling["max_instance_count"]) == (2, 2)
        assert worker["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
        assert worker["invoker_iam_disabled"] is False
        containers = template["containers"]
        assert not any(each["resources"][0]["cpu_idle"] for each in containers)
    else:
        assert (template["min_replicas"], template["max_replicas"]) == (2, 2)
        assert worker["ingress"] == []


def test_each_instance_is_probed(deployed: Deployed) -> None:
    for name in ("web", "worker"):
        container = deployed.containers(f'{SERVICE[deployed.name]}["{name}"]')
        for probe in ("startup_probe", "liveness_probe"):
            assert "/healthz" in str(container[probe])


def test_the_platform_waits_longer_than_the_service_takes_to_stop(deployed: Deployed) -> None:
    text = (Path(__file__).parents[2] / "paymentapp" / "gunicorn_conf.py").read_text()
    (graceful,) = re.findall(r"^graceful_timeout = (\d+)$", text, re.M)
    for name in ("web", "worker"):
        address = f'{SERVICE[deployed.name]}["{name}"]'
        if deployed.name == "azure":
            template = deployed.resources[address]["template"][0]
            assert template["termination_grace_period_seconds"] >= int(graceful) + 5
        else:
            arguments = deployed.environment(address)["GUNICORN_CMD_ARGS"]
            assert int(arguments.partition("--graceful-timeout ")[2]) < KILLED_SECONDS


def test_the_database_has_a_connection_for_every_process(deployed: Deployed) -> None:
    instances = 6 + 2  # of web at most, and of worker
    processes = instances * int(
        deployed.environment(f'{SERVICE[deployed.name]}["web"]')["PAYMENTAPP_WORKERS"]
    )
    each = deployed.settings("web").postgresql_connections
    assert each == deployed.settings("worker").postgresql_connections
    allowed = max_connections(deployed)
    assert 2 * processes * each < allowed  # two revisions during an upgrade
    assert allowed <= CONNECTIONS[deployed.name]


def max_connections(deployed: Deployed) -> int:
    if deployed.name == "gcp":
        flags = deployed.resources[DATABASE["gcp"]]["settings"][0]["database_flags"]
        return int(next(each["value"] for each in flags if each["name"] == "max_connections"))
    address = 'azurerm_postgresql_flexible_server_configuration.this["max_connections"]'
    return int(deployed.resources[address]["value"])


def test_more_instances_than_the_database_has_connections_for_are_refused(cloud: Cloud) -> None:
    cloud.given(image=IMAGE, web_instances={"most": 20})
    assert "exceed database_connections" in " ".join(cloud.complaint("plan").split())


def test_no_password_is_in_the_state_or_in_an_environment(deployed: Deployed) -> None:
    """The owner's password is where the tests put it for the ephemeral one, and nowhere else."""
    places = [
        f"{address}.{name}"
        for address, values in deployed.resources.items()
        for name, value in values.items()
        if OWNER_PASSWORD in str(value)
    ]
    assert (
        places
        == {
            "gcp": [
                "google_secret_manager_secret_version.owner_password.secret_data_wo",
                "google_sql_user.owner.password_wo",
            ],
            "azure": [],
        }[deployed.name]
    )


def test_the_database_has_a_standby_in_another_zone_and_backups(deployed: Deployed) -> None:
    database = deployed.resources[DATABASE[deployed.name]]
    if deployed.name == "gcp":
        (settings,) = database["settings"]
        (backup,) = settings["backup_configuration"]
        assert settings["availability_type"] == "REGIONAL"
        assert backup["enabled"] is backup["point_in_time_recovery_enabled"] is True
        assert settings["deletion_protection_enabled"] is database["deletion_protection"] is True
        return
    (standby,) = database["high_availability"]
    assert (database["zone"], standby["standby_availability_zone"]) == ("1", "2")
    assert database["backup_retention_days"] == 14
    lock = deployed.resources["azurerm_management_lock.database[0]"]
    assert (lock["lock_level"], lock["scope"]) == ("CanNotDelete", database["id"])


def test_prometheus_reads_the_conditions_of_google_s_alerts(
    deployed: Deployed, tmp_path: Path
) -> None:
    if deployed.name != "gcp":
        pytest.skip("Azure's alerts count lines of the log")
    program = shutil.which("promtool")
    if program is None:
        assert "CI" not in os.environ, "promtool is not installed"
        pytest.skip("promtool is not installed: it is in Debian's package prometheus")
    policies = [
        values["conditions"][0]["condition_prometheus_query_language"][0]
        for address, values in deployed.resources.items()
        if address.startswith("google_monitoring_alert_policy.")
    ]
    rules = [
        {"alert": "A", "expr": each["query"], "labels": {"n": str(number)}}
        for number, each in enumerate(policies)
    ]
    assert len(rules) == 16
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    done = subprocess.run([program, "check", "rules", tmp_path / "rules.json"], capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
