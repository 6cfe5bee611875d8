"""`paymentapp audit customer`: what has changed in a customer's record."""

from __future__ import annotations

from tests.cli.conftest import Desk
from tests.support.records import a_customer


def test_a_history_is_shown_newest_first_and_masked(desk: Desk) -> None:
    desk.pay("ann", to="other@example.org")
    shown = desk.run("audit", "customer", "ann")
    assert shown.exit_code == 0
    head, *lines = [line.split() for line in shown.stdout.splitlines()]
    assert head == ["VERSION", "AT", "WHAT", "CAUSE", "BY", "METHOD", "DETAILS"]
    rest = [[line[0], *line[2:]] for line in lines]
    assert rest == [
        ["2", "method_put", "request", "-", "paypal", "o***@example.org"],
        ["1", "registered", "request", "-", "-", "a***@example.com"],
    ]


def test_a_history_is_one_json_document(desk: Desk) -> None:
    desk.pay("ann", to="other@example.org")
    found = desk.json("audit", "customer", "ann")
    put, line = found["history"]
    assert (put["payee"], put["email"]) == ("o***@example.org", None)
    assert (found["customer_id"], line["version"], line["what"]) == ("ann", 1, "registered")
    assert (line["email"], line["payee"], line["by"]) == ("a***@example.com", None, None)


def test_a_customer_of_an_earlier_version_has_no_history_yet(desk: Desk) -> None:
    with desk.service() as services:
        services.store.add_customer(a_customer())
    shown = desk.run("audit", "customer", "ada")
    assert (shown.exit_code, shown.stdout) == (0, "No change is on record.\n")


def test_an_unknown_customer_is_exit_status_2(desk: Desk) -> None:
    desk.pay("ann")
    result = desk.run("audit", "customer", "eve")
    assert (result.exit_code, result.stderr) == (2, "paymentapp: There is no such customer.\n")
