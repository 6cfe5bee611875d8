"""Every engine: a customer's history, written in one transaction with each change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from paymentapp.models.customer_history import (
    CustomerAction,
    CustomerEvent,
    CustomerHistoryEntry,
    registered,
    with_history,
)
from paymentapp.models.customers import Customer, PaymentMethod
from paymentapp.models.payments import Cause
from paymentapp.storage.base import Store
from tests.contract.test_store_races import WRITERS, at_once
from tests.support.records import NOW, a_customer, later

EVENT = CustomerEvent(later(1), CustomerAction.METHOD_PUT, Cause.REQUEST, "payroll", "ach")
Change = tuple[Customer, list[CustomerHistoryEntry]]


def put(old: Customer, destination: str, event: CustomerEvent = EVENT) -> Change:
    """Return a change of a customer's account, with its line of history."""
    methods = {"ach": PaymentMethod(destination, event.at)}
    return with_history(old, old.changed(methods=methods), event)


def add(store: Store, customer: Customer) -> Change:
    new, history = registered(customer, "front desk")
    assert store.add_customer(new, history) == new
    return new, history


def history_of(store: Store, customer_id: str = "ada") -> list[CustomerHistoryEntry]:
    return store.customer_history(customer_id, 1000)


def test_a_registration_and_its_line_are_stored_together(store: Store) -> None:
    new, history = add(store, a_customer())
    assert store.get_customer("ada") == new
    assert history_of(store) == history
    assert (history[0].version, history[0].by, history[0].email) == (1, "front desk", new.email)


def test_a_change_and_its_lines_are_stored_together(store: Store) -> None:
    first, begun = add(store, a_customer())
    second, history = put(first, "k1.sealed")
    assert store.change_customer(first, second, history)
    assert store.get_customer("ada") == second
    assert history_of(store) == [*reversed(history), *begun]
    assert history[0].destination == "k1.sealed"


def test_a_repeated_write_adds_no_second_line(store: Store) -> None:
    new, begun = add(store, a_customer())
    assert store.add_customer(new, begun) == new
    second, history = put(new, "k1.sealed")
    assert store.change_customer(new, second, history)
    assert store.change_customer(new, second, history)
    assert len(history_of(store)) == 2


def test_a_registration_that_is_refused_leaves_no_line(store: Store) -> None:
    first, begun = add(store, a_customer())
    other, history = registered(a_customer(email="eve@example.com"), "eve")
    assert store.add_customer(other, history) == first
    assert history_of(store) == begun


def test_a_change_that_is_refused_leaves_no_line(store: Store) -> None:
    first, begun = add(store, a_customer())
    second, history = put(first, "k1.sealed")
    assert store.change_customer(first, second, history)
    late, lost = put(first, "k1.other")
    assert not store.change_customer(first, late, lost)
    assert history_of(store) == [*history, *begun]
    nobody, lines = put(a_customer(customer_id="nobody", changes=1), "k1.sealed")
    assert not store.change_customer(a_customer(customer_id="nobody"), nobody, lines)
    assert history_of(store, "nobody") == []


def test_of_changes_at_once_one_wins_with_exactly_its_line(store: Store) -> None:
    first, begun = add(store, a_customer())
    rivals = [put(first, f"k1.{number}") for number in range(WRITERS)]

    def change(rival: Change) -> bool:
        return store.change_customer(first, *rival)

    results = at_once(change, rivals)
    assert sum(results) == 1
    new, history = rivals[results.index(True)]
    assert store.get_customer("ada") == new
    assert history_of(store) == [*history, *begun]


def test_of_registrations_at_once_one_wins_with_exactly_its_line(store: Store) -> None:
    rivals = [registered(a_customer(email=f"{n}@example.com"), f"c{n}") for n in range(WRITERS)]

    def register(rival: Change) -> Customer:
        return store.add_customer(*rival)

    (winner,) = {customer.email for customer in at_once(register, rivals)}
    (line,) = history_of(store)
    assert line.email == winner


def test_every_line_of_many_writers_is_there_in_order(store: Store) -> None:
    """Each writer repeats its change until it is made, as the service does."""
    add(store, a_customer())

    def write(number: int) -> None:
        while True:
            old = store.get_customer("ada")
            assert old is not None
            if store.change_customer(old, *put(old, f"k1.{number}")):
                return

    at_once(write, range(WRITERS))
    lines = history_of(store)
    assert [line.version for line in lines] == list(range(WRITERS + 1, 0, -1))
    assert {line.destination for line in lines[:-1]} == {f"k1.{n}" for n in range(WRITERS)}


def test_a_history_is_read_in_pages_newest_first(store: Store) -> None:
    customer, _ = add(store, a_customer())
    add(store, a_customer(customer_id="adam"))
    for number in range(6):
        new, history = put(customer, f"k1.{number}")
        assert store.change_customer(customer, new, history)
        customer = new
    assert versions(store.customer_history("ada", 3)) == [7, 6, 5]
    assert versions(store.customer_history("ada", 3, before=5)) == [4, 3, 2]
    assert versions(store.customer_history("ada", 3, before=2)) == [1]
    assert store.customer_history("ada", 3, before=1) == []


def versions(lines: Sequence[CustomerHistoryEntry]) -> list[int]:
    return [line.version for line in lines]


def test_a_line_takes_a_later_seal_and_keeps_what_was_paid(store: Store) -> None:
    customer, _ = add(store, a_customer())
    new, (line,) = put(customer, "k1.sealed")
    assert store.change_customer(customer, new, [line])
    resealed = line.resealed_as("k2.sealed")
    assert store.change_history_entry(line, resealed)
    assert not store.change_history_entry(line, line.resealed_as("k3.sealed"))
    found = history_of(store)[0]
    assert (found, found.sealed, found.destination) == (resealed, "k2.sealed", "k1.sealed")


def test_a_line_with_everything_is_read_as_it_was_written(store: Store) -> None:
    customer, (line,) = registered(a_customer(), "front desk")
    full = replace(line, method="ach", destination="k.1", note="two\nlines", resealed="k.2")
    bare = replace(line, entry_id="b", version=2, by="", email=None)
    store.add_customer(customer, [full, bare])
    assert history_of(store) == [bare, full]


@pytest.mark.parametrize("default", [None, "ach"])
def test_the_history_of_an_earlier_record_begins_with_what_is_on_record(
    store: Store, default: str | None
) -> None:
    old = a_customer(methods={"ach": PaymentMethod("k1.old", later(-60))}, default_method=default)
    store.add_customer(old)
    new, history = put(old, "k1.new")
    assert store.change_customer(old, new, history)
    lines = history_of(store)[::-1]
    assert [(line.at, line.by, line.destination) for line in lines[:2]] == [
        (NOW, "", None),
        (later(-60), "", "k1.old"),
    ]
    assert lines[-1].destination == "k1.new"
    assert [line.version for line in lines] == list(range(1, new.changes + 1))
