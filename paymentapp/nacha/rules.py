"""The writer's checks beyond single fields: entry classes, amounts, addenda, trace numbers.

NACHA Operating Rules (2013), Appendix One, Parts 1.3 to 1.5; Appendix Two, Parts 2.3 to 2.5 (why
an ACH operator rejects); Appendices Four to Six for returns, changes and acknowledgments.
"""

from __future__ import annotations

import re

from paymentapp.banking.descriptions import RETRY_PAYMENT, REVERSAL
from paymentapp.banking.routing import BankDetailError, check_routing
from paymentapp.nacha.addenda import CHANGES, RETURNS
from paymentapp.nacha.errors import (
    EntryClassRule,
    InvalidAmount,
    InvalidValue,
    TraceOrder,
    UnknownTransactionCode,
)
from paymentapp.nacha.models import BatchHeader, Entry, File, NachaBatch, PaymentAddenda
from paymentapp.nacha.totals import totals
from paymentapp.nacha.transactions import DEBITS, TRANSACTION_CODES, WRITABLE, Purpose

# The SEC codes that are written, and the purposes of their entries. CTX, ATX and IAT have other
# layouts; WEB and TEL credits are not for companies that pay people.
_PURPOSES = {
    "PPD": {Purpose.LIVE, Purpose.PRENOTE, Purpose.RETURN},
    "CCD": {Purpose.LIVE, Purpose.PRENOTE, Purpose.ZERO_DOLLAR, Purpose.RETURN},
    "COR": {Purpose.RETURN},
    "ACK": {Purpose.ZERO_DOLLAR},
}
_BALANCED = "200"  # mixed: as written here, as much debited from the company as is paid
_SERVICE_CLASSES = {"ACK": {"200"}}  # Appendix Six, 6.4.1
_TAKING_BACK = "225"  # debits only: as written here, of credits that were sent by mistake
_CREDITS = {"220", _BALANCED}
# Sections 2.9 and 2.10: a reversal says so in its description, in capital letters. Subsection
# 2.12.4: an entry that was returned and is tried again, a credit or a reversal, has another one.
_CLASSES_BY_DESCRIPTION = {
    REVERSAL: {_TAKING_BACK, _BALANCED},
    RETRY_PAYMENT: {*_CREDITS, _TAKING_BACK},
}


def check_file(file: File) -> None:
    """Check the file header, and that there are batches in ascending order. Raises NachaError."""
    if file.header is None:
        raise InvalidValue("file", "header", "is missing")
    if not re.fullmatch("[A-Z0-9]", file.header.modifier):
        raise InvalidValue("file header", "modifier", "must be one of A to Z and 0 to 9")
    if not file.batches:
        raise InvalidValue("file", "batches", "must have at least one")
    last = 0
    for position, batch in enumerate(file.batches, 1):
        number = batch.header.number if batch.header else None
        if number is not None and number <= last:
            raise InvalidValue(f"batch {position} header", "number", "does not ascend")
        last = number or last


def check_batch(record: str, batch: NachaBatch) -> BatchHeader:
    """Check that the batch's entries may be in one batch, and return its header.

    Raises NachaError.
    """
    header = batch.header
    if header is None:
        raise InvalidValue(record, "header", "is missing")
    if not batch.entries:
        raise InvalidValue(record, "entries", "must have at least one")
    _check_header(f"{record} header", header)
    kinds = {_kind_of(entry) for entry in batch.entries}
    if len(kinds) > 1:  # Appendix Two, 2.4
        raise EntryClassRule(record, "entries", "must not mix forward entries and returns")
    if header.effective_date is None and kinds == {"forward"}:
        raise InvalidValue(f"{record} header", "effective_date", "is missing")
    mixed = header.service_class == _BALANCED and header.sec_code != "ACK"
    if mixed and not _is_balanced(batch):
        why = "must be 220 where debits do not equal credits"
        raise EntryClassRule(f"{record} header", "service_class", why)
    return header


def _is_balanced(batch: NachaBatch) -> bool:
    sums = totals([batch])
    return sums.debits == sums.credits


def _check_header(record: str, header: BatchHeader) -> None:
    if header.sec_code not in _PURPOSES:
        raise EntryClassRule(record, "sec_code", f"one of {', '.join(_PURPOSES)}")
    classes = _SERVICE_CLASSES.get(header.sec_code, _CREDITS)
    if header.sec_code in {"PPD", "CCD"}:
        classes = _CLASSES_BY_DESCRIPTION.get(header.description.strip(), classes)
    if header.service_class not in classes:
        why = "must be 220 or 200, 200 for ACK, and 225 or 200 for a reversal"
        raise EntryClassRule(record, "service_class", why)
    for name in ("company_name", "company_id", "description"):
        if not getattr(header, name).strip("0 "):
            raise InvalidValue(record, name, "is blank or all zeros")
    if header.originator_status not in {"1", "2"}:
        raise InvalidValue(record, "originator_status", "1, or 2 for the government")
    if header.settlement_day is not None and not 1 <= header.settlement_day <= 366:
        raise InvalidValue(record, "settlement_day", "must be 1 to 366")


