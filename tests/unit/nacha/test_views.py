"""Returns, changes and acknowledgments, as they are read from a bank's file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from paymentapp.banking import ReturnKind
from paymentapp.nacha import (
    Acknowledgment,
    ContestedAddenda,
    DishonoredAddenda,
    File,
    PaymentAddenda,
    RefusedChangeAddenda,
    acknowledgments,
    changes,
    read,
    returns,
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

TRACE = trace_number(ODFI, 1)


def again(made: File) -> File:
    """Write and read a file."""
    return read(write(made)).file


def test_a_return() -> None:
    death = date(2026, 1, 2)
    made = file(batch(returned("R15", date_of_death=death, information=SECRET)))
    (found,) = returns(again(made))
    assert found.original_trace == "231380100000007"
    assert found.original_rdfi == "23138010"
    assert found.code == "R15"
    assert found.reason.stop_using
    assert found.amount == Decimal("12.50")
    assert found.transaction_code == "21"
    assert found.trace == TRACE
    assert found.individual_id == "ref-1"
    assert found.date_of_death == death
    assert found.information == SECRET
    assert SECRET not in repr(found)


def test_a_dishonored_return() -> None:
    addenda = DishonoredAddenda(
        "R69", "231380100000007", "23138010", TRACE, "231380100000009", 12, "03", "01"
    )
    (found,) = returns(again(file(batch(entry(transaction_code="21", addenda=(addenda,))))))
    assert found.reason.kind is ReturnKind.DISHONORED
    assert (found.code, found.information, found.date_of_death) == ("R69", "01", None)


def test_a_contested_return_keeps_all_that_it_says() -> None:
    addenda = ContestedAddenda(
        code="R73",
        original_trace="231380100000007",
        original_rdfi="23138010",
        trace=TRACE,
        returned_on=date(2026, 1, 5),
        settlement_day=3,
        return_trace="231380100000009",
        return_settlement_day=5,
        return_code="03",
        dishonored_trace="121042880000012",
        dishonored_settlement_day=7,
        dishonored_code="68",
    )
    made = again(file(batch(entry(transaction_code="31", addenda=(addenda,)))))
    assert made.batches[0].entries[0].addenda == (addenda,)
    (found,) = returns(made)
    assert found.reason.kind is ReturnKind.CONTESTED
    assert (found.original_trace, found.information) == ("231380100000007", "")


def test_a_change() -> None:
    (found,) = changes(again(file(batch(changed("C01"), sec_code="COR"))))
    assert found.original_trace == "231380100000007"
    assert found.original_rdfi == "23138010"
    assert found.trace == TRACE
    assert found.individual_id == "ref-1"
    assert found.correction.account_number == SECRET
    assert SECRET not in repr(found)


def test_a_change_that_is_not_to_be_applied() -> None:
    (found,) = changes(again(file(batch(changed("C02", "231380105"), sec_code="COR"))))
    assert found.correction.routing is None
    assert found.correction.problem == "routing_number: must end in its check digit"


def test_a_refused_change() -> None:
    addenda = RefusedChangeAddenda(
        "C65", "231380100000007", "23138010", TRACE, "C01", "0000009", SECRET
    )
    refused = replace(changed(), addenda=(addenda,))
    (found,) = changes(again(file(batch(refused, sec_code="COR"))))
    assert found.correction.code == "C65"
    assert found.correction.account_number is None
    assert "refused" in found.correction.problem


def test_an_acknowledgment() -> None:
    plain = acknowledged(1)
    more = acknowledged(2, transaction_code="34", addenda=(PaymentAddenda(r"REF*X\ "[:-1]),))
    made = again(file(batch(plain, more, sec_code="ACK", service_class="200")))
    assert list(acknowledgments(made)) == [
        Acknowledgment("231380100000007", TRACE),
        Acknowledgment("231380100000007", trace_number(ODFI, 2), r"REF*X" + "\\"),
    ]


def test_an_acknowledgment_in_the_layout_of_ctx() -> None:
    """Read ATX: the original trace number is in the same place."""
    some = lines(write(file(batch(acknowledged(), sec_code="ACK", service_class="200"))))
    some[1] = some[1].replace("ACK", "ATX")
    made, findings = read("\n".join(some).encode())
    assert findings == ()
    assert [a.original_trace for a in acknowledgments(made)] == ["231380100000007"]


@pytest.mark.parametrize(
    "made",
    [
        file(),
        file(batch(entry(transaction_code="23", amount=Decimal("0.00")))),
        file(batch(entry(addenda=(PaymentAddenda("x"),)))),
        file(
            batch(
                entry(
                    transaction_code="24",
                    amount=Decimal("0.00"),
                    addenda=(PaymentAddenda("x"),),
                ),
                sec_code="CCD",
            )
        ),
    ],
)
def test_payments_are_none_of_these(made: File) -> None:
    arrived = again(made)
    assert list(returns(arrived)) == []
    assert list(changes(arrived)) == []
    assert list(acknowledgments(arrived)) == []


def test_each_kind_is_found_among_the_others() -> None:
    made = again(
        file(
            batch(returned("R02", 1), returned("R03", 2)),
            batch(changed(sequence=3), number=2, sec_code="COR"),
            batch(acknowledged(4), number=3, sec_code="ACK", service_class="200"),
            batch(entry(5), number=4),
        )
    )
    assert [r.code for r in returns(made)] == ["R02", "R03"]
    assert [c.trace for c in changes(made)] == [trace_number(ODFI, 3)]
    assert [a.trace for a in acknowledgments(made)] == [trace_number(ODFI, 4)]
