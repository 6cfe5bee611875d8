"""Listing customers, and finding them by their e-mail address."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Bench, problem

PATH = "/v1/api/customer"


def listed(bench: Bench, **query: Any) -> dict[str, Any]:
    answer = bench.client.get(PATH, query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    body: dict[str, Any] = answer.get_json()
    return body


def test_customers_are_listed_in_pages(bench: Bench) -> None:
    for name in ("ann", "bob", "eve"):
        bench.add_customer(name, f"{name}@example.com")
    first = listed(bench, limit=2)
    rest = listed(bench, limit=2, cursor=first["next_cursor"])
    assert [len(first["customers"]), len(rest["customers"])] == [2, 1]
    names = [each["customer_id"] for page in (first, rest) for each in page["customers"]]
    assert sorted(names) == ["ann", "bob", "eve"]
    assert rest["next_cursor"] is None


def test_a_listing_of_nobody_is_an_empty_page(bench: Bench) -> None:
    assert listed(bench) == {"customers": [], "next_cursor": None}


def test_a_listing_shows_what_the_record_itself_shows_and_no_more(bench: Bench) -> None:
    bench.client.post(PATH, json={"customer_id": "ada", "email": "ada@example.com", "vip": True})
    customer = bench.services.customers.get("ada")
    assert bench.store.change_customer(customer, customer.changed(default_method="paypal"))
    assert listed(bench)["customers"] == [bench.client.get(f"{PATH}/ada").get_json()]


def test_customers_are_found_by_their_address_exactly(bench: Bench) -> None:
    bench.add_customer("ann", "family@example.com")
    bench.add_customer("bob", "family@example.com")
    bench.add_customer("eve", "Family@example.com")
    found = listed(bench, email="family@example.com")["customers"]
    assert [each["customer_id"] for each in found] == ["ann", "bob"]
    assert listed(bench, email="nobody@example.com")["customers"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("limit", each) for each in ("0", "101", "x", "-1")],
        *[("cursor", each) for each in ("YWRh=", "LWFkYQ==", "", "ada", "MjAyNg")],
        *[("email", each) for each in ("ada", "", "a" * 130 + "@example.com")],
        ("status", "pending"),
    ],
)
def test_what_cannot_be_meant_is_refused(bench: Bench, name: str, value: str) -> None:
    answer = bench.client.get(PATH, query_string={name: value})
    errors = problem(answer, 400, "invalid-request")["errors"]
    assert {error["parameter"] for error in errors} == {name}
