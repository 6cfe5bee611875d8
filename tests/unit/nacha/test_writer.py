"""A written file, character by character, and its control totals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from stdnum.us import rtn

from paymentapp.nacha import (
    Entry,
    PaymentAddenda,
    Purpose,
    credit_code,
    read,
    totals,
    trace_number,
    write,
)
from tests.unit.nacha.files import (
    ODFI,
    SECRET,
    acknowledged,
    batch,
    changed,
    entry,
    file,
    lines,
    returned,
)

WRITTEN = """\
101 231380104 1210428822601140930A094101Test Reserve Bank      Test Company
5220Test Company                        1234567890PPDPAYOUT          260115   1121042880000001
62223138010498765432109      0000001250ref-1          Ada Example             0121042880000001
63223138010498765432109      9999999999ref-2          Bob Example           S 1121042880000007
705RMR*IV*123\\                                                                     00010000007
82200000030046276020000000000000010000001249001234567890                         121042880000001
9000001000001000000030046276020000000000000010000001249
"""


def test_a_file_character_by_character() -> None:
    made = file(
        batch(
            entry(),
            entry(
                7,
                transaction_code="32",
                amount=Decimal("99999999.99"),
                individual_id="ref-2",
                name="Bob Example",
                discretionary="S",
                addenda=(PaymentAddenda("RMR*IV*123\\"),),
            ),
        )
    )
    expected = WRITTEN.splitlines()
    expected[5] = (
        "8220" + "000003" + "0046276020" + "0" * 12 + "010000001249" + "1234567890" + " " * 25
    ) + "121042880000001"
    expected[6] = "9" + "000001" + "000001" + "00000003" + "0046276020" + "0" * 12 + "010000001249"
    assert lines(write(made)) == [line.ljust(94) for line in expected] + ["9" * 94] * 3


def test_what_else_is_written() -> None:
    """Write returns, changes and acknowledgments, as a bank would."""
    made = file(
        batch(returned("R14", 1, date_of_death=date(2026, 1, 2), information="x")),
        batch(changed(sequence=2), number=2, sec_code="COR"),
        batch(acknowledged(3), number=3, sec_code="ACK", service_class="200"),
    )
    written = lines(write(made))
    assert written[3] == (
        "799R14231380100000007" + "260102" + "23138010" + "x".ljust(44) + "121042880000001"
    )
    assert written[7] == (
        "798C01231380100000007" + " " * 6 + "23138010" + SECRET.ljust(29) + " " * 15
    ) + ("121042880000002")
    assert written[10][39:54] == "231380100000007"
    assert written[9][:4] == "5200"
    assert read(write(made)).file == made


def test_a_returns_batch_needs_no_effective_date() -> None:
    written = lines(write(file(batch(returned(), effective_date=None))))
    assert written[1][69:75] == " " * 6


def test_lines_end_with_lf_crlf_or_nothing() -> None:
    assert write(file()).count(b"\n") == 10
    assert b"\r" not in write(file())
    assert write(file(), newline="\r\n") == write(file()).replace(b"\n", b"\r\n")
    assert write(file(), newline="") == write(file()).replace(b"\n", b"")


def test_a_balanced_batch_debits_what_it_pays() -> None:
    offset = entry(2, transaction_code="27", name="OFFSET")
    written = lines(write(file(batch(entry(1), offset, service_class="200"))))
    assert [line[:4] for line in written[1:6]] == ["5200", "6222", "6272", "8200", "9000"]
    assert written[4][20:44] == "000000001250" * 2
    assert written[5][31:55] == "000000001250" * 2


@pytest.mark.parametrize("description", ["REVERSAL", "RETRY PYMT"])
def test_a_reversal_debits_in_a_batch_of_debits(description: str) -> None:
    taken = entry(1, transaction_code="27")
    written = lines(write(file(batch(taken, service_class="225", description=description))))
    assert [line[:4] for line in written[1:5]] == ["5225", "6272", "8225", "9000"]
    assert written[1][53:63] == f"{description:<10}"
    assert written[3][20:44] == f"{'000000001250'}{'0' * 12}"


def test_a_credit_that_is_tried_again_stays_one() -> None:
    written = lines(write(file(batch(entry(1), description="RETRY PYMT"))))
    assert [line[:4] for line in written[1:4]] == ["5220", "6222", "8220"]


@pytest.mark.parametrize(("entries", "blocks"), [(1, 1), (5, 1), (6, 1), (7, 2), (16, 2), (17, 3)])
def test_the_last_block_is_filled_with_nines(entries: int, blocks: int) -> None:
    """Four records more than entries: 6 entries make a block without filler."""
    written = lines(write(file(batch(*(entry(n) for n in range(1, entries + 1))))))
    assert len(written) == blocks * 10
    filling = blocks * 10 - entries - 4
    assert [line for line in written if line == "9" * 94] == ["9" * 94] * filling
    assert written[entries + 3][7:13] == f"{blocks:06d}"


def many(count: int) -> list[Entry]:
    """Return entries for a bank with a number near 33 million."""
    start = "32999999"
    routing = start + rtn.calc_check_digit(start)
    return [entry(n, routing=routing, amount=Decimal("0.01")) for n in range(1, count + 1)]


def test_the_entry_hash_keeps_its_last_ten_digits() -> None:
    """Add 304 times 32999999, which has eleven digits."""
    written = lines(write(file(batch(*many(304)))))
    assert 304 * 32999999 == 10031999696
    assert written[306][10:20] == "0031999696"
    assert written[307][21:31] == "0031999696"


def test_the_files_entry_hash_wraps_too() -> None:
    """Sum hashes of batches, each of which fits alone."""
    first, second = many(302)[:151], many(304)[151:]
    written = lines(write(file(batch(*first), batch(*second, number=2))))
    control = next(line for line in reversed(written) if set(line) != {"9"})
    assert control[21:31] == str(304 * 32999999)[-10:]


def test_totals_count_entries_and_addenda() -> None:
    made = file(batch(entry(1), entry(2, addenda=(PaymentAddenda("x"),))))
    found = totals(made.batches)
    assert found.entry_count == 3
    assert found.entry_hash == 2 * 23138010
    assert (found.debits, found.credits) == (Decimal(0), Decimal("25.00"))


@pytest.mark.parametrize("amount", ["12.5", "12.500", "12.50", "1.25E+1"])
def test_the_same_money_is_the_same_cents(amount: str) -> None:
    written = lines(write(file(batch(entry(amount=Decimal(amount))))))
    assert written[2][29:39] == "0000001250"


def test_a_trace_number() -> None:
    assert trace_number(ODFI, 1) == "121042880000001"
    assert trace_number(ODFI, 9_999_999) == "121042889999999"


@pytest.mark.parametrize(
    ("odfi", "sequence"),
    [("1210428", 1), ("121042882", 1), ("1210428x", 1), (ODFI, 0), (ODFI, 10_000_000)],
)
def test_a_trace_number_that_is_none(odfi: str, sequence: int) -> None:
    with pytest.raises(ValueError, match=r"8 digits|1 to 9999999"):
        trace_number(odfi, sequence)


def test_the_transaction_code_of_a_credit() -> None:
    assert credit_code("checking") == "22"
    assert credit_code("savings") == "32"
    assert credit_code("checking", Purpose.PRENOTE) == "23"
    assert credit_code("savings", Purpose.ZERO_DOLLAR) == "34"
    assert credit_code("checking", Purpose.RETURN) == "21"
    with pytest.raises(ValueError, match="no transaction code"):
        credit_code("current")
