"""Every engine: conditional changes of customers, and provider state."""

from __future__ import annotations

from dataclasses import replace

from paymentapp.models.customers import PaymentMethod
from paymentapp.models.provider_state import StateEntry
from paymentapp.models.revisions import new_revision
from paymentapp.storage.base import Store
from tests.support.records import NOW, a_customer, later

ACH = PaymentMethod("k1.sealed", later(1), "C01 account number, corrected")
EMAIL = PaymentMethod("ada.l@example.com", later(2))


def test_a_customers_first_change_is_made_to_a_record_without_a_revision(store: Store) -> None:
    first = store.add_customer(a_customer(attributes={"vip": True}))
    changed = first.changed(methods={"ach": ACH, "paypal": EMAIL}, default_method="ach")
    assert store.change_customer(first, changed)
    assert store.get_customer("ada") == changed
    assert store.add_customer(a_customer()) == changed


def test_a_customer_changes_by_its_revision(store: Store) -> None:
    first = store.add_customer(a_customer())
    second = first.changed(methods={"paypal": EMAIL})
    third = second.changed(methods={"ach": ACH})
    assert store.change_customer(first, second)
    assert not store.change_customer(first, third)
    assert store.change_customer(second, third)
    assert store.change_customer(second, third)  # a repeated write was made before
    assert store.get_customer("ada") == third


def test_what_is_taken_out_of_a_customers_record_is_gone(store: Store) -> None:
    first = store.add_customer(a_customer())
    full = first.changed(methods={"ach": ACH, "paypal": EMAIL}, default_method="ach")
    empty = full.changed(methods={}, default_method=None)
    assert store.change_customer(first, full)
    assert store.change_customer(full, empty)
    found = store.get_customer("ada")
    assert found is not None
    assert (found.methods, found.default_method) == ({}, None)


def test_a_customer_that_is_not_there_does_not_change(store: Store) -> None:
    nobody = a_customer(customer_id="nobody")
    assert not store.change_customer(nobody, nobody.changed(default_method="paypal"))
    assert store.get_customer("nobody") is None


def test_every_customer_is_found(store: Store) -> None:
    assert list(store.scan_customers()) == []
    wanted = {f"c{number}": a_customer(customer_id=f"c{number}") for number in range(620)}
    for customer in wanted.values():
        store.add_customer(customer)
    assert {each.customer_id: each for each in store.scan_customers()} == wanted


def test_a_note_is_kept_and_changes_by_its_revision(store: Store) -> None:
    name = f"ach/file/{NOW:%Y}"
    assert store.get_state_entry(name) is None
    first = StateEntry(name, "x" * 300_000, new_revision())
    assert store.add_state_entry(first) == first
    assert store.add_state_entry(replace(first, text="other", revision=new_revision())) == first
    second = first.changed("uploaded")
    assert store.change_state_entry(first, second)
    assert not store.change_state_entry(first, first.changed("again"))
    assert store.get_state_entry(name) == second


def test_a_note_that_is_not_there_does_not_change(store: Store) -> None:
    nothing = StateEntry("none", "", new_revision())
    assert not store.change_state_entry(nothing, nothing.changed("x"))
