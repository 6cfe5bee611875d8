"""Bulk runs in the Operations table of the DynamoDB store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from paymentapp.clock import to_text
from paymentapp.models.bulk import BulkKey, BulkPage, BulkRow, BulkRun, RowOutcome, bulk_events
from paymentapp.models.payments import PaymentKey
from paymentapp.storage.codec.bulk import (
    FIRST_RUN,
    KEY_SORT,
    RUNS,
    bulk_key_partition,
    bulk_key_record,
    due_runs,
    last_run,
    outcome_records,
    outcomes_prefix,
    part_sort_key,
    read_bulk_key,
    read_outcomes,
    read_rows,
    read_run,
    row_records,
    rows_key,
    rows_prefix,
    run_page,
    run_record,
)
from paymentapp.storage.codec.records import Record
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb.attribute_values import to_item, to_record
from paymentapp.storage.dynamodb.client import call
from paymentapp.storage.dynamodb.events import DynamoDBEvents


class DynamoDBBulk(DynamoDBEvents):
    """Bulk runs, their rows and their outcomes."""

    def add_bulk_rows(
        self, bulk_id: str, chunk: int, rows: Sequence[BulkRow], expires_at: datetime
    ) -> None:
        """Implement `Store.add_bulk_rows`: one request for each part, mostly one."""
        pk, prefix = rows_key(bulk_id), rows_prefix(chunk)
        for number, record in enumerate(row_records(rows, expires_at)):
            self._add_operation(pk, part_sort_key(prefix, number), record)

    def get_bulk_rows(self, bulk_id: str, chunk: int) -> list[BulkRow]:
        """Implement `Store.get_bulk_rows`."""
        return read_rows(self._bulk_parts(bulk_id, rows_prefix(chunk)))

    def delete_bulk_rows(self, bulk_id: str, chunk: int) -> None:
        """Query the parts, and delete each: two requests, mostly."""
        prefix = rows_prefix(chunk)
        found = self._query(
            None,
            TableName=self._operations,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item(
                {":pk": rows_key(bulk_id), ":first": prefix, ":last": f"{prefix}~"}
            ),
            ProjectionExpression="pk, sk",
            ConsistentRead=True,
        )
        for key in found:
            call(self._client().delete_item, TableName=self._operations, Key=key)

    def add_bulk_outcomes(
        self, bulk_id: str, chunk: int, token: str, outcomes: Sequence[RowOutcome]
    ) -> None:
        """Implement `Store.add_bulk_outcomes`: one request for each part, mostly one."""
        pk, prefix = rows_key(bulk_id), outcomes_prefix(chunk, token)
        for number, record in enumerate(outcome_records(outcomes)):
            item = to_item({"pk": pk, "sk": part_sort_key(prefix, number)} | record)
            call(self._client().put_item, TableName=self._operations, Item=item)

    def get_bulk_outcomes(self, bulk_id: str, chunk: int, token: str) -> list[RowOutcome]:
        """Implement `Store.get_bulk_outcomes`."""
        return read_outcomes(self._bulk_parts(bulk_id, outcomes_prefix(chunk, token)))

    def count_by_status(self, keys: Sequence[PaymentKey]) -> dict[str, int]:
        """Read 100 payments a request."""
        wanted = [to_item(key._asdict()) for key in dict.fromkeys(keys)]
        items = conditional.read_many(self._client(), self._disbursements, wanted)
        return Counter(item["status"]["S"] for item in items)

    def add_bulk_key(self, key: BulkKey) -> BulkKey:
        """Implement `Store.add_bulk_key`."""
        record = bulk_key_record(key)
        older = self._add_operation(bulk_key_partition(key.key_hash), KEY_SORT, record)
        return read_bulk_key(key.key_hash, older) if older else key

    def get_bulk_key(self, key_hash: str) -> BulkKey | None:
        """Implement `Store.get_bulk_key`."""
        sort = {"pk": bulk_key_partition(key_hash), "sk": KEY_SORT}
        found = self._get(self._operations, sort)
        return read_bulk_key(key_hash, found) if found else None

    def add_bulk_run(self, run: BulkRun) -> BulkRun:
        """Implement `Store.add_bulk_run`."""
        older = self._add_operation(RUNS, run.bulk_id, run_record(run))
        return read_run(older) if older else run

    def get_bulk_run(self, bulk_id: str) -> BulkRun | None:
        """Implement `Store.get_bulk_run`."""
        found = self._get(self._operations, {"pk": RUNS, "sk": bulk_id})
        return read_run(found) if found else None

    def change_bulk_run(self, old: BulkRun, new: BulkRun) -> bool:
        """Implement `Store.change_bulk_run`: an entry of its event first, if it has one."""
        self._announce(bulk_events(old, new))
        return self._change_operation(RUNS, new.bulk_id, run_record(old), run_record(new))

    def list_bulk_runs(self, limit: int, before: str | None = None) -> BulkPage:
        """Implement `Store.list_bulk_runs`."""
        start = {} if before is None else {"pk": RUNS, "sk": before}
        found = self._query(
            limit,
            TableName=self._operations,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item(
                {":pk": RUNS, ":first": FIRST_RUN, ":last": last_run(before)}
            ),
            **({"ExclusiveStartKey": to_item(start)} if start else {}),
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return run_page([to_record(item) for item in found], limit)

    def due_bulk_runs(self, until: datetime, limit: int) -> list[BulkRun]:
        """Query the index, then read the runs that it names, 100 a request."""
        return due_runs(self._attention(RUNS, to_text(until), limit), until)

    def _bulk_parts(self, bulk_id: str, prefix: str) -> Iterator[Record]:
        return self._group(rows_key(bulk_id), prefix)
