"""The reader's checks beyond single fields: codes, check digits, trace numbers, controls.

The rules are those by which an ACH operator rejects (NACHA Operating Rules (2013), Appendix Two,
Parts 2.3 to 2.5). Two of them are not applied, since files of banks break them: an addenda 98 may
have another trace number than its entry, and the block count may be larger than the file, whose
filler was cut off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from paymentapp.banking.changes import CHANGE_CODES
from paymentapp.banking.returns import return_reason
from paymentapp.banking.routing import has_check_digit
from paymentapp.nacha import models
from paymentapp.nacha.addenda import RETURNS
from paymentapp.nacha.fields import BLOCKING_FACTOR
from paymentapp.nacha.findings import Finding, NachaRule
from paymentapp.nacha.lines import Line
from paymentapp.nacha.models import Addenda, BatchHeader, Entry, NachaBatch
from paymentapp.nacha.totals import Totals, totals
from paymentapp.nacha.transactions import TRANSACTION_CODES

# Standard Entry Class codes whose records have the layouts of `fields.py`. (In CTX and ATX the name
# begins with the number of addenda; in CIE and MTE name and id have changed places.)
_SEC_CODES = frozenset(
    [
        "ACK",
        "ARC",
        "ATX",
        "BOC",
        "CCD",
        "CIE",
        "COR",
        "CTX",
        "DNE",
        "ENR",
        "MTE",
        "POP",
        "POS",
        "PPD",
        "RCK",
        "SHR",
        "TEL",
        "TRC",
        "TRX",
        "WEB",
        "XCK",
    ]
)
_SERVICE_CLASSES = {"200": {True, False}, "220": {True}, "225": {False}}  # credits, debits


@dataclass(slots=True)
class OpenEntry:
    """An entry that is being read, with its addenda so far."""

    line: int
    entry: Entry
    indicator: str
    addenda: list[Addenda] = field(default_factory=list)

    def closed(self) -> Entry:
        """Return the entry with its addenda."""
        return replace(self.entry, addenda=tuple(self.addenda))


@dataclass(slots=True)
class OpenBatch:
    """A batch that is being read, before its control record."""

    line: int
    header: BatchHeader | None
    entries: list[OpenEntry] = field(default_factory=list)


def batch_findings(batch: OpenBatch) -> Iterator[Finding]:
    """Yield the findings about a batch's header and entries."""
    header = batch.header
    if header and header.sec_code not in _SEC_CODES:
        yield Finding(batch.line, NachaRule.SEC_CODE, "unknown, or of an unsupported layout")
    if header and header.service_class not in _SERVICE_CLASSES:
        yield Finding(batch.line, NachaRule.SERVICE_CLASS, "unknown")
    last = ""
    for row in batch.entries:
        yield from _entry_findings(row, header)
        yield from _trace_findings(row, header, last)
        last = row.entry.trace


def _entry_findings(row: OpenEntry, header: BatchHeader | None) -> Iterator[Finding]:
    code = TRANSACTION_CODES.get(row.entry.transaction_code)
    if code is None:
        yield Finding(row.line, NachaRule.TRANSACTION_CODE, "unknown")
    elif header and code.is_credit not in _SERVICE_CLASSES.get(header.service_class, {True, False}):
        yield Finding(row.line, NachaRule.SERVICE_CLASS, "the batch's does not allow such an entry")
    if row.entry.routing.isdigit() and not has_check_digit(row.entry.routing):
        yield Finding(row.line, NachaRule.CHECK_DIGIT, "of the routing number is wrong")
    if row.indicator == "1" and not row.addenda:
        yield Finding(row.line, NachaRule.ADDENDA_MISSING, "the indicator announces an addenda")
    elif row.indicator != ("1" if row.addenda else "0"):
        yield Finding(row.line, NachaRule.ADDENDA, "the indicator does not match what follows")


