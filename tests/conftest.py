"""Fixtures for several test folders."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator

import pytest

from tests.support import postgresql
from tests.support.emulators import FAKE_ACCOUNT, ministack, ministack_program
from tests.support.postgresql import PostgreSQLServer

# A shell that runs the tests in the background has them ignore SIGINT, and `nohup` SIGHUP; what
# they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def dynamodb_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Set the address of a DynamoDB in the environment, where boto3 finds it.

    Each process of a parallel run has its own emulator, or else its own table prefixes.
    """
    with pytest.MonkeyPatch.context() as environment:
        for name, value in FAKE_ACCOUNT.items():
            if name not in os.environ:
                environment.setenv(name, value)
        given = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")
        if given:
            yield given
            return
        program = ministack_program()
        if program is None:
            pytest.skip(
                "no DynamoDB: ministack is not installed, AWS_ENDPOINT_URL_DYNAMODB not set"
            )
        with ministack(program, tmp_path_factory.mktemp("ministack")) as address:
            environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
            yield address


@pytest.fixture
def dynamodb_environ(dynamodb_endpoint: str) -> dict[str, str]:
    """Return settings for service processes: DynamoDB with tables of their own."""
    return {
        "PAYMENTAPP_STORE": "dynamodb",
        "PAYMENTAPP_TABLE_PREFIX": f"t{secrets.token_hex(4)}-",
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint,
        **FAKE_ACCOUNT,
    }


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Return the address of a PostgreSQL server; each process of a parallel run has its own."""
    given = os.environ.get(postgresql.GIVEN)
    if given:
        yield given
        return
    _need_postgresql()
    with postgresql.new_server() as server:
        yield server.url


def _need_postgresql() -> None:
    if postgresql.programs() is None:
        if os.environ.get("CI"):
            pytest.fail(postgresql.MISSING)
        pytest.skip(postgresql.MISSING)


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSQLServer]:
    """Return a running PostgreSQL server of the test's own, which it may kill."""
    _need_postgresql()
    with postgresql.new_server() as server:
        yield server


@pytest.fixture
def postgresql_environ(postgresql_server: str) -> Iterator[dict[str, str]]:
    """Return settings for service processes: a PostgreSQL database of their own."""
    with postgresql.new_database(postgresql_server) as url:
        yield {"PAYMENTAPP_STORE": url}
