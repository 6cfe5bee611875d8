"""A copy of a store: what it refuses, how it goes on, and that no payment can leave twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from paymentapp.clock import utc_now
from paymentapp.errors import Conflict, StoreUnavailable
from paymentapp.models.actors import operator
from paymentapp.models.batches import BatchState
from paymentapp.models.holds import HoldScope
from paymentapp.models.payments import Payment
from paymentapp.models.revisions import new_revision
from paymentapp.services.backoffice.copying import HOLD_SECONDS, StoreCopy
from paymentapp.storage.base import Lease
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.copying import CopiedTable, Key, StoredRecord, TablePart, comparable
from paymentapp.storage.sqlite import SQLiteStore
from tests.support.filled_store import due_payment
from tests.support.records import (
    a_batch,
    a_claim,
    a_customer,
    a_hold,
    add_claim,
    add_payment,
    members,
    stamped,
    usd,
)

BY = operator("Grace")


class FailingSQLite(SQLiteStore):
    """A store whose writes of whole tables fail after a number of them; its reads are kept."""

    puts_left = 1_000_000

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.read: list[tuple[CopiedTable, Key | None]] = []

    def read_table(self, table: CopiedTable, after: Key | None, limit: int) -> TablePart:
        self.read.append((table, after))
        return super().read_table(table, after, min(limit, 2))

    def put_many(self, table: CopiedTable, records: Sequence[StoredRecord]) -> None:
        self.puts_left -= 1
        if self.puts_left < 0:
            raise StoreUnavailable("down")
        super().put_many(table, records)


@dataclass
class Move:
    """Two files, and copies from one to the other."""

    source: FailingSQLite
    target: FailingSQLite
    now: datetime = field(default_factory=utc_now)
    slept: list[float] = field(default_factory=list)

    def copy(self) -> StoreCopy:
        return StoreCopy(
            self.source, self.target, lambda: self.now, lambda _: None, self.slept.append
        )


@pytest.fixture
def move(tmp_path: Path) -> Iterator[Move]:
    with (
        closing(FailingSQLite(tmp_path / "source.db")) as source,
        closing(FailingSQLite(tmp_path / "target.db")) as target,
    ):
        source.create_tables()
        target.create_tables()
        yield Move(source, target)


def pay(store: SQLiteStore, count: int) -> list[Payment]:
    return [add_payment(store, due_payment(number)) for number in range(count)]


def due(store: SQLiteStore) -> list[Payment]:
    return store.due_payments(1, utc_now() + timedelta(days=1), 100)


def test_the_target_is_held_before_anything_else_is_there(move: Move) -> None:
    pay(move.source, 1)
    move.target.puts_left = 1
    with pytest.raises(StoreUnavailable):
        move.copy().run()
    (hold,) = move.target.list_holds()
    assert hold.scope is HoldScope.ALL
    assert hold.reason.startswith("unfinished copy, not to be released: ")
    assert due(move.target) == []


def test_both_are_held_after_the_last_pass(move: Move) -> None:
    move.copy().finish(BY)
    (hold,), copied = move.source.list_holds(), move.target.list_holds()
    assert (hold.scope, hold.by) == (HoldScope.ALL, BY.name)
    assert copied == [hold]
    assert move.slept == [HOLD_SECONDS]


def test_a_hold_of_everything_that_is_in_force_already_stays(move: Move) -> None:
    hold = move.source.add_hold(a_hold(scope=HoldScope.ALL, value=""))
    move.copy().finish(BY)
    assert move.source.list_holds() == move.target.list_holds() == [hold]


def test_who_has_read_a_payment_of_the_source_before_sends_it_no_more(move: Move) -> None:
    (payment,) = pay(move.source, 1)
    move.copy().finish(BY)
    assert move.source.change_payments([PaymentChange(payment, stamped(payment))]) == [False]
    (moved,) = due(move.target)
    assert replace(moved, revision=payment.revision) == payment


@pytest.mark.parametrize("state", [BatchState.PREPARED, BatchState.FROZEN])
def test_who_has_prepared_a_batch_of_the_source_before_sends_it_no_more(
    move: Move, state: BatchState
) -> None:
    batch = a_batch(state=state)
    move.source.add_batch(batch, members(2))
    move.copy().finish(BY)
    assert not move.source.change_batch(batch, batch.frozen(utc_now(), ()))
    assert not move.source.change_batch(batch, batch.claimed(utc_now()))
    assert move.target.get_batch(batch.batch_id) == move.source.get_batch(batch.batch_id)


def test_an_attempt_that_is_on_record_is_on_record_in_the_target(move: Move) -> None:
    batch = a_batch()
    move.source.add_batch(batch, members(2))
    frozen = batch.frozen(utc_now(), ())
    assert move.source.change_batch(batch, frozen)
    move.copy().finish(BY)
    found = move.target.get_batch(batch.batch_id)
    assert found is not None
    assert found.open_attempt == frozen.open_attempt
    assert not found.certainly_unsent


@pytest.mark.parametrize("name", ["source", "target"])
def test_the_last_pass_is_refused_while_a_process_works(move: Move, name: str) -> None:
    store: SQLiteStore = getattr(move, name)
    store.hold_lease(Lease("sweep#0000", "p1", move.now + timedelta(seconds=9)), move.now)
    with pytest.raises(Conflict, match=f"a process works with the {name}"):
        move.copy().finish(BY)
    assert move.source.list_holds() == []
    move.now += timedelta(seconds=9)
    assert move.copy().finish(BY).differences == []


def test_who_read_the_balances_last_is_no_sign_of_a_process(move: Move) -> None:
    """Its lease lasts a minute, and is not given back by a process that stops."""
    move.source.hold_lease(Lease("balances", "p1", move.now + timedelta(minutes=1)), move.now)
    assert move.copy().finish(BY).differences == []


def test_the_first_passes_let_the_service_go_on(move: Move) -> None:
    move.source.hold_lease(Lease("sweep#0000", "p1", move.now + timedelta(seconds=9)), move.now)
    pay(move.source, 3)
    assert move.copy().run().tables[CopiedTable.PAYMENTS].written == 3
    assert move.copy().run().tables[CopiedTable.PAYMENTS].written == 0
    assert move.source.list_holds() == []


def test_a_target_with_records_is_refused(move: Move) -> None:
    move.target.add_customer(a_customer())
    with pytest.raises(Conflict, match="the target is not empty: it has customers"):
        move.copy().run()


def test_a_copy_of_another_store_is_refused(move: Move, tmp_path: Path) -> None:
    move.copy().run()
    with closing(FailingSQLite(tmp_path / "third.db")) as third:
        third.create_tables()
        with pytest.raises(Conflict, match="the target holds a copy of another store"):
            replace(move, source=third).copy().run()


def test_a_target_whose_hold_was_released_is_refused(move: Move) -> None:
    move.copy().finish(BY)
    (hold,) = move.target.list_holds()
    move.target.release_hold(hold, hold.released(utc_now(), "Grace"))
    with pytest.raises(Conflict, match="it is in service"):
        move.copy().finish(BY)


def test_a_last_pass_may_be_repeated_and_takes_what_came_late(move: Move) -> None:
    pay(move.source, 2)
    move.copy().finish(BY)
    late = add_payment(move.source, due_payment(7))
    assert move.copy().finish(BY).differences == []
    assert late.key in {each.key for each in due(move.target)}


def test_an_interrupted_pass_goes_on_where_it_was(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paymentapp.services.backoffice.copying._SAVE_EVERY", 1)
    payments = sorted(pay(move.source, 9), key=lambda each: each.key)
    move.target.puts_left = 6
    with pytest.raises(StoreUnavailable):
        move.copy().run()
    move.source.read.clear()
    move.target.puts_left = 1000
    move.copy().run()
    first = next(after for table, after in move.source.read if table is CopiedTable.PAYMENTS)
    assert first is not None
    assert first > payments[0].key
    keys = [each.key for each in payments]
    assert set(move.target.get_payments(keys)) == set(keys)


def test_what_was_deleted_in_between_is_deleted(move: Move) -> None:
    hold = move.source.add_hold(a_hold())
    move.copy().run()
    assert hold in move.target.list_holds()
    move.source.release_hold(hold, hold.released(utc_now(), "Grace"))
    tally = move.copy().finish(BY)
    assert hold not in move.target.list_holds()
    assert tally.tables[CopiedTable.OPERATIONS].deleted == 1
    assert tally.differences == []


def test_a_payment_of_the_target_alone_stays_and_is_a_difference(move: Move) -> None:
    move.copy().run()
    stray = add_payment(move.target, due_payment(5))
    differences = move.copy().finish(BY).differences
    assert [each.key for each in differences if each.key] == [stray.key]
    assert move.target.get_payment(stray.key) == stray


def test_a_source_that_is_still_used_is_a_difference(move: Move) -> None:
    payments = pay(move.source, 3)
    copy = move.copy()

    def change(text: str) -> None:
        if text.startswith("payments: 3 of the target"):
            stored = move.source.get_payment(payments[0].key)
            assert stored is not None
            changed = replace(stored, provider_status="NEW", revision=new_revision())
            assert move.source.change_payments([PaymentChange(stored, changed)]) == [True]

    copy.progress = change
    assert [each.key for each in copy.finish(BY).differences] == [payments[0].key]


def test_what_has_expired_is_not_copied(move: Move) -> None:
    expired = a_claim(key_hash="old", expires_at=move.now)
    add_claim(move.source, expired)
    add_claim(move.source, a_claim(key_hash="new"))
    assert move.copy().finish(BY).differences == []
    found = move.target.read_for_payment("ada", ["old", "new"]).idempotency_records
    assert set(found) == {"new"}


def test_leases_stay_behind(move: Move) -> None:
    lease = Lease("sweep#0000", "p1", move.now)
    move.source.hold_lease(lease, move.now)
    move.copy().finish(BY)
    assert move.source.list_leases() == [lease]
    assert move.target.list_leases() == []


def test_payments_are_counted_and_summed_by_currency(move: Move) -> None:
    pay(move.source, 2)
    add_payment(move.source, due_payment(9, money=usd("0.01")))
    tally = move.copy().finish(BY)
    assert tally.source_sums == tally.target_sums == {"USD": (3, Decimal("25.01"))}
    assert tally.tables[CopiedTable.PAYMENTS].target == 3


def test_a_copied_key_finds_its_payment(move: Move) -> None:
    claim = add_claim(move.source, a_claim())
    move.copy().finish(BY)
    assert move.target.read_for_payment("ada", ["h1"]).idempotency_records == {"h1": claim}


def test_records_are_compared_by_their_values() -> None:
    assert comparable({"amount": "10.00"}) == comparable({"amount": Decimal(10)})
    assert comparable({"n": 5}) == comparable({"n": Decimal("5.0")})
    assert comparable({"n": True}) != comparable({"n": 1})
    assert comparable({"n": "1"}) != comparable({"n": 1})
    assert comparable({"a": 1, "b": 2}) == comparable({"b": 2, "a": 1})
    assert comparable({"slots": {"d": "1.0"}}) == comparable({"slots": {"d": "1"}})
