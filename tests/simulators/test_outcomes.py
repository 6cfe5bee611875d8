"""The states of a batch and its items over time, and cancelling an item."""

from __future__ import annotations

import pytest

from .support import ITEM, PAYOUTS, Api, item

OUTCOMES = [
    ("ann@example.com", "SUCCESS", None),
    ("FAIL.bob@example.com", "FAILED", "RECEIVER_ACCOUNT_LOCKED"),
    ("unclaimed@example.com", "UNCLAIMED", "RECEIVER_UNREGISTERED"),
    ("returned+x@example.com", "RETURNED", "RECEIVER_UNREGISTERED"),
    ("held1@example.com", "ONHOLD", "REGULATORY_PENDING"),
    ("blocked@example.com", "BLOCKED", "REGULATORY_BLOCKED"),
    ("refunded@example.com", "SUCCESS", None),
    ("reversed@example.com", "SUCCESS", None),
    ("ann.fail@example.com", "SUCCESS", None),
]


@pytest.mark.parametrize(("receiver", "status", "error"), OUTCOMES)
def test_the_recipient_decides(api: Api, receiver: str, status: str, error: str | None) -> None:
    found = api.pay_one(receiver)
    assert found["transaction_status"] == status
    assert found.get("errors", {}).get("name") == error
    assert ("transaction_id" in found) == (status != "FAILED")
    alone = api.get(f"{ITEM}/{found['payout_item_id']}").get_json()
    assert alone["transaction_status"] == status
    assert alone["sender_batch_id"] == f"to {receiver}"
    assert api.ledger()[0]["transaction_status"] == status


@pytest.mark.parametrize(
    ("receiver", "later"), [("refunded@example.com", "REFUNDED"), ("reversed@e.com", "REVERSED")]
)
def test_a_success_may_come_back(api: Api, receiver: str, later: str) -> None:
    found = api.pay_one(receiver)
    api.clock.pass_by(seconds=9)
    assert api.ledger()[0]["transaction_status"] == "SUCCESS"
    api.clock.pass_by(seconds=1)
    answer = api.get(f"{ITEM}/{found['payout_item_id']}").get_json()
    assert answer["transaction_status"] == later
    assert answer["time_processed"] == "2026-03-01T09:30:12Z"


def test_a_batch_settles_by_the_clock(api: Api) -> None:
    payout_batch_id = api.pay(item(), item("fail@example.com", "5.00"))
    seen = []
    for _ in range(3):
        body = api.show(payout_batch_id)
        header = body["batch_header"]
        statuses = [each["transaction_status"] for each in body["items"]]
        seen.append((header["batch_status"], header["fees"]["value"], statuses))
        assert header["amount"] == {"currency": "USD", "value": "15.00"}
        assert header["time_created"] == "2026-03-01T09:30:00Z"
        assert ("time_completed" in header) == (header["batch_status"] == "SUCCESS")
        api.clock.pass_by(seconds=1)
    assert seen == [
        ("PENDING", "0.00", ["PENDING", "PENDING"]),
        ("PROCESSING", "0.25", ["PENDING", "PENDING"]),
        ("SUCCESS", "0.25", ["SUCCESS", "FAILED"]),
    ]
    assert api.show(payout_batch_id)["batch_header"]["time_completed"] == "2026-03-01T09:30:02Z"


def test_a_batch_of_failures_alone_is_denied(api: Api) -> None:
    payout_batch_id = api.pay(item("fail1@example.com"), item("fail2@example.com"))
    api.clock.pass_by(seconds=2)
    assert api.show(payout_batch_id)["batch_header"]["batch_status"] == "DENIED"


def test_the_delay_is_a_setting_and_changes_no_earlier_batch(api: Api) -> None:
    slow = api.pay(sender_batch_id="slow")
    api.control("PUT", "settings", json={"settle_delay": 0})
    quick = api.pay(sender_batch_id="quick")
    statuses = [api.show(each)["batch_header"]["batch_status"] for each in (slow, quick)]
    assert statuses == ["PENDING", "SUCCESS"]


def test_pages_of_a_batch(api: Api) -> None:
    payout_batch_id = api.pay(*[item(f"r{n}@example.com") for n in range(7)])
    path = f"{PAYOUTS}/{payout_batch_id}"
    body = api.get(f"{path}?page=2&page_size=3&total_required=true").get_json()
    assert (body["total_items"], body["total_pages"]) == (7, 3)
    receivers = [each["payout_item"]["receiver"] for each in body["items"]]
    assert receivers == ["r3@example.com", "r4@example.com", "r5@example.com"]
    assert [link["rel"] for link in body["links"]] == ["self", "next"]
    last = api.get(f"{path}?page=3&page_size=3").get_json()
    assert (len(last["items"]), "total_items" in last, len(last["links"])) == (1, False, 1)
    assert api.get(f"{path}?page=4&page_size=3").get_json()["items"] == []
    whole = api.pay(*[item()] * 1001, sender_batch_id="whole")
    assert len(api.show(whole)["items"]) == 1000


