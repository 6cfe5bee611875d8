"""Findings: what the reader reports about a file, without stopping."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NachaRule(StrEnum):
    """The rules that a file may break."""

    LENGTH = "length"  # a line of more than 94 characters
    CHARACTERS = "characters"  # not printable ASCII
    RECORD_TYPE = "record-type"  # none of 1, 5, 6, 7, 8, 9
    ORDER = "order"  # a record where it may not stand
    FILE_HEADER = "file-header"  # missing, or that of another file behind the first
    FILE_CONTROL = "file-control"  # missing
    BATCH_HEADER = "batch-header"  # missing
    BATCH_CONTROL = "batch-control"  # missing
    VALUE = "value"  # a field does not hold what its kind asks for, or is missing
    CHECK_DIGIT = "check-digit"
    SEC_CODE = "sec-code"  # unknown, or of another layout
    SERVICE_CLASS = "service-class"
    TRANSACTION_CODE = "transaction-code"
    ADDENDA = "addenda"  # type, indicator, sequence or trace number
    ADDENDA_MISSING = "addenda-missing"  # though the indicator announces one
    TRACE = "trace"  # order, repetition or ODFI of a trace number
    RETURN_CODE = "return-code"  # unknown
    CHANGE_CODE = "change-code"  # unknown
    CONTROL_COUNT = "control-count"  # of entries or batches: it differs, or cannot be read
    BLOCK_COUNT = "block-count"
    CONTROL_HASH = "control-hash"
    CONTROL_TOTAL = "control-total"
    CONTROL_HEADER = "control-header"  # a batch control that does not repeat its header


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken on a line (from 1; 0 is the whole file); `words` hold no value."""

    line: int
    rule: NachaRule
    words: str