def _kind_of(entry: Entry) -> str:
    """Return "forward", or the kind of return or change."""
    kind = TRANSACTION_CODES.get(entry.transaction_code)
    if kind is None or kind.purpose is not Purpose.RETURN:
        return "forward"
    return type(entry.addenda[0]).__name__ if entry.addenda else ""


def check_entry(record: str, header: BatchHeader, entry: Entry) -> None:
    """Check one entry against its batch's SEC code. Raises NachaError."""
    may_debit = header.service_class in {_BALANCED, _TAKING_BACK}
    may_credit = header.service_class != _TAKING_BACK
    writable = WRITABLE if may_credit else frozenset[str]()
    if entry.transaction_code not in (writable | DEBITS if may_debit else writable):
        raise UnknownTransactionCode(
            record, "transaction_code", "must be of a credit to a checking or savings account"
        )
    purpose = TRANSACTION_CODES[entry.transaction_code].purpose
    if purpose not in _PURPOSES[header.sec_code]:
        raise EntryClassRule(record, "transaction_code", f"not for {header.sec_code}")
    if entry.name and not entry.name.strip("0 "):
        raise InvalidValue(record, "name", "must not be all zeros")
    try:
        check_routing(entry.routing)
    except BankDetailError as error:
        raise InvalidValue(record, "routing", error.rule) from None
    if header.sec_code == "ACK" and not re.fullmatch("[0-9]{15}", entry.individual_id):
        raise EntryClassRule(record, "individual_id", "the original trace number, 15 digits")
    _check_amount(record, header, entry, purpose)
    _check_addenda(record, header, entry, purpose)


def _check_amount(record: str, header: BatchHeader, entry: Entry, purpose: Purpose) -> None:
    """Check that the amount is zero only where no money moves (Appendix Two, 2.5, R19)."""
    if entry.amount is None:
        raise InvalidAmount(record, "amount", "is missing")
    if purpose is Purpose.RETURN and header.sec_code != "COR":
        return  # a returned prenotification has none
    if purpose is Purpose.LIVE and entry.amount == 0:
        raise InvalidAmount(record, "amount", "zero")
    if purpose is not Purpose.LIVE and entry.amount != 0:
        raise InvalidAmount(record, "amount", "not zero where no money moves")


def _check_addenda(record: str, header: BatchHeader, entry: Entry, purpose: Purpose) -> None:
    """Check the addenda (Appendix One, table of addenda; Appendix Two, 2.5, R25 and R26)."""
    allowed: tuple[type, ...] = (PaymentAddenda,)
    if purpose is Purpose.RETURN:
        allowed = CHANGES if header.sec_code == "COR" else RETURNS
    needs_one = purpose is Purpose.RETURN or (
        purpose is Purpose.ZERO_DOLLAR and header.sec_code != "ACK"
    )
    if len(entry.addenda) > 1:
        raise EntryClassRule(record, "addenda", "must be one at most")
    if needs_one and not entry.addenda:
        raise EntryClassRule(record, "addenda", "is missing")
    for addenda in entry.addenda:
        if not isinstance(addenda, allowed):
            raise EntryClassRule(record, "addenda", "is of a type for other entries")
        if isinstance(addenda, PaymentAddenda) and addenda.sequence != 1:
            raise EntryClassRule(record, "addenda", "must have the sequence number 1")


class TraceBook:
    """Checks the trace numbers of a file: of the batch's ODFI, ascending in it, each used once.

    Appendix One, 1.5; Appendix Two, 2.4. That a number is unique in the whole file is our own rule:
    a return is matched to its payment by it.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._odfi = ""
        self._last = ""

    def open(self, odfi: str) -> None:
        """Begin a new batch."""
        self._odfi, self._last = odfi, ""

    def add(self, record: str, trace: str) -> None:
        """Check the next entry's number. Raises TraceOrder."""
        if trace[:8] != self._odfi:
            raise TraceOrder(record, "trace", "does not begin with the batch's ODFI")
        if trace in self._seen:
            raise TraceOrder(record, "trace", "is a duplicate")
        if trace < self._last:
            raise TraceOrder(record, "trace", "does not ascend")
        self._last = trace
        self._seen.add(trace)
