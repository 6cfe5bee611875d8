"""Listing the payments of all customers, with filters."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from paymentapp.models.payments import Status
from tests.api.conftest import ORDER, Bench, problem
from tests.api.test_payments import move

PATH = "/v1/api/payment"


@pytest.fixture
def account(paying: Bench) -> Bench:
    """Create payments of two customers on five days; the second one is submitted."""
    paying.add_customer("bob", "bob@example.com")
    for day in range(1, 6):
        paying.now = datetime(2026, 4, day, 12, tzinfo=UTC)
        name = "bob" if day % 2 else "ada"
        order: dict[str, Any] = {"customer_id": name, "email": f"{name}@example.com", "amount": day}
        answer = paying.pay(**order, reference=f"invoice {day}")
        if day == 2:
            move(paying, answer.headers["Location"], Status.SUBMITTED)
    return paying


def listed(bench: Bench, **query: Any) -> dict[str, Any]:
    answer = bench.client.get(PATH, query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    body: dict[str, Any] = answer.get_json()
    return body


def amounts(bench: Bench, **query: Any) -> list[Any]:
    return [payment["amount"] for payment in listed(bench, **query)["payments"]]


def test_the_payments_of_all_customers_are_listed_newest_first(account: Bench) -> None:
    body = listed(account)
    assert set(body) == {"payments", "next_cursor"}
    assert body["next_cursor"] is None
    assert [payment["amount"] for payment in body["payments"]] == [5, 4, 3, 2, 1]
    assert {payment["customer_id"] for payment in body["payments"]} == {"ada", "bob"}


def test_an_account_without_payments_is_an_empty_page(bench: Bench) -> None:
    assert listed(bench) == {"payments": [], "next_cursor": None}


def test_a_payment_is_listed_as_it_is_shown(account: Bench) -> None:
    for payment in listed(account)["payments"]:
        path = f"{PATH}/{payment['customer_id']}/{payment['payment_id']}"
        assert account.client.get(path).get_json() == payment


def test_pages_follow_each_other(account: Bench) -> None:
    seen: list[Any] = []
    query: dict[str, Any] = {"limit": 2}
    for _ in range(3):
        body = listed(account, **query)
        seen += [payment["amount"] for payment in body["payments"]]
        query["cursor"] = body["next_cursor"]
    assert seen == [5, 4, 3, 2, 1]
    assert body["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"reference": "invoice 3"}, [3]),
        ({"reference": "invoice"}, []),
        ({"status": "submitted"}, [2]),
        ({"status": "pending"}, [5, 4, 3, 1]),
        ({"status": "succeeded"}, []),
        ({"payment_method": "paypal"}, [5, 4, 3, 2, 1]),
        ({"payment_method": "cash"}, []),
        ({"currency": ORDER["currency"]}, [5, 4, 3, 2, 1]),
        ({"currency": "JPY"}, []),
        ({"created_by": "nobody"}, []),
        ({"min_amount": "2", "max_amount": "3.00"}, [3, 2]),
        ({"min_amount": "4.01"}, [5]),
        ({"min_amount": "4", "max_amount": "3"}, []),
        ({"from": "2026-04-02", "to": "2026-04-03"}, [3, 2]),
        ({"from": "2026-04-04T12:00:00Z"}, [5, 4]),
        ({"provider_id": "unknown"}, []),
        ({"status": "pending", "max_amount": "3", "from": "2026-04-02"}, [3]),
    ],
)
def test_filters_narrow_the_list(
    account: Bench, query: dict[str, Any], expected: list[int]
) -> None:
    assert amounts(account, **query) == expected


def test_a_client_finds_what_it_has_requested(account: Bench) -> None:
    (creator,) = {payment["created_by"] for payment in listed(account)["payments"]}
    assert creator
    assert amounts(account, created_by=creator) == [5, 4, 3, 2, 1]


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("limit", each) for each in ("0", "101", "x", "")],
        *[("status", each) for each in ("", "PENDING")],
        *[("reference", each) for each in ("", "ä", "x" * 101)],
        *[("currency", each) for each in ("", "usd", "USDX")],
        *[("payment_method", each) for each in ("", "PayPal")],
        *[("created_by", each) for each in ("", "a\nb", "x" * 256)],
        *[("provider_id", each) for each in ("", "a b", "ä", "x" * 129)],
        *[("min_amount", each) for each in ("", "-1", "1e2", "٣", "1.", "NaN", "1" * 16, "1\n")],
        ("max_amount", "Infinity"),
        ("from", "yesterday"),
        ("bulk_id", "b"),
        *[
            ("cursor", each)
            for each in (
                "",
                "x",
                encoded("2026-04-01T00:00:00.000000Z"),
                encoded("2026-04-01T00:00:00.000000Z "),
                encoded("2026-04-01T00:00:00.000000Z a b"),
                encoded("2026-04-31T00:00:00.000000Z ada"),
                encoded("ada 2026-04-01T00:00:00.000000Z"),
                encoded("2026-04-01T00:00:00.000000Z ada").rstrip("="),
                "ÿ",
            )
        ],
    ],
)
def test_what_cannot_be_meant_is_refused(bench: Bench, name: str, value: str) -> None:
    answer = bench.client.get(PATH, query_string={name: value})
    errors = problem(answer, 400, "invalid-request")["errors"]
    assert {error["parameter"] for error in errors} == {name}
