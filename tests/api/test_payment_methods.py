"""Payment methods over HTTP: set, shown without secrets, chosen, deleted."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from paymentapp.errors import NotSent
from paymentapp.models.payments import PaymentKey
from paymentapp.vault.sealing import Vault
from tests.api.conftest import Bench, problem
from tests.support.ledger_provider import LedgerProvider
from tests.support.payment_methods import WirePayees, ledger

ACCOUNT = "000123456789"
PATH = "/v1/api/customer/ada/payment-methods"
DETAILS = {"account": ACCOUNT, "name": "Ada Lovelace"}


@pytest.fixture
def wired(paying: Bench) -> Bench:
    """Add a second provider that needs an account number."""
    providers = cast(dict[str, LedgerProvider], paying.services.providers)
    providers["wire"] = ledger("wire", WirePayees())
    return paying


def put(bench: Bench, method: str = "wire", **body: Any) -> Any:
    return bench.client.put(f"{PATH}/{method}", json={"details": DETAILS, **body})


def test_a_method_is_set_shown_replaced_and_forgotten(wired: Bench) -> None:
    made = put(wired)
    assert made.status_code == 201
    body = made.get_json()
    assert body["details"] == {"account": "*6789", "name": "Ada Lovelace"}
    assert (body["payment_method"], body["default"], body["note"]) == ("wire", False, None)
    assert wired.client.get(f"{PATH}/wire").get_json() == body
    assert wired.client.get(PATH).get_json() == {"customer_id": "ada", "payment_methods": [body]}
    again = put(wired, details={"account": "55554444"})
    assert again.status_code == 200
    assert again.get_json()["details"] == {"account": "*4444", "name": ""}
    assert wired.client.delete(f"{PATH}/wire").status_code == 204
    problem(wired.client.get(f"{PATH}/wire"), 404, "not-found")
    problem(wired.client.delete(f"{PATH}/wire"), 404, "not-found")
    assert wired.client.get(PATH).get_json()["payment_methods"] == []


def test_a_retry_finds_its_payment_after_the_method_was_forgotten(wired: Bench) -> None:
    put(wired)
    key = {"Idempotency-Key": "abc"}
    first = wired.pay(key, payment_method="wire")
    wired.client.delete(f"{PATH}/wire")
    again = wired.pay(key, payment_method="wire")
    assert (again.status_code, again.get_json()) == (202, first.get_json())
    assert again.headers["Idempotent-Replayed"] == "true"
    problem(wired.pay(payment_method="wire"), 422, "not-payable")


def test_a_secret_is_nowhere(wired: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told = [put(wired).get_data(as_text=True), wired.client.get(PATH).get_data(as_text=True)]
    told.append(wired.client.get("/v1/api/customer/ada").get_data(as_text=True))
    paid = wired.pay(payment_method="wire")
    assert paid.status_code == 202
    customer = wired.store.get_customer("ada")
    payment = wired.store.get_payment(PaymentKey("ada", paid.get_json()["payment_id"]))
    told += [paid.get_data(as_text=True), caplog.text, repr(customer), repr(payment)]
    told.append(str(vars(wired.store)))
    assert all(ACCOUNT not in text for text in told)
    assert payment is not None
    assert payment.destination is not None
    assert wired.services.providers["wire"].payees is not None
    shown = wired.services.providers["wire"].payees.show("ada", payment.destination)
    assert shown["account"] == "*6789"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"details": {}}, "/details/account"),
        ({"details": {"account": "12"}}, "/details/account"),
        ({"details": {"account": "0000"}}, "/details/account"),
        ({"details": {**DETAILS, "iban": "x"}}, "/details/iban"),
        ({"details": {**DETAILS, "name": "R2-D2"}}, "/details/name"),
    ],
)
def test_a_bad_detail_is_named_and_changes_nothing(
    wired: Bench, body: dict[str, Any], pointer: str
) -> None:
    refused = problem(wired.client.put(f"{PATH}/wire", json=body), 422, "not-payable")
    assert refused["errors"][0]["pointer"] == pointer
    assert "R2-D2" not in str(refused)
    assert wired.client.get(PATH).get_json()["payment_methods"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"details": []},
        {"details": {"account": 123456}},
        {"details": {"account": "1" * 201}},
        {"details": DETAILS, "default": "yes"},
        {"details": DETAILS, "default": None},
        {"details": DETAILS, "extra": 1},
    ],
)
def test_a_body_that_is_no_method_is_refused(wired: Bench, body: dict[str, Any]) -> None:
    refused = problem(wired.client.put(f"{PATH}/wire", json=body), 400, "invalid-request")
    assert "1" * 201 not in str(refused)
    assert wired.client.get(PATH).get_json()["payment_methods"] == []


def test_there_is_no_such_method_or_customer(wired: Bench) -> None:
    problem(put(wired, "cheque"), 404, "not-found")
    problem(put(wired, "paypal"), 404, "not-found")  # the ledger takes no details
    nobody = PATH.replace("ada", "nobody")
    problem(wired.client.put(f"{nobody}/wire", json={"details": DETAILS}), 404, "not-found")
    problem(wired.client.get(nobody), 404, "not-found")


def test_a_payment_without_a_method_goes_by_the_default(wired: Bench) -> None:
    assert wired.pay().get_json()["payment_method"] == "paypal"
    put(wired, default=True)
    paid = wired.pay().get_json()
    assert (paid["payment_method"], paid["route"]) == ("wire", "the customer's default")
    assert wired.pay(payment_method="paypal").get_json()["route"] is None
    put(wired)  # says nothing of the default
    assert wired.client.get(f"{PATH}/wire").get_json()["default"] is True
    put(wired, default=False)
    assert wired.pay().get_json()["payment_method"] == "paypal"


def test_forgetting_the_default_leaves_none(wired: Bench) -> None:
    put(wired, default=True)
    wired.client.delete(f"{PATH}/wire")
    assert wired.pay().get_json()["payment_method"] == "paypal"


def test_the_payee_of_a_payment_is_who_its_details_name(wired: Bench) -> None:
    put(wired)
    assert wired.pay().get_json()["payee"] == {"method": "paypal", "display": "a***@example.com"}
    paid = wired.pay(payment_method="wire")
    assert paid.get_json()["payee"] == {"method": "wire", "display": "*6789"}
    assert wired.client.get(paid.headers["Location"]).get_json() == paid.get_json()
    put(wired, details={"account": "55554444"})  # the payment stays what it was
    listed = wired.client.get("/v1/api/payment/ada").get_json()["payments"]
    assert [each["payee"]["display"] for each in listed] == ["*6789", "a***@example.com"]


def test_a_payee_that_no_key_opens_is_shown_as_sealed(wired: Bench) -> None:
    put(wired)
    paid = wired.pay(payment_method="wire")
    cast(WirePayees, wired.services.providers["wire"].payees).vault = Vault("")
    shown = wired.client.get(paid.headers["Location"])
    assert (shown.status_code, shown.get_json()["payee"]["display"]) == (200, "sealed")


def test_a_method_without_details_cannot_be_asked_for(wired: Bench) -> None:
    refused = problem(wired.pay(payment_method="wire"), 422, "not-payable")
    assert refused["errors"][0]["pointer"] == "/payment_method"


def test_without_a_key_nothing_is_stored(wired: Bench) -> None:
    payees = cast(WirePayees, wired.services.providers["wire"].payees)
    payees.vault = Vault("")
    problem(put(wired), 503, "unavailable")
    customer = wired.store.get_customer("ada")
    assert customer is not None
    assert customer.methods == {}


def test_where_the_key_service_does_not_answer_nothing_is_stored(wired: Bench) -> None:
    def nobody(_sealed: bytes) -> bytes:
        raise NotSent("KMS_EndpointConnectionError")

    payees = cast(WirePayees, wired.services.providers["wire"].payees)
    payees.vault = Vault("k:QUJDRA==", nobody)
    problem(put(wired), 503, "unavailable")
    customer = wired.store.get_customer("ada")
    assert customer is not None
    assert customer.methods == {}


def test_registering_again_keeps_the_methods(wired: Bench) -> None:
    put(wired)
    body = {"customer_id": "ada", "email": "ada@example.com"}
    assert wired.client.post("/v1/api/customer", json=body).status_code == 200
    assert wired.client.get(f"{PATH}/wire").status_code == 200
