"""A customer's history over HTTP: every change, who made it, and no account number."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from paymentapp.vault.sealing import Vault, new_key
from tests.api.conftest import Bench, problem
from tests.support.ledger_provider import LedgerProvider
from tests.support.payment_methods import WirePayees, ledger

CUSTOMER = "/v1/api/customer"
METHOD = f"{CUSTOMER}/ada/payment-methods/wire"
ACCOUNT = "000123456789"
DETAILS = {"account": ACCOUNT, "name": "Ada Lovelace"}
NEW = {"customer_id": "ada", "email": "ada@example.com"}


@pytest.fixture
def payees() -> WirePayees:
    return WirePayees()


@pytest.fixture
def wired(bench: Bench, payees: WirePayees) -> Bench:
    """Return the service with a provider that needs an account number."""
    providers = cast(dict[str, LedgerProvider], bench.services.providers)
    providers["wire"] = ledger("wire", payees)
    return bench


def history(bench: Bench, query: str = "") -> list[dict[str, Any]]:
    answer = bench.client.get(f"{CUSTOMER}/ada/history{query}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    lines: list[dict[str, Any]] = answer.get_json()["history"]
    return lines


def test_a_registration_says_who_registered_which_address(wired: Bench) -> None:
    created = wired.client.post(CUSTOMER, json=NEW).get_json()
    assert history(wired) == [
        {
            "version": 1,
            "at": created["created_at"],
            "what": "registered",
            "cause": "request",
            "by": "test",
            "email": "ada@example.com",
            "payment_method": None,
            "details": None,
            "note": None,
        }
    ]


def test_registering_again_adds_no_line(wired: Bench) -> None:
    wired.client.post(CUSTOMER, json=NEW)
    wired.client.post(CUSTOMER, json=NEW)
    wired.client.post(CUSTOMER, json={**NEW, "email": "eve@example.com"})
    assert len(history(wired)) == 1


def test_a_payee_that_is_redirected_and_put_back_leaves_a_trace(wired: Bench) -> None:
    wired.client.post(CUSTOMER, json=NEW)
    _, token = wired.services.api_keys.create("thief", ["payees:write"])
    wired.client.put(METHOD, json={"details": DETAILS})
    wired.caller(token).put(METHOD, json={"details": {"account": "55554444"}})
    wired.caller(token).put(METHOD, json={"details": DETAILS})
    lines = [(line["by"], line["details"]["account"]) for line in history(wired)[:-1]]
    assert lines == [("thief", "*6789"), ("thief", "*4444"), ("test", "*6789")]


def test_each_change_has_its_line(wired: Bench) -> None:
    wired.client.post(CUSTOMER, json=NEW)
    wired.client.put(METHOD, json={"details": DETAILS, "default": True})
    wired.client.delete(METHOD)
    lines = [(line["what"], line["payment_method"], line["details"]) for line in history(wired)]
    shown = {"account": "*6789", "name": "Ada Lovelace"}
    assert lines == [
        ("default_changed", None, None),
        ("method_deleted", "wire", shown),
        ("default_changed", "wire", None),
        ("method_put", "wire", shown),
        ("registered", None, None),
    ]
    assert [line["version"] for line in history(wired)] == [5, 4, 3, 2, 1]


def test_a_history_comes_in_pages(wired: Bench) -> None:
    wired.client.post(CUSTOMER, json=NEW)
    for _ in range(3):
        wired.client.put(METHOD, json={"details": DETAILS})
    first = wired.client.get(f"{CUSTOMER}/ada/history?limit=2").get_json()
    assert [line["version"] for line in first["history"]] == [4, 3]
    rest = wired.client.get(
        f"{CUSTOMER}/ada/history", query_string={"limit": 2, "cursor": first["next_cursor"]}
    ).get_json()
    assert [line["version"] for line in rest["history"]] == [2, 1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    "cursor", ["MQ", "MDAwMDAwMDA=", "MDAwMDAwMDE", "LTAwMDAwMDE=", "eA==", ""]
)
def test_a_cursor_that_no_answer_had_is_refused(wired: Bench, cursor: str) -> None:
    wired.client.post(CUSTOMER, json=NEW)
    answer = wired.client.get(f"{CUSTOMER}/ada/history?cursor={cursor}")
    assert problem(answer, 400, "invalid-request")["errors"][0]["parameter"] == "cursor"


def test_an_unknown_customer_has_no_history(wired: Bench) -> None:
    problem(wired.client.get(f"{CUSTOMER}/eve/history"), 404, "not-found")


def test_no_account_number_is_in_a_history_nor_in_what_is_stored(
    wired: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wired.client.post(CUSTOMER, json=NEW)
    wired.client.put(METHOD, json={"details": DETAILS})
    stored = wired.store.customer_history("ada", 10)
    told = [repr(history(wired)), repr(stored), caplog.text, str(stored[0].destination)]
    assert ACCOUNT not in "".join(told)
    assert str(stored[0].destination) not in repr(stored)


def test_details_that_no_key_opens_leave_the_rest_readable(
    wired: Bench, payees: WirePayees
) -> None:
    wired.client.post(CUSTOMER, json=NEW)
    wired.client.put(METHOD, json={"details": DETAILS})
    payees.vault = Vault(new_key())
    line = history(wired)[0]
    assert (line["what"], line["by"], line["details"]) == ("method_put", "test", None)


def test_the_details_that_were_paid_are_found_in_the_history(wired: Bench) -> None:
    """Keep the destination of a payment in the history, whatever the details are by now."""
    wired.client.post(CUSTOMER, json=NEW)
    wired.client.put(METHOD, json={"details": DETAILS})
    wired.pay(payment_method="wire")
    wired.client.put(METHOD, json={"details": {"account": "55554444"}})
    (paid,) = wired.worker.woken
    lines = wired.store.customer_history("ada", 10)
    assert [line.version for line in lines if line.destination == paid.destination] == [2]
