"""Published files (moov-io/ach) are read as their list says.

They are beside the repository, not in it: see tests/support/published.py.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from paymentapp.nacha import NachaRule, ReadFile, changes, read, returns, totals
from tests.support.published import missing, published

SAMPLES = published("ach")
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=missing(SAMPLES))
VALID = (
    "ppd-credit",
    "segmentFile-ppd-credit",
    "flattenBatchesOneBatchHeader",
    "two-micro-deposits",
    "return-WEB",
    "cor-example",
)


def sample(name: str) -> ReadFile:
    return read((SAMPLES / f"{name}.ach").read_bytes())


def found(name: str) -> list[tuple[int, NachaRule]]:
    return [(finding.line, finding.rule) for finding in sample(name).findings]


@pytest.mark.parametrize("name", VALID)
def test_a_valid_file_has_no_findings(name: str) -> None:
    assert found(name) == []
    assert list(sample(name).file.entries())


def test_returns_without_an_envelope() -> None:
    assert found("bh-ed-ad-bh-ed-ad-ed-ad") == [
        (0, NachaRule.FILE_HEADER),
        (0, NachaRule.FILE_CONTROL),
        (1, NachaRule.BATCH_CONTROL),
        (4, NachaRule.BATCH_CONTROL),
    ]
    file = sample("bh-ed-ad-bh-ed-ad-ed-ad").file
    assert [(r.code, r.original_trace, r.amount) for r in returns(file)] == [
        ("R02", "273976368613175", Decimal("1.46")),
        ("R03", "273976360000001", Decimal("0.08")),
        ("R03", "273976360000001", Decimal("0.19")),
    ]


def test_an_unknown_change_code() -> None:
    assert found("web-invalidNOCFile") == [(4, NachaRule.CHANGE_CODE)]
    (change,) = changes(sample("web-invalidNOCFile").file)
    assert change.correction.code == "C92"
    assert change.correction.problem == "unknown change code"
    assert change.correction.account_number is None


def test_a_check_digit() -> None:
    assert found("ppd-debit-invalid-entryDetail-checkDigit") == [(3, NachaRule.CHECK_DIGIT)]


def test_control_totals() -> None:
    """Find the wrong total of an entry whose amount and trace number were overwritten."""
    assert found("invalid-two-micro-deposits") == [
        (15, NachaRule.VALUE),
        (15, NachaRule.VALUE),
        (16, NachaRule.ADDENDA),
        (17, NachaRule.CONTROL_TOTAL),
    ]
    entry = sample("invalid-two-micro-deposits").file.batches[1].entries[2]
    assert entry.amount is None
    assert entry.trace == "1210428" + "89AAZZZ8"


def test_a_credit() -> None:
    file = sample("ppd-credit").file
    assert file.header is not None
    assert (file.header.destination, file.header.origin) == ("231380104", "121042882")
    ((batch, entry),) = file.entries()
    assert batch.header is not None
    assert batch.header.description == "REG.SALARY"
    assert (entry.transaction_code, entry.routing, entry.account) == (
        "22",
        "231380104",
        "12345678",
    )
    assert entry.amount == Decimal("1000000.00")
    assert entry.name == "Receiver Account Name"


def test_credits_and_debits_of_savings_accounts() -> None:
    file = sample("two-micro-deposits").file
    assert [e.transaction_code for _, e in file.entries()] == ["32", "32", "27"] * 2
    assert totals(file.batches).debits == totals(file.batches).credits == Decimal("1.20")


def test_addenda_with_what_is_paid_for() -> None:
    file = sample("flattenBatchesOneBatchHeader").file
    assert len(file.batches[0].entries) == 3
    for _, entry in file.entries():
        (addenda,) = entry.addenda
        assert getattr(addenda, "information", "") == "bonus pay for amazing work on #OSS"


def test_a_returned_debit_and_a_returned_credit() -> None:
    first, second = returns(sample("return-WEB").file)
    assert (first.code, first.transaction_code, first.amount) == ("R01", "26", Decimal("123.54"))
    assert (second.code, second.transaction_code, second.amount) == ("R03", "21", Decimal("45.65"))
    assert first.original_trace == "091400600000001"
    assert first.trace == "091000017611242"
    assert first.original_rdfi == "09100001"
    assert first.reason.title == "Insufficient Funds"


def test_a_change_of_account_number() -> None:
    (change,) = changes(sample("cor-example").file)
    assert change.original_trace == "121042880000001"
    assert change.correction.code == "C01"
    assert change.correction.account_number == "1918171614"
    assert change.correction.problem == ""
