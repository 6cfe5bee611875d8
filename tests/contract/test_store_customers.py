"""Every engine: conditional changes of customers, and provider state."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from paymentapp.models.customers import CustomerQuery, PaymentMethod
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


def page_of(store: Store, limit: int, email: str | None = None) -> list[list[str]]:
    """Return the ids of each page of a listing, until the last one."""
    pages, after, is_last = [], None, False
    while not is_last:
        found, after = store.list_customers(CustomerQuery(limit, email, after))
        pages.append([each.customer_id for each in found])
        is_last = after is None
    return pages


def test_a_listing_of_nobody_is_empty(store: Store) -> None:
    assert page_of(store, 3) == page_of(store, 3, "ada@example.com") == [[]]


def test_everybody_is_listed_once_and_in_the_same_order_each_time(store: Store) -> None:
    names = [f"c{number}" for number in range(7)]
    for name in names:
        store.add_customer(a_customer(customer_id=name))
    pages = page_of(store, 3)
    assert [len(page) for page in pages] == [3, 3, 1]
    order = [name for page in pages for name in page]
    assert sorted(order) == names
    assert [name for page in page_of(store, 2) for name in page] == order


def test_a_listing_shows_whole_records_as_they_are_now(store: Store) -> None:
    first = store.add_customer(a_customer(attributes={"vip": True}))
    changed = first.changed(methods={"ach": ACH})
    assert store.change_customer(first, changed)
    assert store.list_customers(CustomerQuery(5)).customers == [changed]
    assert store.list_customers(CustomerQuery(5, changed.email)).customers == [changed]


def test_a_customer_who_comes_during_a_listing_hides_nobody(store: Store) -> None:
    for name in ("c1", "c3", "c5"):
        store.add_customer(a_customer(customer_id=name))
    begun = store.list_customers(CustomerQuery(1))
    for name in ("c0", "c2", "c4", "c6"):
        store.add_customer(a_customer(customer_id=name))
    rest = store.list_customers(CustomerQuery(9, after=begun.last_read))
    listed = [each.customer_id for each in (*begun.customers, *rest.customers)]
    assert len(listed) == len(set(listed))
    assert {"c1", "c3", "c5"} <= set(listed)


def test_several_customers_with_one_address_are_found_by_it_in_pages(store: Store) -> None:
    for name in ("c", "a", "b"):
        store.add_customer(a_customer(customer_id=name, email="family@example.com"))
    store.add_customer(a_customer(customer_id="d", email="Family@example.com"))
    pages = [page for page in page_of(store, 2, "family@example.com") if page]
    assert pages == [["a", "b"], ["c"]]
    assert page_of(store, 2, "family@example.co") == [[]]


def test_a_changed_address_is_found_and_the_old_one_is_not(store: Store) -> None:
    first = store.add_customer(a_customer())
    new = first.changed(email="new@example.com", email_changed_at=later(3))
    assert store.change_customer(first, new)
    assert page_of(store, 2, "new@example.com") == [["ada"]]
    assert page_of(store, 2, first.email) == [[]]
    assert store.get_customer("ada") == new


def test_attributes_are_replaced_as_a_whole(store: Store) -> None:
    old = {"a": "x", "b": None, "c": Decimal("1.50"), "d": True}
    new = {"b": None, "c": Decimal(7), "d": Decimal(1), "e": None, "f": "y"}
    first = store.add_customer(a_customer(attributes=old))
    second = first.changed(attributes=new)
    assert store.change_customer(first, second)
    stored = store.get_customer("ada")
    assert stored is not None
    assert stored.same_record(second)
    assert store.change_customer(second, second.changed(attributes={}))
    stored = store.get_customer("ada")
    assert stored is not None
    assert stored.attributes == {}


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
