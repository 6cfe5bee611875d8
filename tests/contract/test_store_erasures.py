"""Every engine: erasing customers, and what other records hold of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.batches import BatchState, Member
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.customer_history import CustomerAction, erased, registered
from paymentapp.models.customers import Customer, CustomerQuery
from paymentapp.models.erasures import Erasure
from paymentapp.models.holds import HoldScope
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.provider_events import ProviderEventState
from paymentapp.models.revisions import new_revision
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange, PaymentErasure
from tests.support.records import (
    a_batch,
    a_customer,
    a_hold,
    a_payment,
    add_payment,
    an_event,
    later,
    members,
    usd,
)

TEXTS = CallerTexts("invoice 7", "for Ada", (("team", "red"),))


def a_stored_customer(store: Store) -> Customer:
    customer, lines = registered(a_customer(attributes={"vip": True}), "desk")
    return store.add_customer(customer, lines)


def erase(store: Store, customer: Customer) -> bool:
    tombstone, lines = erased(customer, later(9), "Grace", Cause.PERSON)
    erasure = Erasure.requested(customer.customer_id, later(9))
    return store.erase_customer(customer, tombstone, lines, erasure)


def a_settled_payment(store: Store, status: Status = Status.SUCCEEDED) -> Payment:
    payment = a_payment(texts=TEXTS, destination="k1.sealed")
    add_payment(store, payment)
    return payment if status is Status.PENDING else settle(store, payment, status)


def settle(store: Store, payment: Payment, status: Status) -> Payment:
    moved = payment.moved(status, later(5), Cause.REQUEST, due_at=None)
    assert store.change_payments([PaymentChange(payment, moved)]) == [True]
    return moved


def test_a_tombstone_is_stored_with_its_line_and_the_erasure(store: Store) -> None:
    customer = a_stored_customer(store)
    assert erase(store, customer)
    stored = store.get_customer("ada")
    assert stored is not None
    assert (stored.email, stored.attributes, stored.methods) == ("", {}, {})
    assert (stored.erased_at, stored.erased_by) == (later(9), "Grace")
    newest = store.customer_history("ada", 1)[0]
    assert (newest.action, newest.by, newest.version) == (CustomerAction.ERASED, "Grace", 2)
    assert store.get_erasure("ada") == store.list_erasures()[0]


def test_a_customer_who_has_changed_meanwhile_is_not_erased(store: Store) -> None:
    customer = a_stored_customer(store)
    changed = customer.changed(default_method="paypal")
    assert store.change_customer(customer, changed)
    assert not erase(store, customer)
    assert store.get_customer("ada") == changed
    assert store.list_erasures() == []
    assert len(store.customer_history("ada", 9)) == 1


def test_a_customer_is_not_found_by_the_erased_address(store: Store) -> None:
    customer = a_stored_customer(store)
    assert erase(store, customer)
    assert store.list_customers(CustomerQuery(5, customer.email)).customers == []
    assert [each.is_erased for each in store.scan_customers()] == [True]


def test_the_id_of_an_erased_customer_stays_taken(store: Store) -> None:
    customer = a_stored_customer(store)
    assert erase(store, customer)
    assert store.add_customer(a_customer()).is_erased


def test_an_erasure_changes_by_its_revision_and_ends_once(store: Store) -> None:
    assert erase(store, a_stored_customer(store))
    (first,) = store.list_erasures()
    second = first.begun(later(10)).found_open("batch b1 is parked").changed(position="p")
    assert store.change_erasure(first, second)
    assert not store.change_erasure(first, first.changed(next_at=later(99)))
    assert store.list_erasures() == [second]
    store.end_erasure(first)
    assert store.get_erasure("ada") == second
    store.end_erasure(second)
    assert store.get_erasure("ada") is None


def test_erasures_come_in_the_order_of_their_next_steps(store: Store) -> None:
    for number, name in enumerate(["b", "a", "c"]):
        customer = store.add_customer(a_customer(customer_id=name))
        tombstone, lines = erased(customer, later(number), "", Cause.REQUEST)
        erasure = Erasure.requested(name, later(number))
        assert store.erase_customer(customer, tombstone, lines, erasure)
    assert [each.customer_id for each in store.list_erasures()] == ["b", "a", "c"]


def test_an_erased_payment_keeps_the_audit_alone(store: Store) -> None:
    payment = a_settled_payment(store)
    change = PaymentErasure.of(payment, later(9))
    assert store.erase_payments([change]) == [True]
    stored = store.get_payment(payment.key)
    assert stored == change.new
    assert stored is not None
    assert (stored.email, stored.destination, stored.texts) == ("", None, CallerTexts())
    assert (stored.money, stored.status, stored.erased_at) == (
        payment.money,
        payment.status,
        later(9),
    )
    assert store.erase_payments([change]) == [True]  # a repeated write was made before


def test_a_payment_that_has_changed_meanwhile_is_not_erased(store: Store) -> None:
    payment = a_settled_payment(store)
    change = PaymentErasure.of(payment, later(9))
    returned = settle(store, payment, Status.RETURNED)
    assert store.erase_payments([change]) == [False]
    assert store.get_payment(payment.key) == returned


def test_the_erasure_of_a_payment_is_no_event_and_gives_no_limit_back() -> None:
    payment = a_payment(charges=("all 1 USD 20260301",))
    cancelled = payment.moved(Status.CANCELLED, later(1), Cause.REQUEST, due_at=None)
    change = PaymentErasure.of(cancelled, later(9))
    assert (change.events, change.given_back) == ([], [])


def test_an_erased_payment_goes_on_by_reports(store: Store) -> None:
    payment = a_settled_payment(store)
    change = PaymentErasure.of(payment, later(9))
    store.erase_payments([change])
    returned = settle(store, change.new, Status.RETURNED)
    assert store.get_payment(payment.key) == returned


def test_an_erased_payment_is_not_found_by_its_reference(store: Store) -> None:
    payment = a_settled_payment(store)
    query = AccountQuery(5, reference="invoice 7")
    assert store.list_account_payments(query).payments == [payment]
    store.erase_payments([PaymentErasure.of(payment, later(9))])
    assert store.list_account_payments(query).payments == []
    assert len(store.list_account_payments(AccountQuery(5)).payments) == 1


def test_only_the_members_of_erased_payments_are_rewritten(store: Store) -> None:
    candidates = [
        member._replace(destination="k1.x", description="for you", metadata=(("a", "b"),))
        for member in members(1200)
    ]
    batch = a_batch(size=1200, state=BatchState.ACCEPTED)
    store.add_batch(batch, candidates)
    keys = [candidates[3].key, candidates[777].key]
    assert store.erase_members(batch, keys)
    found = store.get_members(batch)
    assert found == [each.erased() if each.key in keys else each for each in candidates]
    assert (found[3].email, found[3].description, found[3].metadata) == ("", None, ())
    assert not store.erase_members(batch, keys)
    assert store.erase_members(batch, [candidates[4].key])


def test_members_of_a_batch_that_is_not_there_are_nobody_s(store: Store) -> None:
    assert not store.erase_members(a_batch(), [a_payment().key])


def test_an_erased_member_has_its_key_and_amount_alone() -> None:
    member = Member("ada", "p", usd("1"), "ada@example.com", "k1.x", "text", (("a", "b"),))
    assert member.erased() == Member("ada", "p", usd("1"), "")
    assert member.erased().is_erased


@pytest.mark.parametrize("released", [False, True])
def test_the_reason_of_a_hold_is_removed(store: Store, released: bool) -> None:
    hold = store.add_hold(a_hold(scope=HoldScope.CUSTOMER))
    if released:
        assert store.release_hold(hold, hold.released(later(1), "desk"))
    store.erase_hold(hold)
    (stored,) = store.released_holds() if released else store.list_holds()
    assert (stored.reason, stored.by, stored.value) == ("", hold.by, hold.value)


def test_the_reason_of_a_later_hold_of_the_same_target_stays(store: Store) -> None:
    first = store.add_hold(a_hold())
    assert store.release_hold(first, first.released(later(1), "desk"))
    second = store.add_hold(a_hold(hold_id="h2"))
    store.erase_hold(first)
    assert store.list_holds() == [second]
    assert store.released_holds()[0].reason == ""


def test_what_was_deleted_is_overwritten(store: Store) -> None:
    assert store.purge(everything=True)
    assert store.purge()


def test_an_applied_event_is_stored_without_its_body(store: Store) -> None:
    event = store.add_provider_event(an_event(body='{"to": "ada@example.com"}'))
    done = event.done(ProviderEventState.APPLIED, None, None)
    assert store.change_provider_event(event, done)
    stored = store.get_provider_event(event.provider, event.event_id)
    assert stored is not None
    assert (stored.body, len(stored.digest or "")) == ("", 64)


def test_no_open_payment_is_erased() -> None:
    payment = a_payment(texts=TEXTS)
    with pytest.raises(ValueError, match="settled"):
        PaymentErasure.of(payment, later(9))
    settled = payment.moved(Status.CANCELLED, later(1), Cause.REQUEST, due_at=None)
    other = replace(settled.erased(later(9)), money=usd("99"), revision=new_revision())
    with pytest.raises(ValueError, match="personal data"):
        PaymentErasure(settled, other)
