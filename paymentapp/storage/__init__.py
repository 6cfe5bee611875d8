"""Storage: one interface, three engines."""

from __future__ import annotations

from pathlib import Path

from paymentapp.config import Settings
from paymentapp.errors import SettingsError
from paymentapp.storage.copying import CopyableStore


def open_store(settings: Settings) -> CopyableStore:
    """Return the store that the settings name, without connecting to anything.

    Only that engine is imported: botocore takes longer to import than all the rest, and psycopg is
    an extra. Raises SettingsError where it is missing.
    """
    if settings.store == "dynamodb":
        from paymentapp.storage.dynamodb import DynamoDBStore

        return DynamoDBStore(settings)
    if settings.store.startswith("postgresql:"):
        return _open_postgresql(settings)
    from paymentapp.storage.sqlite import SQLiteStore

    return SQLiteStore(Path(settings.store.removeprefix("sqlite:///")))


def _open_postgresql(settings: Settings) -> CopyableStore:
    try:
        from paymentapp.storage.postgresql import PostgreSQLStore
    except ImportError as error:
        if (error.name or "").startswith("psycopg"):
            raise SettingsError(
                "PAYMENTAPP_STORE is PostgreSQL, and its driver is not installed: "
                "pip install 'paymentapp[postgresql]'"
            ) from error
        raise
    return PostgreSQLStore.of(settings)
