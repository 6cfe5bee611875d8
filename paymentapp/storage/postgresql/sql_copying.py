"""The SQL statements that read and write whole tables."""

from __future__ import annotations

from typing import NamedTuple

from paymentapp.storage.postgresql import sql

_OPERATION = f"pk, sk, {sql.RECORD_COLUMNS}"
_PAYMENT_FIELDS = (
    "customer_id text, payment_id text, revision text, status text, amount numeric, "
    "currency text, payment_method text, email text, created_by text, reference text, "
    "bulk_id text, batch_id text, provider_item_id text, transaction_id text, "
    "due_shard integer, due_at timestamptz, document jsonb"
)
_CUSTOMER_FIELDS = (
    "customer_id text, email text, revision text, created_at timestamptz, document jsonb"
)
_EVENT = "lpad(position::text, 20, '0'), expires_at, event"


class TableStatements(NamedTuple):
    """The statements of a table; the keys of `get` and `delete` are arrays, one for each column."""

    read: str  # after a key
    first: tuple[str, ...]  # before every key
    get: str
    put: str  # of rows as JSON
    delete: str


def _replaced(columns: str, key: str) -> str:
    """Return how a row replaces another one."""
    names = [name for name in columns.split(", ") if name not in key.split(", ")]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names)
    return f"ON CONFLICT ({key}) DO UPDATE SET {changes}"


CUSTOMERS = TableStatements(
    f"SELECT {sql.CUSTOMER_COLUMNS} FROM paymentapp.customers "
    "WHERE customer_id > %s ORDER BY customer_id LIMIT %s",
    ("",),
    f"SELECT {sql.CUSTOMER_COLUMNS} FROM paymentapp.customers WHERE customer_id = ANY (%s::text[])",
    f"INSERT INTO paymentapp.customers ({sql.CUSTOMER_COLUMNS}) SELECT {sql.CUSTOMER_COLUMNS} "
    f"FROM jsonb_to_recordset(%s::jsonb) AS r ({_CUSTOMER_FIELDS}) "
    f"{_replaced(sql.CUSTOMER_COLUMNS, 'customer_id')}",
    "DELETE FROM paymentapp.customers WHERE customer_id = ANY (%s::text[])",
)
PAYMENTS = TableStatements(
    f"SELECT {sql.PAYMENT_COLUMNS} FROM paymentapp.disbursements "
    "WHERE (customer_id, payment_id) > (%s, %s) ORDER BY customer_id, payment_id LIMIT %s",
    ("", ""),
    sql.GET_PAYMENTS,
    f"INSERT INTO paymentapp.disbursements ({sql.PAYMENT_COLUMNS}) SELECT {sql.PAYMENT_COLUMNS} "
    f"FROM jsonb_to_recordset(%s::jsonb) AS r ({_PAYMENT_FIELDS}) "
    f"{_replaced(sql.PAYMENT_COLUMNS, 'customer_id, payment_id')}",
    "DELETE FROM paymentapp.disbursements AS d USING unnest(%s::text[], %s::text[]) "
    "AS k (customer, payment) WHERE d.customer_id = k.customer AND d.payment_id = k.payment",
)
OPERATIONS = TableStatements(
    f"SELECT {_OPERATION} FROM paymentapp.operations "
    "WHERE (pk, sk) > (%s, %s) AND pk NOT IN ('lease', 'copy') ORDER BY pk, sk LIMIT %s",
    ("", ""),
    f"SELECT {_OPERATION} FROM paymentapp.operations JOIN "
    "unnest(%s::text[], %s::text[]) AS k (p, s) ON pk = k.p AND sk = k.s",
    f"INSERT INTO paymentapp.operations ({_OPERATION}) SELECT {_OPERATION} "
    f"FROM jsonb_to_recordset(%s::jsonb) AS r ({sql.RECORD_FIELDS}) "
    f"{_replaced(_OPERATION, 'pk, sk')}",
    "DELETE FROM paymentapp.operations USING unnest(%s::text[], %s::text[]) AS k (p, s) "
    "WHERE pk = k.p AND sk = k.s",
)
EVENTS = TableStatements(
    f"SELECT {_EVENT} FROM paymentapp.events "
    "WHERE position > %s::bigint ORDER BY position LIMIT %s",
    ("0",),
    f"SELECT {_EVENT} FROM paymentapp.events WHERE position = ANY (%s::bigint[])",
    # With the position after which new events are listed.
    "WITH wanted AS (SELECT * FROM jsonb_to_recordset(%s::jsonb) AS e "
    "(position bigint, at timestamptz, expires_at timestamptz, event jsonb)), moved AS ("
    "UPDATE paymentapp.event_list SET last_position = "
    "greatest(last_position, (SELECT max(position) FROM wanted))) "
    "INSERT INTO paymentapp.events (position, at, expires_at, event) "
    "SELECT position, at, expires_at, event FROM wanted ORDER BY position "
    "ON CONFLICT (position) WHERE position IS NOT NULL DO UPDATE "
    "SET at = excluded.at, expires_at = excluded.expires_at, event = excluded.event",
    "DELETE FROM paymentapp.events WHERE position = ANY (%s::bigint[])",
)
LEASES = "SELECT sk, document FROM paymentapp.operations WHERE pk = 'lease'"
