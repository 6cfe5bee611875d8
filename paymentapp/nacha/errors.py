"""What the writer refuses, and the one thing that the reader does.

Each error says record, field and rule, and never a value: a value may be an account number.
"""

from __future__ import annotations


class NachaError(ValueError):
    """The base. `record` is like "batch 1 entry 3", `field` a name of `fields.py`."""

    def __init__(self, record: str, field: str, rule: str) -> None:
        super().__init__(f"{record}, {field}: {rule}")
        self.record = record
        self.field = field
        self.rule = rule


class FieldOverflow(NachaError):
    """A value has more characters or digits than its field."""


class InvalidCharacter(NachaError):
    """A value holds what is not printable ASCII, or not a digit where only digits stand."""


class InvalidValue(NachaError):
    """A mandatory value is missing, or it is not one that the field may have."""


class InvalidAmount(NachaError):
    """An amount has a third decimal, is negative, or is zero or not zero where it may not be."""


class TotalOverflow(NachaError):
    """A count or a total of a batch or a file has more digits than its field."""


class TraceOrder(NachaError):
    """Trace numbers do not ascend within a batch, repeat, or are not of the batch's ODFI."""


class UnknownTransactionCode(NachaError):
    """A transaction code that does not exist, or that this service never writes (debits)."""


class EntryClassRule(NachaError):
    """An entry or its addenda are not what the batch's SEC or service class allows."""


class NotNacha(ValueError):
    """The bytes are no NACHA file, nor a part of one."""
