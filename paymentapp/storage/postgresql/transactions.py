"""Transactions of several statements, in few round trips: those of one pipeline are sent at once.

An error ends the transaction: `BoundedConnections.run` rolls back what its work has begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from paymentapp.storage.postgresql import sql
from paymentapp.storage.postgresql.connections import DeadlineConnection


@contextmanager
def begun(connection: DeadlineConnection) -> Iterator[None]:
    """Begin a transaction, and send the statements of the body with it.

    Their results are there at the end of the body.
    """
    with connection.pipeline():
        connection.execute(sql.BEGIN)
        connection.execute(sql.BOUNDED)
        yield


@contextmanager
def committed(connection: DeadlineConnection) -> Iterator[None]:
    """Send the statements of the body, and commit the transaction with them."""
    with connection.pipeline():
        yield
        connection.execute(sql.COMMIT)
