"""The stores that the contract suite runs on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from paymentapp.config import Settings
from paymentapp.models.revisions import new_revision
from paymentapp.storage import open_store
from paymentapp.storage.base import Store
from paymentapp.storage.dynamodb import DynamoDBStore, list_entries, tables
from paymentapp.storage.dynamodb.sharded_counters import Contention
from paymentapp.storage.postgresql import PostgreSQLStore
from paymentapp.storage.sqlite import SQLiteStore
from tests.support import postgresql
from tests.support.memory_store import MemoryStore
from tests.support.postgresql_proxy import PostgreSQLProxy
from tests.support.records import NOW

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


ENGINES = ["sqlite", "dynamodb", "postgresql"]
TABLE_KEYS = {
    "Customers": ("customer_id",),
    "Disbursements": ("customer_id", "payment_id"),
    "Operations": ("pk", "sk"),
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Store:
    """Return each engine, empty."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture(params=[*ENGINES, "memory"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return each engine, empty, and the store in memory that other tests use."""
    if request.param == "memory":
        return MemoryStore()
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = open_store(Settings(store=f"sqlite:///{tmp_path}/var/test.db"))
    assert isinstance(store, SQLiteStore)
    store.create_tables()
    yield store
    store.close()


@pytest.fixture(scope="session")
def dynamodb_client(dynamodb_endpoint: str) -> Iterator[DynamoDBClient]:  # noqa: ARG001
    """Return a client for checks that go around the store."""
    client = boto3.session.Session().client("dynamodb")
    yield client
    client.close()


@pytest.fixture(scope="session")
def dynamodb_settings(dynamodb_client: DynamoDBClient) -> Iterator[Settings]:
    """Return settings with three existing tables: creating them takes longer than most tests.

    Nothing expires in them: the tests' times have passed, and an emulator deletes once a minute.
    """
    settings = Settings(store="dynamodb", table_prefix=f"test-{new_revision()}-")
    store = open_store(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_expire", lambda *_: None)
        assert store.create_tables() == list(TABLE_KEYS)
    store.close()
    yield settings
    for name in TABLE_KEYS:
        dynamodb_client.delete_table(TableName=settings.table_prefix + name)


@pytest.fixture(scope="session")
def dynamodb_open(dynamodb_settings: Settings) -> Iterator[DynamoDBStore]:
    store = open_store(dynamodb_settings)
    assert isinstance(store, DynamoDBStore)
    yield store
    store.close()


@pytest.fixture
def dynamodb_store(
    dynamodb_open: DynamoDBStore, dynamodb_client: DynamoDBClient, dynamodb_settings: Settings
) -> Iterator[DynamoDBStore]:
    dynamodb_open._contention = Contention()
    dynamodb_open._again_after = DynamoDBStore._again_after
    yield dynamodb_open
    for name, keys in TABLE_KEYS.items():
        table = dynamodb_settings.table_prefix + name
        pages = dynamodb_client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        for item in [item for page in pages for item in page["Items"]]:
            dynamodb_client.delete_item(TableName=table, Key={key: item[key] for key in keys})


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """Return the address of a database with the tables, for checks that go around the store."""
    with postgresql.new_database(postgresql_server) as url:
        store = open_store(Settings(store=url))
        assert store.create_tables() != []
        store.close()
        yield url


@pytest.fixture(scope="session")
def postgresql_open(postgresql_url: str) -> Iterator[PostgreSQLStore]:
    store = open_store(Settings(store=postgresql_url))
    assert isinstance(store, PostgreSQLStore)
    yield store
    store.close()


@pytest.fixture
def postgresql_store(
    postgresql_open: PostgreSQLStore, postgresql_url: str
) -> Iterator[PostgreSQLStore]:
    yield postgresql_open
    postgresql.empty(postgresql_url)


@pytest.fixture
def proxy(postgresql_url: str) -> Iterator[PostgreSQLProxy]:
    proxy = PostgreSQLProxy(postgresql_url)
    yield proxy
    proxy.close()


@pytest.fixture
def proxied_store(
    proxy: PostgreSQLProxy,
    postgresql_store: PostgreSQLStore,  # noqa: ARG001  # whose rows are deleted at the end
) -> Iterator[PostgreSQLStore]:
    """Return the PostgreSQL store behind the proxy, with a connection."""
    store = PostgreSQLStore.of(Settings(store=proxy.url))
    store.ping()
    yield store
    store.close()


@pytest.fixture
def requested_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the requests of the tests' payments made at this moment, as they are outside of tests.

    Else DynamoDB needs one more put for the event of each.
    """
    monkeypatch.setattr(list_entries, "utc_now", lambda: NOW)
