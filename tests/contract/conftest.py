"""The stores that the contract suite runs on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from paymentapp.config import Settings
from paymentapp.models import new_revision
from paymentapp.storage import open_store
from paymentapp.storage.base import Store
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.sqlite import SQLiteStore
from tests.support.memory_store import MemoryStore


ENGINES = ["sqlite", "dynamodb"]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Store:
    """Each engine, empty."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture(params=[*ENGINES, "memory"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each engine, empty; and the fake that other tests use in their place."""
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


@pytest.fixture
def dynamodb_store(dynamodb_endpoint: str) -> Iterator[DynamoDBStore]:  # noqa: ARG001
    prefix = f"test-{new_revision()}-"
    store = open_store(Settings(store="dynamodb", table_prefix=prefix))
    assert isinstance(store, DynamoDBStore)
    store.create_tables()
    yield store
    store.close()
    client = boto3.session.Session().client("dynamodb")
    for name in ("Customers", "Disbursements", "Operations"):
        client.delete_table(TableName=prefix + name)
    client.close()
