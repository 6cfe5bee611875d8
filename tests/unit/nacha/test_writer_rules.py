"""Every refusal of the writer: its class, record and field, and never the value."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.nacha import (
    Addenda,
    ChangeAddenda,
    DishonoredAddenda,
    EntryClassRule,
    FieldOverflow,
    File,
    InvalidAmount,
    InvalidCharacter,
    InvalidValue,
    NachaBatch,
    NachaError,
    OtherAddenda,
    PaymentAddenda,
    ReturnAddenda,
    TotalOverflow,
    TraceOrder,
    UnknownTransactionCode,
    trace_number,
    write,
)
from tests.unit.nacha.files import (
    BATCH_HEADER,
    HEADER,
    ODFI,
    SECRET,
    acknowledged,
    batch,
    changed,
    entry,
    file,
    returned,
)

TRACE = trace_number(ODFI, 1)
PAYMENT = PaymentAddenda("x")
RETURN = ReturnAddenda("R03", "231380100000007", "23138010", TRACE)
DISHONORED = DishonoredAddenda(
    "R61", "231380100000007", "23138010", TRACE, "231380100000009", 12, "03"
)
LONG_NUMBER = SECRET * 3


def refusal(made: File) -> NachaError:
    with pytest.raises(NachaError) as caught:
        write(made)
    return caught.value


def in_entry(**changes: Any) -> File:
    return file(batch(entry(**changes)))


def with_addenda(*addenda: Addenda, code: str = "22", **header: Any) -> File:
    amount = Decimal("12.50") if code == "22" else Decimal("0.00")
    return file(
        batch(entry(transaction_code=code, amount=amount, addenda=tuple(addenda)), **header)
    )


CASES: list[tuple[str, File, type[NachaError], str, str, str]] = [
    # what, file, class, record, field, words of the rule
    ("account too long", in_entry(account="9" * 18), FieldOverflow, "entry 1", "account", "17"),
    ("name too long", in_entry(name="N" * 23), FieldOverflow, "entry 1", "name", "22"),
    ("id too long", in_entry(individual_id="N" * 16), FieldOverflow, "entry 1", "ual_id", "15"),
    ("amount too long", in_entry(amount=Decimal("1E8")), FieldOverflow, "entry 1", "amount", "10"),
    ("huge amount", in_entry(amount=Decimal("1E99")), FieldOverflow, "entry 1", "amount", "10"),
    (
        "company too long",
        file(batch(company_name="N" * 17)),
        FieldOverflow,
        "batch 1 header",
        "company_name",
        "16",
    ),
    (
        "batch number too long",
        file(batch(number=10_000_000)),
        FieldOverflow,
        "batch 1 header",
        "number",
        "7",
    ),
    ("origin too long", file(origin="1" * 11), FieldOverflow, "file header", "origin", "10"),
    (
        "information too long",
        with_addenda(PaymentAddenda("N" * 81)),
        FieldOverflow,
        "batch 1 entry 1 addenda 1",
        "information",
        "80",
    ),
    ("umlaut", in_entry(name="Zoë"), InvalidCharacter, "entry 1", "name", "ASCII"),
    ("tab", in_entry(name="A\tB"), InvalidCharacter, "entry 1", "name", "ASCII"),
    ("line end", in_entry(account="12\n34"), InvalidCharacter, "entry 1", "account", "ASCII"),
    ("delete", in_entry(account="12\x7f34"), InvalidCharacter, "entry 1", "account", "ASCII"),
    ("no digits", in_entry(trace=ODFI + "00000A1"), InvalidCharacter, "entry 1", "trace", "digits"),
    (
        "digits of another script",
        in_entry(trace=ODFI + "000000\u0661"),
        InvalidCharacter,
        "entry 1",
        "trace",
        "digits",
    ),
    ("short trace", in_entry(trace=ODFI + "1"), InvalidValue, "entry 1", "trace", "15 digits"),
    ("long trace", in_entry(trace=TRACE + "1"), FieldOverflow, "entry 1", "trace", "15"),
    ("blank first", in_entry(account=" 12"), InvalidValue, "entry 1", "account", "blank"),
    ("blank last", in_entry(name="Ada "), InvalidValue, "entry 1", "name", "blank"),
    ("no account", in_entry(account=""), InvalidValue, "entry 1", "account", "missing"),
    ("no name", in_entry(name=""), InvalidValue, "entry 1", "name", "missing"),
    ("no amount", in_entry(amount=None), InvalidAmount, "entry 1", "amount", "missing"),
    (
        "third decimal",
        in_entry(amount=Decimal("12.505")),
        InvalidAmount,
        "entry 1",
        "amount",
        "two decimals",
    ),
    (
        "a thousandth of a cent",
        in_entry(amount=Decimal("12.50001")),
        InvalidAmount,
        "entry 1",
        "amount",
        "two decimals",
    ),
    ("negative", in_entry(amount=Decimal("-1")), InvalidAmount, "entry 1", "amount", "negative"),
    ("zero", in_entry(amount=Decimal("0.00")), InvalidAmount, "entry 1", "amount", "zero"),
    ("NaN", in_entry(amount=Decimal("NaN")), InvalidAmount, "entry 1", "amount", "not a Decimal"),
    (
        "infinite",
        in_entry(amount=Decimal("Infinity")),
        InvalidAmount,
        "entry 1",
        "amount",
        "not a Decimal",
    ),
    ("a float", in_entry(amount=12.5), InvalidAmount, "entry 1", "amount", "not a Decimal"),
    ("an int", in_entry(amount=12), InvalidAmount, "entry 1", "amount", "not a Decimal"),
    (
        "a prenote with money",
        in_entry(transaction_code="23"),
        InvalidAmount,
        "entry 1",
        "amount",
        "not zero",
    ),
    (
        "a change with money",
        file(batch(replace(changed(), amount=Decimal("1.00")), sec_code="COR")),
        InvalidAmount,
        "entry 1",
        "amount",
        "not zero",
    ),
    (
        "check digit",
        in_entry(routing="231380105"),
        InvalidValue,
        "entry 1",
        "routing",
        "check digit",
    ),
    ("no bank", in_entry(routing="000000000"), InvalidValue, "entry 1", "routing", "zeros"),
    (
        "unknown code",
        in_entry(transaction_code="25"),
        UnknownTransactionCode,
        "entry 1",
        "transaction_code",
        "credit",
    ),
    (
        "a debit",
        in_entry(transaction_code="27"),
        UnknownTransactionCode,
        "entry 1",
        "transaction_code",
        "credit",
    ),
    (
        "an unbalanced debit",
        file(
            batch(entry(1), entry(2, transaction_code="27", amount=Decimal(1)), service_class="200")
        ),
        EntryClassRule,
        "batch 1 header",
        "service_class",
        "debits do not equal credits",
    ),
    (
        "a debit balanced in a batch of credits",
        file(batch(entry(1), entry(2, transaction_code="27"))),
        UnknownTransactionCode,
        "entry 2",
        "transaction_code",
        "credit",
    ),
    ("a name of zeros", in_entry(name="0"), InvalidValue, "entry 1", "name", "not be all zeros"),
    (
        "a loan account",
        in_entry(transaction_code="52"),
        UnknownTransactionCode,
        "entry 1",
        "transaction_code",
        "credit",
    ),
    (
        "zero dollars to a person",
        with_addenda(PAYMENT, code="24"),
        EntryClassRule,
        "entry 1",
        "transaction_code",
        "not for PPD",
    ),
    (
        "money as a change",
        file(batch(sec_code="COR")),
        EntryClassRule,
        "entry 1",
        "transaction_code",
        "not for COR",
    ),
    (
        "money as an acknowledgment",
        file(batch(sec_code="ACK", service_class="200")),
        EntryClassRule,
        "entry 1",
        "transaction_code",
        "not for ACK",
    ),
    (
        "zero dollars without what they are for",
        with_addenda(code="24", sec_code="CCD"),
        EntryClassRule,
        "entry 1",
        "addenda",
        "missing",
    ),
    (
        "two addenda",
        with_addenda(PAYMENT, PaymentAddenda("y", 2)),
        EntryClassRule,
        "entry 1",
        "addenda",
        "must be one at most",
    ),
    (
        "two addenda of a company",
        with_addenda(PAYMENT, PaymentAddenda("y", 2), sec_code="CCD"),
        EntryClassRule,
        "entry 1",
        "addenda",
        "must be one at most",
    ),
    (
        "second without a first",
        with_addenda(PaymentAddenda("x", 2)),
        EntryClassRule,
        "entry 1",
        "addenda",
        "sequence",
    ),
    (
        "a return with money out",
        with_addenda(RETURN),
        EntryClassRule,
        "entry 1",
        "addenda",
        "is of a type for other entries",
    ),
    (
        "a change within returns",
        file(batch(changed())),
        EntryClassRule,
        "entry 1",
        "addenda",
        "is of a type for other entries",
    ),
    (
        "a return within changes",
        file(batch(replace(returned(), amount=Decimal("0.00")), sec_code="COR")),
        EntryClassRule,
        "entry 1",
        "addenda",
        "is of a type for other entries",
    ),
    (
        "a type that is not read",
        with_addenda(OtherAddenda("10", "x")),
        EntryClassRule,
        "entry 1",
        "addenda",
        "is of a type for other entries",
    ),
    (
        "a return without a reason",
        file(batch(entry(transaction_code="21"))),
        EntryClassRule,
        "entry 1",
        "addenda",
        "missing",
    ),
    (
        "a return of another entry",
        file(batch(replace(entry(2), transaction_code="21", addenda=(RETURN,)))),
        InvalidValue,
        "batch 1 entry 1 addenda 1",
        "trace",
        "not the entry's",
    ),
    (
        "an acknowledgment of nothing",
        file(batch(acknowledged(individual_id="x"), sec_code="ACK", service_class="200")),
        EntryClassRule,
        "entry 1",
        "individual_id",
        "15 digits",
    ),
    (
        "returns among payments",
        file(batch(entry(1), returned(sequence=2))),
        EntryClassRule,
        "batch 1",
        "entries",
        "must not mix",
    ),
    (
        "returns among dishonored ones",
        file(batch(returned(), entry(2, transaction_code="21", addenda=(DISHONORED,)))),
        EntryClassRule,
        "batch 1",
        "entries",
        "must not mix",
    ),
    ("SEC code", file(batch(sec_code="WEB")), EntryClassRule, "batch 1 header", "sec_code", "PPD"),
    (
        "lower case",
        file(batch(sec_code="ppd")),
        EntryClassRule,
        "batch 1 header",
        "sec_code",
        "PPD",
    ),
    (
        "mixed batch",
        file(batch(service_class="200")),
        EntryClassRule,
        "batch 1 header",
        "service_class",
        "220",
    ),
    (
        "debit batch",
        file(batch(service_class="225")),
        EntryClassRule,
        "batch 1 header",
        "service_class",
        "220",
    ),
    (
        "a reversal among credits",
        file(batch(entry(1, transaction_code="27"), description="REVERSAL")),
        EntryClassRule,
        "batch 1 header",
        "service_class",
        "225",
    ),
    (
        "a credit among reversals",
        file(batch(entry(1), description="REVERSAL", service_class="225")),
        UnknownTransactionCode,
        "entry 1",
        "transaction_code",
        "credit",
    ),
    (
        "a debit that is tried again as a credit",
        file(batch(entry(1, transaction_code="27"), description="RETRY PYMT")),
        UnknownTransactionCode,
        "entry 1",
        "transaction_code",
        "credit",
    ),
    (
        "acknowledgments as credits",
        file(batch(acknowledged(), sec_code="ACK")),
        EntryClassRule,
        "batch 1 header",
        "service_class",
        "200 for ACK",
    ),
    ("no file header", File(None, (batch(),)), InvalidValue, "file", "header", "missing"),
    ("no batch", File(HEADER), InvalidValue, "file", "batches", "at least one"),
    (
        "no batch header",
        File(HEADER, (NachaBatch(None),)),
        InvalidValue,
        "batch 1",
        "header",
        "missing",
    ),
    (
        "no entry",
        file(NachaBatch(BATCH_HEADER)),
        InvalidValue,
        "batch 1",
        "entries",
        "at least one",
    ),
    ("modifier", file(modifier="a"), InvalidValue, "file header", "modifier", "A to Z"),
    ("two modifiers", file(modifier="AB"), InvalidValue, "file header", "modifier", "A to Z"),
    ("no origin", file(origin=""), InvalidValue, "file header", "origin", "missing"),
    ("no date", file(created_on=None), InvalidValue, "file header", "created_on", "missing"),
    (
        "another century",
        file(created_on=date(1999, 12, 31)),
        InvalidValue,
        "file header",
        "created_on",
        "2000 to 2099",
    ),
    (
        "no effective date",
        file(batch(effective_date=None)),
        InvalidValue,
        "batch 1 header",
        "effective_date",
        "missing",
    ),
    (
        "zeros for a company",
        file(batch(company_name="000")),
        InvalidValue,
        "batch 1 header",
        "company_name",
        "zeros",
    ),
    (
        "zeros for an id",
        file(batch(company_id="0000000000")),
        InvalidValue,
        "batch 1 header",
        "company_id",
        "zeros",
    ),
    (
        "no description",
        file(batch(description="")),
        InvalidValue,
        "batch 1 header",
        "description",
        "blank",
    ),
    (
        "status",
        file(batch(originator_status="0")),
        InvalidValue,
        "batch 1 header",
        "originator_status",
        "1",
    ),
    (
        "day 0",
        file(batch(settlement_day=0)),
        InvalidValue,
        "batch 1 header",
        "settlement_day",
        "366",
    ),
    (
        "day 367",
        file(batch(settlement_day=367)),
        InvalidValue,
        "batch 1 header",
        "settlement_day",
        "366",
    ),
    ("no number", file(batch(number=None)), InvalidValue, "batch 1 header", "number", "missing"),
    (
        "no number, and a batch behind it",
        file(batch(number=None), batch(entry(2), number=2)),
        InvalidValue,
        "batch 1 header",
        "number",
        "missing",
    ),
    ("number 0", file(batch(number=0)), InvalidValue, "batch 1 header", "number", "ascend"),
    (
        "same number",
        file(batch(), batch(entry(2), number=1)),
        InvalidValue,
        "batch 2 header",
        "number",
        "ascend",
    ),
    (
        "negative day of a return",
        file(
            batch(
                entry(
                    transaction_code="21",
                    addenda=(replace(DISHONORED, return_settlement_day=-1),),
                )
            )
        ),
        InvalidValue,
        "addenda 1",
        "return_settlement_day",
        "negative",
    ),
    (
        "descending",
        file(batch(entry(2), entry(1))),
        TraceOrder,
        "batch 1 entry 2",
        "trace",
        "ascend",
    ),
    (
        "twice",
        file(batch(entry(1), entry(1))),
        TraceOrder,
        "batch 1 entry 2",
        "trace",
        "is a duplicate",
    ),
    (
        "twice in two batches",
        file(batch(entry(1)), batch(entry(1), number=2)),
        TraceOrder,
        "batch 2 entry 1",
        "trace",
        "is a duplicate",
    ),
    (
        "another ODFI",
        in_entry(trace="231380100000001"),
        TraceOrder,
        "batch 1 entry 1",
        "trace",
        "ODFI",
    ),
]


@pytest.mark.parametrize(
    ("made", "kind", "record", "field", "words"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_a_refusal(made: File, kind: type[NachaError], record: str, field: str, words: str) -> None:
    error = refusal(made)
    assert type(error) is kind
    assert error.record.endswith(record)
    assert error.field.endswith(field)
    assert words in error.rule
    assert str(error) == f"{error.record}, {error.field}: {error.rule}"
    assert SECRET not in str(error) + repr(error)


@pytest.mark.parametrize(
    "change",
    [
        {"account": LONG_NUMBER},
        {"account": f"{SECRET}\n"},
        {"account": f" {SECRET}"},
        {"name": LONG_NUMBER},
        {"individual_id": LONG_NUMBER},
        {"trace": ODFI + SECRET},
        {"routing": SECRET[:9]},
        {"amount": Decimal(SECRET + ".123")},
        {"amount": Decimal("987654.321")},
        {"transaction_code": SECRET[:2]},
        {"discretionary": SECRET},
        {"addenda": (PaymentAddenda(SECRET * 9),)},
        {"addenda": (ChangeAddenda("C01", SECRET, "23138010", TRACE, SECRET),)},
    ],
)
def test_no_refusal_repeats_the_value(change: dict[str, Any]) -> None:
    error = refusal(in_entry(**change))
    for part in (SECRET[:9], "987654", SECRET[2:]):
        assert part not in str(error) + repr(error) + repr(error.args)


def test_a_total_that_no_longer_fits() -> None:
    """Add a hundred and one times 99,999,999.99: eleven digits before the point."""
    largest = Decimal("99999999.99")
    full = [entry(n, amount=largest) for n in range(1, 101)]
    assert write(file(batch(*full)))
    error = refusal(file(batch(*full, entry(101, amount=largest))))
    assert type(error) is TotalOverflow
    assert (error.record, error.field) == ("batch 1 control", "credits")


def test_a_files_total_that_no_longer_fits() -> None:
    largest = Decimal("99999999.99")
    full = [entry(n, amount=largest) for n in range(1, 102)]
    error = refusal(file(batch(*full[:100]), batch(full[100], number=2)))
    assert type(error) is TotalOverflow
    assert (error.record, error.field) == ("file control", "credits")


def test_what_no_repr_shows() -> None:
    made = file(
        batch(entry(addenda=(PaymentAddenda(SECRET),))),
        batch(changed(), returned(information=SECRET), number=2),
    )
    assert SECRET not in repr(made)
    assert "Ada" not in repr(made)
    assert "231380104" in repr(made)
