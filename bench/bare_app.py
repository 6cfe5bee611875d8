"""The baseline: a bare Flask view with the same storage calls, written by hand."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
import time
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_SECONDS = 35 * 86400
BARE_SETTINGS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
}
SCHEMA = """
CREATE TABLE customers (customer_id TEXT PRIMARY KEY, email TEXT NOT NULL);
CREATE TABLE claims (
    key_hash TEXT PRIMARY KEY, customer_id TEXT NOT NULL, payment_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE TABLE payments (
    customer_id TEXT, payment_id TEXT, amount TEXT NOT NULL, currency TEXT NOT NULL,
    payment_method TEXT NOT NULL, email TEXT NOT NULL, status TEXT NOT NULL, history TEXT NOT NULL,
    request_id TEXT NOT NULL, revision TEXT NOT NULL, due_shard INTEGER, due_at TEXT,
    PRIMARY KEY (customer_id, payment_id)
);
CREATE INDEX due ON payments (due_shard, due_at) WHERE due_at IS NOT NULL;
"""


def prepare_sqlite(path: str, customers: list[tuple[str, str]]) -> None:
    """Create the database file with its tables and customers."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(SCHEMA)
    connection.executemany("INSERT INTO customers VALUES (?, ?)", customers)
    connection.commit()
    connection.close()


def _new_payment(body: dict[str, Any]) -> dict[str, str]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    customer_id = body["customer_id"]
    return {
        "customer_id": customer_id,
        "payment_id": now,
        "amount": str(body["amount"]),
        "currency": body["currency"],
        "payment_method": body.get("payment_method", "paypal"),
        "email": body["email"],
        "status": "pending",
        "history": f"{now} pending request",
        "request_id": hashlib.sha256(request.headers["Idempotency-Key"].encode()).hexdigest(),
        "revision": secrets.token_hex(6),
        "due_shard": str(zlib.crc32(f"{customer_id}/{now}".encode()) % 4),
        "due_at": now,
    }


def sqlite_app() -> Flask:
    """Build the view over SQLite: a connection a thread, WAL, full sync, a commit a write."""
    app = Flask(__name__)
    local = threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect(os.environ["BARE_DATABASE"], isolation_level=None)
            local.connection.execute("PRAGMA journal_mode = WAL")
            local.connection.execute("PRAGMA synchronous = FULL")
            local.connection.execute("PRAGMA busy_timeout = 10000")
        found: sqlite3.Connection = local.connection
        return found

    @app.post("/v1/api/payment")
    def pay() -> ResponseReturnValue:
        body = request.get_json()
        database = connection()
        row = database.execute(
            "SELECT email FROM customers WHERE customer_id = ?", (body["customer_id"],)
        ).fetchone()
        if row is None or row[0] != body["email"]:
            return jsonify(error="no such customer"), 404
        payment = _new_payment(body)
        database.execute(
            "INSERT INTO claims VALUES (?, ?, ?, ?)",
            (
                payment["request_id"],
                payment["customer_id"],
                payment["payment_id"],
                int(time.time()) + KEPT_SECONDS,
            ),
        )
        database.execute(
            "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            tuple(payment.values()),
        )
        return jsonify(payment), 202

    _add_health(app)
    return app


def dynamodb_client() -> DynamoDBClient:
    """Return a default boto3 client with the timeouts, retries and pool that every server needs.

    The service's own has two more settings that save CPU time, which are part of what is measured.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=32,
        tcp_keepalive=True,
    )
    client: DynamoDBClient = boto3.client("dynamodb", config=config)
    return client


def dynamodb_app() -> Flask:
    """Build the view over DynamoDB: one client, a consistent read, two conditional writes."""
    app = Flask(__name__)
    client = dynamodb_client()
    prefix = os.environ["BARE_TABLE_PREFIX"]

    @app.post("/v1/api/payment")
    def pay() -> ResponseReturnValue:
        body = request.get_json()
        found = client.get_item(
            TableName=f"{prefix}Customers",
            Key={"customer_id": {"S": body["customer_id"]}},
            ConsistentRead=True,
        ).get("Item")
        if found is None or found["email"]["S"] != body["email"]:
            return jsonify(error="no such customer"), 404
        payment = _new_payment(body)
        client.put_item(
            TableName=f"{prefix}Operations",
            Item={
                "pk": {"S": f"key#{payment['request_id']}"},
                "sk": {"S": "claim"},
                "customer_id": {"S": payment["customer_id"]},
                "payment_id": {"S": payment["payment_id"]},
                "expires_at": {"N": str(int(time.time()) + KEPT_SECONDS)},
            },
            ConditionExpression="attribute_not_exists(pk)",
        )
        client.put_item(
            TableName=f"{prefix}Disbursements",
            Item={name: {"S": value} for name, value in payment.items()},
            ConditionExpression="attribute_not_exists(payment_id)",
        )
        return jsonify(payment), 202

    _add_health(app)
    return app


POSTGRESQL_READ = """
SELECT email FROM paymentapp.customers WHERE customer_id = %(customer_id)s
UNION ALL SELECT pk FROM paymentapp.operations WHERE pk = %(pk)s AND sk = 'claim'
"""
POSTGRESQL_WRITE = """
WITH claim AS (
    INSERT INTO paymentapp.operations (pk, sk, revision, expires_at, document)
    VALUES (%(pk)s, 'claim', %(revision)s, to_timestamp(%(expires_at)s), %(claim)s::jsonb)
), event AS (
    INSERT INTO paymentapp.events (at, expires_at, event)
    VALUES (%(due_at)s, to_timestamp(%(expires_at)s), %(event)s::jsonb)
)
INSERT INTO paymentapp.disbursements (customer_id, payment_id, amount, currency, payment_method,
    email, status, revision, due_shard, due_at, document)
VALUES (%(customer_id)s, %(payment_id)s, %(amount)s, %(currency)s, %(payment_method)s, %(email)s,
    %(status)s, %(revision)s, %(due_shard)s, %(due_at)s, %(document)s::jsonb)
"""


def postgresql_app() -> Flask:
    """Build the view over PostgreSQL: a connection a thread, one read, one write of three rows."""
    import psycopg

    app = Flask(__name__)
    local = threading.local()

    def connection() -> psycopg.Connection[Any]:
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(os.environ["BARE_DATABASE"], autocommit=True)
        found: psycopg.Connection[Any] = local.connection
        return found

    @app.post("/v1/api/payment")
    def pay() -> ResponseReturnValue:
        body = request.get_json()
        database = connection()
        payment = _new_payment(body)
        keys = {"customer_id": body["customer_id"], "pk": f"key#{payment['request_id']}"}
        rows = database.execute(POSTGRESQL_READ, keys).fetchall()
        if rows != [(body["email"],)]:
            return jsonify(error="no such customer"), 404
        ids = {name: payment[name] for name in ("customer_id", "payment_id")}
        documents = {
            "claim": json.dumps(ids),
            "event": json.dumps(["payment.pending", *ids.values(), payment["due_at"]]),
            "document": json.dumps({name: payment[name] for name in ("history", "request_id")}),
        }
        expires_at = {"expires_at": int(time.time()) + KEPT_SECONDS}
        database.execute(POSTGRESQL_WRITE, {**payment, **keys, **documents, **expires_at})
        return jsonify(payment), 202

    _add_health(app)
    return app


def boto3_app() -> Flask:
    """Build the view over SQLite in a process that has a boto3 client as well."""
    app = sqlite_app()
    app.extensions["dynamodb"] = dynamodb_client()
    return app


def _add_health(app: Flask) -> None:
    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return "ok"
