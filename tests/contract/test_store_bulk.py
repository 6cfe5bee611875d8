"""Every engine: bulk runs, their rows and the outcomes of these."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from paymentapp.clock import utc_now
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.bulk import (
    CHUNK_ROWS,
    ROWS_KEPT,
    BulkAction,
    BulkKey,
    BulkMode,
    BulkOrder,
    BulkRow,
    BulkStatus,
    RowOutcome,
    RowProblem,
    Segment,
)
from paymentapp.models.bulk_tallies import BulkTally
from paymentapp.models.caller_texts import METADATA_MAX, METADATA_VALUE_MAX, CallerTexts
from paymentapp.models.events import Event
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.dynamodb import events as dynamodb_events
from tests.contract.test_store_event_list import listed
from tests.contract.test_store_races import at_once
from tests.support.aws_calls import lost_answers
from tests.support.records import (
    NOW,
    a_claim,
    a_payment,
    a_run,
    add_payment,
    bulk_rows,
    later,
    payments_over_time,
    usd,
)

KEPT_UNTIL = utc_now() + ROWS_KEPT


def test_a_run_is_kept_whole(store: Store) -> None:
    rich = a_run(
        mode=BulkMode.ALL,
        status=BulkStatus.CHECKING,
        is_dry=True,
        registers=True,
        next_chunk=2,
        segments=(Segment("t1", 0), Segment("t2", 1)),
        accepted=2,
        rejected=1,
        sums={"EUR": Decimal("1.5"), "USD": Decimal(20)},
        completed_at=later(9),
        cancelled_by="ann",
        rows_deleted=True,
        order=BulkOrder(BulkAction.APPROVE, "ann", frozenset({"ann", "a1"}), later(3), "fine", 2),
        tally=BulkTally({"succeeded": 2, "later-status": 1}, later(4)),
    )
    for run in (a_run(), rich):
        assert store.get_bulk_run(run.bulk_id) is None
        assert store.add_bulk_run(run) == run
        assert store.add_bulk_run(run) == run
        assert store.get_bulk_run(run.bulk_id) == run


def test_a_run_changes_by_its_revision(store: Store) -> None:
    old = store.add_bulk_run(a_run())
    new = old.taken("t1", NOW)
    assert store.change_bulk_run(old, new)
    assert store.change_bulk_run(old, new)  # its own write, once more
    assert not store.change_bulk_run(old, old.taken("t2", NOW))
    assert store.get_bulk_run(old.bulk_id) == new
    ended = new.ended(BulkStatus.COMPLETED, later(1))
    assert store.change_bulk_run(new, ended)
    assert store.get_bulk_run(old.bulk_id) == ended


def test_the_end_of_a_run_is_an_event(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(0))
    now = utc_now()
    old = store.add_bulk_run(a_run())
    taken = old.taken("t1", now)
    assert store.change_bulk_run(old, taken)
    ended = taken.ended(BulkStatus.COMPLETED, now)
    assert store.change_bulk_run(taken, ended)
    assert store.change_bulk_run(taken, ended)
    late = taken.ended(BulkStatus.CANCELLED, now + timedelta(seconds=1))
    assert not store.change_bulk_run(taken, late)
    found = {each.event for each in listed(store) if each.event.subject == (old.bulk_id,)}
    assert found == {Event("bulk.completed", now, (old.bulk_id,))}


def test_of_processes_that_take_a_run_at_once_one_does(store: Store) -> None:
    run = store.add_bulk_run(a_run())
    took = at_once(
        lambda token: store.change_bulk_run(run, run.taken(token, NOW)), ["a", "b", "c", "d"]
    )
    assert sorted(took) == [False, False, False, True]


def test_due_runs_are_those_to_act_on_oldest_first(store: Store) -> None:
    due = [store.add_bulk_run(a_run(attention_at=later(-n))) for n in range(3)]
    store.add_bulk_run(a_run(attention_at=later(1)))
    store.add_bulk_run(a_run(attention_at=None, status=BulkStatus.COMPLETED))
    assert store.due_bulk_runs(NOW, 10) == due[::-1]
    assert store.due_bulk_runs(NOW, 2) == due[:0:-1]
    assert store.change_bulk_run(due[2], due[2].ended(BulkStatus.COMPLETED, NOW))
    assert store.due_bulk_runs(NOW, 10) == due[1::-1]


def test_runs_are_listed_newest_first(store: Store) -> None:
    ids = [f"20260301T12000000000{n}-0123abcd" for n in range(5)]
    runs = [store.add_bulk_run(a_run(bulk_id=each)) for each in ids]
    first = store.list_bulk_runs(2)
    assert first.runs == runs[:2:-1]
    second = store.list_bulk_runs(2, first.last_read)
    assert second.runs == [runs[2], runs[1]]
    assert store.list_bulk_runs(2, second.last_read) == ([runs[0]], None)


def test_a_key_is_bound_once(store: Store) -> None:
    key = BulkKey("hash", "fingerprint", "run-1", utc_now().replace(microsecond=0) + ROWS_KEPT)
    assert store.get_bulk_key("hash") is None
    assert store.add_bulk_key(key) == key
    assert store.add_bulk_key(key._replace(bulk_id="run-2")) == key
    assert store.get_bulk_key("hash") == key


def test_rows_are_kept_as_they_are_and_apart(store: Store) -> None:
    odd = [
        BulkRow(
            4,
            "0042",
            "ada@example.com",
            usd("12.50"),
            "ach",
            later(60),
            allow_duplicate=True,
            texts=CallerTexts("pay-1", "caf\u00e9, \u2603", (("a", "1"), ("b", "x y"))),
        ),
        BulkRow(6, problems=(RowProblem("amount", "is negative"), RowProblem("", "odd"))),
    ]
    chunks = [bulk_rows(2), odd]
    for number, rows in enumerate(chunks):
        store.add_bulk_rows("run-1", number, rows, KEPT_UNTIL)
        store.add_bulk_rows("run-1", number, bulk_rows(1), KEPT_UNTIL)  # it is there already
    store.add_bulk_rows("run-10", 0, bulk_rows(1, first=9), KEPT_UNTIL)
    assert [store.get_bulk_rows("run-1", n) for n in range(3)] == [*chunks, []]


def test_rows_are_deleted_chunk_by_chunk(store: Store) -> None:
    for chunk in range(2):
        store.add_bulk_rows("run-1", chunk, bulk_rows(2), KEPT_UNTIL)
    store.add_bulk_outcomes("run-1", 0, "t1", [RowOutcome(2, "ada")])
    for _ in range(2):
        store.delete_bulk_rows("run-1", 0)
    assert [store.get_bulk_rows("run-1", n) for n in range(2)] == [[], bulk_rows(2)]
    assert store.get_bulk_outcomes("run-1", 0, "t1") == [RowOutcome(2, "ada")]


def test_a_chunk_of_the_longest_rows_fits(store: Store) -> None:
    metadata = tuple((f"{n:040}", "\u2603" * METADATA_VALUE_MAX) for n in range(METADATA_MAX))
    texts = CallerTexts("r" * 100, "\u2603" * 200, metadata)
    rows = [row._replace(texts=texts) for row in bulk_rows(CHUNK_ROWS)]
    store.add_bulk_rows("run-1", 0, rows, KEPT_UNTIL)
    assert store.get_bulk_rows("run-1", 0) == rows
    store.delete_bulk_rows("run-1", 0)
    assert store.get_bulk_rows("run-1", 0) == []


def test_outcomes_are_kept_under_their_token_and_the_last_ones_stay(store: Store) -> None:
    long = [RowOutcome(n, "c", None, (RowProblem("email", "x" * 900),)) for n in range(CHUNK_ROWS)]
    first = [RowOutcome(2, "ada", "2026-03-01T12:00:00.123456Z"), RowOutcome(3, "bob")]
    store.add_bulk_outcomes("run-1", 0, "t1", long)
    assert store.get_bulk_outcomes("run-1", 0, "t1") == long
    store.add_bulk_outcomes("run-1", 0, "t1", first)
    store.add_bulk_outcomes("run-1", 0, "t2", first[:1])
    assert store.get_bulk_outcomes("run-1", 0, "t1") == first
    assert store.get_bulk_outcomes("run-1", 0, "t2") == first[:1]
    assert store.get_bulk_outcomes("run-1", 1, "t1") == []


def test_payments_are_counted_by_status(store: Store) -> None:
    payments = [add_payment(store, each) for each in payments_over_time(CHUNK_ROWS)]
    moved = payments[0].moved(Status.CANCELLED, later(1), Cause.PERSON, due_at=None)
    assert store.change_payments([PaymentChange(payments[0], moved)]) == [True]
    keys = [each.key for each in payments]
    missing = PaymentKey("nobody", keys[0].payment_id)
    expected = {"cancelled": 1, "pending": CHUNK_ROWS - 2}
    assert store.count_by_status([*keys[:-1], missing, keys[0]]) == expected
    assert store.count_by_status([]) == {}


def test_rows_expire_and_runs_do_not(engine: Store) -> None:
    past = utc_now() - timedelta(days=1)
    run = engine.add_bulk_run(a_run())
    engine.add_bulk_rows("run-1", 0, bulk_rows(1), past)
    engine.delete_expired(utc_now())
    gone = engine.get_bulk_rows("run-1", 0) == []
    assert gone or isinstance(engine, DynamoDBStore)  # which deletes by itself, some time later
    assert engine.get_bulk_run(run.bulk_id) == run


def test_a_key_that_is_bound_to_a_refusal_gets_no_payment(store: Store) -> None:
    refused = a_claim(refusal="email\nThis is not the customer's e-mail.")
    assert store.bind_key(refused, None) == refused
    assert store.bind_key(refused, None) == refused
    assert store.bind_key(a_claim(), None) == refused
    payment, record = a_payment(), a_claim()
    assert store.accept(Acceptance(payment, record)) == (None, refused)
    assert store.get_payment(payment.key) is None


def test_a_key_is_bound_to_a_refusal_in_place_of_what_was_read(store: Store) -> None:
    left = store.bind_key(a_claim(), None)  # as by a request that has crashed
    refused = a_claim(refusal="amount\nToo much.")
    assert store.bind_key(refused, a_claim()) == left
    assert store.bind_key(refused, left) == refused
    assert store.read_for_payment("ada", [refused.key_hash]).idempotency_records == {
        refused.key_hash: refused
    }


def test_a_payment_keeps_the_run_that_it_is_of(store: Store) -> None:
    payment = add_payment(store, replace(a_payment(), bulk_id="run-1"))
    assert store.get_payment(payment.key) == payment


def test_the_payments_of_a_run_are_listed(store: Store) -> None:
    payments = payments_over_time(4)
    for number, payment in enumerate(payments):
        run = f"run-{number % 2}" if number else None
        add_payment(store, replace(payment, bulk_id=run))
    found = read_all(store, AccountQuery(limit=1, bulk_id="run-1"))
    assert [each.payment_id for each in found] == [payments[n].payment_id for n in (3, 1)]
    assert read_all(store, AccountQuery(limit=9, bulk_id="run-1", currency="EUR")) == []


def read_all(store: Store, query: AccountQuery) -> list[Payment]:
    """Return what all pages of a query have."""
    found: list[Payment] = []
    while True:
        page = store.list_account_payments(query)
        found += page.payments
        if page.last_read is None:
            return found
        query = replace(query, before=page.last_read)


def test_a_change_whose_answer_was_lost_is_made_once(dynamodb_store: DynamoDBStore) -> None:
    run = dynamodb_store.add_bulk_run(a_run())
    with lost_answers(dynamodb_store._client(), "UpdateItem"):
        assert dynamodb_store.change_bulk_run(run, run.taken("t1", NOW))
    with lost_answers(dynamodb_store._client(), "PutItem"):
        dynamodb_store.add_bulk_rows("run-1", 0, bulk_rows(2), KEPT_UNTIL)
    assert dynamodb_store.get_bulk_rows("run-1", 0) == bulk_rows(2)
