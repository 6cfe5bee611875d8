"""Idempotency keys, rule by rule: https://docs.stripe.com/api/idempotent_requests."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import stripe

from .support import KEY, OK, Live, fault_of

TRANSFER = {"amount": "1000", "currency": "usd", "destination": OK}


def post(live: Live, key: str, path: str = "transfers", **form: str) -> requests.Response:
    data = form or TRANSFER
    return live.raw("POST", path, data=data, headers={"Idempotency-Key": key})


def test_the_first_answer_is_given_again(live: Live) -> None:
    first, again = post(live, "k-1"), post(live, "k-1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"]
    assert again.headers["Request-Id"] != first.headers["Request-Id"]
    assert again.headers["Idempotency-Key"] == "k-1"
    assert len(live.ledger()) == 1


def test_the_library_sees_the_replay(live: Live) -> None:
    first, again = live.transfer(key="k-1"), live.transfer(key="k-1")
    assert first.id == again.id
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"


def test_other_parameters_are_an_error(live: Live) -> None:
    live.transfer(key="k-1")
    with pytest.raises(stripe.IdempotencyError) as caught:
        live.transfer(key="k-1", amount=2000)
    assert caught.value.http_status == 400
    assert fault_of(caught)["type"] == "idempotency_error"
    assert "same parameters" in fault_of(caught)["message"]
    assert "'k-1'" in fault_of(caught)["message"]
    assert len(live.ledger()) == 1


def test_another_endpoint_is_an_error(live: Live) -> None:
    made = live.transfer(key="k-1")
    answer = post(live, "k-1", f"transfers/{made.id}", description="x")
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "idempotency_error")
    assert f"('/v1/transfers/{made.id}' vs '/v1/transfers')" in error["message"]


def test_the_order_of_parameters_is_no_difference(live: Live) -> None:
    first = post(live, "k-1", **TRANSFER)
    again = post(live, "k-1", **dict(reversed(TRANSFER.items())))
    assert first.content == again.content


def test_no_key_means_no_memory(live: Live) -> None:
    for _ in range(2):
        assert live.raw("POST", "transfers", data=TRANSFER).status_code == 200
    assert len(live.ledger()) == 2


def test_a_refusal_met_in_execution_is_kept(live: Live) -> None:
    live.set(balance={"USD": "5.00"})
    first = post(live, "k-1")
    live.set(balance={"USD": "500.00"})
    again = post(live, "k-1")
    assert (first.status_code, again.status_code) == (400, 400)
    assert first.json()["error"]["code"] == "balance_insufficient"
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Stripe-Should-Retry"] == "false"
    assert post(live, "k-2").status_code == 200


def test_a_failed_validation_is_not_kept(live: Live) -> None:
    refused = post(live, "k-1", amount="0", currency="usd", destination=OK)
    assert refused.status_code == 400
    corrected = post(live, "k-1")
    assert corrected.status_code == 200
    assert "Idempotent-Replayed" not in corrected.headers


@pytest.mark.parametrize(("fault", "made"), [("error_after", 1), ("error_rolled_back", 0)])
def test_a_500_of_the_execution_is_kept_whatever_was_done(
    live: Live, fault: str, made: int
) -> None:
    live.set(**{fault: 1})
    first = post(live, "k-1")
    live.set(**{fault: 0})
    again = post(live, "k-1")
    assert (first.status_code, again.status_code) == (500, 500)
    assert first.json()["error"]["type"] == "api_error"
    assert again.content == first.content
    assert first.headers["Stripe-Should-Retry"] == "false"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(live.ledger()) == made
    assert post(live, "k-2").status_code == 200
    assert len(live.ledger()) == made + 1


@pytest.mark.parametrize("fault", ["error_before", "rate_limited", "lock_timeout"])
def test_what_comes_before_execution_is_not_kept(live: Live, fault: str) -> None:
    live.set(**{fault: 1})
    assert post(live, "k-1").status_code in (429, 500)
    live.set(**{fault: 0})
    after = post(live, "k-1")
    assert after.status_code == 200
    assert "Idempotent-Replayed" not in after.headers
    assert len(live.ledger()) == 1


@pytest.mark.parametrize("fault", ["drop_after", "garbage"])
def test_an_answer_lost_on_the_wire_is_kept(live: Live, fault: str) -> None:
    live.set(**{fault: 1})
    # The library's own logging chokes on bytes that are no text.
    with pytest.raises((stripe.APIConnectionError, UnicodeDecodeError)):
        live.transfer(key="k-1")
    live.set(**{fault: 0})
    found = live.transfer(key="k-1")
    assert found.last_response is not None
    assert found.last_response.headers["idempotent-replayed"] == "true"
    assert [entry["id"] for entry in live.ledger()] == [found.id]


def test_a_key_is_forgotten_after_a_day(live: Live) -> None:
    first = live.transfer(key="k-1")
    live.clock.pass_by(hours=23, minutes=59, seconds=59)
    assert live.transfer(key="k-1").id == first.id
    live.clock.pass_by(seconds=1)
    second = live.transfer(key="k-1", amount=2000)
    assert second.id != first.id
    assert live.transfer(key="k-1", amount=2000).id == second.id
    assert len(live.ledger()) == 2


def test_a_key_is_an_accounts_own(live: Live) -> None:
    for account in ("acct_simok01", "acct_simok02"):
        live.transfer(account)
    payouts = [live.payout(account, key="k-1") for account in ("acct_simok01", "acct_simok02")]
    assert payouts[0].id != payouts[1].id
    assert live.transfer(key="k-1").object == "transfer"


def test_a_key_that_is_in_use_is_a_conflict(live: Live) -> None:
    live.set(latency=0.5)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(_post_alone, live)
        time.sleep(0.2)
        refused = _post_alone(live)
        first = waiting.result()
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (409, "idempotency_key_in_use")
    assert refused.headers["Stripe-Should-Retry"] == "true"
    assert first.status_code == 200
    live.set(latency=0)
    assert post(live, "k-1").content == first.content
    assert len(live.ledger()) == 1


def _post_alone(live: Live) -> requests.Response:
    """Send the same request over a connection of its own."""
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "k-1"}
    url = f"{live.url}/stripe/v1/transfers"
    return requests.post(url, data=TRANSFER, headers=headers, timeout=5)


def test_one_key_at_once_from_many_is_one_transfer(live: Live) -> None:
    barrier = threading.Barrier(8)

    def ask(_: int) -> int:
        barrier.wait()
        return _post_alone(live).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(ask, range(8)))
    assert statuses <= {200, 409}
    assert 200 in statuses
    assert len(live.ledger()) == 1


def test_a_long_key_is_refused(live: Live) -> None:
    assert post(live, "k" * 255).status_code == 200
    assert post(live, "k" * 256).status_code == 400


def test_the_librarys_own_retries_are_safe(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.001)
    live.set(drop_after=0.4, error_before=0.2, lock_timeout=0.2, fault_seed=5)
    client = live.client_with(KEY, max_network_retries=100)
    made = []
    for _ in range(10):
        params: Any = {"amount": 100, "currency": "usd", "destination": OK}
        made.append(client.v1.transfers.create(params=params).id)
    assert [entry["id"] for entry in live.ledger()] == made
