"""The Store interface over one PostgreSQL database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from paymentapp.config import Settings
from paymentapp.storage.per_process import PerProcess
from paymentapp.storage.postgresql import migrations, sql
from paymentapp.storage.postgresql.accept_groups import AcceptanceGroups, PostgreSQLAcceptGroups
from paymentapp.storage.postgresql.account_payments import PostgreSQLAccountPayments
from paymentapp.storage.postgresql.addresses import (
    DatabaseAddress,
    Password,
    database_address,
    file_password,
)
from paymentapp.storage.postgresql.batches import PostgreSQLBatches
from paymentapp.storage.postgresql.bulk import PostgreSQLBulk
from paymentapp.storage.postgresql.connections import BoundedConnections
from paymentapp.storage.postgresql.console_sessions import PostgreSQLConsoleSessions
from paymentapp.storage.postgresql.copying import PostgreSQLCopying
from paymentapp.storage.postgresql.counters import PostgreSQLCounters
from paymentapp.storage.postgresql.erasures import PostgreSQLErasures
from paymentapp.storage.postgresql.failures import failed
from paymentapp.storage.postgresql.operations import PostgreSQLOperations
from paymentapp.storage.postgresql.webhook_endpoints import PostgreSQLWebhookEndpoints
from paymentapp.supervision import ServiceThread


class PostgreSQLStore(
    PostgreSQLErasures,
    PostgreSQLAccountPayments,
    PostgreSQLAcceptGroups,
    PostgreSQLCounters,
    PostgreSQLCopying,
    PostgreSQLBatches,
    PostgreSQLOperations,
    PostgreSQLWebhookEndpoints,
    PostgreSQLBulk,
    PostgreSQLConsoleSessions,
):
    """A store in one database, which belongs to one service: its tables need no prefix."""

    def __init__(
        self, address: DatabaseAddress, connections: int = 20, roles: Sequence[str] = ()
    ) -> None:
        self._address = address
        self._roles = roles
        self.description = address.description
        self._connections = PerProcess(partial(BoundedConnections, address, connections))
        self._groups = PerProcess(partial(AcceptanceGroups, self._serve_group))

    @classmethod
    def of(cls, settings: Settings) -> PostgreSQLStore:
        """Return the store that the settings name. Raises SettingsError."""
        address = database_address(
            settings.store, _password(settings), settings.postgresql_prepared
        )
        roles = settings.postgresql_role.split()
        return cls(address, settings.postgresql_connections, roles)

    def create_tables(self) -> list[str]:
        """Implement `Store.create_tables`: apply the migrations that are missing."""
        return migrations.migrate(self._address, self._roles)

    def ping(self) -> None:
        """Implement `Store.ping`."""
        ((number, *_),) = self._rows(sql.PING)
        if number is None or number < migrations.LATEST:
            raise failed("its schema is of an earlier version; has `paymentapp init` run?")

    def threads(self) -> Sequence[ServiceThread]:
        """Implement `Store.threads`: each thread of the service uses connections of its own."""
        return []

    def close(self) -> None:
        """Implement `Store.close`."""
        self._groups.close()
        self._connections.close()


def _password(settings: Settings) -> Password | None:
    """Return what gives the password of each new connection; None where the address has it."""
    if settings.postgresql_identity != "off":
        from paymentapp.storage.postgresql.tokens import token_password  # requests is slow to load

        return token_password(settings.postgresql_identity, settings.variables.environ)
    file = settings.postgresql_password_file
    return file_password(Path(file)) if file else None
