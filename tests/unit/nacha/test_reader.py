"""What the reader tolerates, and what it finds: each rule broken once, alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time
from decimal import Decimal

import pytest

from paymentapp.nacha import (
    Completeness,
    File,
    NachaRule,
    NotNacha,
    OtherAddenda,
    PaymentAddenda,
    ReturnAddenda,
    read,
    write,
)
from tests.unit.nacha.files import SECRET, batch, changed, entry, file, lines, returned

Lines = list[str]
FILE_HEADER, BATCH_HEADER, FIRST, SECOND, ADDENDA, BATCH_CONTROL, FILE_CONTROL = range(7)


def plain() -> File:
    return file(batch(entry(1), entry(2, addenda=(PaymentAddenda("x"),))))


def written() -> Lines:
    """Return the lines of the file, without filler."""
    return lines(write(plain()))[:7]


def joined(some: Lines) -> bytes:
    return "".join(line + "\n" for line in some).encode("latin-1")


def put(line: int, position: int, text: str) -> Callable[[Lines], None]:
    """Return a change of a file's lines: `text` from that position (from 1) on."""

    def change(some: Lines) -> None:
        old = some[line]
        some[line] = old[: position - 1] + text + old[position - 1 + len(text) :]

    return change


def drop(*numbers: int) -> Callable[[Lines], None]:
    def change(some: Lines) -> None:
        for number in sorted(numbers, reverse=True):
            del some[number]

    return change


def add(at: int, text: str) -> Callable[[Lines], None]:
    return lambda some: some.insert(at, text)


def found(change: Callable[[Lines], None]) -> list[tuple[int, NachaRule, str]]:
    some = written()
    change(some)
    return [(finding.line, finding.rule, finding.words) for finding in read(joined(some)).findings]


@pytest.mark.parametrize(
    "form",
    [
        lambda data: data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: data.replace(b"\n", b""),
        lambda data: data.replace(b"\n", b"") + b"\r\n",
        lambda data: data.rstrip(b"\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data + b"\x1a",
        lambda data: b"\n\n" + data.replace(b"\n", b"\n\n"),
        lambda data: b"".join(line.rstrip() + b"\n" for line in data.split(b"\n")),
        lambda data: b"".join(line + b"    \n" for line in data.split(b"\n")),
        lambda data: data.replace(b"9" * 94 + b"\n", b""),
        lambda data: data.replace(b"9" * 94, b"9" * 40),
        lambda data: data.replace(b"\n", b"").rstrip(b"9").rstrip(),
        # a block of 940 on each line
        lambda data: data.replace(b"\n", b"")[:940] + b"\n" + data.replace(b"\n", b"")[940:],
    ],
)
def test_a_file_in_whatever_form(form: Callable[[bytes], bytes]) -> None:
    made = file(batch(*(entry(n) for n in range(1, 8))))
    assert read(form(write(made))) == (made, ())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"hello",
        b"ISA*00*" + b"x" * 100,
        b"%PDF-1.7\n" + b"\x00" * 500,
        b"<html>" + b" " * 200,
        b"9" * 940,
        b"622",
        b"Status of 1000 payments: " + b"x" * 80,
        "1٢".encode() * 94,
    ],
)
def test_what_is_no_nacha_at_all(data: bytes) -> None:
    with pytest.raises(NotNacha, match="looks like a NACHA record"):
        read(data)


