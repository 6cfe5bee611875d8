"""Requesting, getting, listing and cancelling payments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from paymentapp.api import examples
from paymentapp.models.payments import Cause, PaymentKey, Status
from paymentapp.providers.updates import ItemReport
from paymentapp.storage.changes import PaymentChange
from tests.api.conftest import ORDER, Bench, problem

PATH = "/v1/api/payment"


def move(bench: Bench, location: str, *statuses: Status) -> None:
    """Change a payment as the dispatcher would."""
    customer_id, payment_id = location.split("/")[-2:]
    payment = bench.services.payments.get(PaymentKey(customer_id, payment_id))
    for status in statuses:
        moved = payment.moved(status, bench.clock(), Cause.POLL, "B1", reason="WHY", batch_id="B1")
        assert bench.store.change_payments([PaymentChange(payment, moved)]) == [True]
        payment = moved


def test_a_payment_is_accepted(paying: Bench) -> None:
    response = paying.pay()
    body = response.get_json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"{PATH}/ada/{body['payment_id']}"
    assert "Idempotent-Replayed" not in response.headers
    assert set(body) == set(examples.PENDING)
    assert {name: body[name] for name in ORDER} == ORDER
    assert body["payment_method"] == "paypal"
    assert body["status"] == "pending"
    assert [line["status"] for line in body["history"]] == ["pending"]
    assert [payment.payment_id for payment in paying.worker.woken] == [body["payment_id"]]
    assert paying.client.get(response.headers["Location"]).get_json() == body


def test_what_happened_is_shown(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    move(paying, location, Status.SUBMITTED, Status.FAILED)
    body = paying.client.get(location).get_json()
    assert (body["status"], body["reason"], body["batch_id"]) == ("failed", "WHY", "B1")
    assert body["updated_at"] == body["history"][-1]["at"]
    assert body["history"][-1] == {
        "at": body["updated_at"],
        "status": "failed",
        "cause": "poll",
        "reference": "B1",
        "by": None,
    }


def test_a_payment_that_its_provider_holds_says_so_and_why(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    move(paying, location, Status.SUBMITTED)
    payment = paying.services.payments.get(PaymentKey(*location.split("/")[-2:]))
    held = ItemReport(payment.key.item_id, Status.SUBMITTED, "ONHOLD", reason="REGULATORY_PENDING")
    paying.services.settlement.apply_report(payment, held, Cause.WEBHOOK)
    body = paying.client.get(location).get_json()
    assert (body["status"], body["provider_status"]) == ("submitted", "ONHOLD")
    assert body["reason"] == "REGULATORY_PENDING"


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("10.10", "10.1"),
        ("0.1", "0.1"),
        ("1e3", "1000"),
        ("1.00", "1"),
        ("0.01", "0.01"),
        ("19999.99", "19999.99"),
        ("2E-1", "0.2"),
    ],
)
def test_an_amount_stays_exact(paying: Bench, sent: str, answered: str) -> None:
    body = paying.app.json.dumps({**ORDER, "amount": "?"}).replace('"?"', sent)
    response = paying.send(PATH, body)
    assert response.status_code == 202
    assert f'"amount":{answered},'.encode() in response.data
    assert paying.worker.woken[0].money.amount == Decimal(sent)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 0),
        ("amount", -1),
        ("amount", -0.01),
        ("amount", "12.50"),
        ("amount", True),
        ("amount", None),
        ("amount", [1]),
        ("amount", {}),
        ("amount", 10**15 - 0.5),
        ("currency", "usd"),
        ("currency", "US"),
        ("currency", "USD\n"),
        ("currency", "US1"),
        ("currency", "\u0415UR"),
        ("currency", 840),
        ("customer_id", "a b"),
        ("customer_id", "ada\n"),
        ("customer_id", ""),
        ("customer_id", "a" * 51),
        ("customer_id", 5),
        ("email", "ada"),
        ("email", None),
        ("payment_method", None),
        ("payment_method", ""),
        ("payment_method", "Pay Pal"),
        ("payment_method", "x" * 33),
        ("note", "hello"),
        ("paymentmethod", "paypal"),
        ("status", "succeeded"),
        ("customer_id", ...),
        ("email", ...),
        ("amount", ...),
        ("currency", ...),
    ],
)
def test_what_the_model_refuses_is_refused_by_name(paying: Bench, field: str, value: Any) -> None:
    errors = problem(paying.pay(**{field: value}), 400, "invalid-request")["errors"]
    assert {error["pointer"] for error in errors} == {f"/{field}"}
    assert not paying.worker.woken


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("currency", {"currency": "XXX"}),
        ("amount", {"amount": 1.234}),
        ("amount", {"amount": 1.5, "currency": "JPY"}),
        ("amount", {"amount": 20000.01}),
        ("amount", {"amount": 5e-324}),
        ("email", {"email": "eve@example.com"}),
        ("payment_method", {"payment_method": "stripe"}),
    ],
)
def test_what_cannot_be_paid_is_said(paying: Bench, field: str, changes: dict[str, Any]) -> None:
    body = problem(paying.pay(**changes), 422, "not-payable")
    assert body["errors"] == [{"pointer": f"/{field}", "message": body["detail"]}]
    assert "ada@example.com" not in str(body)
    assert not paying.worker.woken


def test_an_unknown_customer_is_not_paid(bench: Bench) -> None:
    problem(bench.pay(), 404, "not-found")


def test_a_customer_sees_only_their_own_payments(paying: Bench) -> None:
    payment_id = paying.pay().get_json()["payment_id"]
    paying.add_customer("eve", "eve@example.com")
    problem(paying.client.get(f"{PATH}/eve/{payment_id}"), 404, "not-found")
    assert paying.client.get(f"{PATH}/eve").get_json()["payments"] == []


@pytest.mark.parametrize("payment_id", ["1", "2026-03-01", "2026-03-01T12:00:00.000001Z%0A"])
def test_an_impossible_payment_id_is_not_found(paying: Bench, payment_id: str) -> None:
    problem(paying.client.get(f"{PATH}/ada/{payment_id}"), 404, "not-found")
    problem(paying.client.post(f"{PATH}/ada/{payment_id}/cancel"), 404, "not-found")


def test_a_waiting_payment_is_cancelled(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    response = paying.client.post(f"{location}/cancel")
    assert response.status_code == 200
    assert response.get_json()["status"] == "cancelled"
    assert paying.client.post(f"{location}/cancel").get_json() == response.get_json()


def test_an_unclaimed_payment_is_to_be_taken_back(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    move(paying, location, Status.SUBMITTED, Status.UNCLAIMED)
    body = paying.client.post(f"{location}/cancel").get_json()
    assert (body["status"], body["cancel_requested"]) == ("unclaimed", True)


def test_it_can_be_too_late_to_cancel(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    move(paying, location, Status.SUBMITTED)
    body = problem(paying.client.post(f"{location}/cancel"), 409, "conflict")
    assert "submitted" in body["detail"]


def test_cancelling_nothing_is_not_found(paying: Bench) -> None:
    path = f"{PATH}/ada/2026-03-01T12:00:00.000001Z/cancel"
    problem(paying.client.post(path), 404, "not-found")
