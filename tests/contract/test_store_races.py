"""Every engine: concurrent writers, of which exactly one succeeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

from paymentapp.models.batches import BatchState
from paymentapp.models.provider_state import StateEntry, update_state_entry
from paymentapp.storage.base import Lease, Store
from paymentapp.storage.changes import PaymentChange
from tests.support.records import (
    NOW,
    a_batch,
    a_claim,
    a_customer,
    a_payment,
    add_claim,
    add_payment,
    later,
    members,
    payments_of_many,
    stamped,
)

WRITERS = 8
T = TypeVar("T")
S = TypeVar("S")


def at_once(action: Callable[[S], T], values: Sequence[S]) -> list[T]:
    """Return the results of the same action on each value, all started together."""
    start = Barrier(len(values))

    def run(value: S) -> T:
        start.wait()
        return action(value)

    with ThreadPoolExecutor(len(values)) as pool:
        return list(pool.map(run, values))


def test_one_customer_wins(store: Store) -> None:
    rivals = [a_customer(email=f"{number}@example.com") for number in range(WRITERS)]
    assert set(map(str, at_once(store.add_customer, rivals))) == {str(store.get_customer("ada"))}


def test_one_payment_wins(store: Store) -> None:
    rivals = [a_payment() for _ in range(WRITERS)]
    results = at_once(partial(add_payment, store), rivals)
    (winner,) = set(results)
    assert store.get_payment(winner.key) == winner
    assert winner in rivals


def test_one_claim_wins(store: Store) -> None:
    rivals = [a_claim(payment_id=str(number)) for number in range(WRITERS)]
    assert len(set(at_once(partial(add_claim, store), rivals))) == 1


def test_one_change_of_a_payment_wins(store: Store) -> None:
    old = add_payment(store, a_payment())
    rivals = [stamped(old, f"b{number}") for number in range(WRITERS)]
    results = at_once(lambda new: store.change_payments([PaymentChange(old, new)]), rivals)
    assert Counter(made for (made,) in results) == {True: 1, False: WRITERS - 1}
    assert store.get_payment(old.key) == rivals[results.index([True])]


def test_batches_that_overlap_share_the_payments_out(store: Store) -> None:
    olds = [add_payment(store, payment) for payment in payments_of_many(60)]
    rivals = [[stamped(old, f"b{number}") for old in olds] for number in range(4)]

    def stamp(news: Sequence[object]) -> list[bool]:
        return store.change_payments(list(map(PaymentChange._make, zip(olds, news, strict=True))))

    results = at_once(stamp, rivals)
    found = store.get_payments([old.key for old in olds])
    for place, old in enumerate(olds):
        (winner,) = (number for number, result in enumerate(results) if result[place])
        assert found[old.key] == rivals[winner][place]


def test_one_change_of_a_batch_wins(store: Store) -> None:
    old = a_batch()
    store.add_batch(old, members(2))
    rivals = [old.changed(state=BatchState.FROZEN) for _ in range(WRITERS)]
    results = at_once(lambda new: store.change_batch(old, new), rivals)
    assert sum(results) == 1
    assert store.get_batch(old.batch_id) == rivals[results.index(True)]


def test_counters_count_every_writer(store: Store) -> None:
    def count(_number: int) -> StateEntry:
        return update_state_entry(store, "counter", "0", lambda text: str(int(text) + 1))

    results = at_once(count, range(WRITERS))
    assert {int(note.text) for note in results} == set(range(1, WRITERS + 1))


def test_one_owner_gets_a_lease(store: Store) -> None:
    rivals = [Lease("sweep-0", f"owner {number}", later(30)) for number in range(WRITERS)]
    (holder,) = set(at_once(lambda wanted: store.hold_lease(wanted, NOW), rivals))
    assert store.get_lease("sweep-0") == holder
