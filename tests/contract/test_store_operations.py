"""Every engine: idempotency keys, batches, leases and API keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paymentapp.errors import Conflict, StoreUnavailable
from paymentapp.models.batches import BatchState
from paymentapp.models.holds import HoldScope
from paymentapp.storage.base import Lease, Store
from tests.support.records import (
    NOW,
    a_batch,
    a_claim,
    a_customer,
    a_hold,
    add_claim,
    an_api_key,
    change_claim,
    later,
    members,
)

KEY = an_api_key()


def test_the_store_says_what_it_is_and_answers(store: Store) -> None:
    assert store.description
    assert store.create_tables() == []
    store.ping()


# Idempotency keys


def test_the_first_claim_of_a_key_stays(store: Store) -> None:
    first = a_claim()
    assert add_claim(store, first) == first
    assert add_claim(store, a_claim(fingerprint="f2")) == first
    assert add_claim(store, first) == first
    other = a_claim(key_hash="h2")
    assert add_claim(store, other) == other


def test_a_claim_changes_by_its_revision(store: Store) -> None:
    old = add_claim(store, a_claim())
    new = a_claim(payment_id="another")
    assert change_claim(store, old, new)
    assert change_claim(store, old, new)  # its own write, once more
    assert not change_claim(store, old, a_claim())
    assert add_claim(store, a_claim()) == new


def test_a_claim_that_is_not_there_does_not_change(store: Store) -> None:
    assert not change_claim(store, a_claim(), a_claim())
    fresh = a_claim()
    assert add_claim(store, fresh) == fresh


def test_what_a_payment_needs_is_read_together(store: Store) -> None:
    assert store.read_for_payment("ada", ["h1"]) == (None, {})
    ada, claim = store.add_customer(a_customer()), add_claim(store, a_claim())
    other = add_claim(store, a_claim(key_hash="h2"))
    assert store.read_for_payment("ada", ["h1"]) == (ada, {"h1": claim})
    assert store.read_for_payment("ada", ["h2", "h1"]) == (ada, {"h1": claim, "h2": other})
    assert store.read_for_payment("ada", ["h3", "h1"]) == (ada, {"h1": claim})
    assert store.read_for_payment("ada", ["h3", "h4"]) == (ada, {})
    assert store.read_for_payment("bob", ["h1"]) == (None, {"h1": claim})
    assert store.read_for_payment("ada", []) == (ada, {})


@pytest.mark.parametrize("names_method", [True, False, None])
def test_a_claim_is_read_as_of_the_last_write(store: Store, names_method: bool | None) -> None:
    store.add_customer(a_customer())
    for changed in (a_claim(names_method=names_method), a_claim(names_method=True)):
        old = add_claim(store, a_claim())
        assert change_claim(store, old, changed)
        assert store.read_for_payment("ada", ["h1"]).idempotency_records == {"h1": changed}


def test_a_claim_without_a_key_is_nobodys(store: Store) -> None:
    add_claim(store, a_claim(key_hash=""))
    assert store.read_for_payment("ada", []).idempotency_records == {}


# Batches


@pytest.mark.parametrize("size", [1, 2, 500, 501, 1200])
def test_a_batch_is_kept_with_its_members_in_order(store: Store, size: int) -> None:
    batch, listed = a_batch(size=size), members(size)
    store.add_batch(batch, listed)
    assert store.get_batch(batch.batch_id) == batch
    assert store.get_members(batch) == listed


def test_members_keep_what_they_say(store: Store) -> None:
    (member,) = members(1)
    odd = [member._replace(customer_id="a.b-c_d" * 7, email="a'b{c}@example.com")]
    odd += [odd[0]._replace(destination="k1.abc_-=")]
    odd += [member._replace(bulk_id=f"run-{n % 2}") for n in range(3)]
    batch = a_batch(size=5)
    store.add_batch(batch, odd)
    assert store.get_members(batch) == odd


def test_adding_the_same_batch_again_is_adding_it_once(store: Store) -> None:
    batch = a_batch()
    store.add_batch(batch, members(2))
    store.add_batch(batch, members(2))
    assert store.get_members(batch) == members(2)


def test_there_is_no_batch_at_first(store: Store) -> None:
    assert store.get_batch("b") is None
    assert not store.change_batch(a_batch(), a_batch())
    assert store.due_batches(1, later(99), 10) == []
    assert store.parked_batches() == []


def test_a_batch_is_kept_whole(store: Store) -> None:
    old = a_batch()
    store.add_batch(old, members(2))
    new = old.changed(
        state=BatchState.ACCEPTED,
        attention_at=later(99),
        excluded=(0, 7, 12),
        frozen_at=later(1),
        accepted_at=later(2),
        reference="P-1",
        attempts=3,
        last_error="no funds",
        member_errors={1: "RECEIVER_UNREGISTERED", 3: "", 5: "in their own words"},
    )
    assert store.change_batch(old, new)
    assert store.get_batch(old.batch_id) == new
    bare = old.changed(attention_at=None)
    assert store.change_batch(new, bare)
    assert store.get_batch(old.batch_id) == bare


def test_a_batch_changes_by_its_revision(store: Store) -> None:
    old = a_batch()
    store.add_batch(old, members(2))
    frozen, aborted = old.changed(state=BatchState.FROZEN), old.changed(state=BatchState.ABORTED)
    assert store.change_batch(old, frozen)
    assert store.change_batch(old, frozen)
    assert not store.change_batch(old, aborted)
    assert store.get_batch(old.batch_id) == frozen


def test_batches_that_need_attention_come_longest_overdue_first(store: Store) -> None:
    batches = [a_batch(attention_at=later(-number)) for number in range(4)]
    for batch in [*batches, a_batch(attention_shard=0), a_batch(attention_at=None)]:
        store.add_batch(batch, members(2))
    assert store.due_batches(1, NOW, 10) == batches[::-1]
    assert store.due_batches(1, NOW, 2) == batches[:1:-1]
    assert store.due_batches(1, later(-2), 10) == batches[:1:-1]
    closed = batches[3].changed(state=BatchState.CLOSED, attention_at=None)
    put_off = batches[2].changed(attention_at=later(60))
    assert store.change_batch(batches[3], closed)
    assert store.change_batch(batches[2], put_off)
    assert store.due_batches(1, NOW, 10) == batches[1::-1]
    assert store.due_batches(1, later(60), 10) == [batches[1], batches[0], put_off]


def test_parked_batches_wait_for_a_person(store: Store) -> None:
    batches = [a_batch(created_at=later(number), attention_shard=2) for number in (2, 1)]
    parked = []
    for batch in batches:
        store.add_batch(batch, members(2))
        waiting = batch.changed(state=BatchState.PARKED, attention_at=None)
        assert store.change_batch(batch, waiting)
        parked.append(waiting)
    assert sorted(store.parked_batches(), key=lambda batch: batch.created_at) == parked[::-1]
    assert store.due_batches(2, later(10**9), 10) == []
    resumed = parked[0].changed(state=BatchState.FROZEN, attention_at=NOW)
    assert store.change_batch(parked[0], resumed)
    assert store.parked_batches() == [parked[1]]
    assert store.due_batches(2, NOW, 10) == [resumed]


# Leases


def test_a_lease_is_held_renewed_taken_over_and_let_go(store: Store) -> None:
    mine = Lease("sweep-1", "me", later(30))
    yours = Lease("sweep-1", "you", later(40))
    assert store.get_lease("sweep-1") is None
    assert store.hold_lease(mine, NOW) == mine
    assert store.hold_lease(yours, later(29)) == mine
    renewed = mine._replace(until=later(35))
    assert store.hold_lease(renewed, later(10)) == renewed
    assert store.get_lease("sweep-1") == renewed
    assert store.hold_lease(yours, later(35)) == yours
    assert store.hold_lease(mine._replace(until=later(99)), later(36)) == yours
    released = yours._replace(until=later(37))
    assert store.hold_lease(released, later(37)) == released
    assert store.hold_lease(mine, later(38)) == mine


def test_leases_do_not_disturb_each_other(store: Store) -> None:
    first, second = Lease("a", "me", later(30)), Lease("b", "you", later(30))
    assert store.hold_lease(first, NOW) == first
    assert store.hold_lease(second, NOW) == second
    assert store.get_lease("a") == first


# Holds


def test_holds_in_force_are_listed_oldest_first(store: Store) -> None:
    assert store.list_holds() == []
    young = a_hold(hold_id="h0", scope=HoldScope.ALL, value="", created_at=later(5))
    assert store.add_hold(young) == young
    assert store.add_hold(a_hold()) == a_hold()
    assert store.list_holds() == [a_hold(), young]


def test_a_target_has_one_hold_in_force_the_first(engine: Store) -> None:
    engine.add_hold(a_hold())
    assert engine.add_hold(a_hold(hold_id="h2", reason="another")) == a_hold()
    assert engine.add_hold(a_hold()) == a_hold()
    assert engine.list_holds() == [a_hold()]


def test_a_release_ends_a_hold_and_stays_on_record(store: Store) -> None:
    store.add_hold(a_hold())
    released = a_hold().released(later(9), "the night watch")
    assert store.release_hold(a_hold(), released)
    assert store.list_holds() == []
    assert store.released_holds() == [released]
    again = a_hold(hold_id="h2", created_at=later(10))
    assert store.add_hold(again) == again
    assert store.list_holds() == [again]


def test_a_release_of_an_earlier_hold_does_not_end_a_later_one(store: Store) -> None:
    store.add_hold(a_hold())
    released = a_hold().released(later(9), "the night watch")
    store.release_hold(a_hold(), released)
    later_hold = a_hold(hold_id="h2", created_at=later(10))
    store.add_hold(later_hold)
    assert not store.release_hold(a_hold(), a_hold().released(later(11), "somebody"))
    assert store.list_holds() == [later_hold]
    assert store.released_holds() == [released]


# API keys


def test_api_keys_are_kept_and_listed_oldest_first(store: Store) -> None:
    assert store.list_api_keys() == []
    young = replace(KEY, key_id="a", created_at=later(5))
    store.add_api_key(young)
    store.add_api_key(KEY)
    assert store.get_api_key("k1") == KEY
    assert store.get_api_key("k2") is None
    assert store.list_api_keys() == [KEY, young]


def test_the_first_api_key_of_an_id_stays(engine: Store) -> None:
    engine.add_api_key(KEY)
    engine.add_api_key(KEY)
    with pytest.raises(Conflict):
        engine.add_api_key(replace(KEY, secret_hash="another"))
    assert engine.get_api_key("k1") == KEY


def test_a_batch_id_is_used_once(engine: Store) -> None:
    batch = a_batch(size=1)
    engine.add_batch(batch, members(1))
    with pytest.raises(Conflict):
        engine.add_batch(a_batch(batch_id=batch.batch_id), members(2))
    assert engine.get_batch(batch.batch_id) == batch
    assert engine.get_members(batch) == members(1)


def test_a_batch_without_its_list_is_not_guessed_at(engine: Store) -> None:
    batch = a_batch(size=3)
    engine.add_batch(batch, members(2))
    with pytest.raises(StoreUnavailable):
        engine.get_members(batch)


def test_an_api_key_changes_by_its_revision_and_a_first_version_has_none(store: Store) -> None:
    store.add_api_key(KEY)
    revoked = KEY.changed(revoked_at=later(1))
    assert store.change_api_key(KEY, revoked)
    assert store.change_api_key(KEY, revoked)  # its own write, once more
    assert not store.change_api_key(KEY, KEY.changed(last_used_at=later(2)))
    assert store.get_api_key("k1") == revoked
    assert store.list_api_keys() == [revoked]
    used = revoked.changed(last_used_at=later(3))
    assert store.change_api_key(revoked, used)
    assert store.get_api_key("k1") == used


def test_an_api_key_that_is_not_there_does_not_change(store: Store) -> None:
    assert not store.change_api_key(KEY, KEY.changed(revoked_at=NOW))
    assert store.get_api_key("k1") is None


def test_a_use_that_is_stored_late_does_not_undo_a_revocation(store: Store) -> None:
    store.add_api_key(KEY)
    assert store.change_api_key(KEY, KEY.changed(revoked_at=later(1)))
    assert not store.change_api_key(KEY, KEY.changed(last_used_at=later(2)))
    found = store.get_api_key("k1")
    assert found is not None
    assert found.revoked_at == later(1)
