"""Balances over HTTP: what the last look has found, and events about funds."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from paymentapp.clock import to_text
from paymentapp.models.balances import FundsNotice
from paymentapp.models.events import OtherEvent
from tests.api.conftest import Bench

BALANCES = "/v1/api/balances"


def test_before_the_first_look_there_are_none(bench: Bench) -> None:
    assert bench.client.get(BALANCES).get_json() == {"balances": []}


def test_a_request_shows_the_last_look_and_looks_at_nothing_itself(paying: Bench) -> None:
    paying.pay(amount=12.5)
    paying.services.sweeper.look_at_funds()
    looked_at = to_text(paying.now)
    paying.now += timedelta(hours=1)
    assert paying.client.get(BALANCES).get_json() == {
        "balances": [
            {
                "payment_method": "paypal",
                "currency": "USD",
                "available": None,
                "as_of": None,
                "pending": 12.5,
                "pending_complete": True,
                "pending_as_of": looked_at,
            }
        ]
    }


def test_an_event_about_funds_shows_the_account(bench: Bench) -> None:
    notice = FundsNotice("paypal", "USD", Decimal("150.5"), Decimal(-3), bench.now)
    bench.store.add_event(notice.event(OtherEvent.PROVIDER_UNFUNDED, bench.now))
    unknown = FundsNotice("paypal", "EUR", Decimal(1), None, None)
    bench.store.add_event(unknown.event(OtherEvent.PROVIDER_FUNDED, bench.now))
    first, second = bench.client.get("/v1/api/events").get_json()["events"]
    assert first["type"] == "provider.unfunded"
    assert first["data"] == {
        "payment_method": "paypal",
        "currency": "USD",
        "needed": 150.5,
        "available": -3,
        "as_of": to_text(bench.now),
    }
    assert second["type"] == "provider.funded"
    assert (second["data"]["available"], second["data"]["as_of"]) == (None, None)
