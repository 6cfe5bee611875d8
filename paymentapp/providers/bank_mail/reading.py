"""Reads a file of the bank: each return, change and acknowledgment in it becomes an event's body.

What an entry is about is a matcher's to say. An entry that cannot be matched is an event as well,
which the inbox sets aside for an operator. No body holds an account number.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from paymentapp.models.payments import Payment, Status
from paymentapp.nacha import (
    TRANSACTION_CODES,
    Acknowledgment,
    Completeness,
    Entry,
    File,
    NachaBatch,
    NotificationOfChange,
    NotNacha,
    Return,
    acknowledgments,
    changes,
    read,
    returns,
)
from paymentapp.providers.bank_mail.errors import BrokenFile
from paymentapp.providers.bank_mail.event_records import entry_details, event_record, unmatched
from paymentapp.providers.bank_mail.oddities import is_unexplained, missing_records
from paymentapp.providers.updates import Recorded


class BankFile(NamedTuple):
    """What was read of a file: the bodies of its events, and whether records may be missing."""

    bodies: Sequence[bytes]
    completeness: Completeness
    problem: str  # the finding by which records are missing; "" where none is
    findings: str  # the rules that it breaks


class EntryMatcher(ABC):
    """Says which payment an entry of the bank's is about, and keeps what it says of it.

    `settled` is the date of the bank's batch. Each method returns the record of an event.
    """

    @abstractmethod
    def read_return(self, each: Return, settled: str) -> dict[str, Any]:
        """Read a return; it is stored before its event is, so that a poll confirms the event."""

    @abstractmethod
    def read_change(self, change: NotificationOfChange, settled: str) -> dict[str, Any]:
        """Read a notification of change."""

    @abstractmethod
    def read_acknowledgment(self, ack: Acknowledgment, settled: str) -> dict[str, Any]:
        """Read an acknowledgment of the receiving bank."""

    @abstractmethod
    def record(self, payment: Payment, status: Status, code: str) -> Recorded:
        """Record what an operator says of a payment. Raises Conflict, StoreUnavailable."""


class BankFileReader:
    """Reads files."""

    def __init__(self, matcher: EntryMatcher) -> None:
        self._matcher = matcher

    def read(self, data: bytes) -> BankFile:
        """Read a file. Raises BrokenFile where it is no NACHA file."""
        try:
            found = read(data)
        except NotNacha as error:
            raise BrokenFile(str(error)) from None
        rules = ", ".join(sorted({each.rule.value for each in found.findings}))
        records = [each for batch in found.file.batches for each in self._records(batch)]
        bodies = [json.dumps(record, separators=(",", ":")).encode() for record in records]
        return BankFile(bodies, found.completeness, missing_records(found), rules)

    def record(self, payment: Payment, status: Status, code: str) -> Recorded:
        """Record what an operator says of a payment. Raises Conflict, StoreUnavailable."""
        return self._matcher.record(payment, status, code)

    def _records(self, batch: NachaBatch) -> Iterator[dict[str, Any]]:
        single = File(None, (batch,))
        header = batch.header
        settled = f"{header.effective_date}/{header.settlement_day}" if header else ""
        for each in returns(single):
            yield self._matcher.read_return(each, settled)
        for change in changes(single):
            yield self._matcher.read_change(change, settled)
        for ack in acknowledgments(single):
            yield self._matcher.read_acknowledgment(ack, settled)
        for entry in batch.entries:
            if is_unexplained(entry):
                yield _unexplained(entry, settled)


def _unexplained(entry: Entry, settled: str) -> dict[str, Any]:
    """Read an entry that is a return by its transaction code, and has no addenda to say so."""
    whose = f"{entry.individual_id.strip()}/{entry.amount}"
    record = event_record("return", entry.trace, entry.trace, "", settled, whose)
    details = entry_details(entry.individual_id, entry.amount, entry.transaction_code)
    return record | unmatched("a return without its addenda", details)


def is_debit_return(each: Return) -> bool | None:
    """Return whether a return is of a debit; None where its transaction code is none."""
    code = TRANSACTION_CODES.get(each.transaction_code)
    return None if code is None else not code.is_credit


def bare_account(account: str) -> str:
    """Return an account number however a bank pads it, for comparison."""
    return account.replace(" ", "").replace("-", "").lstrip("0").casefold()
