"""What a provider tells of a settled payment: applied, stored and parsed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.errors import StoreUnavailable
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.settled import NOT_SETTLED, Exchange, Settled
from paymentapp.providers.paypal.answers import read_item
from paymentapp.providers.updates import ItemReport
from paymentapp.storage.codec.payments import payment_record, read_payment
from tests.support.item_size import item_size
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.paypal_server import payout_item
from tests.support.processes import a_process
from tests.support.records import NOW, a_payment, add_payment, later, usd
from tests.unit.test_codec import a_long_life

AT = NOW.replace(microsecond=0)
SETTLED = Settled(AT, usd("0.25"))
EXCHANGE = Exchange(usd("13.59"), Money(Decimal("12.5"), "EUR"), Decimal("0.92"))
PAID = payout_item("i.ann", "SUCCESS") | {
    "payout_item_fee": {"currency": "USD", "value": "0.25"},
    "time_processed": "2026-03-01T09:30:02.5Z",
    "currency_conversion": {
        "from_amount": {"currency": "USD", "value": "13.59"},
        "to_amount": {"currency": "EUR", "value": "12.50"},
        "exchange_rate": "0.92",
    },
}


def report(payment: Payment, settled: Settled) -> ItemReport:
    return ItemReport(payment.key.item_id, Status.SUCCEEDED, "SUCCESS", settled=settled)


def submitted() -> Payment:
    payment = a_payment().moved(Status.SUBMITTING, later(1), Cause.DISPATCH, batch_id="b")
    return payment.moved(Status.SUBMITTED, later(2), Cause.POLL, provider_status="PENDING")


def test_the_write_that_makes_a_payment_succeed_stores_what_it_cost() -> None:
    store = MemoryStore()
    settlement = a_process(store, lambda: later(9), LedgerProvider()).settlement
    payment = add_payment(store, submitted())
    paid = settlement.apply_report(payment, report(payment, SETTLED), Cause.POLL)
    assert paid.settled == SETTLED._replace(line=3)
    assert settlement.apply_report(paid, report(paid, SETTLED), Cause.POLL) is paid


def test_what_comes_after_the_move_is_added_to_its_line_and_nothing_is_lost() -> None:
    store = MemoryStore()
    settlement = a_process(store, lambda: later(9), LedgerProvider()).settlement
    payment = add_payment(store, submitted())
    paid = settlement.apply_report(payment, report(payment, Settled(AT)), Cause.WEBHOOK)
    polled = settlement.apply_report(paid, report(paid, Settled(fee=usd("0.25"))), Cause.POLL)
    assert polled.settled == SETTLED._replace(line=3)
    back = ItemReport(payment.key.item_id, Status.RETURNED, "REVERSED")
    assert settlement.apply_report(polled, back, Cause.POLL).settled == polled.settled


@pytest.mark.parametrize(
    "settled",
    [
        NOT_SETTLED,
        SETTLED,
        Settled(fee=usd("0"), line=3),
        Settled(AT, line=3),
        Settled(AT, Money(Decimal("0.3"), "EUR"), EXCHANGE, 4),
        Settled(exchange=EXCHANGE._replace(rate=None), line=4),
        Settled(exchange=EXCHANGE._replace(rate=Decimal("0.00000001")), line=4),
    ],
)
def test_it_is_read_as_it_was_stored(settled: Settled) -> None:
    for money in (usd("12.5"), Money(Decimal("12.5"), "EUR")):
        payment = a_payment(money=money, settled=settled)
        assert read_payment(payment_record(payment)) == payment


@pytest.mark.parametrize("text", ["", "3", "3 x 0.25", "3 - 0.25 1 2", "3 - ?", "3 - - - = 1"])
def test_what_cannot_be_read_is_not_guessed(text: str) -> None:
    with pytest.raises(StoreUnavailable):
        read_payment(payment_record(a_payment()) | {"cost": text})


def test_a_payment_that_settled_stays_under_a_kilobyte_for_all_its_life() -> None:
    settled = Settled(AT, usd("10.25"), line=4)
    assert item_size(payment_record(replace(a_long_life(), settled=settled))) < 1024


def test_a_converted_payment_stays_under_a_kilobyte_with_names_as_people_have_them() -> None:
    life = replace(a_long_life(), customer_id="c" * 36, email="e" * 64)
    source = Money(life.money.amount - 1, "EUR")
    exchange = Exchange(source, life.money, Decimal("0.9123456789"))
    settled = Settled(AT, Money(Decimal("10.25"), "EUR"), exchange, 4)
    assert item_size(payment_record(replace(life, settled=settled))) < 1024


def test_paypals_item_tells_time_fee_and_conversion_once_it_is_paid() -> None:
    item = read_item(PAID)
    assert item is not None
    fee = usd("0.25")
    assert item.settled == Settled(datetime(2026, 3, 1, 9, 30, 2, tzinfo=UTC), fee, EXCHANGE)


@pytest.mark.parametrize("status", ["PENDING", "UNCLAIMED", "RETURNED", "FAILED", "ODD"])
def test_an_estimate_before_it_is_paid_is_not_shown(status: str) -> None:
    item = read_item(PAID | {"transaction_status": status})
    assert item is not None
    assert item.settled == NOT_SETTLED


@pytest.mark.parametrize(
    "odd",
    [
        {"payout_item_fee": {"currency": "USD", "value": "-0.25"}},
        {"payout_item_fee": {"currency": "usd", "value": "0.25"}},
        {"payout_item_fee": "0.25"},
    ],
)
def test_an_odd_fee_is_none(odd: dict[str, object]) -> None:
    item = read_item(PAID | odd)
    assert item is not None
    assert item.settled.fee is None
    assert item.settled.exchange == EXCHANGE


@pytest.mark.parametrize("text", [None, 7, "yesterday", "2026-03-01T09:30:02", "9999-99-99"])
def test_an_odd_time_is_none(text: object) -> None:
    item = read_item(PAID | {"time_processed": text})
    assert item is not None
    assert item.settled.at is None


def test_a_conversion_needs_both_amounts_and_an_odd_rate_is_none() -> None:
    conversion = dict(PAID["currency_conversion"])
    odd = read_item(PAID | {"currency_conversion": conversion | {"exchange_rate": "1e3"}})
    half = read_item(PAID | {"currency_conversion": conversion | {"to_amount": None}})
    assert odd is not None
    assert half is not None
    assert odd.settled.exchange == EXCHANGE._replace(rate=None)
    assert half.settled.exchange is None


def test_a_time_is_kept_to_the_second() -> None:
    payment = a_payment(settled=NOT_SETTLED.merged(Settled(AT + timedelta(microseconds=5)), 1))
    assert read_payment(payment_record(payment)).settled.at == AT
