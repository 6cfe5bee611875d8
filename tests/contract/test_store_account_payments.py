"""Every engine: the list of the account's payments, its filters and its pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.clock import to_text
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.models.revisions import new_revision
from paymentapp.storage import account_reading
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance, PaymentChange
from tests.contract.test_store_races import at_once
from tests.support.records import a_batch, a_payment, add_payment, later, members, stamped, usd


def at(second: float, **fields: Any) -> Payment:
    """Return a payment of a customer of its own, requested that much later than NOW."""
    moment = later(second)
    by = fields.pop("by", "")
    history = (Transition(moment, Status.PENDING, Cause.REQUEST, by=by),)
    known = {"customer_id": f"c{new_revision()}", "payment_id": to_text(moment)}
    return a_payment(**{**known, "history": history, **fields})


def add(store: Store, *payments: Payment) -> None:
    for payment in payments:
        assert add_payment(store, payment) == payment


def changed(store: Store, old: Payment, new: Payment) -> Payment:
    assert store.change_payments([PaymentChange(old, new)]) == [True]
    return new


def pages(store: Store, limit: int = 100, **filters: Any) -> Iterator[list[Payment]]:
    """Yield all pages of a listing."""
    query = AccountQuery(limit, **filters)
    while True:
        page = store.list_account_payments(query)
        assert len(page.payments) <= limit
        yield page.payments
        if page.last_read is None:
            return
        query = replace(query, before=page.last_read)


def listed(store: Store, limit: int = 100, **filters: Any) -> list[Payment]:
    return [payment for page in pages(store, limit, **filters) for payment in page]


def test_payments_of_all_customers_are_listed_newest_first(store: Store) -> None:
    payments = [at(second) for second in (0, 1, 2, 86_400, 31 * 86_400)]
    add(store, *payments[2:], *payments[:2])
    assert listed(store) == payments[::-1]


def test_an_account_without_payments_has_an_empty_list(store: Store) -> None:
    assert store.list_account_payments(AccountQuery(5)) == ([], None)


@pytest.mark.parametrize("limit", [1, 2, 3, 20])
def test_pages_follow_each_other_and_have_each_payment_once(store: Store, limit: int) -> None:
    payments = [at(number // 4) for number in range(11)]  # four of each microsecond
    add(store, *payments)
    found = listed(store, limit)
    assert sorted(p.key for p in found) == sorted(p.key for p in payments)
    assert [p.payment_id for p in found] == sorted((p.payment_id for p in found), reverse=True)
    assert listed(store) == found
    assert all(len(page) == limit for page in list(pages(store, limit))[:-1])


def test_a_payment_that_is_accepted_twice_is_listed_once(store: Store) -> None:
    payment = at(0)
    add(store, payment, payment)
    assert listed(store) == [payment]


def test_of_two_requests_with_one_key_the_stored_payment_is_listed(store: Store) -> None:
    first = at(0)
    rival = replace(first, request_id=new_revision(), revision=new_revision(), money=usd("99"))
    add(store, first)
    assert store.accept(Acceptance(rival)).payment == first
    assert listed(store) == [first]
    assert listed(store, max_amount=Decimal("12.50")) == [first]
    assert listed(store, min_amount=Decimal(99)) == []


def test_what_was_accepted_before_the_call_is_in_the_list(store: Store) -> None:
    def accept_and_look(number: int) -> bool:
        payment = at(number)
        add(store, payment)
        return payment in listed(store)

    assert all(at_once(accept_and_look, range(12)))


def test_a_page_shows_payments_as_they_are_now(store: Store) -> None:
    payment = at(0)
    add(store, payment)
    sent = changed(store, payment, stamped(payment))
    assert listed(store) == [sent]


def test_bounds_of_time_are_inclusive(store: Store) -> None:
    payments = [at(second) for second in range(5)]
    add(store, *payments)
    low, high = payments[1].payment_id, payments[3].payment_id
    assert listed(store, earliest=low, latest=high) == payments[3:0:-1]
    assert listed(store, 1, earliest=low) == payments[:0:-1]
    assert listed(store, latest=low) == payments[1::-1]
    assert listed(store, earliest=high, latest=low) == []
    assert listed(store, earliest="0001-01-01T00:00:00.000000Z") == payments[::-1]


def test_each_filter_finds_its_payments(store: Store) -> None:
    texts = CallerTexts("invoice 7")
    wanted = at(5, texts=texts, by="payroll", money=Money(Decimal("20.00"), "EUR"))
    wanted = replace(wanted, payment_method="ach")
    others = [
        at(4, texts=CallerTexts("invoice 70"), by="payroll team"),
        at(6, money=usd("19.99")),
        at(7, money=usd("20.01")),
    ]
    add(store, wanted, *others)
    assert listed(store, reference="invoice 7") == [wanted]
    assert listed(store, created_by="payroll") == [wanted]
    assert listed(store, currency="EUR") == [wanted]
    assert listed(store, payment_method="ach") == [wanted]
    bounds: dict[str, Any] = {"min_amount": Decimal(20), "max_amount": Decimal("20.0")}
    assert listed(store, **bounds) == [wanted]
    assert listed(store, **bounds, reference="invoice 7", created_by="payroll") == [wanted]
    assert listed(store, reference="invoice 7", created_by="payroll team") == []
    assert listed(store, reference="nothing") == []


def test_an_amount_is_compared_exactly(store: Store) -> None:
    payment = at(0, money=usd("999999999999999.01"))
    add(store, payment)
    assert listed(store, min_amount=Decimal("999999999999999.02")) == []
    assert listed(store, max_amount=Decimal("999999999999999")) == []
    bound = Decimal("999999999999999.01")
    assert listed(store, min_amount=bound, max_amount=bound) == [payment]
    small = at(1, money=usd("0.01"))
    add(store, small)
    assert listed(store, min_amount=Decimal(0), max_amount=Decimal("0.01")) == [small]


def test_a_status_is_the_one_that_a_payment_has_now(store: Store) -> None:
    waits, sent = at(0), at(1)
    add(store, waits, sent)
    sent = changed(store, sent, stamped(sent))
    assert listed(store, status=Status.PENDING) == [waits]
    assert listed(store, status=Status.SUBMITTING) == [sent]
    done = changed(store, sent, sent.moved(Status.SUCCEEDED, later(9), Cause.POLL))
    assert listed(store, status=Status.SUBMITTING) == []
    assert listed(store, status=Status.SUCCEEDED) == [done]


def test_a_method_is_the_one_that_a_payment_has_now(store: Store) -> None:
    payment = at(0)
    add(store, payment)
    moved = changed(store, payment, payment.changed(payment_method="ach"))
    assert listed(store, payment_method="ach") == [moved]
    assert listed(store, payment_method="paypal") == []


def test_any_id_of_a_provider_finds_its_payments(store: Store) -> None:
    batch = a_batch(size=2)
    first, second, other = at(0), at(1), at(2, batch_id="b0")
    add(store, first, second, other)
    candidates = [
        member._replace(customer_id=payment.customer_id, payment_id=payment.payment_id)
        for member, payment in zip(members(2), (first, second), strict=True)
    ]
    store.add_batch(batch, candidates)
    assert store.change_batch(batch, batch.changed(reference="PP-BATCH"))
    first = changed(store, first, stamped(first, batch.batch_id))
    done = stamped(second, batch.batch_id).moved(
        Status.SUCCEEDED, later(9), Cause.POLL, "I-2", provider_item_id="I-2", transaction_id="T-2"
    )
    done = changed(store, second, done)
    assert listed(store, provider_id=batch.batch_id) == [done, first]
    assert listed(store, 1, provider_id="PP-BATCH") == [done, first]
    assert listed(store, provider_id="I-2") == [done]
    assert listed(store, provider_id="T-2") == [done]
    assert listed(store, provider_id=first.key.item_id) == [first]
    assert listed(store, provider_id="PP-BATCH", status=Status.SUBMITTING) == [first]
    assert listed(store, provider_id="PP-BATCH", earliest=done.payment_id) == [done]
    assert listed(store, provider_id="unknown") == []
    assert listed(store, provider_id="0.unknown") == []


def test_a_filter_without_an_index_reads_a_bounded_number(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three days; a step reads two payments, and a request four at most."""
    monkeypatch.setattr(account_reading, "STEP", 2)
    monkeypatch.setattr(account_reading, "READ_MAX", 4)
    payments = [at(day * 86_400 + n) for day in range(3) for n in range(6)]
    eur = [replace(p, money=Money(Decimal(5), "EUR")) for p in payments[:1]]
    add(store, *eur, *payments[1:])
    found = list(pages(store, currency="EUR"))
    assert found[-1] == eur or found[-2] == eur
    assert 4 <= len(found) <= 10


def test_a_page_is_not_empty_within_the_day_of_its_first_record(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_reading, "STEP", 2)
    day = [at(n) for n in range(9)]
    wanted = replace(day[0], money=Money(Decimal(5), "EUR"))
    add(store, wanted, *day[1:], at(86_400))
    found = list(pages(store, currency="EUR"))
    assert [page for page in found if page] == [[wanted]]
    assert len(found) <= 3