def _trace_findings(row: OpenEntry, header: BatchHeader | None, last: str) -> Iterator[Finding]:
    trace = row.entry.trace
    if header and trace[:8] != header.odfi:
        yield Finding(row.line, NachaRule.TRACE, "does not begin with the batch's ODFI")
    if trace <= last:
        yield Finding(row.line, NachaRule.TRACE, "duplicate" if trace == last else "not ascending")


def addenda_findings(line: Line, owner: OpenEntry, addenda: Addenda) -> Iterator[Finding]:
    """Yield the findings about an addenda record, the last so far of its entry."""
    match addenda:
        case models.OtherAddenda():
            yield Finding(line.number, NachaRule.ADDENDA, "of an unsupported type")
        case models.PaymentAddenda():
            if addenda.sequence != len(owner.addenda):
                yield Finding(line.number, NachaRule.ADDENDA, "the sequence number is not the next")
            if line.text[-7:] != owner.entry.trace[-7:]:
                yield Finding(
                    line.number, NachaRule.ADDENDA, "does not repeat the entry's trace number"
                )
        case models.ChangeAddenda():
            if addenda.code not in CHANGE_CODES:
                yield Finding(line.number, NachaRule.CHANGE_CODE, "unknown")
        case _ if isinstance(addenda, RETURNS):
            if not return_reason(addenda.code).known:
                yield Finding(line.number, NachaRule.RETURN_CODE, "unknown")
            if addenda.trace != owner.entry.trace:
                yield Finding(
                    line.number, NachaRule.ADDENDA, "does not repeat the entry's trace number"
                )


def batch_control_findings(
    line: int, batch: NachaBatch, control: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield where a batch control contradicts its batch."""
    yield from _totals_findings(line, control, totals([batch]))
    header = batch.header
    if header is None:
        return
    for name in ("service_class", "odfi", "number"):
        if control[name] != getattr(header, name):
            yield Finding(line, NachaRule.CONTROL_HEADER, f"{name} is not the batch header's")
    # It may be missing, and some banks right-justify it.
    company_id = control["company_id"].strip()
    if company_id and company_id != header.company_id.strip():
        yield Finding(line, NachaRule.CONTROL_HEADER, "company_id is not the batch header's")


def file_control_findings(
    line: int, control: Mapping[str, Any], batches: int, records: int, stated: Totals
) -> Iterator[Finding]:
    """Yield where the file control contradicts the batch controls, whose sums `stated` are.

    `records` is the number of records up to the file control, without filler.
    """
    yield from _totals_findings(line, control, stated)
    if control["batch_count"] != batches:
        yield Finding(line, NachaRule.CONTROL_COUNT, "batch_count is not the file's")
    blocks = -(-records // BLOCKING_FACTOR)
    if control["block_count"] is not None and control["block_count"] < blocks:
        yield Finding(line, NachaRule.BLOCK_COUNT, "block_count is less than the file has")


def stated_totals(control: Mapping[str, Any]) -> Totals | None:
    """Return the totals in a batch control; None where a part of them cannot be read."""
    stated = {name: control[name] for name in _TOTALS}
    return None if None in stated.values() else Totals(**stated)


_TOTALS = {
    "entry_count": NachaRule.CONTROL_COUNT,
    "entry_hash": NachaRule.CONTROL_HASH,
    "debits": NachaRule.CONTROL_TOTAL,
    "credits": NachaRule.CONTROL_TOTAL,
}


def _totals_findings(line: int, control: Mapping[str, Any], counted: Totals) -> Iterator[Finding]:
    """Yield where totals differ.

    A hash or total that cannot be read has its own finding already. A count that cannot be read is
    taken for one that differs: by the counts it is known that no record is missing.
    """
    for name, rule in _TOTALS.items():
        unread = control[name] is None and rule is not NachaRule.CONTROL_COUNT
        if not unread and control[name] != getattr(counted, name):
            yield Finding(line, rule, f"{name} is not the total of the entries")
