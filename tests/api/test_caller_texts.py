"""Reference, description and metadata over HTTP: what is accepted, refused and shown."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from paymentapp.config import Settings
from paymentapp.providers.base import RemittanceRules
from tests.api.conftest import Bench, problem
from tests.support.ledger_provider import LedgerProvider

TEXTS: dict[str, Any] = {
    "reference": "invoice 1007/b",
    "description": "Rechnung 1007, für Ädå 🙂",
    "metadata": {"team": "research", "cost.center-2_b": "4711 “x”"},
}
NONE: dict[str, Any] = {"reference": None, "description": None, "metadata": {}, "options": {}}
LINE = "Must be text on one line, without control characters."
REFERENCE = "Must be 1 to 100 printable ASCII characters."
KEYS = "Each key must be 1 to 40 letters, digits, '_', '.' or '-'."
MANY = "Must have at most 20 pairs."
RESERVED = frozenset({"batch_id"})
SECRET = "Ada has the flu"


def test_they_are_shown_wherever_the_payment_is(paying: Bench) -> None:
    response = paying.pay(**TEXTS)
    assert response.status_code == 202
    page = paying.client.get("/v1/api/payment/ada").get_json()
    bodies = [
        response.get_json(),
        paying.client.get(response.headers["Location"]).get_json(),
        page["payments"][0],
    ]
    assert [{name: body[name] for name in TEXTS} for body in bodies] == [TEXTS] * 3


def test_a_payment_without_them_says_so(paying: Bench) -> None:
    body = paying.pay().get_json()
    assert {name: body[name] for name in NONE} == NONE


@pytest.mark.parametrize(
    "texts",
    [
        {"reference": "~" * 100},
        {"description": "🙂" * 200},
        {"metadata": {}},
        {"metadata": {f"{'k' * 38}{n:02}": "ü" * 200 for n in range(20)}},
    ],
)
def test_the_longest_are_accepted(paying: Bench, texts: dict[str, Any]) -> None:
    body = paying.pay(**texts).get_json()
    assert {name: body[name] for name in texts} == texts


@pytest.mark.parametrize(
    ("name", "value", "pointer", "message"),
    [
        ("reference", "", "/reference", REFERENCE),
        ("reference", "a" * 101, "/reference", REFERENCE),
        ("reference", "ä", "/reference", REFERENCE),
        ("reference", "a\n", "/reference", REFERENCE),
        ("reference", 7, "/reference", "Not a valid string."),
        ("reference", None, "/reference", "Field may not be null."),
        ("description", "", "/description", LINE),
        ("description", "a" * 201, "/description", "Longer than maximum length 200."),
        ("description", "a\tb", "/description", LINE),
        ("description", "a\u0085b", "/description", LINE),
        ("description", "a\u2028b", "/description", LINE),
        ("metadata", ["a"], "/metadata", "Must be an object of texts."),
        ("metadata", None, "/metadata", "Field may not be null."),
        ("metadata", {"": "a"}, "/metadata", KEYS),
        ("metadata", {"k" * 41: "a"}, "/metadata", KEYS),
        ("metadata", {"ada@example.com": "a"}, "/metadata", KEYS),
        ("metadata", {"a": ""}, "/metadata/a", "Must be 1 to 200 characters."),
        ("metadata", {"a": "x" * 201}, "/metadata/a", "Must be 1 to 200 characters."),
        ("metadata", {"a": "x\n"}, "/metadata/a", LINE),
        ("metadata", {"a": 1.5}, "/metadata/a", "Must be a text."),
        ("metadata", dict.fromkeys(map(str, range(21)), "a"), "/metadata", MANY),
    ],
)
def test_others_are_invalid_and_change_nothing(
    paying: Bench, name: str, value: Any, pointer: str, message: str
) -> None:
    body = problem(paying.pay(**{name: value}), 400, "invalid-request")
    assert body["errors"] == [{"pointer": pointer, "message": message}]
    assert paying.client.get("/v1/api/payment/ada").get_json()["payments"] == []


@pytest.mark.parametrize("name", TEXTS)
def test_they_are_part_of_what_a_key_was_used_for(paying: Bench, name: str) -> None:
    key = {"Idempotency-Key": "k1"}
    first = paying.pay(key, **TEXTS).get_json()
    again = paying.pay(key, **TEXTS)
    assert (again.get_json(), again.headers["Idempotent-Replayed"]) == (first, "true")
    problem(paying.pay(key, **{**TEXTS, name: ...}), 422, "idempotency-key-reused")
    other = {"a": "b"} if name == "metadata" else "another"
    problem(paying.pay(key, **{**TEXTS, name: other}), 422, "idempotency-key-reused")


def test_metadata_in_another_order_is_the_same(paying: Bench) -> None:
    key = {"Idempotency-Key": "k1"}
    first = paying.pay(key, metadata={"a": "1", "b": "2"}).get_json()
    assert paying.pay(key, metadata={"b": "2", "a": "1"}).get_json() == first


def test_what_the_method_cannot_send_on_is_refused_with_its_rule(paying: Bench) -> None:
    rules = RemittanceRules(r"[ -~]*", "Must be ASCII.", metadata=True, reserved_keys=RESERVED)
    cast(LedgerProvider, paying.providers["paypal"]).remittance = rules
    for texts, pointer, message in (
        ({"description": "ü"}, "/description", "paypal: Must be ASCII."),
        ({"metadata": {"batch_id": "7"}}, "/metadata/batch_id", "paypal: this key is reserved."),
    ):
        body = problem(paying.pay(**texts), 422, "not-payable")
        assert body["errors"] == [{"pointer": pointer, "message": message}]
    assert paying.pay(reference="x", description="u").status_code == 202


def test_no_text_of_a_refused_request_is_in_a_log_or_an_error(
    paying: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for texts in (
        {"description": f"{SECRET}\n"},
        {"metadata": {"a": f"{SECRET}\n"}},
        {"metadata": {SECRET: "a"}},
        {"description": SECRET, "metadata": {"a": SECRET}, "currency": "XXX"},
    ):
        assert SECRET not in paying.pay(**texts).get_data(as_text=True)
    paying.pay(description=SECRET, metadata={"a": SECRET})
    assert SECRET not in caplog.text


def test_a_reference_that_was_used_is_refused_with_a_link_to_its_payment() -> None:
    bench = Bench(Settings(unique_references=True))
    bench.add_customer()
    first = bench.pay(reference="invoice-1007")
    body = problem(bench.pay(reference="invoice-1007", amount=9), 409, "reference-used")
    assert body["payment"] == first.headers["Location"]
    assert bench.client.get(body["payment"]).get_json() == first.get_json()
