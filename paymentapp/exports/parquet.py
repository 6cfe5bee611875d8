"""Parquet files, by pyarrow: a row group at a time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from paymentapp.models.reports import COLUMNS, KINDS, ColumnKind, PaymentRow

GROUP_ROWS = 10_000  # rows of a group, which are in memory together
_TYPES = {
    ColumnKind.TEXT: pa.string(),
    ColumnKind.AMOUNT: pa.decimal128(38, 12),  # exact: 26 digits before the point, 12 after it
    ColumnKind.DAY: pa.date32(),
    ColumnKind.MOMENT: pa.timestamp("us", tz="UTC"),
    ColumnKind.PAIRS: pa.map_(pa.string(), pa.string()),
}
SCHEMA = pa.schema([(name, _TYPES[kind]) for name, kind in zip(COLUMNS, KINDS, strict=True)])


def write_parquet(file: BinaryIO, rows: Iterable[PaymentRow]) -> None:
    """Write rows to a Parquet file: exact decimals, times in UTC with microseconds."""
    left = iter(rows)
    with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        while group := list(islice(left, GROUP_ROWS)):
            columns = zip(*group, strict=True)
            typed = zip(columns, SCHEMA, strict=True)
            arrays = [pa.array(values, field.type) for values, field in typed]
            writer.write_batch(pa.record_batch(arrays, schema=SCHEMA))
