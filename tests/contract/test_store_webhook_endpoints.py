"""Every engine: webhook endpoints, and deliveries to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from paymentapp.clock import utc_now
from paymentapp.models.revisions import new_revision
from paymentapp.models.webhook_endpoints import (
    DeliveryStatus,
    EndpointStatus,
    SigningSecret,
)
from paymentapp.storage.base import Store
from paymentapp.storage.dynamodb import events as dynamodb_events
from tests.contract.test_store_event_list import listed
from tests.support.records import NOW, a_delivery, an_endpoint, later


def test_endpoints_are_kept_whole_and_listed_oldest_first(store: Store) -> None:
    rich = an_endpoint(
        event_types=("payment.succeeded", "hold.placed"),
        description="the books",
        secrets=(SigningSecret("k1.new_-", later(1)), SigningSecret("k1.old", NOW, later(99))),
        status=EndpointStatus.DISABLED,
        disabled_reason="410",
        disablings=(later(5), later(7)),
    )
    endpoints = sorted([an_endpoint(), rich], key=lambda each: each.endpoint_id)
    for endpoint in endpoints:
        assert store.add_webhook_endpoint(endpoint) == endpoint
        assert store.add_webhook_endpoint(endpoint) == endpoint
        assert store.get_webhook_endpoint(endpoint.endpoint_id) == endpoint
    assert store.list_webhook_endpoints() == endpoints


def test_an_endpoint_changes_by_its_revision(store: Store) -> None:
    old = store.add_webhook_endpoint(an_endpoint())
    new = old.changed(description="changed")
    assert store.change_webhook_endpoint(old, new)
    assert store.change_webhook_endpoint(old, new)  # its own write, once more
    assert not store.change_webhook_endpoint(old, old.changed(description="late"))
    assert store.get_webhook_endpoint(old.endpoint_id) == new


def test_there_is_no_endpoint_at_first(store: Store) -> None:
    assert store.get_webhook_endpoint("we_1") is None
    assert not store.change_webhook_endpoint(an_endpoint(), an_endpoint())
    assert store.list_webhook_endpoints() == []


def test_of_a_deleted_endpoint_stays_what_events_are_about(store: Store) -> None:
    old = store.add_webhook_endpoint(an_endpoint(created_at=utc_now()))
    assert store.change_webhook_endpoint(old, old.deleted())
    assert store.list_webhook_endpoints() == []
    kept = store.get_webhook_endpoint(old.endpoint_id)
    assert kept is not None
    assert (kept.status, kept.url, kept.secrets) == (EndpointStatus.DELETED, "", ())


def test_an_endpoint_that_the_service_disables_is_an_event(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb_events, "HORIZON", timedelta(0))
    now = utc_now()
    old = store.add_webhook_endpoint(an_endpoint(endpoint_id=f"we_{new_revision()}"))
    given_up = old.given_up(now, "410")
    assert store.change_webhook_endpoint(old, given_up)
    assert store.change_webhook_endpoint(old, given_up)
    assert not store.change_webhook_endpoint(old, old.given_up(now + timedelta(seconds=1), "late"))
    enabled = given_up.changed(status=EndpointStatus.ENABLED)
    assert store.change_webhook_endpoint(given_up, enabled)
    events = [each.event for each in listed(store) if each.event.subject == (old.endpoint_id,)]
    assert {(event.type, event.at, event.line) for event in events} == {
        ("webhook_endpoint.disabled", now, 0)
    }


def test_a_delivery_is_kept_whole_and_changes_by_its_revision(store: Store) -> None:
    old = a_delivery(created_at=utc_now())
    assert store.add_webhook_delivery(old) == old
    assert store.add_webhook_delivery(a_delivery(attempts=7)) == old
    new = old.attempted(later(1), 503, "HTTP status 503")
    assert store.change_webhook_delivery(old, new)
    assert store.change_webhook_delivery(old, new)
    assert not store.change_webhook_delivery(old, old.attempted(later(1), 200, ""))
    assert store.get_webhook_delivery(old.endpoint_id, old.event_id) == new
    done = new.attempted(later(9), 204, "")
    assert store.change_webhook_delivery(new, done)
    assert store.get_webhook_delivery(old.endpoint_id, old.event_id) == done
    assert store.get_webhook_delivery("we_2", old.event_id) is None


def test_due_deliveries_are_those_of_one_endpoint_oldest_first(store: Store) -> None:
    created = utc_now()
    due = [
        store.add_webhook_delivery(
            a_delivery(number, created_at=created, next_attempt_at=later(-number))
        )
        for number in range(3)
    ]
    others: tuple[dict[str, Any], ...] = (
        {"endpoint_id": "we_2"},
        {"next_attempt_at": later(1)},
        {"next_attempt_at": None},
    )
    for number, changes in enumerate(others, start=3):
        store.add_webhook_delivery(a_delivery(number, created_at=created, **changes))
    assert store.due_webhook_deliveries("we_1", NOW, 10) == due[::-1]
    assert store.due_webhook_deliveries("we_1", NOW, 2) == due[:0:-1]
    ended = due[0].attempted(NOW, 200, "")
    assert store.change_webhook_delivery(due[0], ended)
    assert store.due_webhook_deliveries("we_1", NOW, 10) == due[:0:-1]
    assert ended.status is DeliveryStatus.SUCCEEDED


def test_deliveries_are_listed_newest_event_first(store: Store) -> None:
    created = utc_now()
    stored = [
        store.add_webhook_delivery(a_delivery(number, created_at=created)) for number in range(5)
    ]
    store.add_webhook_delivery(a_delivery(9, created_at=created, endpoint_id="we_2"))
    first = store.list_webhook_deliveries("we_1", 2)
    assert first.deliveries == stored[:2:-1]
    second = store.list_webhook_deliveries("we_1", 2, first.last_read)
    assert second.deliveries == [stored[2], stored[1]]
    assert store.list_webhook_deliveries("we_1", 2, second.last_read) == ([stored[0]], None)
