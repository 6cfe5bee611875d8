"""The errors of the writer, and the only one of the reader.

Each names the record, the field and the rule, and never a value: it may be an account number.
"""

from __future__ import annotations


class NachaError(ValueError):
    """The base of the writer's errors.

    `record` is like "batch 1 entry 3", `field` a name of `fields.py`.
    """

    def __init__(self, record: str, field: str, rule: str) -> None:
        super().__init__(f"{record}, {field}: {rule}")
        self.record = record
        self.field = field
        self.rule = rule


class FieldOverflow(NachaError):
    """A value is longer than its field."""


class InvalidCharacter(NachaError):
    """A value has a character that is not printable ASCII, or no digit in a numeric field."""


class InvalidValue(NachaError):
    """A mandatory value is missing, or a value is not allowed."""


class InvalidAmount(NachaError):
    """An amount is negative, has over two decimals, or is (or is not) zero where it must not be."""


class TotalOverflow(NachaError):
    """A count or a total of a batch or a file has more digits than its field."""


class TraceOrder(NachaError):
    """A trace number does not ascend within its batch, is a duplicate, or has another ODFI."""


class UnknownTransactionCode(NachaError):
    """A transaction code is unknown, or one that this service never writes (debits)."""


class EntryClassRule(NachaError):
    """An entry or its addenda are not allowed by the batch's SEC code or service class."""


class NotNacha(ValueError):
    """The bytes are neither a NACHA file nor a part of one."""
