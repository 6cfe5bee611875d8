"""The commands that list payments."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Desk


@pytest.fixture
def paid(desk: Desk) -> Desk:
    desk.pay("ada", "bob")
    desk.pay("eve", follow=False)
    return desk


def test_payments_of_all_customers_are_listed_newest_first(paid: Desk) -> None:
    lines = paid.run("payments", "list").stdout.splitlines()
    assert lines[0].split()[:2] == ["PAYMENT", "CUSTOMER"]
    assert [text.split()[1] for text in lines[1:-1]] == ["eve", "bob", "ada"]
    assert lines[-1] == "3 payments."


def test_filters_and_a_limit_narrow_the_list(paid: Desk) -> None:
    found = paid.json("payments", "list", "--limit", "2")["payments"]
    assert [each["customer_id"] for each in found] == ["eve", "bob"]
    (batch_id,) = {each["batch_id"] for each in found if each["customer_id"] == "bob"}
    of_batch = paid.json("payments", "list", "--provider-id", batch_id, "--method", "paypal")
    assert [each["customer_id"] for each in of_batch["payments"]] == ["bob", "ada"]
    for option in (("--currency", "JPY"), ("--from", "2100-01-01"), ("--min", "1000000")):
        assert paid.run("payments", "list", *option).stdout == "0 payments.\n"


def test_a_filter_that_cannot_be_meant_is_an_error_without_its_value(paid: Desk) -> None:
    result = paid.run("payments", "list", "--status", "lost", "--min", "-1")
    assert result.exit_code == 2
    assert "min_amount: Must be an amount" in result.stderr
    assert "status: Must be one of" in result.stderr


def test_on_sqlite_every_payment_is_in_the_list_already(paid: Desk) -> None:
    assert paid.run("payments", "index").stdout == "0 payments added to the list.\n"


def test_a_payment_is_found_by_what_is_at_hand_and_shown(paid: Desk) -> None:
    (ada,) = paid.json("payments", "find", "ada")["payments"]
    for text in (ada["payment_id"], ada["transaction_id"], "ada@example.com"):
        assert paid.json("payments", "find", text)["payments"] == [ada]
    assert paid.run("payments", "find", "nobody").stdout == "0 payments.\n"
    shown = paid.run("payments", "show", "ada", ada["payment_id"])
    assert shown.stdout == paid.run("audit", "show", "ada", ada["payment_id"]).stdout
    body = paid.json("payments", "show", "ada", ada["payment_id"])
    assert (body["amount"], body["status"], body["email"]) == (
        12.5,
        "succeeded",
        "a***@example.com",
    )
    assert paid.run("payments", "show", "ada", "none").exit_code == 2


def test_amounts_have_the_decimals_of_their_currency(paid: Desk) -> None:
    assert "12.50 USD" in paid.run("payments", "list").stdout


def test_a_long_list_is_one_object_a_line(paid: Desk) -> None:
    lines = paid.run("payments", "list", "--ndjson").stdout.splitlines()
    assert [json.loads(line) for line in lines] == paid.json("payments", "list")["payments"]
    assert len(paid.run("payments", "list", "--ndjson", "--limit", "2").stdout.splitlines()) == 2


def test_what_waits_says_why_and_what_can_be_done(desk: Desk) -> None:
    batch, payment = desk.park("ada", acted=False)
    shown = desk.run("payments", "show", *payment.key).stdout
    assert "\nWaits for a decision: Nobody knows whether paypal has paid it" in shown
    assert "\n- Do not pay it in another way before that.\n" in shown
    assert batch.batch_id in shown
