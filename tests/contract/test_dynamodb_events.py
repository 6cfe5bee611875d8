"""Events on DynamoDB, where entries come before the writes that they announce."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from paymentapp.clock import utc_now
from paymentapp.errors import StoreUnavailable
from paymentapp.models.events import EVENT_ID_PATTERN, Event, PublishedEvent
from paymentapp.models.holds import Hold, HoldScope, new_hold_id
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.models.revisions import new_revision
from paymentapp.storage.changes import Acceptance, PaymentChange
from paymentapp.storage.codec.operations import RELEASED_HOLDS, hold_record
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.dynamodb import conditional_writes as conditional
from paymentapp.storage.dynamodb import events as dynamodb_events
from paymentapp.storage.dynamodb.attribute_values import to_item
from tests.contract.test_store_event_list import listed, sent
from tests.contract.test_store_races import at_once
from tests.support.records import a_payment, later

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(autouse=True)
def no_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(0))


@pytest.fixture
def payment(dynamodb_store: DynamoDBStore) -> Payment:
    """Return an accepted payment of a customer of its own."""
    payment = a_payment(customer_id=new_revision())
    dynamodb_store.accept(Acceptance(payment))
    return payment


def kinds(store: DynamoDBStore, payment: Payment) -> list[str]:
    return [each.event.type for each in listed(store) if each.event.payment == payment.key]


def test_nothing_is_listed_before_its_entry_is_older_than_the_horizon(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(seconds=30))
    assert kinds(dynamodb_store, payment) == []
    dynamodb_store.publish_events(utc_now() + timedelta(seconds=5))
    assert kinds(dynamodb_store, payment) == []
    dynamodb_store.publish_events(utc_now() + timedelta(seconds=31))
    assert kinds(dynamodb_store, payment) == ["payment.pending"]


def test_a_write_that_was_not_made_is_not_listed(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    change = PaymentChange(payment, sent(payment))
    dynamodb_store._announce(change.events)  # and then a crash
    assert kinds(dynamodb_store, payment) == ["payment.pending"]


def test_a_write_that_comes_long_after_its_entry_is_listed_then(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may stall between the two, or a write may land after its caller gave up."""
    change = PaymentChange(payment, sent(payment))
    announce = dynamodb_store._announce

    def announce_and_stall(events: Sequence[Event]) -> None:
        monkeypatch.setattr(dynamodb_store, "_announce", announce)
        announce(events)
        assert kinds(dynamodb_store, payment) == ["payment.pending"]
        stalled.append(listed(dynamodb_store)[-1].event_id)

    stalled: list[str] = []
    monkeypatch.setattr(dynamodb_store, "_announce", announce_and_stall)
    assert dynamodb_store.change_payments([change]) == [True]
    dynamodb_store.publish_events(utc_now())  # announces it once more
    found = [each.event.type for each in listed(dynamodb_store, stalled[0])]
    assert found == ["payment.submitting"]
    assert [each.event.type for each in listed(dynamodb_store, stalled[0])] == found


def test_what_is_void_is_checked_for_a_day(dynamodb_store: DynamoDBStore, payment: Payment) -> None:
    change = PaymentChange(payment, sent(payment))
    dynamodb_store._announce(change.events)
    listed(dynamodb_store)
    dynamodb_store._check_again(utc_now() + timedelta(hours=23))
    assert list(dynamodb_store._group("events-unmade", ""))
    dynamodb_store._check_again(utc_now() + timedelta(hours=25))
    assert list(dynamodb_store._group("events-unmade", "")) == []


