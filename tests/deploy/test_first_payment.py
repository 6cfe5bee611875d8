"""A payment by what Terraform gives the processes, on a PostgreSQL and with tokens of the tests.

The environments, commands and arguments are those of the containers. What differs: addresses, no
TLS to the database, and the simulator for PayPal.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.support import postgresql
from tests.support.cluster import GUNICORN
from tests.support.emulated_aws import simulator
from tests.support.metadata_server import MetadataServer, metadata_server
from tests.support.postgresql import PostgreSQLServer
from tests.support.service import ROOT, clean_environ, free_port
from tests.support.stand_in import PROVIDERS, SERVICE, Deployed, deployment

SECONDS = 60
# What gunicorn asks before it listens where the image does, on all addresses of its container.
MAY_LISTEN = """
from contextlib import closing
from paymentapp.bootstrap import build_services
from paymentapp.server import check_access
with closing(build_services(providers={})) as services:
    check_access(services, "0.0.0.0")
"""
# Azure's own makes a role that logs in by a token; here the token is its password.
PRINCIPAL = """
CREATE FUNCTION pgaadauth_create_principal_with_oid(text, text, text, bool, bool) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('CREATE ROLE %I LOGIN PASSWORD ''token-1''', $1); RETURN $1; END $$
"""


@pytest.fixture(params=PROVIDERS)
def deployed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployed]:
    with deployment(request.param, tmp_path) as cloud:
        yield Deployed(cloud)


@pytest.fixture
def database() -> Iterator[PostgreSQLServer]:
    if postgresql.programs() is None:
        assert "CI" not in os.environ, postgresql.MISSING
        pytest.skip(postgresql.MISSING)
    with postgresql.new_server() as server:
        sql(server, "CREATE DATABASE paymentapp")
        yield server


def sql(server: PostgreSQLServer, statement: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(statement)


class Place:
    """Where the containers run: programs, files, database, tokens and PayPal."""

    def __init__(self, folder: Path, cloud: MetadataServer, database: PostgreSQLServer) -> None:
        self.folder, self.cloud, self.database = folder, cloud, database
        self._programs = folder / "programs"
        self._programs.mkdir()
        for name, module in (("paymentapp", "-m paymentapp"), ("python", "")):
            program = self._programs / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
            program.chmod(0o755)
        self.password = folder / "password"
        self.password.write_text("of-the-owner")
        self.password.chmod(0o600)

    def environment(self, given: Mapping[str, str], **variables: str) -> dict[str, str]:
        """Return the variables of a container, with the addresses of this place."""
        found = {**given, **variables}
        address = f"@127.0.0.1:{self.database.port}/paymentapp"
        found["PAYMENTAPP_STORE"] = re.sub(r"@[^@]*$", address, given["PAYMENTAPP_STORE"])
        if "PAYMENTAPP_POSTGRESQL_PASSWORD_FILE" in found:
            found["PAYMENTAPP_POSTGRESQL_PASSWORD_FILE"] = str(self.password)
        path = f"{self._programs}:{os.environ['PATH']}"
        return clean_environ() | {**found, "PYTHONPATH": str(ROOT), "PATH": path}

    def google(self) -> dict[str, str]:
        address = f"http://{self.cloud.address}"
        return {**self.cloud.google(), "SECRET_MANAGER_URL": address}

    def azure(self, given: Mapping[str, str]) -> dict[str, str]:
        vault = {"FIRST_KEY_VAULT": f"http://{self.cloud.address}/"}
        identity = {**self.cloud.azure(), "AZURE_CLIENT_ID": given["AZURE_CLIENT_ID"]}
        return {**identity, **(vault if "FIRST_KEY_VAULT" in given else {})}

    def run(self, container: Mapping[str, list[str]], environment: Mapping[str, str]) -> None:
        done = subprocess.run(
            container["command"] + container["args"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def key(self) -> str:
        """Return the key that the cloud's store of secrets has got."""
        ((_, _, body),) = self.cloud.kept
        if "value" in body:
            return str(body["value"])
        return base64.b64decode(body["payload"]["data"]).decode()


def run_jobs(deployed: Deployed, place: Place) -> None:
    """Make the roles that the first apply makes, and run the jobs of the second one."""
    given = deployed.init()
    if deployed.name == "gcp":
        sql(place.database, "CREATE ROLE \"paymentapp-owner\" LOGIN PASSWORD 'of-the-owner'")
        sql(place.database, 'GRANT CREATE ON DATABASE paymentapp TO "paymentapp-owner"')
        for role in given["PAYMENTAPP_POSTGRESQL_ROLE"].split():
            sql(place.database, f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'token-1'")
        environment = place.environment(given, **place.google())
        for job in ("init", "key"):
            place.run(deployed.containers(f'google_cloud_run_v2_job.this["{job}"]'), environment)
    else:
        sql(place.database, PRINCIPAL)
        sql(place.database, "CREATE ROLE \"paymentapp-init\" SUPERUSER LOGIN PASSWORD 'token-1'")
        environment = place.environment(given, **place.azure(given))
        place.run(deployed.containers("azurerm_container_app_job.init[0]"), environment)


def start(deployed: Deployed, place: Place, name: str, **variables: str) -> subprocess.Popen[bytes]:
    """Start the image's command with a service's environment, on loopback."""
    given = deployed.environment(f'{SERVICE[deployed.name]}["{name}"]')
    cloud = place.google() if deployed.name == "gcp" else place.azure(given)
    environment = place.environment(given, **cloud, **variables)
    place.run({"command": ["python"], "args": ["-c", MAY_LISTEN]}, environment)
    with (place.folder / f"{name}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, *GUNICORN], cwd=ROOT, env=environment, stdout=log, stderr=log
        )


def curl(place: Place, port: int, script: str, *arguments: str) -> str:
    variables = {"PAYMENTAPP_URL": f"http://127.0.0.1:{port}", "PAYMENTAPP_KEY": place.key()}
    done = subprocess.run(
        [ROOT / "curl" / script, *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return done.stdout + done.stderr


def until(place: Place, port: int, wanted: str, script: str, *arguments: str) -> None:
    """Repeat a script until it shows what is wanted."""
    end = time.monotonic() + SECONDS
    while wanted not in (shown := curl(place, port, script, *arguments)):
        logs = "".join(path.read_text() for path in place.folder.glob("w*.log"))
        assert time.monotonic() < end, shown + logs
        time.sleep(0.3)


def test_the_first_payment_is_accepted_by_web_and_paid_by_worker(
    deployed: Deployed, database: PostgreSQLServer, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        cloud = stack.enter_context(metadata_server())
        paypal = stack.enter_context(simulator(tmp_path))
        place = Place(tmp_path, cloud, database)
        run_jobs(deployed, place)
        common = {"PAYPAL_BASE_URL": paypal, "PAYMENTAPP_LOG_FORMAT": "text"}
        credentials = {"PAYPAL_CLIENT_ID": "simulator", "PAYPAL_CLIENT_SECRET": "simulator"}
        ports = {"web": free_port(), "worker": free_port()}
        for name, port in ports.items():
            secrets = credentials if name == "worker" else {}
            process = start(deployed, place, name, PORT=str(port), **common, **secrets)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
        until(place, ports["web"], "unixuser1", "add_customer.sh", "unixuser1")
        paid = curl(place, ports["web"], "pay_customer.sh", "unixuser1", "12.50", "USD")
        assert "12.5" in paid
        until(place, ports["web"], '"succeeded"', "list_payments.sh", "unixuser1")
