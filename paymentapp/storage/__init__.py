"""Where records live: one interface, two engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from paymentapp.config import Settings
from paymentapp.storage.base import Store


def open_store(settings: Settings) -> Store:
    """The store that the settings name. Connects to nothing yet; imports that engine alone, since
    boto3 takes longer to import than all the rest."""
    if settings.store == "dynamodb":
        from paymentapp.storage.dynamodb import DynamoDBStore

        return DynamoDBStore(settings)
    from paymentapp.storage.sqlite import SQLiteStore

    return SQLiteStore(Path(settings.store.removeprefix("sqlite:///")))


def open_key_service(settings: Settings) -> Callable[[bytes], bytes] | None:
    """What opens the vault's keys where AWS KMS has sealed them; None where they are plain."""
    if not settings.vault_kms:
        return None
    from paymentapp.storage.dynamodb.kms import unwrap

    return unwrap