def test_of_one_entry_some_writes_may_be_made(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    other = a_payment(customer_id=payment.customer_id, payment_id="2026-03-01T12:00:01.000000Z")
    dynamodb_store.accept(Acceptance(other))
    lost = PaymentChange(payment, sent(payment))
    cancelled = payment.moved(Status.CANCELLED, later(3), Cause.REQUEST)
    assert dynamodb_store.change_payments([PaymentChange(payment, cancelled)]) == [True]
    made = PaymentChange(other, sent(other))
    assert dynamodb_store.change_payments([lost, made]) == [False, True]
    assert kinds(dynamodb_store, payment) == ["payment.pending", "payment.cancelled"]
    assert kinds(dynamodb_store, other) == ["payment.pending", "payment.submitting"]


def test_an_entry_that_took_too_long_is_left_and_another_one_is_put(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listed(dynamodb_store)[-1].event_id
    times = iter([0.0, 10.1, 20.0, 20.1])
    monkeypatch.setattr(dynamodb_events, "time", SimpleNamespace(monotonic=times.__next__))
    assert dynamodb_store.change_payments([PaymentChange(payment, sent(payment))]) == [True]
    assert next(times, None) is None
    monkeypatch.undo()
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(0))
    after = listed(dynamodb_store, before)
    assert [each.event.type for each in after] == ["payment.submitting"] * 2


def test_an_entry_that_a_suspended_host_put_hours_late_is_left_and_another_one_is_put(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The monotonic clock stands still meanwhile; the end of the list goes on."""
    before = listed(dynamodb_store)[-1].event_id
    now = utc_now()
    times = iter([now - timedelta(hours=2), now, now, now])
    monkeypatch.setattr(dynamodb_events, "utc_now", times.__next__)
    assert dynamodb_store.change_payments([PaymentChange(payment, sent(payment))]) == [True]
    assert next(times, None) is None
    monkeypatch.setattr(dynamodb_events, "utc_now", utc_now)
    assert [each.event.type for each in listed(dynamodb_store, before)] == ["payment.submitting"]


def test_of_two_releases_of_a_hold_the_one_that_counts_is_listed(
    dynamodb_store: DynamoDBStore,
) -> None:
    hold = Hold(new_hold_id(later(0)), HoldScope.CUSTOMER, new_revision(), "a doubt", "", later(0))
    dynamodb_store.add_hold(hold)
    assert dynamodb_store.release_hold(hold, hold.released(later(1), "ann"))
    assert not dynamodb_store.release_hold(hold, hold.released(later(2), "bob"))
    released = [each.event.at for each in listed(dynamodb_store) if _is_release(each, hold)]
    assert set(released) == {later(1)}


def test_a_release_that_was_cut_short_is_listed_once_it_is_made_however_late(
    dynamodb_store: DynamoDBStore,
) -> None:
    hold = Hold(new_hold_id(later(0)), HoldScope.CUSTOMER, new_revision(), "a doubt", "", later(0))
    dynamodb_store.add_hold(hold)
    dynamodb_store._add_operation(
        RELEASED_HOLDS, hold.hold_id, hold_record(hold.released(later(1), "ann"))
    )  # and then a crash
    assert dynamodb_store.release_hold(hold, hold.released(later(2), "bob"))
    released = [each.event.at for each in listed(dynamodb_store) if _is_release(each, hold)]
    assert released == [later(1)]


def _is_release(published: PublishedEvent, hold: Hold) -> bool:
    kind, subject = published.event.type, published.event.subject
    return kind == "hold.released" and subject[0] == hold.hold_id


def test_without_an_entry_nothing_is_written(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise StoreUnavailable("down")

    monkeypatch.setattr(dynamodb_store, "_announce", fail)
    with pytest.raises(StoreUnavailable):
        dynamodb_store.change_payments([PaymentChange(payment, sent(payment))])
    assert dynamodb_store.get_payment(payment.key) == payment


def test_two_processes_that_publish_at_once_list_each_event_once(
    dynamodb_store: DynamoDBStore, payment: Payment
) -> None:
    assert dynamodb_store.change_payments([PaymentChange(payment, sent(payment))]) == [True]

    def publish(now: datetime) -> None:
        dynamodb_store.publish_events(now)

    at_once(publish, [utc_now()] * 8)
    assert kinds(dynamodb_store, payment) == ["payment.pending", "payment.submitting"]


def test_a_process_that_stalled_does_not_move_the_end_back(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers that have passed it would miss what comes between."""
    listed(dynamodb_store)
    stale, stalled_at = dynamodb_store._end_record(), utc_now()
    assert dynamodb_store.change_payments([PaymentChange(payment, sent(payment))]) == [True]
    assert kinds(dynamodb_store, payment) == ["payment.pending", "payment.submitting"]
    end = dynamodb_store._end()
    with monkeypatch.context() as patch:
        patch.setattr(dynamodb_store, "_end_record", lambda: stale)
        dynamodb_store.publish_events(stalled_at)
    assert dynamodb_store._end() == end


def test_a_change_of_thousands_of_payments_has_several_entries(
    dynamodb_store: DynamoDBStore,
) -> None:
    """An item has at most 400 KB, and an event a number of three digits in its entry."""
    customer_id = new_revision()
    payments = [
        a_payment(customer_id=customer_id, payment_id=f"2026-03-01T12:00:00.{n:06}Z")
        for n in range(1001)
    ]
    made = payments[:3] + payments[-3:]
    for payment in made:
        dynamodb_store.accept(Acceptance(payment))
    changes = [PaymentChange(payment, sent(payment)) for payment in payments]
    done = dynamodb_store.change_payments(changes)
    assert sum(done) == len(made)
    found = [each for each in listed(dynamodb_store) if each.event.type == "payment.submitting"]
    assert sorted(each.event.subject for each in found) == [payment.key for payment in made]
    assert all(re.fullmatch(EVENT_ID_PATTERN, each.event_id) for each in found)


def test_an_event_that_is_listed_is_found_by_its_id_up_to_the_end_of_the_list(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = listed(dynamodb_store)[-1]
    end = published.event_id.removeprefix("evt_")[:26]  # where a span was cut off
    monkeypatch.setattr(dynamodb_store, "_end", lambda: end)
    assert dynamodb_store.get_event(published.event_id) == published.event
    assert published.event.payment == payment.key


def test_a_record_that_cannot_be_read_holds_up_no_second_look(
    dynamodb_store: DynamoDBStore, payment: Payment, dynamodb_client: DynamoDBClient
) -> None:
    """A later version has written a status that this one does not know."""
    unreadable = a_payment(customer_id=new_revision())
    dynamodb_store.accept(Acceptance(unreadable))
    changes = [PaymentChange(each, sent(each)) for each in (unreadable, payment)]
    for change in changes:
        dynamodb_store._announce(change.events)
    before = listed(dynamodb_store)[-1].event_id
    made = [conditional.change_one(*_update(dynamodb_store, change)) for change in changes]
    assert made == [True, True]
    dynamodb_client.update_item(
        TableName=dynamodb_store._disbursements,
        Key=to_item(unreadable.key._asdict()),
        UpdateExpression="SET #status = :later",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":later": {"S": "later"}},
    )
    dynamodb_store._check_again(utc_now())
    found = dynamodb_store.list_events(before, 10).events
    assert found == []
    monitored = list(dynamodb_store._group("events-unmade", ""))
    assert len(monitored) == 1  # that of the payment that cannot be read


def _update(store: DynamoDBStore, change: PaymentChange) -> tuple[Any, ...]:
    """Return the write of a change without its entry, which came long before."""
    records = payment_record(change.old), payment_record(change.new)
    update = conditional.change_of(change.old.key._asdict(), *records)
    return store._client(), store._disbursements, update


def test_many_void_entries_are_looked_at_again_a_part_at_a_time(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb_events, "AGAIN_MAX", 2)
    change = PaymentChange(payment, sent(payment))
    for _ in range(5):
        dynamodb_store._announce(change.events)
    listed(dynamodb_store)
    dynamodb_store._again_after = " "
    looked = [[each["sk"] for each in dynamodb_store._void_entries()] for _ in range(4)]
    assert [len(part) for part in looked] == [2, 2, 1, 2]
    assert len({sk for part in looked for sk in part}) == 5
    assert looked[3] == looked[0]


def test_the_second_look_begins_again_where_the_end_has_gone_back(
    dynamodb_store: DynamoDBStore, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a table that was restored to an earlier moment while this process ran."""
    dynamodb_store._announce(PaymentChange(payment, sent(payment)).events)
    listed(dynamodb_store)
    monkeypatch.setattr(dynamodb_store, "_again_after", "9~")
    assert dynamodb_store._void_entries() == []
    assert len(dynamodb_store._void_entries()) == 1
