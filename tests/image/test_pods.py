"""The pods of deploy/kubernetes on the image, against a PostgreSQL, from `init` to a payment.

There is no cluster: Podman runs each container with what the rendered manifests say. Not seen are
Services, Ingress, network policies, the autoscaler, and the cluster's own checks.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support import pki
from tests.support.containers import RESTRICTED, Podman
from tests.support.kubernetes import FOLDER, Found, Manifest, pod, rendered
from tests.support.pods import arguments, command, forwarded
from tests.support.postgresql import PostgreSQLServer, new_server
from tests.support.worker_world import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter a container's network"),
]

HOST = "database.example.com"  # as the example has it
SIMULATOR = "http://127.0.0.1:8001"
LIMITS = tuple(each for each in RESTRICTED if each.startswith(("--ulimit", "--pids")))
README = (FOLDER / "README.md").read_text()


class Cluster:
    """The pods' containers, each in the network of a sandbox, in which the database is."""

    def __init__(self, pods: Podman, server: PostgreSQLServer, ca: bytes, folder: Path) -> None:
        self.pods = pods
        self._server = server
        self._folder = folder
        self._open = ExitStack()
        self.found = Found(rendered())
        for each in self.found.all("ConfigMap"):
            if "ca.pem" in each["data"]:
                each["data"]["ca.pem"] = ca.decode()
            if "PAYPAL_BASE_URL" in each["data"]:
                each["data"]["PAYPAL_BASE_URL"] = SIMULATOR
        self.metrics_token = secrets.token_hex(24)
        self.secrets = {
            "paymentapp-shared": {"PAYMENTAPP_METRICS_TOKEN": self.metrics_token},
            "paymentapp-money": {
                "PAYPAL_CLIENT_ID": "simulator",
                "PAYPAL_CLIENT_SECRET": "simulator",
            },
        }
        for role in ("owner", "web", "worker"):
            self.secrets[f"paymentapp-database-{role}"] = {"password": secrets.token_hex(24)}

    def close(self) -> None:
        self._open.close()

    def prepare(self) -> None:
        """Make roles and the database with the statements of the README."""
        (role_statement,) = re.findall(r'echo "(CREATE ROLE .*)" \| psql', README)
        (database_statement,) = re.findall(r'echo "(CREATE DATABASE .*)" \| psql', README)
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            for role in ("owner", "web", "worker"):
                password = self.secrets[f"paymentapp-database-{role}"]["password"]
                text = role_statement.replace("$role", role).replace("$password", password)
                connection.execute(text.encode())
            connection.execute(database_statement.encode())

    def sandbox(self, name: str) -> None:
        """Start what holds the network of a pod. In the worker's is the simulator of PayPal."""
        options = ("--network=none", *RESTRICTED)
        what = ("python", "-m", "simulators", "--port", "8001")
        self.pods.run(
            *("run", "--detach", f"--name=sandbox-{name}", *options, "localhost/simulators", *what)
        )
        self._open.callback(self.pods.run, "rm", "--force", "--time=0", f"sandbox-{name}")
        pid = self.pods.inspect("container", f"sandbox-{name}")["State"]["Pid"]
        self._open.enter_context(forwarded(pid, 5432, self._server.port))

    def workload(self, name: str) -> Manifest:
        return self.found.one("Job" if name == "init" else "Deployment", f"paymentapp-{name}")

    def arguments(self, name: str, network: str) -> list[str]:
        workload = self.workload(name)
        given = arguments(workload, self.found, self.secrets, self._folder)
        names = self._folder / "hosts"
        names.write_text(f"127.0.0.1 localhost {HOST}\n")
        place = (f"--network=container:sandbox-{network}", f"--volume={names}:/etc/hosts:ro")
        return [*given, *LIMITS, *place, "localhost/paymentapp", *command(workload)]

    def start(self, name: str) -> None:
        self.pods.run("run", "--detach", f"--name={name}", *self.arguments(name, name))
        self._open.callback(self.pods.run, "rm", "--force", "--time=0", name)

    def is_up(self, name: str) -> bool:
        """Return what the startup probe says."""
        (container,) = pod(self.workload(name))["containers"]
        path = container["startupProbe"]["httpGet"]["path"]
        return self.get(name, path).startswith("200")

    def get(self, name: str, path: str, token: str = "") -> str:
        """Return the status and the body of an answer, asked for in the network of a pod."""
        form = "%{http_code} "
        curl = ("curl", "--silent", "--header", f"Authorization: Bearer {token}", "--output", "-")
        url = f"http://127.0.0.1:8000{path}"
        pid = self.pods.inspect("container", f"sandbox-{name}")["State"]["Pid"]
        done = subprocess.run(
            ["nsenter", f"--target={pid}", "--net", *curl, "--write-out", f"\n{form}", url],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        body, _, status = done.stdout.rpartition("\n")
        return f"{status}{body}"


@contextmanager
def database() -> Iterator[tuple[PostgreSQLServer, bytes]]:
    """Give a server with a certificate for the example's name, and its authority's."""
    authority = pki.authority()
    with new_server() as server:
        key = pki.private_pem(pki.rsa_key())
        server.encrypt(authority.issue(HOST, days=(-30, 3600)), key)
        yield server, authority.pem


@pytest.fixture(scope="module")
def cluster(
    pods: Podman,
    image: str,  # noqa: ARG001 - it builds the images
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("volumes")
    with database() as (server, ca):
        made = Cluster(pods, server, ca, folder)
        try:
            made.prepare()
            made.sandbox("web")
            made.sandbox("worker")
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def refusals(cluster: Cluster) -> dict[str, str]:
    """Return why `web` does not start: before there are tables, and before there is a key."""
    found = {"tables": cluster.pods.attempt("run", "--rm", *cluster.arguments("web", "web")).stderr}
    cluster.pods.run("run", "--rm", *cluster.arguments("init", "web"))
    found["key"] = cluster.pods.attempt("run", "--rm", *cluster.arguments("web", "web")).stderr
    return found


@pytest.fixture(scope="module")
def key(cluster: Cluster, refusals: dict[str, str]) -> str:  # noqa: ARG001 - which come first
    """Return a key, made in the operator's pod."""
    arguments_of_it = cluster.arguments("operator", "web")
    cluster.pods.run("run", "--detach", "--name=operator", *arguments_of_it)
    try:
        create = ("paymentapp", "keys", "create", "my-program")
        made = cluster.pods.run("exec", "operator", *create).strip()
        assert made not in cluster.pods.output("operator")
        return made
    finally:
        cluster.pods.run("rm", "--force", "--time=0", "operator")


@pytest.fixture(scope="module")
def running(cluster: Cluster, key: str) -> Cluster:  # noqa: ARG001 - without which none starts
    for name in ("web", "worker"):
        cluster.start(name)
    for name in ("web", "worker"):
        until(lambda name=name: cluster.is_up(name), 30)  # type: ignore[misc]  # the name of this turn
    return cluster


def test_pods_do_not_start_before_there_are_tables_and_a_key(refusals: dict[str, str]) -> None:
    assert "paymentapp init" in refusals["tables"]
    assert "there is no valid API key" in refusals["key"]


def test_what_web_accepts_the_worker_pays(running: Cluster, key: str) -> None:
    environ = {"PAYMENTAPP_KEY": key, "PAYMENTAPP_URL": "http://127.0.0.1:8000", "WAIT": "20"}
    running.pods.inside("web", "curl/add_customer.sh", "unixuser1", **environ)
    paid = running.pods.inside("web", "curl/pay_customer.sh", "unixuser1", "12.50", **environ)
    assert json.loads(paid)["status"] == "succeeded"


def test_what_moves_money_is_in_the_worker_alone(running: Cluster) -> None:
    names = {
        name: running.pods.run("exec", name, "sh", "-c", "env | cut -d= -f1").split()
        for name in ("web", "worker")
    }
    assert "PAYPAL_CLIENT_SECRET" in names["worker"]
    assert "PAYPAL_CLIENT_SECRET" not in names["web"]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_metrics_are_for_who_has_the_token(running: Cluster, name: str) -> None:
    assert "paymentapp_http_requests_total" in running.get(name, "/metrics", running.metrics_token)
    assert running.get(name, "/metrics", "another").startswith("401")


@pytest.mark.parametrize("name", ["worker", "web"])
def test_a_pod_stops_within_the_time_that_it_is_given(running: Cluster, name: str) -> None:
    spec = pod(running.workload(name))
    (container,) = spec["containers"]
    begun = time.monotonic()
    running.pods.run("exec", name, *container["lifecycle"]["preStop"]["exec"]["command"])
    running.pods.run("stop", "--time=60", name, seconds=90)
    assert time.monotonic() - begun < spec["terminationGracePeriodSeconds"]
    assert running.pods.inspect("container", name)["State"]["ExitCode"] == 0
