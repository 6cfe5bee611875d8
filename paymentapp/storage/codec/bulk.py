"""Bulk runs, their rows and their outcomes as records of the Operations table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from paymentapp.clock import from_text, maybe_text, maybe_time, to_text
from paymentapp.models.bulk import (
    BulkAction,
    BulkKey,
    BulkMode,
    BulkOrder,
    BulkPage,
    BulkRow,
    BulkRun,
    BulkStatus,
    RowOutcome,
    RowProblem,
    Segment,
)
from paymentapp.models.bulk_tallies import BulkTally
from paymentapp.models.caller_texts import NO_TEXTS, CallerTexts, sorted_metadata
from paymentapp.models.money import Money
from paymentapp.models.revisions import new_revision
from paymentapp.storage.codec.records import Record, reads, without_none

# The partition of all runs, by their ids, and their shard of the attention index.
RUNS = "bulk-run"
FIRST_RUN = "0"
LAST_RUN = "~"
KEY_SORT = "run"
# Rows and outcomes of one chunk are several records where they are long: an item of DynamoDB has
# at most 400 KB. Those of the first part have the number of the others.
PART_BYTES = 200_000


def rows_key(bulk_id: str) -> str:
    """Return the partition of a run's rows and outcomes."""
    return f"bulk#{bulk_id}"


def rows_prefix(chunk: int) -> str:
    """Return what the sort keys of a chunk of rows begin with."""
    return f"rows#{chunk:06}#"


def outcomes_prefix(chunk: int, token: str) -> str:
    """Return what the sort keys of the outcomes of a chunk begin with."""
    return f"outcomes#{chunk:06}#{token}#"


def bulk_key_partition(key_hash: str) -> str:
    """Return the partition key of the record of a run's idempotency key."""
    return f"bulk-key#{key_hash}"


def part_sort_key(prefix: str, number: int) -> str:
    """Return the sort key of a part of rows or outcomes."""
    return f"{prefix}{number:03}"


def last_run(before: str | None) -> str:
    """Return the bound below which a page of runs begins."""
    return LAST_RUN if before is None else before


def run_record(run: BulkRun) -> Record:
    """Return a run as a record; it is in the `attention` index while it has to be acted on."""
    return without_none(
        {
            "bulk_id": run.bulk_id,
            "mode": run.mode.value,
            "status": run.status.value,
            "dry": run.is_dry or None,
            "registers": run.registers or None,
            "total": run.total,
            "chunks": run.chunks,
            "created_at": to_text(run.created_at),
            "created_by": run.created_by or None,
            "revision": run.revision,
            "identities": sorted(run.identities) or None,
            "next_chunk": run.next_chunk or None,
            "segments": [f"{each.first} {each.token}" for each in run.segments] or None,
            "accepted": run.accepted or None,
            "rejected": run.rejected or None,
            "sums": [f"{currency} {amount}" for currency, amount in sorted(run.sums.items())]
            or None,
            "attention_shard": RUNS if run.attention_at else None,
            "attention_at": maybe_text(run.attention_at),
            "completed_at": maybe_text(run.completed_at),
            "cancelled_by": run.cancelled_by or None,
            "order": _order_text(run.order) if run.order else None,
            "rows_deleted": run.rows_deleted or None,
            "tally": _tally_texts(run.tally) if run.tally else None,
        }
    )


@reads
def read_run(record: Record) -> BulkRun:
    """Return the run of a record."""
    return BulkRun(
        bulk_id=record["bulk_id"],
        mode=BulkMode(record["mode"]),
        status=BulkStatus(record["status"]),
        is_dry=record.get("dry", False),
        registers=record.get("registers", False),
        total=int(record["total"]),
        chunks=int(record["chunks"]),
        created_at=from_text(record["created_at"]),
        created_by=record.get("created_by", ""),
        revision=record["revision"],
        identities=frozenset(record.get("identities", ())),
        next_chunk=int(record.get("next_chunk", 0)),
        segments=tuple(map(_read_segment, record.get("segments", ()))),
        accepted=int(record.get("accepted", 0)),
        rejected=int(record.get("rejected", 0)),
        sums=dict(map(_read_sum, record.get("sums", ()))),
        attention_at=maybe_time(record.get("attention_at")),
        completed_at=maybe_time(record.get("completed_at")),
        cancelled_by=record.get("cancelled_by", ""),
        order=_read_order(record["order"]) if "order" in record else None,
        rows_deleted=record.get("rows_deleted", False),
        tally=_read_tally(record["tally"]) if "tally" in record else None,
    )


def _tally_texts(tally: BulkTally) -> list[str]:
    counts = [f"{status} {count}" for status, count in sorted(tally.counts.items())]
    return [to_text(tally.as_of), *counts]


def _read_tally(texts: Sequence[str]) -> BulkTally:
    as_of, *counts = texts
    pairs = (text.split(" ") for text in counts)
    return BulkTally({status: int(count) for status, count in pairs}, from_text(as_of))


