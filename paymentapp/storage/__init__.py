"""Storage: one interface, two engines."""

from __future__ import annotations

from pathlib import Path

from paymentapp.config import Settings
from paymentapp.storage.base import Store


def open_store(settings: Settings) -> Store:
    """Return the store that the settings name, without connecting to anything.

    Only that engine is imported: botocore takes longer to import than all the rest.
    """
    if settings.store == "dynamodb":
        from paymentapp.storage.dynamodb import DynamoDBStore

        return DynamoDBStore(settings)
    from paymentapp.storage.sqlite import SQLiteStore

    return SQLiteStore(Path(settings.store.removeprefix("sqlite:///")))