def test_bare_entries_are_read() -> None:
    some = lines(write(file(batch(returned()))))
    file_read, findings = read(joined(some[2:4]))
    assert [(f.line, f.rule) for f in findings] == [
        (0, NachaRule.FILE_HEADER),
        (0, NachaRule.FILE_CONTROL),
        (1, NachaRule.BATCH_HEADER),
        (1, NachaRule.BATCH_CONTROL),
    ]
    assert file_read.header is None
    assert file_read.batches[0].header is None
    assert file_read.batches[0].entries == (returned(),)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop(FILE_HEADER), [(0, NachaRule.FILE_HEADER, "is missing")]),
        (drop(FILE_CONTROL), [(0, NachaRule.FILE_CONTROL, "is missing")]),
        (drop(BATCH_CONTROL), [(2, NachaRule.BATCH_CONTROL, "is missing")]),
        (drop(BATCH_HEADER), [(2, NachaRule.BATCH_HEADER, "is missing")]),
        (
            drop(ADDENDA),
            [
                (4, NachaRule.ADDENDA_MISSING, "the indicator announces an addenda"),
                (5, NachaRule.CONTROL_COUNT, "entry_count is not the total of the entries"),
            ],
        ),
        (
            drop(FIRST),
            [
                (5, NachaRule.CONTROL_COUNT, "entry_count is not the total of the entries"),
                (5, NachaRule.CONTROL_HASH, "entry_hash is not the total of the entries"),
                (5, NachaRule.CONTROL_TOTAL, "credits is not the total of the entries"),
            ],
        ),
        (
            put(FIRST, 79, "1"),
            [(3, NachaRule.ADDENDA_MISSING, "the indicator announces an addenda")],
        ),
        (
            put(SECOND, 79, "0"),
            [(4, NachaRule.ADDENDA, "the indicator does not match what follows")],
        ),
        (put(ADDENDA, 84, "0002"), [(5, NachaRule.ADDENDA, "the sequence number is not the next")]),
        (
            put(ADDENDA, 88, "0000001"),
            [(5, NachaRule.ADDENDA, "does not repeat the entry's trace number")],
        ),
        (put(ADDENDA, 2, "10"), [(5, NachaRule.ADDENDA, "of an unsupported type")]),
        (
            put(FIRST, 12, "x"),
            [(3, NachaRule.VALUE, "routing is not digits")],
        ),
        (
            put(FIRST, 4, " " * 9),
            [
                (3, NachaRule.VALUE, "routing is missing"),
                (6, NachaRule.CONTROL_HASH, "entry_hash is not"),
            ],
        ),
        (put(FIRST, 12, "5"), [(3, NachaRule.CHECK_DIGIT, "of the routing number is wrong")]),
        (
            put(FIRST, 2, "25"),
            [
                (3, NachaRule.TRANSACTION_CODE, "unknown"),
                (6, NachaRule.CONTROL_TOTAL, "credits is not"),
            ],
        ),
        (
            put(BATCH_HEADER, 51, "XYZ"),
            [(2, NachaRule.SEC_CODE, "unknown, or of an unsupported layout")],
        ),
        (
            put(BATCH_HEADER, 51, "IAT"),
            [(2, NachaRule.SEC_CODE, "unknown, or of an unsupported layout")],
        ),
        (
            put(BATCH_HEADER, 2, "299"),
            [
                (2, NachaRule.SERVICE_CLASS, "unknown"),
                (6, NachaRule.CONTROL_HEADER, "service_class is not"),
            ],
        ),
        (
            put(SECOND, 94, "1"),
            [(4, NachaRule.TRACE, "duplicate"), (5, NachaRule.ADDENDA, "does not")],
        ),
        (put(FIRST, 94, "3"), [(4, NachaRule.TRACE, "not ascending")]),
        (put(FIRST, 80, "0"), [(3, NachaRule.TRACE, "does not begin with the batch's ODFI")]),
        (put(BATCH_CONTROL, 2, "200"), [(6, NachaRule.CONTROL_HEADER, "service_class is not")]),
        (put(BATCH_CONTROL, 45, "X"), [(6, NachaRule.CONTROL_HEADER, "company_id is not")]),
        (put(BATCH_CONTROL, 80, "0"), [(6, NachaRule.CONTROL_HEADER, "odfi is not")]),
        (put(BATCH_CONTROL, 94, "2"), [(6, NachaRule.CONTROL_HEADER, "number is not")]),
        (put(BATCH_CONTROL, 45, " " * 10), []),
        (put(BATCH_CONTROL, 75, "x"), []),  # reserved: what stands there means nothing
        (put(FILE_CONTROL, 2, "000002"), [(7, NachaRule.CONTROL_COUNT, "batch_count is not")]),
        (put(FILE_CONTROL, 8, "000000"), [(7, NachaRule.BLOCK_COUNT, "block_count is less")]),
        (put(FILE_CONTROL, 8, "000002"), []),
        (put(FILE_CONTROL, 14, "00000004"), [(7, NachaRule.CONTROL_COUNT, "entry_count is not")]),
        (put(FILE_CONTROL, 31, "1"), [(7, NachaRule.CONTROL_HASH, "entry_hash is not")]),
        (put(FILE_CONTROL, 43, "1"), [(7, NachaRule.CONTROL_TOTAL, "debits is not")]),
        (put(FILE_CONTROL, 55, "1"), [(7, NachaRule.CONTROL_TOTAL, "credits is not")]),
        # A wrong batch control is reported once, and again where the file's contradicts it.
        (
            put(BATCH_CONTROL, 44, "1"),
            [
                (6, NachaRule.CONTROL_TOTAL, "credits is"),
                (7, NachaRule.CONTROL_TOTAL, "credits is"),
            ],
        ),
        (
            put(FILE_HEADER, 35, "095"),
            [(1, NachaRule.VALUE, "reserved is not the format's constant")],
        ),
        (put(FILE_HEADER, 24, "261301"), [(1, NachaRule.VALUE, "created_on is not a date YYMMDD")]),
        (put(FILE_HEADER, 24, "26 101"), [(1, NachaRule.VALUE, "created_on is not a date YYMMDD")]),
        (put(FILE_HEADER, 24, "      "), [(1, NachaRule.VALUE, "created_on is missing")]),
        (put(FILE_HEADER, 30, "2460"), [(1, NachaRule.VALUE, "created_at is not a time HHMM")]),
        (put(FILE_HEADER, 30, "1 30"), [(1, NachaRule.VALUE, "created_at is not a time HHMM")]),
        (put(BATCH_HEADER, 5, " " * 16), [(2, NachaRule.VALUE, "company_name is missing")]),
        (put(BATCH_HEADER, 70, "000000"), []),
        (put(BATCH_HEADER, 70, "      "), []),
        (put(BATCH_HEADER, 70, "260230"), [(2, NachaRule.VALUE, "effective_date is not a date")]),
        (put(BATCH_HEADER, 76, "x"), [(2, NachaRule.VALUE, "settlement_day is not a number")]),
        (
            put(FIRST, 30, "000000125x"),
            [
                (3, NachaRule.VALUE, "amount is not a number"),
                (6, NachaRule.CONTROL_TOTAL, "credits is not"),
            ],
        ),
        (put(BATCH_CONTROL, 33, "x"), [(6, NachaRule.VALUE, "credits is not a number")]),
        (put(FILE_CONTROL, 8, "x"), [(7, NachaRule.VALUE, "block_count is not a number")]),
        (put(FIRST, 55, "\xe9"), [(3, NachaRule.CHARACTERS, "not only printable ASCII")]),
        (put(FIRST, 55, "\x00"), [(3, NachaRule.CHARACTERS, "not only printable ASCII")]),
        (add(FIRST, "X" * 94), [(3, NachaRule.RECORD_TYPE, "none of")]),
        (
            add(7, "X" * 94),
            [(8, NachaRule.ORDER, "after the file control"), (8, NachaRule.RECORD_TYPE, "none of")],
        ),
        (
            add(2, "705" + " " * 80 + "00010000001"),
            [(3, NachaRule.ORDER, "an addenda record without")],
        ),
        (
            lambda some: some.insert(7, some[BATCH_CONTROL]),
            [
                (8, NachaRule.ORDER, "after the file control"),
                (8, NachaRule.ORDER, "a batch control record without"),
            ],
        ),
        (
            lambda some: some.insert(1, some[FILE_HEADER]),
            [(2, NachaRule.ORDER, "a file header that is not the first record")],
        ),
        (
            lambda some: some.append(some[FILE_CONTROL]),
            [(8, NachaRule.ORDER, "a record after the file control record")],
        ),
        # A second one is not held against the file.
        (
            lambda some: some.append("9" + "0" * 54),
            [(8, NachaRule.ORDER, "a record after the file control record")],
        ),
        (
            add(1, "705" + " " * 80 + "00010000001"),
            [(2, NachaRule.ORDER, "an addenda record without")],
        ),
        (
            put(ADDENDA, 84, "x"),
            [
                (5, NachaRule.VALUE, "sequence is not a number"),
                (5, NachaRule.ADDENDA, "the sequence"),
            ],
        ),
        (
            lambda some: some.__setitem__(2, some[2] + "Z"),
            [(3, NachaRule.LENGTH, "longer than 94")],
        ),
    ],
)
def test_one_rule_broken(
    change: Callable[[Lines], None], expected: list[tuple[int, NachaRule, str]]
) -> None:
    result = found(change)
    assert [row[:2] for row in result] == [row[:2] for row in expected]
    for row, wanted in zip(result, expected, strict=True):
        assert row[2].startswith(wanted[2]) or wanted[2] in row[2]


