"""The account's list on DynamoDB, where the entry of a payment comes before the payment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from paymentapp.clock import to_text, utc_now
from paymentapp.errors import StoreUnavailable
from paymentapp.models.account_payments import AccountQuery
from paymentapp.models.events import KEPT
from paymentapp.models.payments import Payment
from paymentapp.models.revisions import new_revision
from paymentapp.storage.changes import Acceptance
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.dynamodb import DynamoDBStore, account_payments, list_entries
from paymentapp.storage.dynamodb import events as dynamodb_events
from paymentapp.storage.dynamodb.event_entries import LIST_SHARDS, position_of
from tests.contract.test_store_account_payments import listed
from tests.contract.test_store_event_list import listed as listed_events
from tests.support.aws_calls import counted
from tests.support.item_size import item_size
from tests.support.records import a_payment, add_payment


@pytest.fixture(autouse=True)
def no_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(0))


@pytest.fixture
def payment() -> Payment:
    """Return a payment that is requested now."""
    now = utc_now()
    line = a_payment().history[0]._replace(at=now)
    return a_payment(customer_id=new_revision(), payment_id=to_text(now), history=(line,))


def kinds(store: DynamoDBStore, payment: Payment) -> list[str]:
    events = [each.event for each in listed_events(store)]
    return [event.type for event in events if event.payment == payment.key]


def entries(store: DynamoDBStore) -> list[tuple[str, str]]:
    """Return the partition and the customer of all entries, of both kinds."""
    table = store._operations
    items = store._client().scan(TableName=table, ConsistentRead=True)["Items"]
    return sorted(
        (item["pk"]["S"].partition("#")[0], item.get("customer_id", {"S": ""})["S"])
        for item in items
        if item["pk"]["S"].startswith(("payments#", "events#"))
    )


def test_one_entry_lists_a_payment_and_announces_it(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    add_payment(dynamodb_store, payment)
    assert entries(dynamodb_store) == [("payments", payment.customer_id)]
    assert listed(dynamodb_store) == [payment]
    assert kinds(dynamodb_store, payment) == ["payment.pending"]


def test_an_entry_without_its_payment_is_neither_listed_nor_an_event(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    dynamodb_store._announce_payment(payment, Acceptance(payment).events)  # and then a crash
    assert listed(dynamodb_store) == []
    assert kinds(dynamodb_store, payment) == []


def test_a_payment_that_is_written_long_after_its_entry_is_listed_at_once(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its event follows with the next publication."""
    announce = dynamodb_store._announce_payment

    def announce_and_stall(*args: object) -> None:
        announce(*args)  # type: ignore[arg-type]
        assert kinds(dynamodb_store, payment) == []

    monkeypatch.setattr(dynamodb_store, "_announce_payment", announce_and_stall)
    add_payment(dynamodb_store, payment)
    assert listed(dynamodb_store) == [payment]
    assert kinds(dynamodb_store, payment) == ["payment.pending"]


