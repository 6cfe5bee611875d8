"""Transactions of several statements, in few round trips: those of one pipeline are sent at once.

An error ends the transaction: `BoundedConnections.run` rolls back what its work has begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.connections import DeadlineConnection


@contextmanager
def begun(connection: DeadlineConnection) -> Iterator[psycopg.Pipeline]:
    """Begin a transaction, and send the statements of the body with it; the body commits.

    Results are there after `sync` of the pipeline, and at the end. Both are a round trip. A
    transaction that goes on in Python goes on in the same pipeline: the end of one sends a Flush
    after its Sync, after which the server does not end a transaction that stays idle.
    """
    with connection.pipeline() as pipeline:
        connection.execute(sql.BEGIN)
        connection.execute(sql.BOUNDED)
        try:
            yield pipeline
        except psycopg.Error:
            raise
        except BaseException:
            connection.execute(sql.ROLLBACK)
            raise
