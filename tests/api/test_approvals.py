"""Approvals over HTTP: who may approve what, and what a payment shows of it."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from paymentapp.config import Settings
from paymentapp.models.actors import APPROVE
from tests.api.conftest import Bench, problem

SMALL, LARGE = 12.5, 6000


@pytest.fixture
def bench() -> Bench:
    bench = Bench(Settings(approvals="USD 5000..: 1; USD 10000..: 2"))
    bench.add_customer()
    return bench


def approver(bench: Bench, name: str = "ann", client: str = "") -> FlaskClient:
    """Return a client that may approve payments, and read them."""
    key = bench.services.api_keys.create(name, ["read", APPROVE], client=client)[1]
    return bench.caller(key)


def shown(bench: Bench, location: str) -> dict[str, Any]:
    found: dict[str, Any] = bench.client.get(location).get_json()
    return found


def test_a_payment_that_no_rule_covers_needs_nobody(bench: Bench) -> None:
    payment = bench.pay(amount=SMALL).get_json()
    assert payment["status"] == "pending"
    needs = payment["approval_rule"], payment["approvals_needed"], payment["approvals"]
    assert needs == (None, 0, [])


def test_a_payment_that_a_rule_covers_is_accepted_and_shows_the_rule(bench: Bench) -> None:
    response = bench.pay(amount=LARGE)
    payment = response.get_json()
    assert (response.status_code, payment["status"]) == (202, "awaiting_approval")
    needs = payment["approval_rule"], payment["approvals_needed"], payment["approvals"]
    assert needs == ("USD 5000..: 1", 1, [])
    assert payment["waiting_for"] == "approval"
    assert payment["waiting_since"] == payment["history"][0]["at"]
    listed = bench.client.get("/v1/api/payment/ada?status=awaiting_approval").get_json()
    assert listed["payments"] == [payment]


def test_somebody_else_approves_it_and_it_shows_who(bench: Bench) -> None:
    location = bench.pay(amount=LARGE).headers["Location"]
    response = approver(bench).post(f"{location}/approve", json={"note": "invoice 7"})
    payment = response.get_json()
    assert (response.status_code, payment["status"]) == (200, "pending")
    (approval,) = payment["approvals"]
    assert approval == {"at": approval["at"], "by": "ann", "note": "invoice 7", "void": False}
    assert payment["history"][-1]["by"] == "ann"
    assert payment["waiting_for"] is None
    assert shown(bench, location) == payment


def test_two_approvals_come_from_two_clients(bench: Bench) -> None:
    location = bench.pay(amount=2 * LARGE).headers["Location"]
    ann, bob = approver(bench), approver(bench, "bob")
    for _ in range(2):
        once = ann.post(f"{location}/approve", json={}).get_json()
        assert (once["status"], len(once["approvals"])) == ("awaiting_approval", 1)
    another_key = approver(bench, "ann-2", client="ann")
    assert another_key.post(f"{location}/approve", json={}).get_json() == once
    assert bob.post(f"{location}/approve", json={}).get_json()["status"] == "pending"


def test_neither_the_maker_nor_another_key_of_the_same_client_decides(bench: Bench) -> None:
    location = bench.pay(amount=LARGE).headers["Location"]
    for caller in (bench.client, approver(bench, "test-2", client="test")):
        problem(caller.post(f"{location}/approve", json={}), 403, "forbidden")
        problem(caller.post(f"{location}/reject", json={"reason": "no"}), 403, "forbidden")
    assert shown(bench, location)["status"] == "awaiting_approval"


def test_it_is_rejected_with_a_reason_and_then_retried(bench: Bench) -> None:
    location = bench.pay(amount=LARGE).headers["Location"]
    ann = approver(bench)
    problem(ann.post(f"{location}/reject", json={}), 400, "invalid-request")
    payment = ann.post(f"{location}/reject", json={"reason": "not ours"}).get_json()
    assert (payment["status"], payment["reason"]) == ("rejected", "not ours")
    detail = problem(ann.post(f"{location}/approve", json={}), 409, "conflict")["detail"]
    assert detail == "There is nothing to approve: the payment is rejected."
    retry = bench.client.post(f"{location}/retry", json={})
    assert (retry.status_code, retry.get_json()["status"]) == (202, "awaiting_approval")


def test_it_can_be_cancelled_by_its_maker(bench: Bench) -> None:
    location = bench.pay(amount=LARGE).headers["Location"]
    assert bench.client.post(f"{location}/cancel").get_json()["status"] == "cancelled"
    problem(approver(bench).post(f"{location}/approve", json={}), 409, "conflict")


def test_an_approval_needs_no_body(bench: Bench) -> None:
    location = bench.pay(amount=LARGE).headers["Location"]
    assert approver(bench).post(f"{location}/approve").get_json()["status"] == "pending"


@pytest.mark.parametrize("note", ["", "two\nlines", "x" * 201, None, 5])
def test_a_note_is_one_line_of_text(bench: Bench, note: object) -> None:
    location = bench.pay(amount=LARGE).headers["Location"]
    response = approver(bench).post(f"{location}/approve", json={"note": note})
    problem(response, 400, "invalid-request")


def test_nobody_waits_for_an_outcome_that_takes_an_approval(bench: Bench) -> None:
    response = bench.pay({"Prefer": "wait=30"}, amount=LARGE)
    assert response.get_json()["status"] == "awaiting_approval"