def test_fields_choose_parts(api: Api) -> None:
    path = f"{PAYOUTS}/{api.pay(item())}"
    assert set(api.get(f"{path}?fields=batch_header").get_json()) == {"batch_header"}
    chosen = api.get(f"{path}?fields=batch_header.batch_status,items.transaction_status")
    assert chosen.get_json() == {
        "batch_header": {"batch_status": "PENDING"},
        "items": [{"transaction_status": "PENDING"}],
    }


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=1001", "page_size=0", "page_size=1001", "page=-1"]
)
def test_a_bad_page_is_refused(api: Api, query: str) -> None:
    answer = api.get(f"{PAYOUTS}/{api.pay()}?{query}")
    assert answer.status_code == 400
    [detail] = answer.get_json()["details"]
    assert (detail["field"], detail["location"]) == (query.partition("=")[0], "query")


def test_an_unclaimed_item_can_be_cancelled_once(api: Api) -> None:
    found = api.pay_one("unclaimed@example.com")
    cancel = f"{ITEM}/{found['payout_item_id']}/cancel"
    assert {link["rel"] for link in found["links"]} == {"item", "cancel"}
    answer = api.post(cancel)
    assert (answer.status_code, answer.get_json()["transaction_status"]) == (200, "RETURNED")
    again = api.post(cancel)
    assert (again.status_code, again.get_json()["name"]) == (400, "ITEM_ALREADY_CANCELLED")
    assert api.ledger()[0]["transaction_status"] == "RETURNED"


@pytest.mark.parametrize(
    "receiver", ["ann@example.com", "fail@example.com", "held@example.com", "returned@example.com"]
)
def test_no_other_item_can_be_cancelled(api: Api, receiver: str) -> None:
    found = api.pay_one(receiver)
    answer = api.post(f"{ITEM}/{found['payout_item_id']}/cancel")
    assert (answer.status_code, answer.get_json()["name"]) == (400, "ITEM_INCORRECT_STATUS")
    assert api.ledger()[0]["transaction_status"] == found["transaction_status"]


def test_an_item_of_an_unfinished_batch_cannot_be_cancelled(api: Api) -> None:
    api.pay(item("unclaimed@example.com"))
    answer = api.post(f"{ITEM}/{api.ledger()[0]['payout_item_id']}/cancel")
    assert (answer.status_code, answer.get_json()["name"]) == (400, "BATCH_NOT_COMPLETED")


def test_an_unclaimed_item_is_returned_after_30_days(api: Api) -> None:
    api.pay_one("unclaimed@example.com")
    api.clock.pass_by(days=30, seconds=-1)
    assert api.ledger()[0]["transaction_status"] == "UNCLAIMED"
    api.clock.pass_by(seconds=1)
    assert api.ledger()[0]["transaction_status"] == "RETURNED"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", f"{PAYOUTS}/NO"), ("GET", f"{ITEM}/NO"), ("POST", f"{ITEM}/NO/cancel")],
)
def test_an_unknown_id_is_404(api: Api, method: str, path: str) -> None:
    answer = api.call(method, path)
    assert (answer.status_code, answer.get_json()["name"]) == (404, "INVALID_RESOURCE_ID")


def test_an_unknown_path_is_404_and_a_wrong_method_405(api: Api) -> None:
    answer = api.get("/v1/payments/payment")
    assert (answer.status_code, answer.get_json()["name"]) == (404, "RESOURCE_NOT_FOUND")
    assert api.call("DELETE", PAYOUTS).status_code == 405


def test_an_item_in_a_currency_that_is_bought_tells_its_conversion(api: Api) -> None:
    api.control("PUT", "settings", json={"exchange": {"EUR": "0.5"}})
    payout_batch_id = api.pay(item(currency="EUR"))
    api.clock.pass_by(seconds=2)
    found = api.show(payout_batch_id)["items"][0]
    assert found["currency_conversion"] == {
        "from_amount": {"currency": "USD", "value": "20.00"},
        "to_amount": {"currency": "EUR", "value": "10.00"},
        "exchange_rate": "0.5",
    }
    assert "currency_conversion" not in api.pay_one("bob@example.com")
