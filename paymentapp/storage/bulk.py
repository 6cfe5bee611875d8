"""The part of the store interface that keeps bulk runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from paymentapp.models.bulk import BulkKey, BulkPage, BulkRow, BulkRun, RowOutcome
from paymentapp.models.payments import PaymentKey


class BulkStore(Protocol):
    """Keeps bulk runs, their rows and their outcomes; see `Store` for what holds for each call."""

    def add_bulk_rows(
        self, bulk_id: str, chunk: int, rows: Sequence[BulkRow], expires_at: datetime
    ) -> None:
        """Store a chunk of rows, up to CHUNK_ROWS, by its number from 0; it expires by itself.

        One that is stored already stays as it is.
        """

    def get_bulk_rows(self, bulk_id: str, chunk: int) -> list[BulkRow]:
        """Return a chunk of rows, by a consistent read; empty for none, or once it expired."""

    def delete_bulk_rows(self, bulk_id: str, chunk: int) -> None:
        """Delete a chunk of rows, if it is there."""

    def add_bulk_outcomes(
        self, bulk_id: str, chunk: int, token: str, outcomes: Sequence[RowOutcome]
    ) -> None:
        """Store the outcomes of a chunk under a process's token; the last one of several stays.

        They are the chunk's once a change of the run has counted them: see `BulkRun.token_of`.
        """

    def get_bulk_outcomes(self, bulk_id: str, chunk: int, token: str) -> list[RowOutcome]:
        """Return the outcomes of a chunk under a token, by a consistent read; empty for none."""

    def count_by_status(self, keys: Sequence[PaymentKey]) -> dict[str, int]:
        """Return how many of up to CHUNK_ROWS payments have which status, by consistent reads.

        The payments are independent of each other, and missing ones are left out. A status of a
        later version is counted too.
        """

    def add_bulk_key(self, key: BulkKey) -> BulkKey:
        """Bind an idempotency key; return what is stored for it, possibly an older record."""

    def get_bulk_key(self, key_hash: str) -> BulkKey | None:
        """Return the record of a key, by a consistent read; None where there is none."""

    def add_bulk_run(self, run: BulkRun) -> BulkRun:
        """Store a new run; return what is stored under its id, possibly an older record."""

    def get_bulk_run(self, bulk_id: str) -> BulkRun | None:
        """Return the run, by a consistent read; None where there is none."""

    def change_bulk_run(self, old: BulkRun, new: BulkRun) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored.

        Where the run ends by it, its event is part of the list, as with a payment's line.
        """

    def list_bulk_runs(self, limit: int, before: str | None = None) -> BulkPage:
        """Return runs newest first, by a consistent read; `before` is the id to continue after."""

    def due_bulk_runs(self, until: datetime, limit: int) -> list[BulkRun]:
        """Return runs with `attention_at` up to `until`, oldest first.

        The selection may be stale; each run in it is read consistently.
        """
