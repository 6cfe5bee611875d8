"""Models of a NACHA file: file, batch, entry and addenda, all immutable.

Amounts are Decimal dollars with two decimals here, and integer cents in the file. Fields that may
hold an account number or a person's name are left out of every `repr`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal


def _private(default: str = "") -> str:
    """Declare a field that no repr shows."""
    return field(default=default, repr=False)


@dataclass(frozen=True, slots=True)
class PaymentAddenda:
    """Addenda 05: up to 80 characters of payment related information."""

    information: str = _private()
    sequence: int | None = 1  # of this addenda behind its entry, from 1


@dataclass(frozen=True, slots=True)
class ChangeAddenda:
    """Addenda 98: a notification of change (codes C01 to C14)."""

    code: str
    original_trace: str
    original_rdfi: str  # 8 digits
    trace: str  # the entry's own, as in every addenda 98 and 99
    corrected_data: str = _private()  # 29 characters; `banking.changes` reads them


@dataclass(frozen=True, slots=True)
class RefusedChangeAddenda:
    """Addenda 98 with a code C61 to C69: the ODFI refuses a notification of change."""

    code: str
    original_trace: str
    original_rdfi: str
    trace: str
    change_code: str  # of the notification that is refused
    change_sequence: str  # the last 7 digits of its trace number
    corrected_data: str = _private()


@dataclass(frozen=True, slots=True)
class ReturnAddenda:
    """Addenda 99: a return. An unknown code is kept as it came."""

    code: str
    original_trace: str
    original_rdfi: str
    trace: str
    date_of_death: date | None = None  # only with R14 and R15
    information: str = _private()  # 44 characters


@dataclass(frozen=True, slots=True)
class DishonoredAddenda:
    """Addenda 99 with a code R61 to R70: the ODFI dishonors a return."""

    code: str
    original_trace: str
    original_rdfi: str
    trace: str
    return_trace: str
    return_settlement_day: int | None  # of the year
    return_code: str  # two characters, without the R
    information: str = _private()  # 21 characters


@dataclass(frozen=True, slots=True)
class ContestedAddenda:
    """Addenda 99 with a code R71 to R77: the RDFI contests a dishonored return."""

    code: str
    original_trace: str
    original_rdfi: str
    trace: str
    returned_on: date | None
    settlement_day: int | None  # of the original entry, day of the year
    return_trace: str
    return_settlement_day: int | None
    return_code: str
    dishonored_trace: str
    dishonored_settlement_day: int | None
    dishonored_code: str


@dataclass(frozen=True, slots=True)
class OtherAddenda:
    """An addenda of an unsupported type: kept as it came, and never written."""

    type_code: str
    text: str = _private()  # positions 4 to 94


Addenda = (
    PaymentAddenda
    | ChangeAddenda
    | RefusedChangeAddenda
    | ReturnAddenda
    | DishonoredAddenda
    | ContestedAddenda
    | OtherAddenda
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry detail (record 6) with its addenda.

    `amount` is None only where the field of a file that was read is not a number. In a batch of SEC
    code ACK `individual_id` is the trace number of the entry that is acknowledged.
    """

    transaction_code: str  # see `transactions.py`
    routing: str  # the receiving bank's 9 digits, check digit included
    account: str = field(repr=False)
    amount: Decimal | None
    trace: str  # 15 digits: the ODFI's 8 and a sequence of 7, see `trace_number`
    name: str = _private()
    individual_id: str = _private()  # the originator's reference, up to 15 characters
    discretionary: str = ""
    addenda: tuple[Addenda, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """Record 5: the company that pays, the purpose, and the date of settlement."""

    company_name: str
    company_id: str
    sec_code: str  # PPD, CCD, COR, ACK, ...
    description: str  # what the receiver's statement shows, up to 10 characters
    effective_date: date | None
    odfi: str  # the first 8 digits of the originating bank's routing number
    number: int | None  # ascending within a file
    service_class: str = "220"  # 220 credits only; 200 mixed, and for acknowledgments
    discretionary_data: str = ""
    descriptive_date: str = ""
    settlement_day: int | None = None  # day of the year; the ACH operator fills it
    originator_status: str = "1"


@dataclass(frozen=True, slots=True)
class NachaBatch:
    """Entries of one company and one SEC code. `header` is None only where a file had none."""

    header: BatchHeader | None
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class FileHeader:
    """Record 1.

    `created_on`, `created_at` (the sender's local time) and `modifier` identify a file of an
    origin: an ACH operator refuses a second file with the same three.
    """

    destination: str  # where the file goes: the bank's 9 digits
    origin: str  # who sends it: 9 or 10 characters, as the bank assigns them
    created_on: date | None
    modifier: str = "A"  # A-Z or 0-9
    created_at: time | None = None
    destination_name: str = ""
    origin_name: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A whole file. Counts, hashes and totals are computed: see `totals`."""

    header: FileHeader | None
    batches: tuple[NachaBatch, ...] = ()

    def entries(self) -> Iterator[tuple[NachaBatch, Entry]]:
        """Yield every entry, with the batch that it is in."""
        for batch in self.batches:
            for entry in batch.entries:
                yield batch, entry


def trace_number(odfi: str, sequence: int) -> str:
    """Return the trace number of an ODFI (8 digits) and a sequence number (1 to 9,999,999).

    NACHA Operating Rules (2013), Appendix Three, 3.2.2, Trace Number: the ODFI's eight digits,
    then seven in ascending order within each batch. Raises ValueError outside of that.
    """
    if len(odfi) != 8 or not odfi.isascii() or not odfi.isdigit():
        raise ValueError("an ODFI must have 8 digits")
    if not 0 < sequence <= 9_999_999:
        raise ValueError("the sequence number of a trace must be 1 to 9999999")
    return f"{odfi}{sequence:07d}"
