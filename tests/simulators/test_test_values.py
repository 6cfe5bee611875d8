"""PayPal's own test values, in notes and in paths."""

from __future__ import annotations

import pytest

from simulators.paypal import outcomes

from .support import ITEM, PAYOUTS, Api, batch, item

NOTES = {
    "ERRPYO001": (403, "SENDER_RESTRICTED"),
    "ERRPYO002": (403, "SENDER_EMAIL_UNCONFIRMED"),
    "ERRPYO003": (403, "AUTHORIZATION_ERROR"),
    "ERRPYO005": (422, "INSUFFICIENT_FUNDS"),
    "ERRPYO006": (500, "INTERNAL_ERROR"),
    "ERRPYO010": (400, "VALIDATION_ERROR"),
    "ERRPYO011": (403, "REQUIRED_SCOPE_MISSING"),
    "ERRPYO012": (403, "SENDER_LOCKED"),
    "ERRPYO014": (400, "USER_BUSINESS_ERROR"),
    "ERRPYO035": (429, "RATE_LIMIT_VALIDATION"),
    "ERRPYO036": (504, "REQUEST_TIMEOUT_EXCEEDED"),
    "ERRPYO037": (400, "SYNC_MODE_NOT_APPLICABLE"),
    "ERRPYO038": (400, "NON_HOLDING_CURRENCY"),
    "ERRPYO039": (409, "PREVIOUS_REQUEST_IN_PROGRESS"),
    "ERRPYO040": (403, "CIP_NOT_VERIFIED"),
}


def test_every_refusing_note_is_tried() -> None:
    assert set(NOTES) == set(outcomes.REFUSING_NOTES)


@pytest.mark.parametrize("note", NOTES)
def test_a_note_refuses_the_batch(api: Api, note: str) -> None:
    answer = api.post(PAYOUTS, batch(item(note=note)))
    assert (answer.status_code, answer.get_json()["name"]) == NOTES[note]
    assert api.ledger() == []
    assert api.pay()


@pytest.mark.parametrize("note", [*outcomes.ACCEPTED_NOTES, "ERRPYO004", "ERRPYO007", "errpyo001"])
def test_other_notes_refuse_nothing(api: Api, note: str) -> None:
    assert api.pay(item(note=note))


def test_only_the_first_note_counts(api: Api) -> None:
    assert api.pay(item(), item(note="ERRPYO001"))


def test_a_batch_id_stands_for_a_missing_venmo_note(api: Api) -> None:
    answer = api.post(PAYOUTS, batch(sender_batch_id="ERRPYO013"))
    assert (answer.status_code, answer.get_json()["name"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(("value", "error"), outcomes.BATCH_VALUES.items())
def test_batches_by_path(api: Api, value: str, error: str) -> None:
    answer = api.get(f"{PAYOUTS}/{value}")
    if error in ("INVALID_RESOURCE_ID", "INTERNAL_ERROR"):
        assert answer.status_code == {"INVALID_RESOURCE_ID": 404, "INTERNAL_ERROR": 500}[error]
        assert answer.get_json()["name"] == error
    else:
        [only] = answer.get_json()["items"]
        assert only["errors"]["name"] == error
        assert only["transaction_status"] == outcomes.status_of_error(error)


@pytest.mark.parametrize(("value", "status"), outcomes.BATCH_STATUS_VALUES.items())
def test_batch_statuses_by_path(api: Api, value: str, status: str) -> None:
    assert api.show(value)["batch_header"]["batch_status"] == status


@pytest.mark.parametrize(("value", "error"), outcomes.ITEM_VALUES.items())
def test_items_by_path(api: Api, value: str, error: str) -> None:
    answer = api.get(f"{ITEM}/{value}").get_json()
    assert answer.get("errors", answer)["name"] == error


def test_the_published_numbers() -> None:
    assert outcomes.BATCH_VALUES["ERRPYO034"] == "INVALID_EMAIL"
    assert outcomes.BATCH_VALUES["ERRPYOB015"] == "TRANSACTION_DECLINED_BY_TRAVEL_RULE"
    assert outcomes.ITEM_VALUES["ERRPYO059"] == "INVALID_EMAIL"
    assert outcomes.ITEM_VALUES["ERRPYOB026"] == "TRANSACTION_DECLINED_BY_TRAVEL_RULE"
    assert (len(outcomes.BATCH_VALUES), len(outcomes.ITEM_VALUES)) == (32, 31)


def test_a_good_item_by_path(api: Api) -> None:
    assert api.get(f"{ITEM}/POSPOI001").get_json()["transaction_status"] == "SUCCESS"
    assert api.post(f"{ITEM}/POSPOI002/cancel").get_json()["transaction_status"] == "RETURNED"


@pytest.mark.parametrize(("value", "error"), outcomes.CANCEL_VALUES.items())
def test_cancels_by_path(api: Api, value: str, error: str) -> None:
    answer = api.post(f"{ITEM}/{value}/cancel")
    assert answer.status_code == (404 if error == "INVALID_RESOURCE_ID" else 400)
    assert answer.get_json()["name"] == error
