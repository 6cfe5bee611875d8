"""Holds over HTTP: the stop button, one payment, and what a held payment shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.api.conftest import Bench, problem

HOLDS = "/v1/api/holds"
STOP = {"scope": "all", "reason": "something is wrong"}


def place(bench: Bench, status: int = 201, **body: str) -> dict[str, Any]:
    response = bench.client.post(HOLDS, json={**STOP, **body})
    assert response.status_code == status, response.get_data(as_text=True)
    placed: dict[str, Any] = response.get_json()
    return placed


def in_force(bench: Bench) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bench.client.get(HOLDS).get_json()["holds"]
    return found


def test_everything_is_held_listed_and_released(paying: Bench) -> None:
    placed = place(paying)
    assert (placed["scope"], placed["value"], placed["by"]) == ("all", None, "test")
    assert placed["reason"] == "something is wrong"
    assert in_force(paying) == [placed]
    released = paying.client.delete(f"{HOLDS}/{placed['hold_id']}")
    assert (released.status_code, released.data) == (204, b"")
    assert in_force(paying) == []
    problem(paying.client.delete(f"{HOLDS}/{placed['hold_id']}"), 404, "not-found")


def test_the_same_hold_twice_answers_the_first(paying: Bench) -> None:
    first = place(paying, scope="customer", value="ada")
    again = place(paying, 200, scope="customer", value="ada", reason="another")
    assert again == first
    assert len(in_force(paying)) == 1


def test_a_payment_shows_that_it_is_held_and_since_when(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    held = paying.client.post(f"{location}/hold", json={"reason": "a doubt"}).get_json()
    assert (held["status"], held["waiting_for"]) == ("pending", "hold")
    assert held["waiting_since"] == in_force(paying)[0]["created_at"]
    assert paying.client.get(location).get_json() == held
    assert paying.client.get("/v1/api/payment/ada").get_json()["payments"] == [held]
    released = paying.client.post(f"{location}/release").get_json()
    assert (released["waiting_for"], released["waiting_since"]) == (None, None)


def test_a_payment_is_accepted_while_everything_is_held(paying: Bench) -> None:
    place(paying)
    accepted = paying.pay()
    assert accepted.status_code == 202
    assert accepted.get_json()["waiting_for"] == "hold"
    cancelled = paying.client.post(f"{accepted.headers['Location']}/cancel").get_json()
    assert (cancelled["status"], cancelled["waiting_for"]) == ("cancelled", None)


def test_the_hold_of_a_payment_is_its_own_and_its_release_leaves_the_others(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    place(paying)
    problem(paying.client.post(f"{location}/release"), 409, "conflict")
    paying.client.post(f"{location}/hold", json={"reason": "a doubt"})
    assert paying.client.post(f"{location}/release").get_json()["waiting_for"] == "hold"
    assert [hold["scope"] for hold in in_force(paying)] == ["all"]


@pytest.mark.parametrize("reason", ["", " \n", "two\nlines", "x" * 201, None, 5])
def test_a_reason_is_one_line_of_text(paying: Bench, reason: object) -> None:
    problem(paying.client.post(HOLDS, json={**STOP, "reason": reason}), 400, "invalid-request")


def test_readiness_tells_what_is_held_and_names_no_customer(paying: Bench) -> None:
    place(paying)
    place(paying, scope="provider", value="paypal")
    place(paying, scope="customer", value="ada")
    paying.now += timedelta(seconds=2)
    checks = {check.name: check._asdict() for check in paying.services.health.checks()}
    detail = "held: everything, provider paypal, 1 customer"
    assert checks["holds"] == {"name": "holds", "ok": True, "detail": detail}


def test_readiness_fails_while_holds_cannot_be_read(paying: Bench) -> None:
    paying.store.down = True
    paying.services.holds.forget()
    response = paying.caller(None).get("/readyz")
    checks = {check.name: check._asdict() for check in paying.services.health.checks()}
    assert response.status_code == 503
    detail = "unknown: the store does not answer"
    assert checks["holds"] == {"name": "holds", "ok": False, "detail": detail}
