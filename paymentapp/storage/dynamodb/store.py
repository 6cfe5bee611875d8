"""The Store interface over three DynamoDB tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paymentapp.config import Settings
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb import tables
from paymentapp.storage.dynamodb.accept_many import DynamoDBAcceptMany
from paymentapp.storage.dynamodb.account_payments import DynamoDBAccountPayments
from paymentapp.storage.dynamodb.attribute_values import to_item
from paymentapp.storage.dynamodb.bulk import DynamoDBBulk
from paymentapp.storage.dynamodb.client import call, clients
from paymentapp.storage.dynamodb.console_sessions import DynamoDBConsoleSessions
from paymentapp.storage.dynamodb.copying import DynamoDBCopying
from paymentapp.storage.dynamodb.erasures import DynamoDBErasures
from paymentapp.storage.dynamodb.operations import DynamoDBOperations
from paymentapp.storage.dynamodb.sharded_counters import Contention
from paymentapp.storage.dynamodb.webhook_endpoints import DynamoDBWebhookEndpoints
from paymentapp.supervision import ServiceThread


class DynamoDBStore(
    DynamoDBErasures,
    DynamoDBAccountPayments,
    DynamoDBAcceptMany,
    DynamoDBOperations,
    DynamoDBWebhookEndpoints,
    DynamoDBBulk,
    DynamoDBConsoleSessions,
    DynamoDBCopying,
):
    """A store in three tables; each method is one request unless it says otherwise."""

    def __init__(self, settings: Settings) -> None:
        prefix = settings.table_prefix
        self._prefix = prefix
        self._customers = f"{prefix}Customers"
        self._disbursements = f"{prefix}Disbursements"
        self._operations = f"{prefix}Operations"
        self._contention = Contention()
        at_once = settings.threads + settings.senders * conditional.CALLS_AT_ONCE
        self._client = clients(at_once + 8)

    @property
    def description(self) -> str:
        """The endpoint, which has the region in it, and the tables.

        Raises SettingsError where no region is set, StoreUnavailable.
        """
        named = f", tables {self._prefix}*" if self._prefix else ""
        return f"DynamoDB at {self._client().meta.endpoint_url}{named}"

    def warm_up(self) -> None:
        """Make the client, which takes longer than a request; nothing is sent."""
        self._client()

    def create_tables(self) -> list[str]:
        """Implement `Store.create_tables`."""
        return tables.create(self._client(), self._prefix)

    def ping(self) -> None:
        """Read a key that no item has from each table: a missing table is an error."""
        keys: Any = {
            self._customers: {"Keys": [to_item({"customer_id": "-"})]},
            self._disbursements: {"Keys": [to_item({"customer_id": "-", "payment_id": "-"})]},
            self._operations: {"Keys": [to_item({"pk": "-", "sk": "-"})]},
        }
        call(self._client().batch_get_item, RequestItems=keys)

    def threads(self) -> Sequence[ServiceThread]:
        """Implement `Store.threads`: there are none."""
        return ()

    def close(self) -> None:
        """Implement `Store.close`."""
        self._client.close()