def test_a_debit_in_a_batch_of_credits() -> None:
    some = written()
    put(FIRST, 2, "27")(some)
    rules = [(f.line, f.rule) for f in read(joined(some)).findings]
    assert rules == [
        (3, NachaRule.SERVICE_CLASS),
        (6, NachaRule.CONTROL_TOTAL),
        (6, NachaRule.CONTROL_TOTAL),
    ]


def test_an_unknown_return_code_is_kept() -> None:
    some = lines(write(file(batch(returned()))))
    put(3, 4, "R99")(some)
    made, findings = read(joined(some))
    assert [(f.line, f.rule) for f in findings] == [(4, NachaRule.RETURN_CODE)]
    (addenda,) = made.batches[0].entries[0].addenda
    assert isinstance(addenda, ReturnAddenda)
    assert addenda.code == "R99"


def test_a_return_with_another_trace_number_than_its_entry() -> None:
    some = lines(write(file(batch(returned()))))
    put(3, 94, "9")(some)
    assert [(f.line, f.rule) for f in read(joined(some)).findings] == [(4, NachaRule.ADDENDA)]


def test_a_change_may_have_another_trace_number() -> None:
    some = lines(write(file(batch(changed(), sec_code="COR"))))
    put(3, 94, "9")(some)
    assert read(joined(some)).findings == ()