def test_a_retry_after_a_crash_has_the_entry_and_an_event_of_its_own_time(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    """The payment has the id of the first attempt, and the time of the second."""
    dynamodb_store._announce_payment(payment, Acceptance(payment).events)
    at = payment.created_at + timedelta(seconds=1)
    again = replace(payment, history=(payment.history[0]._replace(at=at),))
    add_payment(dynamodb_store, again)
    assert listed(dynamodb_store) == [again]
    assert kinds(dynamodb_store, payment) == ["payment.pending"]
    assert [kind for kind, _ in entries(dynamodb_store)] == ["events", "payments"]


def test_a_payment_of_an_earlier_time_is_announced_by_an_entry_of_now(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    """Its place in the list of events may have been read already, that among payments not."""
    earlier = payment.created_at - timedelta(seconds=11)
    payment = replace(payment, payment_id=to_text(earlier))
    dynamodb_store.publish_events(utc_now())
    end = dynamodb_store._end() or ""
    add_payment(dynamodb_store, payment)
    assert listed(dynamodb_store) == [payment]
    (event,) = [e for e in listed_events(dynamodb_store) if e.event.payment == payment.key]
    assert event.event_id.removeprefix("evt_") > end


def test_two_payments_whose_digests_are_the_same_are_both_listed(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest_of = list_entries._digest_of
    monkeypatch.setattr(
        list_entries, "_digest_of", lambda text: "0" * 16 if text[-2:] == "\n0" else digest_of(text)
    )
    other = replace(payment, customer_id=new_revision(), request_id=new_revision())
    for each in (payment, other, other):
        add_payment(dynamodb_store, each)
    found = listed(dynamodb_store)
    assert sorted(each.key for each in found) == sorted([payment.key, other.key])
    assert kinds(dynamodb_store, payment) == kinds(dynamodb_store, other) == ["payment.pending"]


def test_without_an_entry_no_payment_is_written(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnavailable("down")

    monkeypatch.setattr(dynamodb_store, "_announce_payment", fail)
    with pytest.raises(StoreUnavailable):
        add_payment(dynamodb_store, payment)
    assert dynamodb_store.get_payment(payment.key) is None


def test_entries_that_come_to_nothing_do_not_shorten_a_page(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    add_payment(dynamodb_store, payment)
    for second in range(1, 30):
        moment = payment.created_at + timedelta(microseconds=second)
        dynamodb_store._announce_payment(replace(payment, payment_id=to_text(moment)), [])
    page = dynamodb_store.list_account_payments(AccountQuery(1))
    assert page.payments == [payment]


def test_a_page_stops_where_the_entries_of_a_shard_were_cut_off(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_payments, "_SPARE", 1)
    moments = [payment.created_at + timedelta(microseconds=number) for number in range(40)]
    payments = [replace(payment, payment_id=to_text(moment)) for moment in moments]
    for each in payments:
        add_payment(dynamodb_store, each)
    assert listed(dynamodb_store, 3) == payments[::-1]


def test_an_entry_stays_in_the_list_when_its_event_is_no_longer_listed(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    add_payment(dynamodb_store, payment)
    (event,) = [e for e in listed_events(dynamodb_store) if e.event.payment == payment.key]
    record = dynamodb_store._end_record()
    assert record is not None
    late = position_of(utc_now() + KEPT + timedelta(seconds=1))
    assert dynamodb_store._move_end(record, record["first"], late)
    assert dynamodb_store.get_event(event.event_id) is None
    assert listed(dynamodb_store) == [payment]


def test_payments_of_an_earlier_version_are_put_in_the_list(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    known = replace(payment, customer_id=new_revision(), request_id=new_revision())
    add_payment(dynamodb_store, known)
    dynamodb_store._add(
        dynamodb_store._disbursements, ("customer_id", "payment_id"), payment_record(payment)
    )
    assert listed(dynamodb_store) == [known]
    assert dynamodb_store.index_payments() == 1
    assert sorted(each.key for each in listed(dynamodb_store)) == sorted([known.key, payment.key])
    assert dynamodb_store.index_payments() == 0
    assert kinds(dynamodb_store, known) == ["payment.pending"]
    assert kinds(dynamodb_store, payment) == []


def with_reference(payment: Payment, reference: str = "invoice 7") -> Payment:
    return replace(
        payment, request_id=new_revision(), texts=payment.texts._replace(reference=reference)
    )


def test_a_search_by_reference_reads_what_it_returns(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    """Each partition of the reference is asked once, and the payments that are in them are read."""
    moments = [payment.created_at + timedelta(microseconds=number) for number in range(60)]
    others = [replace(payment, payment_id=to_text(moment)) for moment in moments]
    found = with_reference(replace(payment, customer_id=new_revision()))
    for each in (*others, found):
        add_payment(dynamodb_store, replace(each, request_id=new_revision()))
    with counted(dynamodb_store._client()) as calls:
        assert [each.key for each in listed(dynamodb_store, reference="invoice 7")] == [found.key]
    assert calls.names == ["Query"] * LIST_SHARDS + ["BatchGetItem"]
    if calls.truthful:
        assert calls.units <= LIST_SHARDS * 0.5 + 1 + 0.5


def test_payments_of_one_reference_are_paged(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    moments = [payment.created_at + timedelta(microseconds=number) for number in range(40)]
    payments = [with_reference(replace(payment, payment_id=to_text(each))) for each in moments]
    for each in payments:
        add_payment(dynamodb_store, each)
    assert listed(dynamodb_store, 3, reference="invoice 7") == payments[::-1]


def test_a_payment_of_an_earlier_version_is_found_by_its_reference_once_it_is_indexed(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    payment = with_reference(payment)
    dynamodb_store._put_list_entry(payment, ())  # as the version before did
    dynamodb_store._add(
        dynamodb_store._disbursements, ("customer_id", "payment_id"), payment_record(payment)
    )
    assert listed(dynamodb_store, reference="invoice 7") == []
    assert dynamodb_store.index_payments() == 1
    assert listed(dynamodb_store, reference="invoice 7") == [payment]
    assert dynamodb_store.index_payments() == 0


def test_an_entry_takes_one_write_unit_at_its_greatest(payment: Payment) -> None:
    history: Sequence[object] = Acceptance(payment).events
    assert len(history) == 1
    line = payment.history[0]._replace(by="n" * 255)
    greatest = replace(payment, customer_id="c" * 50, history=(line,), request_id="f" * 32)
    texts = [["payment.awaiting_approval", "t" * 27, "0", "c" * 50, "t" * 27]]
    greatest = with_reference(greatest, "r" * 100)
    assert item_size(list_entries.entry_record(greatest, texts)) <= 1024
    assert item_size(list_entries.reference_record(greatest)) <= 1024
