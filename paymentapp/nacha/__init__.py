"""NACHA files: a strict writer, a tolerant reader, and views of returns, changes, acknowledgments.

Amounts are Decimal dollars. `docs/decisions/0012-nacha-codec.md` says why no library is used.
"""

from paymentapp.nacha.errors import (
    EntryClassRule,
    FieldOverflow,
    InvalidAmount,
    InvalidCharacter,
    InvalidValue,
    NachaError,
    NotNacha,
    TotalOverflow,
    TraceOrder,
    UnknownTransactionCode,
)
from paymentapp.nacha.findings import Finding, NachaRule
from paymentapp.nacha.models import (
    Addenda,
    BatchHeader,
    ChangeAddenda,
    ContestedAddenda,
    DishonoredAddenda,
    Entry,
    File,
    FileHeader,
    NachaBatch,
    OtherAddenda,
    PaymentAddenda,
    RefusedChangeAddenda,
    ReturnAddenda,
    trace_number,
)
from paymentapp.nacha.reader import Completeness, ReadFile, read
from paymentapp.nacha.totals import Totals, totals
from paymentapp.nacha.transactions import (
    TRANSACTION_CODES,
    Purpose,
    TransactionCode,
    credit_code,
    debit_code,
)
from paymentapp.nacha.views import (
    Acknowledgment,
    NotificationOfChange,
    Return,
    acknowledgments,
    changes,
    returns,
)
from paymentapp.nacha.writer import write

__all__ = [
    "TRANSACTION_CODES",
    "Acknowledgment",
    "Addenda",
    "BatchHeader",
    "ChangeAddenda",
    "Completeness",
    "ContestedAddenda",
    "DishonoredAddenda",
    "Entry",
    "EntryClassRule",
    "FieldOverflow",
    "File",
    "FileHeader",
    "Finding",
    "InvalidAmount",
    "InvalidCharacter",
    "InvalidValue",
    "NachaBatch",
    "NachaError",
    "NachaRule",
    "NotNacha",
    "NotificationOfChange",
    "OtherAddenda",
    "PaymentAddenda",
    "Purpose",
    "ReadFile",
    "RefusedChangeAddenda",
    "Return",
    "ReturnAddenda",
    "TotalOverflow",
    "Totals",
    "TraceOrder",
    "TransactionCode",
    "UnknownTransactionCode",
    "acknowledgments",
    "changes",
    "credit_code",
    "debit_code",
    "read",
    "returns",
    "totals",
    "trace_number",
    "write",
]
