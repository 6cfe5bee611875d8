"""Every engine: provider events, stored once and found until they are applied."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from paymentapp.models.batches import BatchState
from paymentapp.models.payments import PaymentKey
from paymentapp.models.provider_events import (
    EventDecision,
    EventResolution,
    ProviderEventChanges,
    ProviderEventState,
)
from paymentapp.storage.base import Store
from tests.support.records import NOW, a_batch, an_event, later, members

BODIES = [
    '{"resource": {"note": "Grüße \\u00e9 \\\\ \\n 💶"}}',
    '{ "spaces" :\n\t[1.0, 1e3]}',
    '{"long": "' + "x" * 60_000 + '"}',
]

ASIDE: ProviderEventChanges = {
    "state": ProviderEventState.SET_ASIDE,
    "attention_at": None,
    "expires_at": None,
    "note": "there is no such payment",
}
A_PAYMENT = PaymentKey("ada", "2026-03-01T12:00:00.000001Z")


def test_the_first_event_of_an_id_stays(store: Store) -> None:
    first = an_event()
    assert store.add_provider_event(first) == first
    again = an_event(event_id=first.event_id, kind="SOMETHING.ELSE", body="{}")
    assert store.add_provider_event(again) == first
    assert store.add_provider_event(first) == first  # its own write, once more


def test_ids_are_a_providers_own(store: Store) -> None:
    first = an_event()
    other = an_event(event_id=first.event_id, provider="another")
    assert store.add_provider_event(first) == first
    assert store.add_provider_event(other) == other


@pytest.mark.parametrize("body", BODIES, ids=["unicode", "layout", "long"])
def test_a_body_is_kept_as_it_came(store: Store, body: str) -> None:
    event = store.add_provider_event(an_event(body=body))
    assert store.due_provider_events(1, NOW, 10) == [event]
    assert event.body == body


def test_an_event_is_kept_whole(store: Store) -> None:
    old = store.add_provider_event(an_event())
    waiting = old.changed(attention_at=later(60), note="the batch has no reference yet")
    assert store.change_provider_event(old, waiting)
    assert store.due_provider_events(1, later(60), 10) == [waiting]
    applied = waiting.changed(state=ProviderEventState.APPLIED, attention_at=None, note=None)
    assert store.change_provider_event(waiting, applied)
    assert store.due_provider_events(1, later(10**9), 10) == []
    assert store.add_provider_event(an_event(event_id=old.event_id)) == applied


def test_an_event_changes_by_its_revision(store: Store) -> None:
    old = store.add_provider_event(an_event())
    applied = old.changed(state=ProviderEventState.APPLIED, attention_at=None)
    aside = old.changed(state=ProviderEventState.SET_ASIDE, attention_at=None)
    assert store.change_provider_event(old, applied)
    assert store.change_provider_event(old, applied)  # its own write, once more
    assert not store.change_provider_event(old, aside)
    assert store.add_provider_event(an_event(event_id=old.event_id)) == applied


def test_an_event_that_is_not_there_does_not_change(store: Store) -> None:
    event = an_event()
    assert not store.change_provider_event(event, event.changed(attention_at=None))
    assert store.due_provider_events(1, later(10**9), 10) == []


def test_due_events_come_longest_overdue_first(store: Store) -> None:
    events = [store.add_provider_event(an_event(attention_at=later(-n))) for n in range(4)]
    store.add_provider_event(an_event(attention_shard=0))
    store.add_provider_event(an_event(attention_at=later(1)))
    store.add_provider_event(an_event(attention_at=None))
    assert store.due_provider_events(1, NOW, 10) == events[::-1]
    assert store.due_provider_events(1, NOW, 2) == events[:1:-1]
    assert store.due_provider_events(1, later(-2), 10) == events[:1:-1]


def test_events_and_batches_never_meet(store: Store) -> None:
    batch, parked = a_batch(attention_at=NOW), a_batch(attention_at=NOW)
    for each in (batch, parked):
        store.add_batch(each, members(2))
    assert store.change_batch(parked, parked.changed(state=BatchState.PARKED, attention_at=None))
    event = store.add_provider_event(an_event())
    assert store.due_batches(1, later(10**6), 10) == [batch]
    assert store.due_provider_events(1, later(10**6), 10) == [event]
    assert len(store.parked_batches()) == 1
    assert [each.batch_id for each in store.scan_batches(later(-60), later(60))] != []


def test_one_of_many_deliveries_is_stored(store: Store) -> None:
    rivals = [an_event(event_id="WH-1") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        stored = set(pool.map(store.add_provider_event, rivals))
    assert len(stored) == 1
    assert stored <= set(rivals)


# --- what waits for an operator


def test_an_event_is_read_by_its_providers_id(store: Store) -> None:
    event = store.add_provider_event(an_event())
    assert store.get_provider_event(event.provider, event.event_id) == event
    assert store.get_provider_event("another", event.event_id) is None


def test_events_set_aside_come_oldest_first_until_an_operator_decides(store: Store) -> None:
    events = [store.add_provider_event(an_event(received_at=later(n))) for n in (2, 1, 3)]
    aside = [each.changed(**ASIDE) for each in events]
    for event, changed in zip(events, aside, strict=True):
        assert store.change_provider_event(event, changed)
    waiting = store.add_provider_event(an_event())
    assert store.events_set_aside(10) == [aside[1], aside[0], aside[2]]
    assert store.events_set_aside(2) == [aside[1], aside[0]]
    assert store.due_provider_events(1, later(10**9), 10) == [waiting]
    decision = EventDecision(NOW, EventResolution.RETURNED, "Ada", "the bank says so", A_PAYMENT)
    decided = aside[0].changed(state=ProviderEventState.APPLIED, decision=decision)
    assert store.change_provider_event(aside[0], decided)
    assert store.events_set_aside(10) == [aside[1], aside[2]]
    assert store.get_provider_event(decided.provider, decided.event_id) == decided


def test_a_scan_finds_each_event_of_the_span_once(store: Store) -> None:
    events = [store.add_provider_event(an_event(received_at=later(n))) for n in range(5)]
    store.add_batch(a_batch(), members(2))
    found = sorted(store.scan_provider_events(later(1), later(3)), key=lambda e: e.received_at)
    assert found == events[1:4]
