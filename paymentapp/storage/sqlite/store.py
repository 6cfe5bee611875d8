"""The Store interface over one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from paymentapp.storage.per_process import PerProcess
from paymentapp.storage.sqlite import database, sql
from paymentapp.storage.sqlite.acceptance import SQLiteAcceptance
from paymentapp.storage.sqlite.account_payments import SQLiteAccountPayments
from paymentapp.storage.sqlite.batches import SQLiteBatches
from paymentapp.storage.sqlite.bulk import SQLiteBulk
from paymentapp.storage.sqlite.connections import ProcessConnections
from paymentapp.storage.sqlite.console_sessions import SQLiteConsoleSessions
from paymentapp.storage.sqlite.copying import SQLiteCopying
from paymentapp.storage.sqlite.erasures import SQLiteErasures
from paymentapp.storage.sqlite.events import SQLiteEvents
from paymentapp.storage.sqlite.limits import SQLiteLimits
from paymentapp.storage.sqlite.operations import SQLiteOperations
from paymentapp.storage.sqlite.webhook_endpoints import SQLiteWebhookEndpoints
from paymentapp.supervision import ServiceThread


class SQLiteStore(
    SQLiteErasures,
    SQLiteAccountPayments,
    SQLiteAcceptance,
    SQLiteLimits,
    SQLiteEvents,
    SQLiteBatches,
    SQLiteOperations,
    SQLiteWebhookEndpoints,
    SQLiteBulk,
    SQLiteConsoleSessions,
    SQLiteCopying,
):
    """A store in one file, which the processes of one machine share.

    The file belongs to one service, so its tables need no prefix.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self.description = f"SQLite {self._path}"
        self._connections = PerProcess(partial(ProcessConnections, self._path))

    def create_tables(self) -> list[str]:
        """Implement `Store.create_tables`."""
        try:
            return database.create(self._path)
        except (sqlite3.Error, OSError) as error:
            raise database.unavailable(error) from error

    def ping(self) -> None:
        """Implement `Store.ping`."""
        for statement in sql.PINGS:
            self._connections().read(statement)

    def threads(self) -> Sequence[ServiceThread]:
        """Implement `Store.threads`: the writer, once something was written or read."""
        connections = self._connections.current()
        return (
            [] if connections is None or connections.writer.closed else [connections.writer.thread]
        )

    def close(self) -> None:
        """Implement `Store.close`."""
        self._connections.close()
