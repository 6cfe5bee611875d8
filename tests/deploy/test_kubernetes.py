"""deploy/kubernetes, as far as it can be checked without a cluster.

tests/image/test_pods.py runs the pods of these manifests, by Podman.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from deploy.kubernetes import make_rules
from paymentapp.declarations import groups
from tests.support.hcl import SCANNER, need_scanner
from tests.support.kubernetes import (
    CUSTOM,
    FOLDER,
    VERSIONS,
    Found,
    Manifest,
    pod,
    rendered,
    schema_faults,
)
from tests.support.kubernetes_rules import connections, faults
from tests.support.service import ROOT

README = FOLDER / "README.md"


@pytest.fixture
def found() -> Found:
    return Found(rendered())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifests_fit_the_schemas_of_kubernetes(version: str, tmp_path: Path) -> None:
    assert schema_faults(rendered(), tmp_path, version) == []
    assert schema_faults(rendered(FOLDER / "monitoring"), tmp_path, version) == []


def test_a_misspelt_or_wrong_field_is_found(found: Found, tmp_path: Path) -> None:
    pod(found.one("Deployment", "paymentapp-web"))["terminationGracePeriodSecond"] = 30
    found.one("Service", "paymentapp")["spec"]["ports"][0]["port"] = "eighty"
    told = "\n".join(schema_faults(found.manifests, tmp_path, VERSIONS[-1]))
    assert "terminationGracePeriodSecond" in told
    found.one("Deployment", "paymentapp-web")["spec"]["template"]["spec"].pop(
        "terminationGracePeriodSecond"
    )
    assert "eighty" in "\n".join(schema_faults(found.manifests, tmp_path, VERSIONS[-1]))


def scan(manifests: list[Manifest], folder: Path) -> str:
    """Return what the policy scanner says against manifests."""
    need_scanner()
    (folder / "manifests.yaml").write_text(yaml.safe_dump_all(manifests))
    config = str(FOLDER / ".checkov.yaml")
    command = [str(SCANNER), "--config-file", config, "--directory", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    return "" if done.returncode == 0 and "Failed checks: 0" in done.stdout else done.stdout


def test_the_policy_scanner_finds_nothing_that_we_do_not_mean(found: Found, tmp_path: Path) -> None:
    assert scan(found.manifests, tmp_path) == ""


def test_the_policy_scanner_finds_a_pod_with_rights(found: Found, tmp_path: Path) -> None:
    (container,) = pod(found.one("Deployment", "paymentapp-worker"))["containers"]
    container["securityContext"]["readOnlyRootFilesystem"] = False
    assert "CKV_K8S_22" in scan(found.manifests, tmp_path)


def test_the_manifests_keep_our_own_rules() -> None:
    assert faults(Found(rendered())) == []
    assert faults(Found([*rendered(), *rendered(FOLDER / "monitoring")])) == []


def _container(found: Found, name: str) -> Manifest:
    kind = "Job" if name == "init" else "Deployment"
    (container,) = pod(found.one(kind, f"paymentapp-{name}"))["containers"]
    assert isinstance(container, dict)
    return container


def _give_web_the_money(found: Found) -> None:
    _container(found, "web")["envFrom"].append({"secretRef": {"name": "paymentapp-money"}})


def _give_the_worker_the_owner(found: Found) -> None:
    for volume in pod(found.one("Deployment", "paymentapp-worker"))["volumes"]:
        if volume["name"] == "database":
            volume["secret"]["secretName"] = "paymentapp-database-owner"


def _set(found: Found, name: str, variable: str, value: str) -> None:
    kind = "Job" if name == "init" else "Deployment"
    workload = found.one(kind, f"paymentapp-{name}")
    maps = [
        each["configMapRef"]["name"]
        for each in _container(found, name)["envFrom"]
        if "configMapRef" in each
    ]
    assert variable in found.environment(workload) or variable.startswith("PAYMENTAPP_NEW")
    found.one("ConfigMap", maps[-1])["data"][variable] = value


MISTAKES: dict[str, Callable[[Found], object]] = {
    "web reads what moves money": _give_web_the_money,
    "the worker connects as the owner": _give_the_worker_the_owner,
    "web dispatches": lambda found: _set(found, "web", "PAYMENTAPP_DISPATCHER", "on"),
    "nobody dispatches": lambda found: _set(found, "worker", "PAYMENTAPP_DISPATCHER", "off"),
    "a setting is misspelt": lambda found: _set(found, "web", "PAYMENTAPP_NEWS", "x"),
    "a setting is wrong": lambda found: _set(found, "web", "PAYMENTAPP_DISPATCHER", "maybe"),
    "the server's certificate is not checked": lambda found: _set(
        found, "web", "PAYMENTAPP_STORE", "postgresql://paymentapp_web@db/paymentapp"
    ),
    "init grants nothing": lambda found: _set(found, "init", "PAYMENTAPP_POSTGRESQL_ROLE", ""),
    "it is killed while it stops": lambda found: pod(
        found.one("Deployment", "paymentapp-web")
    ).update(terminationGracePeriodSeconds=12),
    "it stops before proxies know": lambda found: _container(found, "web").pop("lifecycle"),
    "the probe asks a provider": lambda found: _container(found, "web")["readinessProbe"][
        "httpGet"
    ].update(path="/readyz"),
    "there is no startup probe": lambda found: _container(found, "web").pop("startupProbe"),
    "a secret is in the manifests": lambda found: found.manifests.append(
        {"kind": "Secret", "metadata": {"name": "paymentapp-money"}, "stringData": {"x": "y"}}
    ),
    "an upgrade stops the last pod": lambda found: found.one("Deployment", "paymentapp-web")[
        "spec"
    ]["strategy"]["rollingUpdate"].update(maxUnavailable=1),
    "there is one worker": lambda found: found.one("Deployment", "paymentapp-worker")[
        "spec"
    ].update(replicas=1),
    "a policy selects nobody": lambda found: found.one("NetworkPolicy", "callers-to-web")["spec"][
        "podSelector"
    ]["matchLabels"].update({"app.kubernetes.io/component": "webs"}),
    "the budget selects nobody": lambda found: found.one("PodDisruptionBudget", "paymentapp-web")[
        "spec"
    ]["selector"]["matchLabels"].update({"app.kubernetes.io/name": "payment"}),
    "the service selects nobody": lambda found: found.one("Service", "paymentapp")["spec"][
        "selector"
    ].update({"app.kubernetes.io/component": "webs"}),
    "the port has another name": lambda found: found.one("Service", "paymentapp")["spec"]["ports"][
        0
    ].update(targetPort="https"),
    "anybody may call the worker": lambda found: found.one("NetworkPolicy", "callers-to-web")[
        "spec"
    ]["podSelector"]["matchLabels"].pop("app.kubernetes.io/component"),
    "nothing is refused": lambda found: found.manifests.remove(
        found.one("NetworkPolicy", "nothing-else")
    ),
    "the cloud's metadata can be read": lambda found: found.one(
        "NetworkPolicy", "https-to-the-outside"
    )["spec"]["egress"][0]["to"][0]["ipBlock"]["except"].remove("169.254.0.0/16"),
    "the host has no certificate": lambda found: found.one("Ingress", "paymentapp")["spec"]["tls"][
        0
    ].update(hosts=["other.example.com"]),
    "a volume is missing": lambda found: pod(found.one("Deployment", "paymentapp-web"))[
        "volumes"
    ].pop(0),
    "the account has a token": lambda found: pod(found.one("Deployment", "paymentapp-web")).update(
        automountServiceAccountToken=True
    ),
    "the cluster adds variables": lambda found: pod(found.one("Deployment", "paymentapp-web")).pop(
        "enableServiceLinks"
    ),
    "the namespace lets any pod in": lambda found: found.one("Namespace", "paymentapp")["metadata"][
        "labels"
    ].clear(),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_seeded_mistake_is_found(mistake: str, found: Found) -> None:
    MISTAKES[mistake](found)
    assert faults(found), mistake


def test_the_settings_of_the_readmes_secrets_are_declared() -> None:
    declared = {variable.name for group in groups() for variable in group.variables}
    named = set(re.findall(r"\b(?:PAYMENTAPP|PAYPAL)_[A-Z_]*[A-Z]\b", README.read_text()))
    assert named
    assert named - declared <= {"PAYMENTAPP_KEY", "PAYMENTAPP_URL"}


def test_the_readme_says_how_many_connections_the_database_has_to_take(found: Found) -> None:
    needed = connections(found)
    assert f"**{needed}**" in README.read_text()


def test_passwords_of_the_database_are_in_no_address(found: Found) -> None:
    for _, workload in found.workloads():
        address = urlsplit(found.environment(workload)["PAYMENTAPP_STORE"])
        assert address.password is None
        assert parse_qs(address.query)["sslmode"] == ["verify-full"]


def test_the_alerts_are_those_of_deploy_monitoring() -> None:
    assert make_rules.OUTPUT.read_text() == make_rules.manifest()
    (rules,) = [
        each for each in rendered(FOLDER / "monitoring") if each["kind"] == "PrometheusRule"
    ]
    wanted = yaml.safe_load((ROOT / "deploy" / "monitoring" / "rules.yml").read_text())
    assert rules["apiVersion"] == CUSTOM
    assert rules["spec"] == wanted


def test_the_readme_names_every_file() -> None:
    text = README.read_text()
    for path in sorted([*FOLDER.glob("base/*.yaml"), *FOLDER.glob("example/*")]):
        assert f"`{path.name}`" in text, path
