"""Registering customers and getting them."""

from __future__ import annotations

from typing import Any

import pytest

from paymentapp.storage.codec.customers import customer_record
from tests.api.conftest import Bench, problem
from tests.support.item_size import item_size

PATH = "/v1/api/customer"
ADA = {"customer_id": "ada", "email": "ada@example.com"}


def test_a_customer_is_registered_and_shown(bench: Bench) -> None:
    added = bench.client.post(PATH, json=ADA)
    assert added.status_code == 201
    assert added.headers["Location"] == f"{PATH}/ada"
    assert added.get_json() == {**ADA, "created_at": "2026-03-01T12:00:00.000002Z"}
    shown = bench.client.get(added.headers["Location"])
    assert shown.status_code == 200
    assert shown.get_json() == added.get_json()


def test_the_identical_record_may_be_registered_again(bench: Bench) -> None:
    first = bench.client.post(PATH, json=ADA)
    again = bench.client.post(PATH, json=ADA)
    assert again.status_code == 200
    assert again.get_json() == first.get_json()


def test_an_id_stands_for_one_record(bench: Bench) -> None:
    bench.client.post(PATH, json=ADA)
    other_mail = bench.client.post(PATH, json={**ADA, "email": "eve@example.com"})
    body = problem(other_mail, 409, "conflict")
    assert "ada@example.com" not in str(body)
    problem(bench.client.post(PATH, json={**ADA, "vip": True}), 409, "conflict")
    assert bench.client.get(f"{PATH}/ada").get_json()["email"] == "ada@example.com"


def test_true_and_1_are_not_the_same_record(bench: Bench) -> None:
    bench.client.post(PATH, json={**ADA, "vip": 1})
    problem(bench.client.post(PATH, json={**ADA, "vip": True}), 409, "conflict")
    assert bench.client.post(PATH, json={**ADA, "vip": 1}).status_code == 200


def test_an_unknown_customer_is_not_found(bench: Bench) -> None:
    problem(bench.client.get(f"{PATH}/nobody"), 404, "not-found")


@pytest.mark.parametrize("customer_id", ["-a", "a" * 51, "ä", "a b", "a%0A", "a%00", "..", "٣"])
def test_an_impossible_id_in_a_path_is_not_found(bench: Bench, customer_id: str) -> None:
    problem(bench.client.get(f"{PATH}/{customer_id}"), 404, "not-found")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("country", "DE"),
        ("note", ""),
        ("city", "Zürich 東京 🙂"),
        ("vip", True),
        ("nothing", None),
        ("limit", 2500),
        ("n" * 40, "v" * 200),
    ],
)
def test_further_attributes_stand_beside_the_others(bench: Bench, name: str, value: Any) -> None:
    added = bench.client.post(PATH, json={**ADA, name: value})
    assert added.status_code == 201
    assert added.get_json()[name] == value
    assert bench.client.get(f"{PATH}/ada").get_json()[name] == value


def test_a_number_among_the_attributes_stays_exact(bench: Bench) -> None:
    text = '{"customer_id": "ada", "email": "ada@example.com", "rate": 0.123456789012345}'
    assert b'"rate":0.123456789012345' in bench.send(PATH, text).data


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created_at", "2026-01-01T00:00:00Z"),
        ("updated_at", 1),
        ("1st", "x"),
        ("", "x"),
        ("two words", "x"),
        ("line\n", "x"),
        ("ключ", "x"),
        ("n" * 41, "x"),
        ("list", []),
        ("object", {}),
        ("long", "v" * 201),
        ("control", "a\x00b"),
        ("newline", "a\n"),
        ("huge", 10**15),
    ],
)
def test_attributes_have_limits(bench: Bench, name: str, value: Any) -> None:
    response = bench.client.post(PATH, json={**ADA, name: value})
    errors = problem(response, 400, "invalid-request")["errors"]
    assert [error["pointer"] for error in errors] == [f"/{name}"]
    assert bench.services.store.get_customer("ada") is None


def test_attributes_are_limited_in_number_and_together(bench: Bench) -> None:
    ten = {f"name{i}": "x" for i in range(10)}
    assert bench.client.post(PATH, json={**ADA, **ten}).status_code == 201
    eleven = {f"name{i}": "x" for i in range(11)}
    problem(bench.client.post(PATH, json={**ADA, **eleven}), 400, "invalid-request")
    heavy = {f"name{i}": "🙂" * 50 for i in range(3)}
    problem(bench.client.post(PATH, json={**ADA, **heavy}), 422, "unprocessable")
    long_number = '{"customer_id": "ada", "email": "ada@example.com", "n": 1e-16}'
    problem(bench.send(PATH, long_number), 422, "unprocessable")


@pytest.mark.parametrize("field", ["customer_id", "email"])
@pytest.mark.parametrize("value", [None, 1, True, [], {}, "", "\x00"])
def test_wrong_values_are_refused_by_name(bench: Bench, field: str, value: Any) -> None:
    response = bench.client.post(PATH, json={**ADA, field: value})
    errors = problem(response, 400, "invalid-request")["errors"]
    assert {error["pointer"] for error in errors} == {f"/{field}"}


@pytest.mark.parametrize(
    "email",
    [
        "ada",
        "ada@",
        "@example.com",
        "ada@localhost",
        "ada@@example.com",
        "ada@example..com",
        ".ada@example.com",
        "ada@-example.com",
        "ada@example.com\n",
        "ada\t@example.com",
        "ada @example.com",
        "Ada <ada@example.com>",
        "ada@exämple.com",
        "ädä@example.com",
        '"a\x01"@example.com',
        "ada@[127.0.0.1]",
        "a" * 116 + "@example.com",
    ],
)
def test_malformed_addresses_are_refused(bench: Bench, email: str) -> None:
    response = bench.client.post(PATH, json={**ADA, "email": email})
    errors = problem(response, 400, "invalid-request")["errors"]
    assert {error["pointer"] for error in errors} == {"/email"}


@pytest.mark.parametrize(
    "email",
    [
        "a@b.co",
        "ada.lovelace+pay@mail.example.co.uk",
        "o'brien@example.com",
        "x@xn--exmple-cua.com",
        "a" * 115 + "@example.com",
    ],
)
def test_ordinary_addresses_are_taken(bench: Bench, email: str) -> None:
    assert bench.client.post(PATH, json={**ADA, "email": email}).status_code == 201


def test_the_largest_record_stays_below_a_kilobyte(bench: Bench) -> None:
    largest = {
        "customer_id": "c" * 50,
        "email": "e" * 115 + "@example.com",
        **{f"name{i}": "v" * (600 // 10 - 5) for i in range(10)},
    }
    assert bench.client.post(PATH, json=largest).status_code == 201
    problem(bench.client.post(PATH, json={**largest, "name0": "v" * 56}), 422, "unprocessable")
    stored = bench.services.customers.get("c" * 50)
    assert item_size(customer_record(stored)) < 1024
