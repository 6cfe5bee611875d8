"""Events that operators need: a batch that is parked, a provider that is failing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from paymentapp.api import examples
from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.clock import to_text
from paymentapp.errors import OutcomeUnknown
from paymentapp.models.batches import Batch
from paymentapp.models.events import OtherEvent
from paymentapp.models.outages import OutageNotice
from paymentapp.services.backoffice.parked_batches import OperatorNote
from tests.api.conftest import Bench
from tests.support.ledger_provider import LedgerProvider


@pytest.fixture
def batch(paying: Bench) -> Batch:
    """Return a batch of two payments whose outcome is unknown."""

    def time_out(_: Batch) -> None:
        raise OutcomeUnknown("TIMEOUT")

    provider = paying.providers["paypal"]
    assert isinstance(provider, LedgerProvider)
    provider.before = time_out
    paying.pay(amount=12.5)
    paying.pay(amount=30)
    batch = paying.services.dispatcher.submit(paying.worker.woken)
    assert batch is not None
    return batch


def parked(bench: Bench) -> list[dict[str, Any]]:
    page = bench.client.get("/v1/api/events?type=batch.parked").get_json()
    found: list[dict[str, Any]] = page["events"]
    return found


def test_a_batch_that_the_service_parks_is_shown_as_operators_see_it(
    paying: Bench, batch: Batch
) -> None:
    paying.now += timedelta(days=26)
    paying.services.dispatcher.resume(batch)
    (event,) = parked(paying)
    assert event["data"] == {
        "batch_id": batch.batch_id,
        "payment_method": "paypal",
        "currency": "USD",
        "payments": 2,
        "total": 42.5,
        "since": event["timestamp"],
        "reason": "OutcomeUnknown: TIMEOUT",
        "by": None,
    }
    assert "ada@" not in str(event)
    assert event["data"].keys() == examples.BATCH_EVENT["data"].keys()


def test_it_is_shown_as_it_was_once_it_is_decided(paying: Bench, batch: Batch) -> None:
    paying.now += timedelta(days=26)
    stored = paying.services.dispatcher.resume(batch)
    before = parked(paying)
    assert paying.store.change_batch(stored, stored.changed(last_error=None, excluded=()))
    assert parked(paying) == before


def test_one_that_an_operator_parks_says_who_and_why(paying: Bench, batch: Batch) -> None:
    office = build_backoffice(paying.services, lambda _: None, lambda _: None).parked
    office.park(batch.batch_id, OperatorNote("Grace H.", "the amounts are wrong"))
    (event,) = parked(paying)
    assert (event["data"]["by"], event["data"]["reason"]) == ("Grace H.", "the amounts are wrong")


def test_an_event_about_an_outage_shows_since_when_and_why(bench: Bench) -> None:
    since = bench.now
    notice = OutageNotice("paypal", since, "NotSent: UNREACHABLE")
    for kind in (OtherEvent.PROVIDER_FAILING, OtherEvent.PROVIDER_RECOVERED):
        bench.store.add_event(notice.event(kind, bench.clock()))
    failing, recovered = bench.client.get("/v1/api/events").get_json()["events"]
    assert failing["type"] == "provider.failing"
    assert failing["data"] == {
        "payment_method": "paypal",
        "since": to_text(since),
        "reason": "NotSent: UNREACHABLE",
    }
    assert failing["data"].keys() == examples.OUTAGE_EVENT["data"].keys()
    assert (recovered["type"], recovered["data"]) == ("provider.recovered", failing["data"])
