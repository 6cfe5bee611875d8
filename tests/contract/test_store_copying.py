"""Between any two engines: every record is copied, and what is due comes last."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from paymentapp.clock import utc_now
from paymentapp.config import Settings
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.actors import operator
from paymentapp.models.batches import Batch
from paymentapp.models.events import KEPT, Event
from paymentapp.models.payments import Payment
from paymentapp.models.references import ReferenceClaim
from paymentapp.services.backoffice.copying import StoreCopy
from paymentapp.storage import open_store
from paymentapp.storage.copying import CopiedTable, CopyableStore, Key, StoredRecord, comparable
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.dynamodb import events as dynamodb_events
from tests.contract.conftest import ENGINES
from tests.support.filled_store import DAY, due_payment, fill
from tests.support.records import add_payment

BY = operator("Grace")
PAIRS = [pair for pair in itertools.product(ENGINES, ENGINES) if pair[0] != pair[1]]
FAR = utc_now() + timedelta(days=4000)


@dataclass
class Move:
    """Two stores, and copies from one to the other."""

    source: CopyableStore
    target: CopyableStore

    def copy(self) -> StoreCopy:
        return StoreCopy(self.source, self.target, utc_now, lambda _: None, lambda _: None)


@pytest.fixture(params=[("sqlite", "sqlite"), *PAIRS], ids="-".join)
def move(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Move]:
    first, second = request.param
    source: CopyableStore = request.getfixturevalue(f"{first}_store")
    if first != second:
        yield Move(source, request.getfixturevalue(f"{second}_store"))
        return
    target = open_store(Settings(store=f"sqlite:///{tmp_path}/other.db"))
    target.create_tables()
    yield Move(source, target)
    target.close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have events listed as soon as they are published."""
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(0))


def records(store: CopyableStore, table: CopiedTable) -> dict[Key, str]:
    """Return the records that have not expired, as texts."""
    after: Key | None = None
    found: dict[Key, str] = {}
    now = utc_now().timestamp()
    while True:
        part = store.read_table(table, after, 100)
        for key, record in part.records:
            if record.get("expires_at", FAR.timestamp()) > now:
                found[key] = comparable(record)
        after = part.after
        if after is None:
            return found


def events(store: CopyableStore) -> list[Event]:
    """Return the events that have not expired."""
    for _ in range(4):
        store.publish_events(utc_now() + timedelta(minutes=1))
    after: str | None = None
    found: list[Event] = []
    while page := store.list_events(after, 100):
        if page.last_read is None:
            return found
        found += [each.event for each in page.events if each.event.at > utc_now() - KEPT]
        after = page.last_read
    return found


def due(store: CopyableStore) -> tuple[list[Payment], list[Batch]]:
    payments = [each for shard in range(3) for each in store.due_payments(shard, FAR, 100)]
    batches = [each for shard in range(3) for each in store.due_batches(shard, FAR, 100)]
    return sorted(payments, key=lambda p: p.key), sorted(batches, key=lambda b: b.batch_id)


def test_every_record_is_copied(move: Move) -> None:
    fill(move.source)
    move.copy().run()
    tally = move.copy().finish(BY)
    assert tally.differences == []
    assert tally.source_sums == tally.target_sums != {}
    for table in (CopiedTable.CUSTOMERS, CopiedTable.OPERATIONS, CopiedTable.PAYMENTS):
        assert records(move.target, table) == records(move.source, table) != {}
    assert due(move.target) == due(move.source) != ([], [])
    assert events(move.target) == events(move.source) != []
    assert move.target.count_of([DAY]) == move.source.count_of([DAY]) != [{}]
    claim = ReferenceClaim("digest")
    assert move.target.reference_holder(claim) == move.source.reference_holder(claim) is not None
    every = AccountQuery(limit=100)
    listed = move.target.list_account_payments(every).payments
    assert listed == move.source.list_account_payments(every).payments != []


def test_the_target_goes_on_with_the_list_of_events(move: Move) -> None:
    fill(move.source)
    move.copy().finish(BY)
    before = events(move.target)
    added = add_payment(move.target, due_payment(99))
    assert [each.subject for each in events(move.target)[len(before) :]] == [added.key]


def test_before_the_last_pass_nothing_is_due_in_the_target(move: Move) -> None:
    fill(move.source)
    move.copy().run()
    assert due(move.target) == ([], [])
    assert move.target.due_bulk_runs(FAR, 9) == []


def test_strange_texts_are_compared_as_they_are(move: Move) -> None:
    if isinstance(move.source, DynamoDBStore):
        pytest.skip("its tables take longer, and its texts are Python's own")
    add_payment(move.source, due_payment(1, transaction_id="a\x00b\x1a0000", reason="\x1a"))
    assert move.copy().finish(BY).differences == []
    assert due(move.target)[0] == due(move.source)[0] != []


def test_records_are_written_deleted_and_read_by_their_keys(move: Move) -> None:
    fill(move.source)
    for table in (CopiedTable.CUSTOMERS, CopiedTable.OPERATIONS, CopiedTable.PAYMENTS):
        some = move.source.read_table(table, None, 500).records[:3]
        keys = [each.key for each in some]
        move.target.put_many(table, some)
        found = move.target.read_keys(table, [*keys, tuple("?" for _ in keys[0])])
        assert {key: comparable(each) for key, each in found.items()} == {
            each.key: comparable(each.record) for each in some
        }
        move.target.delete_many(table, keys)
        assert move.target.read_keys(table, keys) == {}


def test_a_record_that_is_put_again_replaces_the_other(move: Move) -> None:
    key = ("note#n", "note")
    for text in ("one", "two"):
        record = {"text": text, "revision": text}
        move.target.put_many(CopiedTable.OPERATIONS, [StoredRecord(key, record)])
        entry = move.target.get_state_entry("n")
        assert entry is not None
        assert entry.text == text
