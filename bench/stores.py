"""The stores that are measured: create one, count its payments, copy it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from bench.bare_app import dynamodb_client, prepare_sqlite
from bench.load import CUSTOMERS
from bench.postgresql import PostgreSQLPlace
from paymentapp.bootstrap import Services, build_services
from paymentapp.config import load_settings
from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey
from paymentapp.services.payment_orders import PaymentOrder

NOBODY = "http://127.0.0.1:9"  # a PayPal for processes that never call it


def customers() -> list[tuple[str, str]]:
    """Return ids and e-mails of the customers who are paid."""
    return [(f"bench{number}", f"bench{number}@example.com") for number in range(CUSTOMERS)]


class Place(Protocol):
    """One store of the service, apart from all others."""

    engine: str

    def settings(self) -> dict[str, str]:
        """Return the environment variables that select it."""

    def count(self) -> int:
        """Return the number of payments in it."""

    def copy(self, name: str) -> Place:
        """Copy the records to another place; nobody writes meanwhile."""


class SQLitePlace:
    """A SQLite file."""

    engine = "SQLite"

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._path = directory / f"{name}.db"

    def settings(self) -> dict[str, str]:
        return {"PAYMENTAPP_STORE": f"sqlite:///{self._path}"}

    def count(self) -> int:
        return count_sqlite(self._path, "Disbursements")

    def copy(self, name: str) -> SQLitePlace:
        other = SQLitePlace(self._directory, name)
        for ending in ("", "-wal"):
            source = Path(f"{self._path}{ending}")
            if source.exists():
                shutil.copy(source, f"{other._path}{ending}")
        return other


def count_sqlite(path: Path, table: str) -> int:
    """Return the number of rows of a table."""
    connection = sqlite3.connect(path)
    count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    connection.close()
    return count


class DynamoDBPlace:
    """DynamoDB tables with a prefix of their own."""

    engine = "DynamoDB"

    def __init__(self, name: str) -> None:
        self.prefix = f"{name}-"

    def settings(self) -> dict[str, str]:
        return {"PAYMENTAPP_STORE": "dynamodb", "PAYMENTAPP_TABLE_PREFIX": self.prefix}

    def count(self) -> int:
        pages = dynamodb_client().get_paginator("scan")
        table = f"{self.prefix}Disbursements"
        return sum(page["Count"] for page in pages.paginate(TableName=table, Select="COUNT"))

    def items(self, count: int) -> list[dict[str, Any]]:
        """Yield the first payments of the table, as they are stored."""
        items: list[dict[str, Any]] = []
        pages = dynamodb_client().get_paginator("scan")
        for page in pages.paginate(TableName=f"{self.prefix}Disbursements"):
            items += page["Items"]
            if len(items) >= count:
                break
        return items[:count]

    def copy(self, name: str) -> DynamoDBPlace:
        other = DynamoDBPlace(name)
        services = open_services(other)
        services.store.create_tables()
        services.store.close()
        for table in ("Customers", "Disbursements"):
            _copy_table(f"{self.prefix}{table}", f"{other.prefix}{table}")
        return other


def new_place(directory: Path, engine: str, name: str) -> Place:
    """Return an empty place for a store of an engine."""
    if engine == "PostgreSQL":
        return PostgreSQLPlace(name)
    return SQLitePlace(directory, name) if engine == "SQLite" else DynamoDBPlace(name)


def _copy_table(source: str, target: str) -> None:
    client = dynamodb_client()
    with ThreadPoolExecutor(4) as threads:
        for page in client.get_paginator("scan").paginate(TableName=source):
            puts = [{"PutRequest": {"Item": item}} for item in page["Items"]]
            groups = [puts[start : start + 25] for start in range(0, len(puts), 25)]
            for answer in threads.map(
                lambda group: client.batch_write_item(RequestItems={target: group}), groups
            ):
                assert not answer.get("UnprocessedItems")


def open_services(place: Place, settings: Mapping[str, str] | None = None) -> Services:
    """Build the service over a place, in this process, with further settings."""
    environment = (
        place.settings()
        | dict(settings or {})
        | {
            "PAYPAL_BASE_URL": NOBODY,
            "PAYPAL_CLIENT_ID": "bench",
            "PAYPAL_CLIENT_SECRET": "bench",
        }
    )
    return build_services(load_settings(os.environ | environment))


def prepare(place: Place) -> None:
    """Create the tables, and register the customers who are paid."""
    services = open_services(place)
    services.store.create_tables()
    for customer_id, email in customers():
        services.customers.register(customer_id, email, {})
    services.store.close()


def prepare_bare_sqlite(path: Path) -> None:
    """Create the same customers for the bare view."""
    prepare_sqlite(str(path), customers())


def fill(place: Place, count: int) -> list[PaymentKey]:
    """Accept payments, which wait since no dispatcher runs; return their keys."""
    prepare(place)
    services = open_services(place)
    who = customers()
    orders = [
        PaymentOrder(*who[number % len(who)], Money(Decimal("12.50"), "USD"), "paypal")
        for number in range(count)
    ]
    with ThreadPoolExecutor(16) as threads:
        accepted = list(threads.map(services.payments.request, orders))
    services.store.close()
    return [each.payment.key for each in accepted]
