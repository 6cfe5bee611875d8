"""The transaction search: results, refusals, pages."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.paypal.oauth import SEARCH_SCOPE

from .support import SEARCH, Api, item

ALL = f"{SEARCH}?start_date=2026-02-28T00:00:00Z&end_date=2026-03-31T00:00:00Z"


def found(api: Api, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(ALL + query)
    assert answer.status_code == 200, answer.text
    details = answer.get_json().get("transaction_details", [])
    return [detail["transaction_info"] for detail in details]


def test_a_payout_is_found_with_its_item_id_once_it_has_moved(api: Api) -> None:
    batch_id = api.pay(item(value="12.50", sender_item_id="i-1"))
    assert found(api) == []
    api.clock.pass_by(seconds=2)
    (info,) = found(api)
    shown = api.show(batch_id)["items"][0]
    assert info["transaction_id"] == shown["transaction_id"]
    assert info["custom_field"] == "i-1"
    assert info["transaction_event_code"] == "T0001"
    assert info["transaction_initiation_date"] == "2026-03-01T09:30:02Z"
    assert info["transaction_amount"] == {"currency_code": "USD", "value": "-12.50"}
    assert info["fee_amount"] == {"currency_code": "USD", "value": "-0.25"}
    assert info["transaction_status"] == "S"


@pytest.mark.parametrize(
    ("receiver", "code"),
    [("unclaimed@example.com", "P"), ("held@example.com", "P"), ("returned@example.com", "V")],
)
def test_a_transaction_has_a_status_of_its_own(api: Api, receiver: str, code: str) -> None:
    api.pay_one(receiver)
    assert [info["transaction_status"] for info in found(api)] == [code]
    assert len(found(api, f"&transaction_status={code}")) == 1
    assert found(api, "&transaction_status=S") == []


def test_what_failed_moved_nothing(api: Api) -> None:
    api.pay_one("fail@example.com")
    assert found(api) == []


def test_an_item_id_that_a_custom_field_cannot_hold_is_left_out(api: Api) -> None:
    api.pay(item(sender_item_id="i/1"), item())
    api.clock.pass_by(seconds=2)
    assert ["custom_field" in info for info in found(api)] == [False, False]


def test_a_search_is_of_what_it_asks_for(api: Api) -> None:
    api.pay(item(currency="EUR"), sender_batch_id="b-eur")
    api.pay(item(), sender_batch_id="b-usd")
    api.clock.pass_by(seconds=2)
    (euro,) = found(api, "&transaction_currency=EUR")
    assert euro["transaction_amount"]["currency_code"] == "EUR"
    assert found(api, f"&transaction_id={euro['transaction_id']}") == [euro]
    assert len(found(api, "&transaction_type=T0001")) == 2
    assert found(api, "&transaction_type=T0006") == []
    late = f"{SEARCH}?start_date=2026-03-01T09:30:03Z&end_date=2026-03-02T00:00:00Z"
    assert "transaction_details" not in api.get(late).get_json()


def test_a_search_may_lag(api: Api) -> None:
    api.control("PUT", "settings", json={"search_lag": 10_800})
    api.pay_one("ann@example.com")
    assert found(api) == []
    api.clock.pass_by(hours=3)
    assert len(found(api)) == 1


def test_pages_follow_each_other(api: Api) -> None:
    api.pay(*(item(sender_item_id=f"i-{n}") for n in range(5)))
    api.clock.pass_by(seconds=2)
    seen = []
    for page in (1, 2, 3):
        body = api.get(f"{ALL}&page_size=2&page={page}").get_json()
        assert (body["page"], body["total_items"], body["total_pages"]) == (page, 5, 3)
        rels = [link["rel"] for link in body["links"]]
        assert rels == (["self"] if page == 3 else ["self", "next", "last"])
        seen += [each["transaction_info"]["custom_field"] for each in body["transaction_details"]]
    assert seen == [f"i-{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "start_date"),
        ("start_date=2026-03-01T00:00:00Z", "end_date"),
        ("start_date=2026-03-01&end_date=2026-03-02T00:00:00Z", "start_date"),
        ("start_date=2026-02-31T00:00:00Z&end_date=2026-03-02T00:00:00Z", "start_date"),
        ("start_date=2026-03-02T00:00:00Z&end_date=2026-03-01T00:00:00Z", "end_date"),
        ("start_date=2026-03-01T00:00:00Z&end_date=2026-04-01T00:00:01Z", "end_date"),
        ("start_date=2026-03-01T00:00:00Z&end_date=2026-03-02T00:00:00Z&page=0", "page"),
        (
            "start_date=2026-03-01T00:00:00Z&end_date=2026-03-02T00:00:00Z&page_size=501",
            "page_size",
        ),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(api: Api, query: str, field: str) -> None:
    answer = api.get(f"{SEARCH}?{query}")
    assert answer.status_code == 400
    body = answer.get_json()
    assert (body["name"], body["details"][0]["field"]) == ("INVALID_REQUEST", field)


def test_thirty_one_days_are_searched(api: Api) -> None:
    query = "start_date=2026-03-01T00:00:00Z&end_date=2026-04-01T00:00:00Z"
    assert api.get(f"{SEARCH}?{query}").status_code == 200


def test_a_search_needs_a_token_and_a_permission(api: Api) -> None:
    assert SEARCH_SCOPE in api.ask_token().get_json()["scope"]
    assert api.call("GET", ALL, headers={"Authorization": "Bearer no"}).status_code == 401
    api.control("PUT", "settings", json={"search": "off"})
    answer = api.get(ALL)
    assert (answer.status_code, answer.get_json()["name"]) == (403, "NOT_AUTHORIZED")
    assert SEARCH_SCOPE not in api.ask_token().get_json()["scope"]


def test_a_search_that_finds_too_much_is_refused(api: Api) -> None:
    """Check an answer that the description lacks; PayPal's page on reports has it."""
    api.control("PUT", "settings", json={"search_limit": 1})
    api.pay(item(), item())
    api.clock.pass_by(seconds=2)
    headers = {"Authorization": f"Bearer {api.token}"}
    answer = api.app.test_client().get(ALL, headers=headers)
    assert (answer.status_code, answer.get_json()["name"]) == (400, "RESULTSET_TOO_LARGE")
    assert answer.get_json()["maximum_items"] == 1


def test_balances_are_what_is_left_as_late_as_the_search_is(api: Api) -> None:
    api.control("PUT", "settings", json={"balance": {"USD": "100.00", "JPY": "5"}})
    api.pay_one("ann@example.com")
    api.pay_one("fail@example.com")
    body = api.get("/v1/reporting/balances").get_json()
    left = {each["currency"]: each["available_balance"]["value"] for each in body["balances"]}
    assert left == {"USD": "89.75", "JPY": "5"}
    api.control("PUT", "settings", json={"search_lag": 3600})
    body = api.get("/v1/reporting/balances").get_json()
    assert body["balances"][0]["available_balance"]["value"] == "100.00"
    assert body["last_refresh_time"] == "2026-03-01T08:30:04Z"


def test_balances_take_the_permission(api: Api) -> None:
    api.control("PUT", "settings", json={"search": "off"})
    assert api.get("/v1/reporting/balances").status_code == 403
