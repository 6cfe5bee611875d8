"""Erasing customers over HTTP: what is refused, what is gone, and what is still shown."""

from __future__ import annotations

from datetime import timedelta

from paymentapp.models.payments import Status
from tests.api.conftest import ORDER, Bench, problem

PATH = "/v1/api/customer"
ADA = f"{PATH}/ada"
PAYMENTS = "/v1/api/payment"
TEXTS = {"reference": "invoice 7", "description": "For June", "metadata": {"team": "red"}}


def cancelled(bench: Bench) -> str:
    """Have a payment requested and cancelled; return its path."""
    order = {**ORDER, **TEXTS}
    paid = bench.client.post(PAYMENTS, json=order).get_json()
    path = f"{PAYMENTS}/ada/{paid['payment_id']}"
    assert bench.client.post(f"{path}/cancel").status_code == 200
    return path


def pass_over(bench: Bench) -> None:
    """Take every step of the erasure."""
    for _ in range(40):
        while bench.services.erasures.advance():
            pass
        bench.now += timedelta(minutes=1)


def test_an_erased_customer_is_gone_at_once(paying: Bench) -> None:
    answer = paying.client.delete(ADA)
    assert (answer.status_code, answer.data) == (204, b"")
    for method, path in (("GET", ADA), ("DELETE", ADA), ("GET", f"{ADA}/payment-methods")):
        problem(paying.client.open(path, method=method), 404, "not-found")
    changed = paying.client.patch(ADA, json={"vip": True}, headers={"If-Match": "*"})
    problem(changed, 404, "not-found")
    problem(paying.client.post(PAYMENTS, json=ORDER), 404, "not-found")
    again = {"customer_id": "ada", "email": "ada@example.com"}
    assert "erased" in problem(paying.client.post(PATH, json=again), 409, "conflict")["detail"]
    assert paying.client.get(PATH).get_json()["customers"] == []


def test_an_open_payment_refuses_it(paying: Bench) -> None:
    paying.client.post(PAYMENTS, json=ORDER)
    problem(paying.client.delete(ADA), 409, "conflict")
    assert paying.client.get(ADA).status_code == 200


def test_a_version_may_be_named(paying: Bench) -> None:
    tag = paying.client.get(ADA).headers["ETag"]
    paying.client.patch(ADA, json={"vip": True}, headers={"If-Match": tag})
    stale = paying.client.delete(ADA, headers={"If-Match": tag})
    problem(stale, 412, "precondition-failed")
    current = paying.client.get(ADA).headers["ETag"]
    assert paying.client.delete(ADA, headers={"If-Match": current}).status_code == 204


def test_whatever_is_stored_is_erased_by_a_star(paying: Bench) -> None:
    assert paying.client.delete(ADA, headers={"If-Match": "*"}).status_code == 204


def test_payments_are_shown_with_nulls(paying: Bench) -> None:
    path = cancelled(paying)
    paying.client.delete(ADA)
    pass_over(paying)
    shown = paying.client.get(path).get_json()
    assert shown["erased_at"] is not None
    assert (shown["email"], shown["payee"]["display"]) == (None, None)
    assert [shown[name] for name in TEXTS] == [None, None, {}]
    assert (shown["status"], shown["amount"]) == (Status.CANCELLED, ORDER["amount"])
    for listing in (PAYMENTS, f"{PAYMENTS}/ada"):
        assert paying.client.get(listing).get_json()["payments"] == [shown]
    assert paying.client.get(f"{PAYMENTS}?reference=invoice 7").get_json()["payments"] == []


def test_the_history_says_who_has_erased_the_customer(paying: Bench) -> None:
    paying.client.delete(ADA)
    pass_over(paying)
    lines = paying.client.get(f"{ADA}/history").get_json()["history"]
    assert [(each["what"], each["by"], each["email"]) for each in lines] == [
        ("erased", "test", None),
        ("registered", lines[1]["by"], None),
    ]


def test_events_are_shown_without_the_customer(paying: Bench) -> None:
    cancelled(paying)
    paying.client.delete(ADA)
    pass_over(paying)
    events = paying.client.get("/v1/api/events").get_data(as_text=True)
    assert "payment.cancelled" in events
    assert "ada@example.com" not in events
    assert "For June" not in events
