"""Each fault as the library sees it, through a real socket."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
import stripe

from .support import KEY, OK, Live

ACTED = {"drop_after": True, "error_after": True, "garbage": True}
NOT_ACTED = ("drop_before", "error_before", "error_rolled_back", "rate_limited", "lock_timeout")
FAULTS = ACTED | dict.fromkeys(NOT_ACTED, False)
RAISED: dict[str, type[Exception]] = {
    "drop_before": stripe.APIConnectionError,
    "drop_after": stripe.APIConnectionError,
    "error_before": stripe.APIError,
    "error_after": stripe.APIError,
    "error_rolled_back": stripe.APIError,
    "garbage": UnicodeDecodeError,
    "rate_limited": stripe.RateLimitError,
    "lock_timeout": stripe.RateLimitError,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_what_the_library_says(live: Live, fault: str) -> None:
    live.set(**{fault: 1})
    with pytest.raises(RAISED[fault]):
        live.transfer()
    assert len(live.ledger()) == (1 if FAULTS[fault] else 0)
    live.set(**{fault: 0})
    assert live.transfer().object == "transfer"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_strikes_reading_too(live: Live, fault: str) -> None:
    made = live.transfer()
    live.set(**{fault: 1})
    with pytest.raises(RAISED[fault]):
        live.client.v1.transfers.retrieve(made.id)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_strikes_payouts_cancels_and_reversals(live: Live, fault: str) -> None:
    made = live.transfer(amount=2000)
    payout = live.payout()
    live.set(**{fault: 1})
    asks: list[Any] = [
        lambda: live.payout(),
        lambda: live.client.v1.payouts.cancel(payout.id, options={"stripe_account": OK}),
        lambda: live.client.v1.transfers.reversals.create(made.id, params={"amount": 1000}),
    ]
    for ask in asks:
        with pytest.raises(RAISED[fault]):
            ask()
    live.set(**{fault: 0})
    assert [entry["status"] for entry in live.ledger()] == (
        ["partly_reversed", "canceled", "pending", "made"] if FAULTS[fault] else ["made", "pending"]
    )


def test_429s_are_told_apart(live: Live) -> None:
    live.set(rate_limited=1)
    limited = live.raw("GET", "balance")
    assert (limited.status_code, limited.json()["error"]["code"]) == (429, "rate_limit")
    assert limited.headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    assert "Stripe-Should-Retry" not in limited.headers
    live.set(rate_limited=0, lock_timeout=1)
    locked = live.raw("GET", "balance")
    assert (locked.status_code, locked.json()["error"]["code"]) == (429, "lock_timeout")
    assert locked.headers["Stripe-Should-Retry"] == "true"
    assert locked.headers["Request-Id"].startswith("req_")


def test_a_500_in_place_of_a_bad_parameter_is_that_400(live: Live) -> None:
    live.set(error_after=1)
    with pytest.raises(stripe.InvalidRequestError):
        live.transfer(amount=0)
    answers = requests.get(f"{live.url}/_simulator/calls", timeout=5).json()["endpoints"]
    assert answers["POST /stripe/v1/transfers"]["answers"] == {"400": 1}


def test_faults_strike_only_the_calls_named(live: Live) -> None:
    live.set(error_before=1, faults_on=["payout"])
    live.transfer()
    with pytest.raises(stripe.APIError):
        live.payout()
    live.set(faults_on=["list"])
    assert live.payout().status == "pending"
    with pytest.raises(stripe.APIError):
        live.client.v1.transfers.list()


def test_down_is_503_or_closed_but_the_controls_work(live: Live) -> None:
    live.set(down="503")
    with pytest.raises(stripe.APIError) as caught:
        live.transfer()
    assert caught.value.http_status == 503
    live.set(down="closed")
    with pytest.raises(stripe.APIConnectionError):
        live.transfer()
    live.set(down="no")
    live.transfer()
    calls = requests.get(f"{live.url}/_simulator/calls", timeout=5).json()["endpoints"]
    assert calls["POST /stripe/v1/transfers"]["answers"] == {
        "200": 1,
        "down_503": 1,
        "down_closed": 1,
    }


def test_paypal_is_not_struck(live: Live) -> None:
    live.set(down="closed")
    assert requests.post(f"{live.url}/v1/oauth2/token", timeout=5).status_code == 401


def test_a_seed_repeats_the_faults(live: Live) -> None:
    def statuses() -> list[int]:
        live.set(fault_seed=42, error_before=0.3, rate_limited=0.3)
        return [live.raw("GET", "balance").status_code for _ in range(20)]

    first = statuses()
    assert {200, 429, 500} == set(first)
    assert statuses() == first


def test_latency_delays_and_a_timeout_acts_all_the_same(live: Live) -> None:
    live.set(latency=0.3)
    before = time.monotonic()
    live.client.v1.balance.retrieve()
    assert time.monotonic() - before >= 0.3
    session = requests.Session()
    hasty = stripe.RequestsClient(session=session, timeout=0.05)
    client = live.client_with(KEY, http_client=hasty)
    params: Any = {"amount": 100, "currency": "usd", "destination": OK}
    with pytest.raises(stripe.APIConnectionError):
        client.v1.transfers.create(params=params, options={"idempotency_key": "k-1"})
    session.close()
    live.set(latency=0)
    deadline = time.monotonic() + 5
    while not live.ledger() and time.monotonic() < deadline:
        time.sleep(0.02)
    again = live.client.v1.transfers.create(params=params, options={"idempotency_key": "k-1"})
    assert [entry["id"] for entry in live.ledger()] == [again.id]