def test_an_unknown_change_code_is_found() -> None:
    some = lines(write(file(batch(changed(), sec_code="COR"))))
    put(3, 4, "C92")(some)
    assert [(f.line, f.rule) for f in read(joined(some)).findings] == [(4, NachaRule.CHANGE_CODE)]


def test_an_unknown_addenda_is_kept_as_it_came() -> None:
    some = written()
    put(ADDENDA, 2, "17")(some)
    (addenda,) = read(joined(some)).file.batches[0].entries[1].addenda
    assert addenda == OtherAddenda("17", some[ADDENDA][3:].rstrip())


def test_what_cannot_be_read_is_none_and_the_rest_is_there() -> None:
    some = written()
    put(FIRST, 30, "00000012.5")(some)
    put(FIRST, 4, "2313801x")(some)
    read_entry = read(joined(some)).file.batches[0].entries[0]
    assert read_entry.amount is None
    assert read_entry.routing == "2313801x4"
    assert replace(read_entry, amount=Decimal("12.50"), routing="231380104") == entry(1)


def test_of_two_file_headers_the_first_counts() -> None:
    some = written()
    some.insert(1, some[FILE_HEADER])
    put(1, 14, "          ")(some)
    assert read(joined(some)).file == plain()


def test_zeros_may_be_blanks() -> None:
    some = written()
    put(FIRST, 30, "      1250")(some)
    assert read(joined(some)) == (plain(), ())


def test_a_line_in_utf_8_keeps_its_positions() -> None:
    some = written()
    put(FIRST, 55, "Ad\xe9")(some)
    made, findings = read("".join(line + "\n" for line in some).encode("utf-8"))
    assert [(f.line, f.rule) for f in findings] == [(3, NachaRule.CHARACTERS)]
    assert made.batches[0].entries[0].trace == entry(1).trace
    assert made.batches[0].entries[0].name == "Ad\xe9 Example"


