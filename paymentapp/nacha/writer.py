"""The strict writer: whatever the format does not allow is an error, and nothing is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from paymentapp.nacha.addenda import TABLES, values_of
from paymentapp.nacha.errors import (
    FieldOverflow,
    InvalidValue,
    TotalOverflow,
)
from paymentapp.nacha.fields import (
    BATCH_CONTROL,
    BATCH_HEADER,
    BLOCKING_FACTOR,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    RECORD_LENGTH,
    Table,
)
from paymentapp.nacha.models import Addenda, BatchHeader, Entry, File, NachaBatch, PaymentAddenda
from paymentapp.nacha.records import render
from paymentapp.nacha.rules import TraceBook, check_batch, check_entry, check_file
from paymentapp.nacha.totals import Totals, totals


def write(file: File, *, newline: Literal["\n", "\r\n", ""] = "\n") -> bytes:
    """Return the file's bytes in whole blocks of ten records, each followed by `newline`.

    Counts, hashes, totals and the block count are computed. Raises NachaError, which names the
    record, the field and the rule, and never a value.
    """
    check_file(file)
    lines = [render(FILE_HEADER, "file header", values_of(file.header))]
    traces = TraceBook()
    for position, batch in enumerate(file.batches, 1):
        lines += _batch_lines(f"batch {position}", batch, traces)
    lines.append(_file_control(file, len(lines)))
    lines += ["9" * RECORD_LENGTH] * (-len(lines) % BLOCKING_FACTOR)
    return "".join(line + newline for line in lines).encode("ascii")


def block_count(records: int) -> int:
    """Return the number of blocks of ten for so many records; the last is filled up with nines."""
    return -(-records // BLOCKING_FACTOR)


def _batch_lines(record: str, batch: NachaBatch, traces: TraceBook) -> Iterator[str]:
    header = check_batch(record, batch)
    yield render(BATCH_HEADER, f"{record} header", values_of(header))
    traces.open(header.odfi)
    for position, entry in enumerate(batch.entries, 1):
        name = f"{record} entry {position}"
        check_entry(name, header, entry)
        traces.add(name, entry.trace)
        yield from _entry_lines(name, entry)
    yield _batch_control(f"{record} control", header, totals([batch]))


def _entry_lines(record: str, entry: Entry) -> Iterator[str]:
    indicator = {"addenda_indicator": "1" if entry.addenda else "0"}
    yield render(ENTRY, record, values_of(entry) | indicator)
    for position, addenda in enumerate(entry.addenda, 1):
        yield _addenda_line(f"{record} addenda {position}", entry, addenda)


def _addenda_line(record: str, entry: Entry, addenda: Addenda) -> str:
    values = values_of(addenda)
    if isinstance(addenda, PaymentAddenda):
        values["entry_sequence"] = entry.trace[-7:]
    elif values["trace"] != entry.trace:  # Appendix Two, 2.5, R27
        raise InvalidValue(record, "trace", "is not the entry's")
    return render(TABLES[type(addenda)], record, values)


def _batch_control(record: str, header: BatchHeader, sums: Totals) -> str:
    repeated = {name: getattr(header, name) for name in _REPEATED}
    return _control(BATCH_CONTROL, record, values_of(sums) | repeated | {"authentication": ""})


_REPEATED = ("service_class", "company_id", "odfi", "number")


def _file_control(file: File, records: int) -> str:
    """Render the file control; `records` is the number of records before it."""
    counts = {"batch_count": len(file.batches), "block_count": block_count(records + 1)}
    return _control(FILE_CONTROL, "file control", values_of(totals(file.batches)) | counts)


def _control(table: Table, record: str, values: dict[str, Any]) -> str:
    try:
        return render(table, record, values)
    except FieldOverflow as error:
        raise TotalOverflow(error.record, error.field, error.rule) from None
