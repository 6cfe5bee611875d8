"""Every engine: customers, disbursements and their listing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.clock import to_text
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.customers import Customer
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.storage.base import PageQuery, Store
from paymentapp.storage.changes import PaymentChange
from tests.support.records import (
    NOW,
    a_customer,
    a_payment,
    add_payment,
    later,
    payments_of_many,
    payments_over_time,
    stamped,
    usd,
)

ATTRIBUTES: dict[str, str | int | bool | Decimal | None] = {
    "name": "Ada",
    "city": "",
    "level": 3,
    "rate": Decimal("0.125"),
    "debt": Decimal("-7.5"),
    "vip": True,
    "old": False,
    "notes": None,
    "N": "1.5",
}


def ids(payments: list[Payment]) -> list[str]:
    return [payment.payment_id for payment in payments]


def change(store: Store, old: Payment, new: Payment) -> bool:
    (made,) = store.change_payments([PaymentChange(old, new)])
    return made


def test_a_customer_is_kept_with_its_attributes(store: Store) -> None:
    customer = a_customer(attributes=ATTRIBUTES)
    assert store.add_customer(customer) == customer
    found = store.get_customer("ada")
    assert found == customer
    kinds = {name: type(value) for name, value in found.attributes.items()}
    assert kinds["vip"] is bool
    assert kinds["rate"] is Decimal
    assert kinds["N"] is str


def test_the_first_customer_of_an_id_stays(store: Store) -> None:
    first = store.add_customer(a_customer())
    assert store.add_customer(a_customer(email="eve@example.com")) == first
    assert store.get_customer("ada") == first


def test_a_payment_keeps_the_trace_of_its_request_until_it_returns(store: Store) -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    payment = a_payment(traceparent=traceparent)
    add_payment(store, payment)
    paid = payment.moved(Status.SUCCEEDED, later(1), Cause.POLL)
    assert change(store, payment, paid)
    assert store.get_payment(payment.key) == paid
    returned = paid.moved(Status.RETURNED, later(2), Cause.POLL)
    assert (paid.traceparent, returned.traceparent) == (traceparent, None)
    assert change(store, paid, returned)
    assert store.get_payment(payment.key) == returned


def test_nobody_is_there_at_first(store: Store) -> None:
    key = PaymentKey("ada", to_text(NOW))
    assert store.get_customer("ada") is None
    assert store.get_payment(key) is None
    assert store.get_payments([key]) == {}
    assert store.get_payments([]) == {}
    assert store.change_payments([]) == []
    assert store.list_payments("ada", PageQuery(10)) == ([], None)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.01", "USD"),
        ("12.50", "USD"),
        ("1000", "JPY"),
        ("9999999999999.99", "USD"),
        ("0.001", "KWD"),
        ("1E+5", "EUR"),
    ],
)
def test_an_amount_is_exact(store: Store, amount: str, currency: str) -> None:
    payment = a_payment(money=Money(Decimal(amount), currency))
    add_payment(store, payment)
    found = store.get_payment(payment.key)
    assert found is not None
    assert found.money == payment.money
    assert str(found.money) == str(payment.money)


def test_a_payment_is_kept_whole(store: Store) -> None:
    payment = a_payment(
        batch_id="b",
        provider_item_id="i",
        provider_status="ONHOLD",
        transaction_id="t",
        reason="because it is so",
        isolated=True,
        cancel_requested=True,
    ).moved(Status.SUBMITTING, later(1), Cause.DISPATCH, "a reference of several words")
    assert add_payment(store, payment) == payment
    assert store.get_payment(payment.key) == payment


def test_the_callers_texts_are_kept_over_changes(store: Store) -> None:
    texts = CallerTexts("invoice 1007", "Für Ädå 🙂", (("a.b", "x"), ("team", "ü" * 200)))
    payment = a_payment(texts=texts)
    add_payment(store, payment)
    assert change(store, payment, moved := stamped(payment))
    assert store.get_payment(payment.key) == moved
    assert moved.texts == texts


def test_another_payment_of_the_same_key_does_not_replace_the_first(store: Store) -> None:
    first = add_payment(store, a_payment())
    other = a_payment(money=usd("99"))
    assert add_payment(store, other) == first
    assert store.get_payment(first.key) == first


def test_adding_the_same_payment_again_is_adding_it_once(store: Store) -> None:
    payment = a_payment()
    assert add_payment(store, payment) == payment
    assert add_payment(store, payment) == payment


def test_a_change_replaces_what_it_has_read(store: Store) -> None:
    old = add_payment(store, a_payment())
    new = stamped(old)
    assert change(store, old, new)
    assert store.get_payment(old.key) == new


def test_a_change_of_an_older_version_is_refused(store: Store) -> None:
    old = add_payment(store, a_payment())
    winner = stamped(old, "first")
    assert change(store, old, winner)
    assert not change(store, old, stamped(old, "second"))
    assert store.get_payment(old.key) == winner


def test_a_change_that_was_made_before_counts_as_made(store: Store) -> None:
    old = add_payment(store, a_payment())
    new = stamped(old)
    assert change(store, old, new)
    assert change(store, old, new)


def test_a_change_of_nothing_makes_nothing(store: Store) -> None:
    old = a_payment()
    assert not change(store, old, stamped(old))
    assert store.get_payment(old.key) is None


def test_a_change_can_take_back_everything_optional(store: Store) -> None:
    bare = a_payment()
    full = bare.changed(batch_id="b", reason="r", provider_item_id="i", isolated=True, due_at=None)
    add_payment(store, full)
    again = replace(bare, revision="another")
    assert change(store, full, again)
    assert store.get_payment(bare.key) == again


@pytest.mark.parametrize("count", [2, 25, 26, 130])
def test_many_changes_are_answered_one_by_one(store: Store, count: int) -> None:
    olds = [add_payment(store, payment) for payment in payments_of_many(count)]
    lost, repeated = olds[0], olds[1]
    taken, done = stamped(lost, "another"), stamped(repeated)
    assert store.change_payments([PaymentChange(lost, taken), PaymentChange(repeated, done)])
    absent = a_payment(customer_id="nobody")
    changes = [PaymentChange(old, stamped(old)) for old in olds]
    changes[1] = PaymentChange(repeated, done)
    changes.insert(2, PaymentChange(absent, stamped(absent)))
    assert store.change_payments(changes) == [False, True, False] + [True] * (count - 2)
    found = store.get_payments([old.key for old in olds] + [absent.key])
    expected = {new.key: new for _, new in changes} | {taken.key: taken}
    del expected[absent.key]
    assert found == expected


def test_changes_of_different_kinds_in_one_call(store: Store) -> None:
    first, second, third = payments_of_many(3)
    second = replace(second, batch_id="b", reason="r", due_at=None, isolated=True)
    for payment in (first, second, third):
        add_payment(store, payment)
    changes = [
        PaymentChange(first, stamped(first)),
        PaymentChange(second, second.changed(batch_id=None, reason=None, due_at=NOW)),
        PaymentChange(third, third.changed(cancel_requested=True)),
    ]
    assert store.change_payments(changes) == [True] * 3
    assert store.get_payments([new.key for _, new in changes]) == {n.key: n for _, n in changes}


def test_a_payment_is_due_until_a_change_says_otherwise(store: Store) -> None:
    payment = add_payment(store, a_payment())
    assert store.due_payments(1, NOW, 10) == [payment]
    held = stamped(payment)
    assert change(store, payment, held)
    assert store.due_payments(1, later(99), 10) == []
    released = held.moved(
        Status.PENDING, later(2), Cause.DISPATCH, "released", batch_id=None, due_at=later(30)
    )
    assert change(store, held, released)
    assert store.due_payments(1, later(29), 10) == []
    assert store.due_payments(1, later(30), 10) == [released]


def test_a_payment_that_is_never_due(store: Store) -> None:
    payment = add_payment(store, a_payment(due_at=None, due_shard=3))
    assert store.due_payments(3, later(99), 10) == []
    assert store.get_payment(payment.key) == payment


def test_due_payments_are_of_one_shard_and_the_oldest_first(store: Store) -> None:
    payments = [replace(p, due_at=later(-n)) for n, p in enumerate(payments_of_many(7))]
    for payment in payments:
        add_payment(store, payment)
    add_payment(store, a_payment(customer_id="elsewhere", due_shard=0))
    assert store.due_payments(1, NOW, 10) == payments[::-1]
    assert store.due_payments(1, NOW, 3) == payments[:3:-1]
    assert store.due_payments(1, later(-5), 10) == payments[:4:-1]
    assert store.due_payments(2, NOW, 10) == []


def test_a_listing_is_newest_first_and_of_one_customer(store: Store) -> None:
    payments = [add_payment(store, payment) for payment in payments_over_time(5)]
    add_payment(store, a_payment(customer_id="ada2"))
    assert store.list_payments("ada", PageQuery(10)).payments == payments[::-1]


def test_pages_follow_each_other(store: Store) -> None:
    payments = ids([add_payment(store, payment) for payment in payments_over_time(7)])
    seen: list[str] = []
    query = PageQuery(3)
    for _ in range(4):
        page = store.list_payments("ada", query)
        assert len(page.payments) <= 3
        seen += ids(page.payments)
        if page.last_read is None:
            break
        query = replace(query, before=page.last_read)
    assert page.last_read is None
    assert seen == payments[::-1]


def test_a_listing_by_status_reads_a_page_and_shows_what_matches(store: Store) -> None:
    payments = payments_over_time(6)
    for place, payment in enumerate(payments):
        status = Status.SUBMITTED if place in (0, 4) else Status.PENDING
        add_payment(store, replace(payment, status=status))
    first = store.list_payments("ada", PageQuery(3, Status.SUBMITTED))
    assert ids(first.payments) == [payments[4].payment_id]
    assert first.last_read == payments[3].payment_id
    rest = store.list_payments("ada", PageQuery(4, Status.SUBMITTED, before=first.last_read))
    assert ids(rest.payments) == [payments[0].payment_id]
    assert rest.last_read is None


def test_bounds_are_inclusive_and_a_page_continues_within_them(store: Store) -> None:
    one, two, three, four, five = ids([add_payment(store, p) for p in payments_over_time(5)])

    def listed(**bounds: Any) -> list[str]:
        return ids(store.list_payments("ada", PageQuery(10, **bounds)).payments)

    assert listed(earliest=two, latest=four) == [four, three, two]
    assert listed(earliest=four) == [five, four]
    assert listed(latest=two) == [two, one]
    assert listed(earliest=two, latest=four, before=four) == [three, two]
    assert listed(earliest=two, latest=four, before=five) == [four, three, two]
    assert listed(earliest=two, latest=four, before=two) == []
    assert listed(earliest=two, latest=four, before=one) == []
    assert listed(before=three) == [two, one]
    assert listed(latest=two, before=five) == [two, one]
    assert listed(earliest=four, latest=two) == []
    assert listed(before=to_text(later(2.5))) == [three, two, one]


def test_the_same_record_again_is_recognised(store: Store) -> None:
    customer = Customer("bob", "bob@example.com", later(1), {"level": 1, "rate": Decimal("1.50")})
    store.add_customer(customer)
    found = store.get_customer("bob")
    assert found is not None
    assert found.same_record(replace(customer, created_at=later(9)))
