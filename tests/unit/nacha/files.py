"""NACHA files for tests, and strategies that generate them. All banks and accounts are invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from stdnum.us import rtn

from paymentapp.banking import CHANGE_CODES, RETURN_REASONS, ReturnKind
from paymentapp.nacha import (
    Addenda,
    BatchHeader,
    ChangeAddenda,
    ContestedAddenda,
    DishonoredAddenda,
    Entry,
    File,
    FileHeader,
    NachaBatch,
    PaymentAddenda,
    RefusedChangeAddenda,
    ReturnAddenda,
    trace_number,
)

ODFI = "12104288"
SECRET = "98765432109"  # an account number that nothing may show
HEADER = FileHeader(
    destination="231380104",
    origin="121042882",
    created_on=date(2026, 1, 14),
    created_at=time(9, 30),
    destination_name="Test Reserve Bank",
    origin_name="Test Company",
)
BATCH_HEADER = BatchHeader(
    company_name="Test Company",
    company_id="1234567890",
    sec_code="PPD",
    description="PAYOUT",
    effective_date=date(2026, 1, 15),
    odfi=ODFI,
    number=1,
)


def entry(sequence: int = 1, **changes: Any) -> Entry:
    """Make a credit of 12.50 to a checking account."""
    plain = Entry(
        transaction_code="22",
        routing="231380104",
        account=SECRET,
        amount=Decimal("12.50"),
        trace=trace_number(ODFI, sequence),
        name="Ada Example",
        individual_id="ref-1",
    )
    return replace(plain, **changes)


def batch(*entries: Entry, **changes: Any) -> NachaBatch:
    return NachaBatch(replace(BATCH_HEADER, **changes), entries or (entry(),))


def file(*batches: NachaBatch, **changes: Any) -> File:
    return File(replace(HEADER, **changes), batches or (batch(),))


def returned(code: str = "R03", sequence: int = 1, **changes: Any) -> Entry:
    """Make an entry that is returned."""
    trace = trace_number(ODFI, sequence)
    addenda = ReturnAddenda(code, "231380100000007", "23138010", trace, **changes)
    return entry(sequence, transaction_code="21", addenda=(addenda,))


def changed(code: str = "C01", data: str = SECRET, sequence: int = 1) -> Entry:
    """Make a notification of change."""
    trace = trace_number(ODFI, sequence)
    addenda = ChangeAddenda(code, "231380100000007", "23138010", trace, data)
    return entry(sequence, transaction_code="21", amount=Decimal("0.00"), addenda=(addenda,))


def acknowledged(sequence: int = 1, **changes: Any) -> Entry:
    """Make an acknowledgment."""
    plain = entry(
        sequence,
        transaction_code="24",
        amount=Decimal("0.00"),
        individual_id="231380100000007",
    )
    return replace(plain, **changes)


def lines(data: bytes) -> list[str]:
    return data.decode("ascii").split("\n")[:-1]


# --- strategies ---

_PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
_DIGITS = st.characters(min_codepoint=0x30, max_codepoint=0x39)


def texts(longest: int, shortest: int = 0) -> st.SearchStrategy[str]:
    """Generate printable text that neither begins nor ends with a blank."""
    found = st.text(_PRINTABLE, min_size=shortest, max_size=longest)
    return found.map(str.strip).filter(lambda text: len(text) >= shortest)


def names(longest: int) -> st.SearchStrategy[str]:
    """Generate text that is not all zeros."""
    return texts(longest, 1).filter(lambda text: bool(text.strip("0 ")))


def digits(length: int) -> st.SearchStrategy[str]:
    return st.text(_DIGITS, min_size=length, max_size=length)


@st.composite
def routing_numbers(draw: st.DrawFn) -> str:
    prefix = draw(st.sampled_from([*range(1, 13), *range(21, 33), *range(61, 73)]))
    start = f"{prefix:02d}{draw(digits(6))}"
    return start + rtn.calc_check_digit(start)


DATES = st.dates(date(2000, 1, 1), date(2099, 12, 31))
DAYS_OF_YEAR = st.integers(1, 366)
AMOUNTS = st.integers(1, 9_999_999_999).map(lambda cents: Decimal(cents).scaleb(-2))
RETURNS_OF_KIND = {
    kind: [code for code, reason in RETURN_REASONS.items() if reason.kind is kind]
    for kind in ReturnKind
}
FORWARD_CHANGES = [code for code, row in CHANGE_CODES.items() if not row.refused]
REFUSED_CHANGES = [code for code, row in CHANGE_CODES.items() if row.refused]


def _common(trace: str, codes: list[str]) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "code": st.sampled_from(codes),
        "original_trace": digits(15),
        "original_rdfi": digits(8),
        "trace": st.just(trace),
    }


def addenda_of(noun: type[Addenda], trace: str) -> st.SearchStrategy[Any]:
    """Generate addenda of one type for the entry with that trace number."""
    kinds = RETURNS_OF_KIND
    days = DAYS_OF_YEAR
    fields: dict[type, dict[str, st.SearchStrategy[Any]]] = {
        PaymentAddenda: {"information": texts(80), "sequence": st.just(1)},
        ChangeAddenda: _common(trace, FORWARD_CHANGES) | {"corrected_data": texts(29, 1)},
        RefusedChangeAddenda: _common(trace, REFUSED_CHANGES)
        | {
            "corrected_data": texts(29, 1),
            "change_code": st.sampled_from(FORWARD_CHANGES),
            "change_sequence": digits(7),
        },
        ReturnAddenda: _common(trace, kinds[ReturnKind.RETURN])
        | {"date_of_death": st.none() | DATES, "information": texts(44)},
        DishonoredAddenda: _common(trace, kinds[ReturnKind.DISHONORED])
        | {
            "return_trace": digits(15),
            "return_settlement_day": days,
            "return_code": digits(2),
            "information": texts(21),
        },
        ContestedAddenda: _common(trace, kinds[ReturnKind.CONTESTED])
        | {
            "returned_on": st.none() | DATES,
            "settlement_day": days,
            "return_trace": digits(15),
            "return_settlement_day": days,
            "return_code": digits(2),
            "dishonored_trace": digits(15),
            "dishonored_settlement_day": days,
            "dishonored_code": digits(2),
        },
    }
    return st.builds(noun, **fields[noun])


@st.composite
def entries(draw: st.DrawFn, trace: str, sec_code: str, noun: type[Addenda]) -> Entry:
    """Draw an entry of a batch of that SEC code whose addenda are of that type."""
    moves = noun is PaymentAddenda
    purposes = {"COR": "1", "ACK": "4", "PPD": "23", "CCD": "234"}[sec_code] if moves else "1"
    purpose = draw(st.sampled_from(purposes))
    needs_addenda = not moves or (purpose == "4" and sec_code == "CCD")
    amount = draw(AMOUNTS) if purpose == "2" or (purpose == "1" and sec_code != "COR") else 0
    return Entry(
        transaction_code=draw(st.sampled_from("23")) + purpose,
        routing=draw(routing_numbers()),
        account=draw(texts(17, 1)),
        amount=Decimal(amount),
        trace=trace,
        name=draw(names(22)),
        individual_id=draw(digits(15) if sec_code == "ACK" else texts(15)),
        discretionary=draw(texts(2)),
        addenda=tuple(
            draw(st.lists(addenda_of(noun, trace), min_size=int(needs_addenda), max_size=1))
        ),
    )


_NOUNS: dict[str, list[type[Any]]] = {
    "PPD": [PaymentAddenda, ReturnAddenda, DishonoredAddenda, ContestedAddenda],
    "CCD": [PaymentAddenda, ReturnAddenda],
    "COR": [ChangeAddenda, RefusedChangeAddenda],
    "ACK": [PaymentAddenda],
}


@st.composite
def batches(draw: st.DrawFn, number: int, sequences: list[int]) -> NachaBatch:
    sec_code = draw(st.sampled_from(list(_NOUNS)))
    noun = draw(st.sampled_from(_NOUNS[sec_code]))
    odfi = f"{draw(digits(7))}{number % 10}"  # so that no two batches have the same numbers
    header = BatchHeader(
        company_name=draw(names(16)),
        company_id=draw(names(10)),
        sec_code=sec_code,
        description=draw(names(10)),
        effective_date=draw(DATES),
        odfi=odfi,
        number=number,
        service_class="200" if sec_code == "ACK" else "220",
        discretionary_data=draw(texts(20)),
        descriptive_date=draw(texts(6)),
        settlement_day=draw(st.none() | DAYS_OF_YEAR),
        originator_status=draw(st.sampled_from("12")),
    )
    made = [draw(entries(trace_number(odfi, n), sec_code, noun)) for n in sorted(sequences)]
    return NachaBatch(header, tuple(made))


@st.composite
def files(draw: st.DrawFn) -> File:
    """Generate any file that can be written."""
    header = FileHeader(
        destination=draw(texts(10, 1)),
        origin=draw(texts(10, 1)),
        created_on=draw(DATES),
        modifier=draw(st.sampled_from("AZ09")),
        created_at=draw(st.none() | st.times().map(lambda t: time(t.hour, t.minute))),
        destination_name=draw(texts(23)),
        origin_name=draw(texts(23)),
        reference=draw(texts(8)),
    )
    sequences = st.lists(st.integers(1, 9_999_999), min_size=1, max_size=4, unique=True)
    numbers = draw(st.integers(1, 4))
    made = [draw(batches(n, draw(sequences))) for n in range(1, numbers + 1)]
    return File(header, tuple(made))
