"""The intake of bulk runs: rows are stored as they are read, and the run after them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import KeyReused, NotAllowed, Unprocessable
from paymentapp.models.actors import CUSTOMERS_WRITE, Actor
from paymentapp.models.bulk import (
    CHUNK_ROWS,
    ROWS_KEPT,
    ROWS_MAX,
    BulkKey,
    BulkMode,
    BulkRow,
    BulkRun,
    BulkStatus,
    bulk_key_hash,
    new_bulk_id,
)
from paymentapp.models.caller_texts import NO_TEXTS
from paymentapp.models.revisions import new_revision
from paymentapp.storage.base import Store

TOO_MANY = f"There are more than {ROWS_MAX:,} rows: split them into several runs."
NO_ROWS = "There are no rows: the first line names the columns, and each further one is a payment."


class BulkTerms(NamedTuple):
    """How a run is asked for, apart from its rows."""

    mode: BulkMode = BulkMode.ALL
    is_dry: bool = False
    registers: bool = False


class TakenIn(NamedTuple):
    """A run, and whether an earlier request with this key had made it."""

    run: BulkRun
    replayed: bool


@dataclass(frozen=True, slots=True)
class BulkIntake:
    """Takes in bulk runs."""

    store: Store
    clock: Clock

    def take_in(
        self,
        rows: Iterable[BulkRow],
        terms: BulkTerms,
        by: Actor,
        idempotency_key: str | None = None,
    ) -> TakenIn:
        """Store a run: once this returns, its rows will be worked off, whatever crashes.

        Reads each row once and holds one chunk of them. Rows come first, then the key, then the
        run: a crash in between leaves what nobody sees and what expires, and a retry under the key
        finds the rows that the key names. Raises Unprocessable (no rows, or too many), KeyReused,
        NotAllowed (it may not register customers), StoreUnavailable, and what reading the rows
        raises.
        """
        now = self.clock()
        key_hash = bulk_key_hash(idempotency_key, by.name) if idempotency_key else None
        earlier = self.store.get_bulk_key(key_hash) if key_hash else None
        bulk_id = new_bulk_id(now)
        if terms.registers and not by.may(CUSTOMERS_WRITE):
            raise NotAllowed("To register customers takes a right of its own.", CUSTOMERS_WRITE)
        digest = _Digest(terms)
        total = chunks = 0
        for chunk in _chunks(digest.of_each(rows)):
            if earlier is None:
                self.store.add_bulk_rows(bulk_id, chunks, chunk, now + ROWS_KEPT)
            total, chunks = total + len(chunk), chunks + 1
            if total > ROWS_MAX:
                raise Unprocessable("", TOO_MANY)
        if not total:
            raise Unprocessable("", NO_ROWS)
        if key_hash is not None:
            key = BulkKey(key_hash, digest.text, bulk_id, now + ROWS_KEPT)
            earlier = earlier or self.store.add_bulk_key(key)
            if earlier.fingerprint != digest.text:
                raise KeyReused("This Idempotency-Key was used with other rows, or another mode.")
            bulk_id = earlier.bulk_id
        run = BulkRun(
            bulk_id=bulk_id,
            mode=terms.mode,
            status=_first_status(terms),
            is_dry=terms.is_dry,
            registers=terms.registers,
            total=total,
            chunks=chunks,
            created_at=now,
            created_by=by.name,
            revision=new_revision(),
            identities=by.identities,
            attention_at=now,
        )
        stored = self.store.get_bulk_run(bulk_id) or self.store.add_bulk_run(run)
        return TakenIn(stored, replayed=stored.revision != run.revision)


def _first_status(terms: BulkTerms) -> BulkStatus:
    checks = terms.is_dry or terms.mode is BulkMode.ALL
    return BulkStatus.CHECKING if checks else BulkStatus.ACCEPTING


class _Digest:
    """A hash of what a run asks for, made while its rows go by: equal rows have equal hashes."""

    def __init__(self, terms: BulkTerms) -> None:
        text = f"{terms.mode.value} {terms.is_dry} {terms.registers}"
        self._hash = hashlib.sha256(text.encode())

    @property
    def text(self) -> str:
        return self._hash.hexdigest()[:32]

    def of_each(self, rows: Iterable[BulkRow]) -> Iterator[BulkRow]:
        for row in rows:
            self._hash.update(_canonical(row).encode())
            yield row


def _canonical(row: BulkRow) -> str:
    """Return a text that two rows share which ask for the same in the same place."""
    line, customer_id, email, money, method, scheduled_at, meant, texts, problems = row
    money_text = str(money) if money is not None else None
    words = texts.canonical if texts is not NO_TEXTS and texts != NO_TEXTS else None
    parts = line, customer_id, email, money_text, method, scheduled_at, meant, words, problems
    return f"{parts!r}\n"


def _chunks(rows: Iterable[BulkRow]) -> Iterator[list[BulkRow]]:
    chunk: list[BulkRow] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
