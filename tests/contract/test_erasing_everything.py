"""Every engine: after an erasure no byte of the customer is left in any file or table."""

from __future__ import annotations

import itertools
from datetime import timedelta

from paymentapp.models.payments import FINAL, Status
from paymentapp.storage.base import Store
from paymentapp.storage.sqlite import SQLiteStore
from tests.support.erasure_world import EMAIL, NEW_EMAIL, SECRET, ErasureWorld, stored_bytes


def left(store: Store) -> list[bytes]:
    """Return what is found around each text that has to be gone."""
    found = stored_bytes(store)
    pieces = found.split(SECRET.encode())
    return [before[-60:] + b"..." + after[:20] for before, after in itertools.pairwise(pieces)]


def test_no_byte_of_an_erased_customer_is_left(store: Store) -> None:
    world = ErasureWorld(store)
    world.live()
    assert all(payment.status in FINAL for payment in world.payments())
    before = stored_bytes(store)
    for text in (EMAIL, NEW_EMAIL, "payee.SECRET", "nick SECRET", "vip SECRET", "meta SECRET"):
        assert text.encode() in before, text
    for text in ("why SECRET", "doubt SECRET", "note SECRET", "reject SECRET", "later SECRET"):
        assert text.encode() in before, text
    world.pay("4", name="bob", reference="of Bob")
    world.sweep()
    world.erase()
    world.passes()
    assert world.is_complete
    of_bob = world.payments("bob")
    assert {p.texts.description for p in of_bob} == {"for bob"}
    assert left(store) == []


def test_the_audit_stays(store: Store) -> None:
    world = ErasureWorld(store)
    world.live()
    before = world.payments()
    world.erase()
    world.passes()
    after = world.payments()
    for old, new in zip(before, after, strict=True):
        assert (new.key, new.money, new.status, new.batch_id) == (
            old.key,
            old.money,
            old.status,
            old.batch_id,
        )
        assert new.transaction_id == old.transaction_id
        assert [line[:3] + line[4:] for line in new.history] == [
            line[:3] + line[4:] for line in old.history
        ]
    assert {each.status for each in after} >= {Status.FAILED, Status.CANCELLED, Status.REJECTED}


def test_pages_of_a_large_database_are_left_without_copies(sqlite_store: SQLiteStore) -> None:
    """Rows that grow move to other pages, and SQLite leaves copies of them in the old ones."""
    world = ErasureWorld(sqlite_store)
    for number in range(40):
        world.pay(f"{number + 1}", reference=f"a{number}")
        for other in range(4):
            world.pay(f"{number + 1}", name="bob", reference=f"b{number}.{other}")
    world.sweep(12)
    world.now += timedelta(days=1)
    world.erase()
    world.passes()
    assert left(sqlite_store) == []