def test_no_finding_repeats_a_value() -> None:
    some = written()
    put(FIRST, 13, SECRET + "\x01")(some)
    put(FIRST, 30, SECRET[:9] + "x")(some)
    put(FIRST, 4, SECRET[:8])(some)
    findings = read(joined(some)).findings
    assert len(findings) >= 4
    assert SECRET[:8] not in repr(findings)


def test_dates_and_times() -> None:
    header = read(write(file())).file.header
    assert header is not None
    assert header.created_on == date(2026, 1, 14)
    assert header.created_at == time(9, 30)


def test_a_line_that_is_too_long_and_no_utf_8_either_is_read_byte_by_byte() -> None:
    some = written()
    some[FIRST] += "\xe9 surplus"
    made, findings = read(joined(some))
    assert made.batches == read(joined(written()))[0].batches
    of_the_line = {finding.rule for finding in findings if finding.line == FIRST + 1}
    assert of_the_line == {NachaRule.LENGTH, NachaRule.CHARACTERS}


def bare() -> Lines:
    """Return batch header, entry and addenda of a return, without any control record."""
    return lines(write(file(batch(returned()))))[1:4]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop(), Completeness.COMPLETE),
        (put(BATCH_CONTROL, 11, "1234567890"), Completeness.COMPLETE),  # the hash
        (put(BATCH_CONTROL, 33, "000000999999"), Completeness.COMPLETE),  # the total
        (put(FILE_CONTROL, 8, "000000"), Completeness.COMPLETE),  # the block count
        (put(FIRST, 2, "99"), Completeness.COMPLETE),
        (put(BATCH_CONTROL, 5, "000009"), Completeness.INCOMPLETE),
        (put(BATCH_CONTROL, 5, "00000x"), Completeness.INCOMPLETE),
        (put(FILE_CONTROL, 2, "000002"), Completeness.INCOMPLETE),
        (put(FILE_CONTROL, 2, "00000x"), Completeness.INCOMPLETE),
        (drop(FIRST), Completeness.INCOMPLETE),
        (drop(ADDENDA), Completeness.INCOMPLETE),
        (drop(BATCH_CONTROL), Completeness.INCOMPLETE),
        (drop(FILE_CONTROL), Completeness.INCOMPLETE),
        (lambda some: some.__delitem__(slice(3, None)), Completeness.INCOMPLETE),
        (drop(FILE_HEADER), Completeness.COMPLETE),
        (lambda some: some.__setitem__(slice(None), some[1:6]), Completeness.COMPLETE),
        (lambda some: some.__setitem__(slice(None), some[1:5]), Completeness.UNVERIFIED),
        (lambda some: some.extend(some[:7]), Completeness.COMPLETE),  # two files in one
        (lambda some: some.extend(some[:6]), Completeness.INCOMPLETE),
    ],
)
def test_whether_records_are_missing(
    change: Callable[[Lines], None], expected: Completeness
) -> None:
    some = written()
    change(some)
    assert read(joined(some)).completeness is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (drop(), Completeness.UNVERIFIED),
        (lambda some: some.extend(bare()), Completeness.UNVERIFIED),
        (drop(0), Completeness.UNVERIFIED),
        (drop(2), Completeness.INCOMPLETE),  # the entry announces an addenda
        (drop(1), Completeness.INCOMPLETE),
        (lambda some: some.append("?" * 94), Completeness.INCOMPLETE),
        (lambda some: some.__setitem__(2, some[2] + "Z"), Completeness.INCOMPLETE),
    ],
)
def test_whether_records_are_missing_where_nothing_counts_them(
    change: Callable[[Lines], None], expected: Completeness
) -> None:
    some = bare()
    change(some)
    assert read(joined(some)).completeness is expected


def test_two_files_in_one_are_read_like_two() -> None:
    some = written()
    result = read(joined([*some[:7], *some]))
    assert [f.rule for f in result.findings if f.rule is not NachaRule.TRACE] == [
        NachaRule.FILE_HEADER
    ]
    assert len(result.file.batches) == 2
