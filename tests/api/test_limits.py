"""Limits over HTTP: what is refused, what the answer says, and what is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from paymentapp.config import Settings
from tests.api.conftest import Bench, problem

LIMITS = "/v1/api/limits"
KEY = {"Idempotency-Key": "k1"}
NEXT_DAY = "2026-03-02T00:00:00.000000Z"


def limited(limits: str = "", hours: int = 0) -> Bench:
    bench = Bench(Settings(limits=limits, duplicate_hours=hours))
    bench.add_customer()
    return bench


def use(bench: Bench, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bench.client.get(f"{LIMITS}{query}").get_json()["limits"]
    return found


def accepted(bench: Bench, **order: Any) -> str:
    response = bench.pay(**order)
    assert response.status_code == 202, response.get_data(as_text=True)
    return response.headers["Location"]


def test_a_payment_above_a_limit_is_refused_with_what_is_left() -> None:
    bench = limited("customer USD 20/day")
    accepted(bench)
    body = problem(bench.pay(amount=7.51), 422, "limit-exceeded")
    assert body["detail"] == "The limit is customer USD 20/day; 7.5 USD is left."
    assert (body["limit"], body["remaining"], body["resets_at"]) == (20, 7.5, NEXT_DAY)
    assert (body["rule"], body["currency"]) == ("customer USD 20/day", "USD")
    accepted(bench, amount=7.5)


def test_a_payment_above_the_limit_of_one_is_never_accepted() -> None:
    body = problem(limited("payment USD 12").pay(), 422, "limit-exceeded")
    assert (body["limit"], body["remaining"], body["resets_at"]) == (12, 12, None)


def test_a_refused_request_leaves_nothing_and_its_key_is_free() -> None:
    bench = limited("all USD 20/day")
    problem(bench.pay(KEY, amount=21), 422, "limit-exceeded")
    assert bench.pay(KEY, amount=20).status_code == 202
    payments = bench.client.get("/v1/api/payment/ada").get_json()["payments"]
    assert [each["amount"] for each in payments] == [20]


def test_a_retry_under_its_key_is_answered_though_the_limit_is_reached() -> None:
    bench = limited("all USD 20/day")
    first = bench.pay(KEY, amount=20)
    again = bench.pay(KEY, amount=20)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.get_json() == first.get_json()
    problem(bench.pay(amount=1), 422, "limit-exceeded")


def test_a_cancelled_payment_gives_its_amount_back() -> None:
    bench = limited("all USD 20/day")
    location = accepted(bench, amount=20)
    assert use(bench)[0]["remaining"] == 0
    assert bench.client.post(f"{location}/cancel").status_code == 200
    assert bench.client.post(f"{location}/cancel").status_code == 200
    assert use(bench)[0]["remaining"] == 20
    accepted(bench, amount=20)


def test_clients_have_limits_of_their_own() -> None:
    bench = limited("client USD 20/day; client payroll USD 30/day")
    _, token = bench.services.api_keys.create("b", ["read", "write"], client="payroll")
    accepted(bench, amount=20)
    problem(bench.pay(amount=1), 422, "limit-exceeded")
    bench.client = bench.caller(token)
    accepted(bench, amount=30)
    assert problem(bench.pay(amount=1), 422, "limit-exceeded")["limit"] == 30


def test_a_scheduled_payment_counts_on_the_day_on_which_it_leaves() -> None:
    bench = limited("all USD 20/day")
    accepted(bench, amount=20)
    accepted(bench, amount=20, scheduled_at="2026-03-05T09:00:00Z")
    body = problem(bench.pay(amount=1, scheduled_at="2026-03-05T23:00:00Z"), 422, "limit-exceeded")
    assert body["resets_at"] == "2026-03-06T00:00:00.000000Z"


def test_each_limit_is_shown_with_its_use() -> None:
    bench = limited("all USD 50/day; client USD 40/24h; customer USD 30/month; payment USD 60")
    accepted(bench)
    whole, client, customer, payment = use(bench, "?customer_id=ada")
    assert whole == {
        "rule": "all USD 50/day",
        "currency": "USD",
        "limit": 50,
        "used": 12.5,
        "remaining": 37.5,
        "resets_at": NEXT_DAY,
    }
    assert (client["used"], client["remaining"]) == (12.5, 27.5)
    assert client["resets_at"] == "2026-03-02T12:15:00.000000Z"
    assert (customer["used"], customer["resets_at"]) == (12.5, "2026-04-01T00:00:00.000000Z")
    assert [payment[each] for each in ("limit", "used", "remaining", "resets_at")] == [
        60,
        None,
        None,
        None,
    ]


def test_the_use_of_another_client_is_shown_on_request() -> None:
    bench = limited("client USD 20/day; client payroll USD 30/day; customer USD 9/day")
    accepted(bench, amount=5)
    mine, payroll, customer = use(bench)
    assert (mine["used"], payroll["used"], customer["used"]) == (5, 0, None)
    assert [each["used"] for each in use(bench, "?client=shop")] == [0, 0, None]
    assert [each["used"] for each in use(bench, "?client=payroll")] == [None, 0, None]
    for query in ("customer_id=*", "client=", f"client={'c' * 301}"):
        problem(bench.client.get(f"{LIMITS}?{query}"), 400, "invalid-request")


def test_without_rules_there_is_nothing_to_show_and_nothing_to_read() -> None:
    bench = limited()
    before = len(bench.store.calls)
    assert use(bench) == []
    assert "count_of" not in bench.store.calls[before:]
    location = accepted(bench)
    assert "charges" not in bench.client.get(location).get_json()


# Possible duplicates


def test_the_same_payment_again_is_refused_with_a_link_to_the_first() -> None:
    bench = limited(hours=2)
    location = accepted(bench)
    assert problem(bench.pay(), 409, "possible-duplicate")["payment"] == location
    problem(bench.pay(amount=12.50, allow_duplicate=False), 409, "possible-duplicate")


def later(bench: Bench) -> None:
    bench.now = bench.now.replace(hour=15)


def cancelled(bench: Bench) -> None:
    newest = bench.client.get("/v1/api/payment/ada").get_json()["payments"][0]
    path = f"/v1/api/payment/ada/{newest['payment_id']}/cancel"
    assert bench.client.post(path).status_code == 200


@pytest.mark.parametrize("happens", [later, cancelled])
def test_what_is_no_duplicate_any_more_is_accepted(happens: Callable[[Bench], None]) -> None:
    bench = limited(hours=2)
    accepted(bench)
    happens(bench)
    accepted(bench)
    problem(bench.pay(), 409, "possible-duplicate")


@pytest.mark.parametrize("order", [{"allow_duplicate": True}, {"amount": 12.51}])
def test_a_payment_that_is_meant_or_differs_is_accepted(order: dict[str, Any]) -> None:
    bench = limited(hours=2)
    accepted(bench)
    second = accepted(bench, **order)
    bench.now = bench.now.replace(hour=13, minute=59)
    refused = problem(bench.pay(amount=order.get("amount", 12.5)), 409, "possible-duplicate")
    assert refused["payment"] == second


def test_another_client_may_pay_the_same() -> None:
    bench = limited(hours=2)
    accepted(bench)
    _, token = bench.services.api_keys.create("shop", ["write"])
    assert (
        bench.caller(token)
        .post(
            "/v1/api/payment",
            json={
                "customer_id": "ada",
                "email": "ada@example.com",
                "amount": 12.5,
                "currency": "USD",
            },
        )
        .status_code
        == 202
    )


@pytest.mark.parametrize("value", [1, 0, "true", None])
def test_allow_duplicate_is_true_or_false(value: object) -> None:
    problem(limited().pay(allow_duplicate=value), 400, "invalid-request")


def test_a_retry_of_the_request_is_no_duplicate() -> None:
    bench = limited(hours=2)
    assert bench.pay(KEY).status_code == bench.pay(KEY).status_code == 202
