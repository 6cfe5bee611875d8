"""Bulk runs of the store in memory."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime

from paymentapp.models.bulk import BulkKey, BulkPage, BulkRow, BulkRun, RowOutcome, bulk_events
from paymentapp.models.payments import Payment, PaymentKey
from tests.support.event_list import EventList


class MemoryBulk:
    """The part of a store in memory that has bulk runs."""

    _lock: threading.RLock
    _listed: EventList
    _payments: dict[PaymentKey, Payment]

    def __init__(self) -> None:
        self._bulk_rows: dict[tuple[str, int], list[BulkRow]] = {}
        self._bulk_outcomes: dict[tuple[str, int, str], list[RowOutcome]] = {}
        self._bulk_keys: dict[str, BulkKey] = {}
        self._bulk_runs: dict[str, BulkRun] = {}

    @abstractmethod
    def _called(self, name: str) -> None: ...

    def add_bulk_rows(
        self,
        bulk_id: str,
        chunk: int,
        rows: Sequence[BulkRow],
        expires_at: datetime,  # noqa: ARG002  # nothing expires here
    ) -> None:
        self._called("add_bulk_rows")
        self._bulk_rows.setdefault((bulk_id, chunk), list(rows))

    def get_bulk_rows(self, bulk_id: str, chunk: int) -> list[BulkRow]:
        self._called("get_bulk_rows")
        return list(self._bulk_rows.get((bulk_id, chunk), ()))

    def delete_bulk_rows(self, bulk_id: str, chunk: int) -> None:
        self._called("delete_bulk_rows")
        self._bulk_rows.pop((bulk_id, chunk), None)

    def add_bulk_outcomes(
        self, bulk_id: str, chunk: int, token: str, outcomes: Sequence[RowOutcome]
    ) -> None:
        self._called("add_bulk_outcomes")
        self._bulk_outcomes[bulk_id, chunk, token] = list(outcomes)

    def get_bulk_outcomes(self, bulk_id: str, chunk: int, token: str) -> list[RowOutcome]:
        self._called("get_bulk_outcomes")
        return list(self._bulk_outcomes.get((bulk_id, chunk, token), ()))

    def count_by_status(self, keys: Sequence[PaymentKey]) -> dict[str, int]:
        self._called("count_by_status")
        found = [self._payments[key].status for key in set(keys) if key in self._payments]
        return {str(status): found.count(status) for status in found}

    def add_bulk_key(self, key: BulkKey) -> BulkKey:
        self._called("add_bulk_key")
        return self._bulk_keys.setdefault(key.key_hash, key)

    def get_bulk_key(self, key_hash: str) -> BulkKey | None:
        self._called("get_bulk_key")
        return self._bulk_keys.get(key_hash)

    def add_bulk_run(self, run: BulkRun) -> BulkRun:
        self._called("add_bulk_run")
        return self._bulk_runs.setdefault(run.bulk_id, run)

    def get_bulk_run(self, bulk_id: str) -> BulkRun | None:
        self._called("get_bulk_run")
        return self._bulk_runs.get(bulk_id)

    def change_bulk_run(self, old: BulkRun, new: BulkRun) -> bool:
        self._called("change_bulk_run")
        with self._lock:
            stored = self._bulk_runs.get(old.bulk_id)
            if stored == old:
                self._bulk_runs[old.bulk_id] = new
                self._listed.add(bulk_events(old, new))
            return stored in (old, new)

    def list_bulk_runs(self, limit: int, before: str | None = None) -> BulkPage:
        self._called("list_bulk_runs")
        with self._lock:
            ids = sorted(self._bulk_runs, reverse=True)
        wanted = [each for each in ids if before is None or each < before][:limit]
        found = [self._bulk_runs[each] for each in wanted]
        return BulkPage(found, wanted[-1] if len(wanted) == limit else None)

    def due_bulk_runs(self, until: datetime, limit: int) -> list[BulkRun]:
        self._called("due_bulk_runs")
        with self._lock:
            due = [
                (run.attention_at, run.bulk_id, run)
                for run in self._bulk_runs.values()
                if run.attention_at is not None and run.attention_at <= until
            ]
        return [run for _, _, run in sorted(due, key=lambda each: each[:2])][:limit]