def _order_text(order: BulkOrder) -> str:
    parts = [order.action.value, order.by, sorted(order.identities), to_text(order.at)]
    return _json([*parts, order.note, order.next_chunk])


def _read_order(text: str) -> BulkOrder:
    action, by, identities, at, note, chunk = json.loads(text)
    return BulkOrder(BulkAction(action), by, frozenset(identities), from_text(at), note, chunk)


def _read_segment(text: str) -> Segment:
    first, token = text.split(" ")
    return Segment(token, int(first))


def _read_sum(text: str) -> tuple[str, Decimal]:
    currency, amount = text.split(" ")
    return currency, Decimal(amount)


def run_page(records: Sequence[Record], limit: int) -> BulkPage:
    """Return a page of the runs of records."""
    runs = list(map(read_run, records))
    return BulkPage(runs, runs[-1].bulk_id if len(runs) == limit else None)


def due_runs(records: Iterable[Record], until: datetime) -> list[BulkRun]:
    """Return the runs of records that are due, oldest first."""
    found = [
        (run.attention_at, run.bulk_id, run)
        for run in map(read_run, records)
        if run.attention_at is not None and run.attention_at <= until
    ]
    return [run for _, _, run in sorted(found, key=lambda each: each[:2])]


def bulk_key_record(key: BulkKey) -> Record:
    """Return the record of a run's idempotency key."""
    return {
        "fingerprint": key.fingerprint,
        "bulk_id": key.bulk_id,
        "expires_at": int(key.expires_at.timestamp()),
    }


@reads
def read_bulk_key(key_hash: str, record: Record) -> BulkKey:
    """Return the idempotency key of a record."""
    expires_at = datetime.fromtimestamp(int(record["expires_at"]), UTC)
    return BulkKey(key_hash, record["fingerprint"], record["bulk_id"], expires_at)


def row_records(rows: Sequence[BulkRow], expires_at: datetime) -> list[Record]:
    """Return a chunk of rows as records, one after the other."""
    until = {"expires_at": int(expires_at.timestamp())}
    return [{**until, "rows": part} for part in _parts(map(_row_text, rows))]


@reads
def read_rows(records: Iterable[Record]) -> list[BulkRow]:
    """Return the rows of records."""
    return [_read_row(text) for record in records for text in record["rows"]]


def outcome_records(outcomes: Sequence[RowOutcome]) -> list[Record]:
    """Return the outcomes of a chunk as records, one after the other."""
    parts = list(_parts(map(_outcome_text, outcomes)))
    return [{"outcomes": part, "parts": len(parts), "revision": new_revision()} for part in parts]


@reads
def read_outcomes(records: Iterable[Record]) -> list[RowOutcome]:
    """Return the outcomes of records; what an earlier and longer list has left is ignored."""
    found = list(records)
    parts = found[: int(found[0]["parts"])] if found else []
    return [_read_outcome(text) for record in parts for text in record["outcomes"]]


def _parts(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield texts in parts that a record of any engine can hold."""
    part: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode())
        if part and size + length > PART_BYTES:
            yield part
            part, size = [], 0
        part.append(text)
        size += length
    if part:
        yield part


def _row_text(row: BulkRow) -> str:
    """Return a row as one text; what it lacks is left out."""
    money, texts = row.money, row.texts
    members: Mapping[str, Any] = {
        "n": row.line,
        "c": row.customer_id,
        "e": row.email,
        "a": [str(money.amount), money.currency] if money else None,
        "m": row.payment_method,
        "s": maybe_text(row.scheduled_at),
        "d": row.allow_duplicate,
        "t": [texts.reference, texts.description, dict(texts.metadata)]
        if texts != NO_TEXTS
        else None,
        "o": dict(texts.options),
        "p": [list(each) for each in row.problems],
    }
    return _json({name: value for name, value in members.items() if value})


def _read_row(text: str) -> BulkRow:
    found = json.loads(text)
    money, texts = found.get("a"), found.get("t")
    return BulkRow(
        line=found["n"],
        customer_id=found.get("c", ""),
        email=found.get("e", ""),
        money=Money(Decimal(money[0]), money[1]) if money else None,
        payment_method=found.get("m"),
        scheduled_at=maybe_time(found.get("s")),
        allow_duplicate=found.get("d", False),
        texts=CallerTexts(
            texts[0], texts[1], sorted_metadata(texts[2]), sorted_metadata(found.get("o", {}))
        )
        if texts
        else NO_TEXTS,
        problems=tuple(RowProblem(*each) for each in found.get("p", ())),
    )


def _outcome_text(outcome: RowOutcome) -> str:
    problems = [list(each) for each in outcome.problems]
    parts = [outcome.line, outcome.customer_id, outcome.payment_id, problems]
    return _json(parts if problems else parts[:3])


def _read_outcome(text: str) -> RowOutcome:
    line, customer_id, payment_id, *rest = json.loads(text)
    problems = tuple(RowProblem(*each) for each in rest[0]) if rest else ()
    return RowOutcome(line, customer_id, payment_id, problems)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
