"""Every query of PostgreSQL that is asked for often is answered by an index, in the right order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from paymentapp.config import Settings
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.payments import Status
from paymentapp.storage.account_reading import index_of
from paymentapp.storage.postgresql import PostgreSQLStore, sql
from paymentapp.storage.postgresql.account_payments import step_statement
from tests.support import postgresql
from tests.support.records import NOW

# Rows enough for the planner to have a choice; each value of a filter is that of a few of them.
FILL = """
INSERT INTO paymentapp.disbursements
SELECT 'c' || n % 100, to_char(timestamptz '2026-03-01' + n * interval '1 second',
    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'r', CASE WHEN n % 50 = 0 THEN 'pending' ELSE 'succeeded' END,
    n, 'USD', 'paypal', 'a@example.com', 'client ' || n % 40, 'invoice ' || n % 200,
    'run ' || n % 40,
    'batch ' || n / 50, 'item ' || n, 'transaction ' || n, n % 4,
    CASE WHEN n % 50 = 0 THEN timestamptz '2026-03-01' + n * interval '1 second' END, '{}'
FROM generate_series(1, 20000) AS n
"""


BY_KEY = ("disbursements_pkey", "payment_newest")  # both have the whole key


@pytest.fixture(scope="module")
def connection(postgresql_server: str) -> Iterator[psycopg.Connection[Any]]:
    """Return a connection to a database of 20,000 payments, of this module's own."""
    with postgresql.new_database(postgresql_server) as url:
        with closing(PostgreSQLStore.of(Settings(store=url))) as store:
            store.create_tables()
        postgresql.run(url, FILL)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")
            yield connection


def plan(connection: psycopg.Connection[Any], statement: str, values: tuple[Any, ...]) -> str:
    return "\n".join(line for (line,) in connection.execute(f"EXPLAIN {statement}", values))


QUERIES = [
    ({}, "payment_newest"),
    ({"reference": "invoice 7"}, "payment_reference"),
    ({"bulk_id": "run 7"}, "payment_bulk"),
    ({"created_by": "client 7"}, "payment_maker"),
    ({"status": Status.PENDING}, "payment_open"),
    ({"status": Status.PENDING, "currency": "USD"}, "payment_open"),
    ({"created_by": "client 7", "min_amount": Decimal(5)}, "payment_maker"),
    ({"currency": "EUR", "max_amount": Decimal(5)}, "payment_newest"),
]


@pytest.mark.parametrize(("filters", "index"), QUERIES, ids=[str(f) for f, _ in QUERIES])
def test_a_list_is_read_from_the_index_of_a_filter(
    connection: psycopg.Connection[Any], filters: dict[str, Any], index: str
) -> None:
    query = AccountQuery(20, **filters)
    found = plan(connection, *step_statement(query, index_of(query), frozenset(), None, 20))
    assert f"using {index}" in found, found
    assert "Sort" not in found
    assert "Seq Scan" not in found


def test_payments_of_a_providers_id_are_found_by_indexes(
    connection: psycopg.Connection[Any],
) -> None:
    query = AccountQuery(20, provider_id="item 7")
    found = plan(
        connection, *step_statement(query, "provider_id", frozenset({"batch 7"}), None, 20)
    )
    for index in ("payment_item", "payment_transaction", "payment_batch"):
        assert index in found, found
    assert "Seq Scan" not in found


AFTER = sql.AFTER_EVERY_ID
OTHERS: list[tuple[str, tuple[Any, ...], str]] = [
    (sql.DUE_PAYMENTS, (1, NOW, 50), "payment_due"),
    (sql.LIST_PAYMENTS, ("c7", "", AFTER, AFTER, 20), "disbursements_pkey"),
    (sql.SCAN_PAYMENTS, ("", "", "2026-03-01T01", "2026-03-01T02", 500), "payment_newest"),
]


@pytest.mark.parametrize(("statement", "values", "index"), OTHERS, ids=[i for *_, i in OTHERS])
def test_what_is_asked_often_is_read_from_an_index(
    connection: psycopg.Connection[Any], statement: str, values: tuple[Any, ...], index: str
) -> None:
    found = plan(connection, statement, values)
    assert f"using {index}" in found, found
    assert "Sort" not in found


@pytest.mark.parametrize(
    ("statement", "values"),
    [(sql.CHANGE_PAYMENTS, ("[]", "[]")), (sql.GET_PAYMENTS, (["c7"], ["2026-03-01T01"]))],
    ids=["changes", "reads"],
)
def test_many_payments_are_found_by_their_keys(
    connection: psycopg.Connection[Any], statement: str, values: tuple[Any, ...]
) -> None:
    found = plan(connection, statement, values)
    assert any(f"using {index}" in found for index in BY_KEY), found
    assert "Seq Scan" not in found


def test_large_tables_are_vacuumed_before_a_fifth_of_them_has_changed(
    connection: psycopg.Connection[Any],
) -> None:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'paymentapp'::regnamespace "
        "AND 'autovacuum_vacuum_scale_factor=0.02' = ANY (reloptions) ORDER BY relname"
    )
    assert [name for (name,) in rows] == ["disbursements", "events", "operations"]
