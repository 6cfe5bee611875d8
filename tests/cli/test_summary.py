"""The command that sums payments up."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Desk


@pytest.fixture
def paid(desk: Desk) -> Desk:
    desk.pay("ada", "bob")
    desk.pay("eve", follow=False)
    return desk


def test_payments_are_summed_up_by_currency(paid: Desk) -> None:
    lines = paid.run("summary").stdout.splitlines()
    assert lines[0].split() == ["PAYMENTS", "AMOUNT", "FEES"]
    assert lines[1].split()[:3] == ["3", "37.50", "USD"]
    assert lines[-1] == "3 payments."


def test_and_by_what_is_wanted_with_totals_below(paid: Desk) -> None:
    lines = paid.run("summary", "--by", "status,method").stdout.splitlines()
    assert lines[0].split() == ["METHOD", "STATUS", "PAYMENTS", "AMOUNT", "FEES"]
    groups = [text.split() for text in lines[1:-1]]
    assert all(each[0] == "paypal" for each in groups[:-1])
    assert groups[-1][:4] == ["TOTAL", "3", "37.50", "USD"]
    assert sum(int(each[2]) for each in groups[:-1]) == 3


def test_json_has_what_the_api_answers(paid: Desk) -> None:
    found = paid.json("summary", "--by", "client")
    assert found["by"] == ["created_by"]
    assert (found["payments"], found["totals"][0]["amount"]) == (3, 37.5)
    assert found["groups"][0]["created_by"] == ""


def test_filters_narrow_the_sums_and_a_wrong_name_is_an_error(paid: Desk) -> None:
    assert paid.run("summary", "--from", "2100-01-01").stdout == "0 payments.\n"
    wrong = paid.run("summary", "--by", "week")
    assert wrong.exit_code == 2
    assert "'week' is none of day, currency, method, status, client" in wrong.stderr


def test_the_totals_are_those_of_the_reconciliation(paid: Desk) -> None:
    totals = paid.json("summary")["totals"]
    (checked,) = paid.json("reconcile")["totals"]
    assert checked == {"currency": "USD", "payments": 3, "amount": "37.50"}
    assert [(each["payments"], each["amount"]) for each in totals] == [(3, 37.5)]
