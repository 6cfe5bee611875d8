"""A PostgreSQL server for the measurements, and the databases in it that are measured."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from bench.say import Failed, say
from tests.support import postgresql

SERVER = "BENCH_POSTGRESQL"  # the address of the server, for this process and its children
BARE_THREADS = 4
_OWN: list[postgresql.PostgreSQLServer] = []
_STAMP = """
UPDATE paymentapp.disbursements SET status = 'submitting', revision = %s, batch_id = %s,
    due_at = NULL, document = document || %s::jsonb
WHERE customer_id = %s AND payment_id = %s AND revision = %s
"""
_WAITING = """
SELECT customer_id, payment_id, revision, document -> 'history' FROM paymentapp.disbursements
LIMIT %s
"""


def start(stack: ExitStack, **settings: str) -> None:
    """Start a server that ends with the stack, or use the given one. Raises Failed.

    The settings are those of `postgresql.conf`, and only a server that is started has them.
    """
    given = os.environ.get(postgresql.GIVEN)
    if given is None and postgresql.programs() is None:
        raise Failed(postgresql.MISSING)
    if given is None:
        server = stack.enter_context(postgresql.new_server(None, **settings))
        _OWN.append(server)
        given = server.url
    os.environ[SERVER] = given


def server_cpu_seconds() -> float:
    """Return the processor time of the server so far; 0 where it is not one of this program's."""
    return sum(each.cpu_seconds() for each in _OWN)


class PostgreSQLPlace:
    """A database of its own."""

    engine = "PostgreSQL"

    def __init__(self, name: str, template: str = "template0") -> None:
        self.name = f"bench_{os.getpid()}_{name}"
        self.url = f"{os.environ[SERVER].rpartition('/')[0]}/{self.name}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        names = sql.Identifier(self.name), sql.Identifier(template)
        with psycopg.connect(os.environ[SERVER], autocommit=True) as connection:
            connection.execute(statement.format(*names))

    def settings(self) -> dict[str, str]:
        return {"PAYMENTAPP_STORE": self.url}

    def count(self) -> int:
        return self.count_of("paymentapp.disbursements")

    def count_of(self, table: str) -> int:
        """Return the number of rows of a table."""
        found: int = postgresql.run(self.url, f"SELECT count(*) FROM {table}")[0][0]
        return found

    def size(self) -> int:
        """Return the bytes of its files."""
        found: int = postgresql.run(self.url, "SELECT pg_database_size(current_database())")[0][0]
        return found

    def copy(self, name: str) -> PostgreSQLPlace:
        return PostgreSQLPlace(name, self.name)


def bare_updates(waiting: PostgreSQLPlace, name: str, count: int) -> float:
    """Return how many conditional updates a second psycopg makes, in threads of a connection."""
    place = waiting.copy(name)
    with psycopg.connect(place.url) as connection:
        rows = connection.execute(_WAITING, (count,)).fetchall()
    parts = [rows[number::BARE_THREADS] for number in range(BARE_THREADS)]
    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(place.url, autocommit=True)) for _ in parts
        ]
        threads = stack.enter_context(ThreadPoolExecutor(BARE_THREADS))
        begin = time.monotonic()
        list(threads.map(_stamp_all, connections, parts))
        rate = len(rows) / (time.monotonic() - begin)
    say(f"  bare conditional updates: {rate:.0f}/s")
    return rate


def _stamp_all(connection: psycopg.Connection[Any], rows: list[tuple[Any, ...]]) -> None:
    for customer_id, payment_id, revision, history in rows:
        document = Jsonb({"history": [*history, "x" * 80]})
        values = "x" * 12, "x" * 38, document, customer_id, payment_id, revision
        made = connection.execute(_STAMP, values).rowcount
        assert made == 1
