"""Options of a payment over HTTP: what a method takes, and what it does not know."""

from __future__ import annotations

from typing import Any, cast

import pytest

from paymentapp.providers.ach.entry_options import OPTIONS
from paymentapp.providers.base import RemittanceRules
from tests.api.conftest import Bench, problem
from tests.api.test_bulk import ask, rows, worked_off
from tests.support.ledger_provider import LedgerProvider

PAYROLL = {"entry_description": "PAYROLL", "same_day": "no"}
NAMES = "Each name must be 1 to 32 of a-z, 0-9 and '_', first a letter."


@pytest.fixture
def knowing(paying: Bench) -> Bench:
    """Return a service whose provider takes the options of ACH."""
    provider = cast(LedgerProvider, paying.providers["paypal"])
    provider.remittance = RemittanceRules(options=OPTIONS)
    return paying


def test_they_are_shown_with_the_payment(knowing: Bench) -> None:
    response = knowing.pay(options=PAYROLL)
    assert response.status_code == 202
    shown = knowing.client.get(response.headers["Location"]).get_json()
    assert response.get_json()["options"] == shown["options"] == PAYROLL
    assert knowing.pay(amount=2).get_json()["options"] == {}


def test_a_method_that_does_not_know_one_does_not_take_the_payment(paying: Bench) -> None:
    body = problem(paying.pay(options=PAYROLL), 422, "not-payable")
    message = "paypal: unknown option; it takes none."
    assert body["errors"] == [{"pointer": "/options/entry_description", "message": message}]


@pytest.mark.parametrize(
    ("options", "pointer", "message"),
    [
        ({"same_day": "true"}, "/options/same_day", "paypal: yes or no."),
        (
            {"speed": "fast"},
            "/options/speed",
            "paypal: unknown option; it takes entry_description, same_day, discretionary_data.",
        ),
    ],
)
def test_a_value_that_it_does_not_take_is_refused_with_the_rule(
    knowing: Bench, options: dict[str, str], pointer: str, message: str
) -> None:
    body = problem(knowing.pay(options=options), 422, "not-payable")
    assert body["errors"] == [{"pointer": pointer, "message": message}]


@pytest.mark.parametrize(
    ("options", "pointer", "message"),
    [
        (["a"], "/options", "Must be an object of texts."),
        ({"_tried_again": "1"}, "/options", NAMES),
        ({"Same": "yes"}, "/options", NAMES),
        ({"same_day": True}, "/options/same_day", "Must be a text."),
        ({f"a{n}": "b" for n in range(11)}, "/options", "Must have at most 10 pairs."),
    ],
)
def test_what_is_no_option_is_a_bad_request(
    knowing: Bench, options: Any, pointer: str, message: str
) -> None:
    body = problem(knowing.pay(options=options), 400, "invalid-request")
    assert body["errors"] == [{"pointer": pointer, "message": message}]


def test_they_are_part_of_what_a_key_was_used_for(knowing: Bench) -> None:
    key = {"Idempotency-Key": "k1"}
    first = knowing.pay(key, options=PAYROLL).get_json()
    assert knowing.pay(key, options=dict(reversed(PAYROLL.items()))).get_json() == first
    problem(knowing.pay(key), 422, "idempotency-key-reused")
    problem(knowing.pay(key, options={"same_day": "no"}), 422, "idempotency-key-reused")


def test_a_column_of_a_table_is_an_option(knowing: Bench) -> None:
    table = (
        "customer_id,email,amount,currency,options.entry_description\n"
        "ada,ada@example.com,12.50,USD,PAYROLL\n"
        "ada,ada@example.com,13.50,USD,\n"
        "ada,ada@example.com,14.50,USD,payroll\n"
    )
    run = worked_off(knowing, ask(knowing, table))
    paid, plain, refused = rows(knowing, run)["rows"]
    shown = [
        knowing.client.get(f"/v1/api/payment/ada/{each['payment_id']}").get_json()["options"]
        for each in (paid, plain)
    ]
    assert shown == [{"entry_description": "PAYROLL"}, {}]
    assert [each["field"] for each in refused["errors"]] == ["options/entry_description"]
