"""Changing customers: which version, who may, what stays, and what shows it."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from paymentapp.config import Settings
from tests.api.conftest import Bench, problem

PATH = "/v1/api/customer"
ADA = f"{PATH}/ada"
NEW = "ada@new.example"
ANY = {"If-Match": "*"}


def change(bench: Bench, match: str | None = "*", **body: Any) -> TestResponse:
    headers = {"If-Match": match} if match is not None else {}
    return bench.client.patch(ADA, json=body, headers=headers)


def tag_of(bench: Bench) -> str:
    return bench.client.get(ADA).headers["ETag"]


def test_an_address_and_attributes_change_in_one_request(bench: Bench) -> None:
    added = bench.client.post(
        PATH, json={"customer_id": "ada", "email": "ada@example.com", "vip": 1, "country": "DE"}
    )
    answer = change(bench, added.headers["ETag"], email=NEW, country=None, city="Paris", vip=True)
    assert answer.status_code == 200
    assert answer.get_json() == {
        "customer_id": "ada",
        "email": NEW,
        "created_at": added.get_json()["created_at"],
        "vip": True,
        "city": "Paris",
    }
    shown = bench.client.get(ADA)
    assert shown.get_json() == answer.get_json()
    assert shown.headers["ETag"] == answer.headers["ETag"] != added.headers["ETag"]


def test_every_answer_with_a_record_has_its_tag(paying: Bench) -> None:
    again = paying.client.post(PATH, json={"customer_id": "ada", "email": "ada@example.com"})
    assert again.status_code == 200
    assert again.headers["ETag"] == tag_of(paying)
    assert again.headers["ETag"].startswith('"')


def test_without_a_version_nothing_changes(paying: Bench) -> None:
    problem(change(paying, None, email=NEW), 428, "precondition-required")
    assert paying.services.customers.get("ada").email == "ada@example.com"


@pytest.mark.parametrize("match", ["abc", '"a', "", '"a" "b"', 'w/"a"'])
def test_a_malformed_version_is_refused(paying: Bench, match: str) -> None:
    errors = problem(change(paying, match, email=NEW), 400, "invalid-request")["errors"]
    assert errors[0]["header"] == "If-Match"


def test_a_record_that_has_changed_since_stays(paying: Bench) -> None:
    tag = tag_of(paying)
    assert change(paying, tag, country="FR").status_code == 200
    problem(change(paying, tag, email=NEW), 412, "precondition-failed")
    problem(change(paying, f"W/{tag_of(paying)}", email=NEW), 412, "precondition-failed")
    assert paying.services.customers.get("ada").email == "ada@example.com"


def test_a_change_whose_answer_was_lost_may_be_repeated(paying: Bench) -> None:
    tag = tag_of(paying)
    first = change(paying, tag, email=NEW)
    again = change(paying, tag, email=NEW)
    assert (again.status_code, again.get_json()) == (200, first.get_json())
    assert len(paying.store.customer_history("ada", 9)) == 2


def test_a_payment_method_leaves_the_version_as_it_is(paying: Bench) -> None:
    tag = tag_of(paying)
    customer = paying.services.customers.get("ada")
    assert paying.store.change_customer(customer, customer.changed(default_method="paypal"))
    assert tag_of(paying) == tag


def test_a_merge_patch_has_a_media_type_of_its_own(paying: Bench) -> None:
    kind = "application/merge-patch+json"
    answer = paying.client.patch(ADA, data='{"vip": 1.50}', headers=ANY, content_type=kind)
    assert answer.get_json()["vip"] == 1.5
    refused = paying.client.post("/v1/api/payment", data="{}", content_type=kind)
    problem(refused, 415, "media-type")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", None),
        ("email", "ada"),
        ("customer_id", "eve"),
        ("created_at", "2026-01-01T00:00:00Z"),
        ("updated_at", None),
        ("two words", 1),
        ("list", []),
        ("long", "v" * 201),
    ],
)
def test_a_change_has_the_limits_of_a_registration(paying: Bench, name: str, value: Any) -> None:
    errors = problem(change(paying, **{name: value}), 400, "invalid-request")["errors"]
    assert {error["pointer"] for error in errors} == {f"/{name}"}
    assert len(paying.store.customer_history("ada", 9)) == 1


def test_attributes_are_limited_together_with_those_that_stay(paying: Bench) -> None:
    ten: dict[str, Any] = {f"name{number}": "x" * 50 for number in range(10)}
    assert change(paying, **ten).status_code == 200
    problem(change(paying, more="x"), 422, "unprocessable")
    problem(change(paying, name0="x" * 200), 422, "unprocessable")
    many: dict[str, Any] = {f"n{number}": 1 for number in range(21)}
    problem(change(paying, **many), 400, "invalid-request")
    assert change(paying, name0=None, more="x").status_code == 200


def test_an_unknown_customer_is_not_changed(bench: Bench) -> None:
    problem(change(bench, email=NEW), 404, "not-found")


def test_a_new_address_takes_the_right_to_redirect_money(paying: Bench) -> None:
    _, token = paying.services.api_keys.create("desk", ["customers:write", "customers:read"])
    desk = paying.caller(token)
    body = problem(desk.patch(ADA, json={"email": NEW}, headers=ANY), 403, "forbidden")
    assert "payees:write" in body["detail"]
    same = desk.patch(ADA, json={"email": "ada@example.com", "vip": True}, headers=ANY)
    assert same.get_json()["vip"] is True


def test_a_client_that_may_not_read_is_shown_nothing(paying: Bench) -> None:
    change(paying, secret="s3cr3t")
    _, token = paying.services.api_keys.create("writer", ["write"])
    for body in ({}, {"vip": True}, {"secret": None}):
        answer = paying.caller(token).patch(ADA, json=body, headers=ANY)
        assert (answer.status_code, answer.data) == (204, b"")
        assert answer.headers["ETag"] == tag_of(paying)


def test_the_history_says_who_set_which_address_and_which_attributes(paying: Bench) -> None:
    change(paying, email=NEW, vip=True, country="DE")
    change(paying, vip=None)
    change(paying, vip=None)
    lines = paying.client.get(f"{ADA}/history").get_json()["history"]
    shown = [(line["what"], line["by"], line["email"], line["note"]) for line in lines]
    assert shown == [
        ("attributes_changed", "test", None, "vip"),
        ("attributes_changed", "test", None, "country, vip"),
        ("email_changed", "test", NEW, None),
        ("registered", None, "ada@example.com", None),
    ]
    assert [line["version"] for line in lines] == [4, 3, 2, 1]


def test_a_payment_that_was_accepted_keeps_its_payee(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    change(paying, email=NEW)
    kept = paying.client.get(location).get_json()
    assert (kept["email"], kept["payee"]["display"]) == ("ada@example.com", "a***@example.com")
    problem(paying.pay(), 422, "not-payable")
    later = paying.pay(email=NEW).get_json()
    assert later["payee"]["display"] == "a***@new.example"


def test_registering_with_the_old_address_is_refused_and_with_the_new_one_is_not(
    paying: Bench,
) -> None:
    change(paying, email=NEW)
    body = {"customer_id": "ada", "email": "ada@example.com"}
    problem(paying.client.post(PATH, json=body), 409, "conflict")
    assert paying.client.post(PATH, json={**body, "email": NEW}).status_code == 200


def test_payments_to_a_new_address_wait_as_those_to_new_details_do() -> None:
    bench = Bench(Settings(payee_change_hold_hours=24, approvals="payee-changed 24h: 1"))
    bench.add_customer()
    bench.now = bench.now.replace(day=5)
    assert bench.pay().get_json()["status"] == "pending"
    change(bench, vip=True)
    assert bench.pay().get_json()["status"] == "pending"
    change(bench, email=NEW)
    paid = bench.pay(email=NEW).get_json()
    assert (paid["status"], paid["approval_rule"]) == ("awaiting_approval", "payee-changed 24h: 1")


def test_an_approval_is_void_once_the_address_has_changed() -> None:
    bench = Bench(Settings(approvals="all: 2"))
    bench.add_customer()
    location = bench.pay().headers["Location"]
    tokens = [bench.services.api_keys.create(n, ["payments:approve"])[1] for n in ("ann", "bob")]
    bench.caller(tokens[0]).post(f"{location}/approve", json={})
    change(bench, email=NEW)
    body = bench.caller(tokens[1]).post(f"{location}/approve", json={}).get_json()
    assert [each["void"] for each in body["approvals"]] == [True, False]
    assert body["status"] == "awaiting_approval"
