"""Roles and tokens on a real PostgreSQL: who serves, who owns, and what renews a password."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from paymentapp.config import load_settings
from paymentapp.errors import StoreUnavailable
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.postgresql import PostgreSQLStore
from tests.support import postgresql
from tests.support.hcl import ROOT
from tests.support.metadata_server import MetadataServer, metadata_server
from tests.support.postgresql import PostgreSQLServer
from tests.support.records import a_claim, a_payment

WEB, WORKER = "paymentapp-web@a-project.iam", "paymentapp-worker"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'paymentapp-worker'"
# Azure's own makes a role that logs in by a token of the identity with this id.
PRINCIPALS = """
CREATE TABLE principals (name text, object_id text, kind text, is_admin bool, is_mfa bool);
CREATE FUNCTION pgaadauth_create_principal_with_oid(text, text, text, bool, bool) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE ROLE %I LOGIN', $1);
  INSERT INTO principals VALUES ($1, $2, $3, $4, $5);
  RETURN $1;
END $$
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQLServer]:
    if postgresql.programs() is None:
        if os.environ.get("CI"):
            pytest.fail(postgresql.MISSING)
        pytest.skip(postgresql.MISSING)
    with postgresql.new_server() as server:
        yield server


@pytest.fixture
def database(server: PostgreSQLServer) -> Iterator[str]:
    with postgresql.new_database(server.url) as url:
        yield url.rpartition("/")[2]


@pytest.fixture
def cloud() -> Iterator[MetadataServer]:
    with metadata_server() as server:
        yield server


def run(server: PostgreSQLServer, *statements: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def opened(url: str, **variables: str) -> PostgreSQLStore:
    return PostgreSQLStore.of(load_settings({"PAYMENTAPP_STORE": url, **variables}))


@pytest.fixture
def tables(server: PostgreSQLServer, database: str) -> Iterator[str]:
    """Make the tables as `init` does: as their owner, for two roles that serve.

    The roles have names as the clouds give them, and the first token for a password.
    """
    run(server, *(f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'token-1'" for name in (WEB, WORKER)))
    url = server.address(database)
    with closing(opened(url, PAYMENTAPP_POSTGRESQL_ROLE=f"{WEB} {WORKER}")) as owner:
        owner.create_tables()
        yield database
    with psycopg.connect(url, autocommit=True) as connection:
        for name in (WEB, WORKER):
            connection.execute(f'DROP OWNED BY "{name}"')
            connection.execute(f'DROP ROLE "{name}"')


def address(server: PostgreSQLServer, database: str, user: str) -> str:
    """Return an address without a password."""
    return f"postgresql://{user.replace('@', '%40')}@127.0.0.1:{server.port}/{database}"


@pytest.mark.parametrize("user", [WEB, WORKER])
@pytest.mark.parametrize("kind", ["google", "azure"])
def test_each_role_that_serves_logs_in_with_a_token_and_pays(
    server: PostgreSQLServer, tables: str, cloud: MetadataServer, user: str, kind: str
) -> None:
    variables = {"PAYMENTAPP_POSTGRESQL_IDENTITY": kind, **getattr(cloud, kind)()}
    with closing(opened(address(server, tables, user), **variables)) as store:
        store.ping()
        store.accept(Acceptance(a_payment(), a_claim()))
        assert len(store.list_events(None, 9).events) == 1
        with pytest.raises(StoreUnavailable, match="no permission"):
            store._rows("DROP TABLE paymentapp.events")
    assert len(cloud.asked) == 1


def test_a_new_connection_has_a_new_token(
    server: PostgreSQLServer, tables: str, cloud: MetadataServer
) -> None:
    cloud.seconds = 100  # so that each connection asks
    variables = {"PAYMENTAPP_POSTGRESQL_IDENTITY": "google", **cloud.google()}
    with closing(opened(address(server, tables, WORKER), **variables)) as store:
        store.ping()
        run(server, f"ALTER ROLE \"{WORKER}\" PASSWORD 'token-2'")
        cloud.token = "token-2"
        run(server, _END)
        store.ping()
    assert len(cloud.asked) == 2


def test_a_token_that_the_server_refuses_says_so_without_it(
    server: PostgreSQLServer, tables: str, cloud: MetadataServer
) -> None:
    cloud.token = "another"
    variables = {"PAYMENTAPP_POSTGRESQL_IDENTITY": "google", **cloud.google()}
    store = opened(address(server, tables, WEB), **variables)
    with closing(store), pytest.raises(StoreUnavailable, match="refuses the user") as caught:
        store.ping()
    assert "another" not in str(caught.value)


# deploy/azure/make_roles.py


@pytest.fixture
def azure(server: PostgreSQLServer) -> Iterator[PostgreSQLServer]:
    """Give the server a stand-in for Azure's function, and an administrator with a token."""
    run(server, PRINCIPALS, "CREATE ROLE init SUPERUSER LOGIN PASSWORD 'token-1'")
    yield server
    run(
        server,
        "DROP FUNCTION pgaadauth_create_principal_with_oid",
        "DROP TABLE principals",
        "DROP ROLE init",
        *(f'DROP ROLE IF EXISTS "{name}"' for name in ("a-web", "a-worker")),
    )


def make_roles(server: PostgreSQLServer, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the job does, by `python -c`."""
    script = (ROOT / "deploy" / "azure" / "make_roles.py").read_text()
    environment = {
        "PYTHONPATH": str(ROOT),
        "PAYMENTAPP_STORE": f"postgresql://init@127.0.0.1:{server.port}/paymentapp",
        "PAYMENTAPP_POSTGRESQL_IDENTITY": "azure",
        "SERVING_ROLES": '{"a-web": "id-1", "a-worker": "id-2"}',
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60
    )


def principals(server: PostgreSQLServer) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.url) as connection:
        return connection.execute("SELECT * FROM principals ORDER BY name").fetchall()


def test_roles_are_made_once_for_identities(azure: PostgreSQLServer, cloud: MetadataServer) -> None:
    first = make_roles(azure, **cloud.azure())
    assert (first.returncode, first.stderr) == (0, "make_roles: made a-web, a-worker\n")
    second = make_roles(azure, **cloud.azure())
    assert (second.returncode, second.stderr) == (0, "make_roles: made nothing\n")
    assert principals(azure) == [
        ("a-web", "id-1", "service", False, False),
        ("a-worker", "id-2", "service", False, False),
    ]


def test_roles_that_cannot_be_made_stop_the_job(
    azure: PostgreSQLServer, cloud: MetadataServer
) -> None:
    cloud.answer = (403, b"{}")
    done = make_roles(azure, **cloud.azure())
    assert done.returncode == 1
    assert "gives no token" in done.stderr
    assert principals(azure) == []
