"""`paymentapp hold`, `release` and `holds`: the stop button of the command line."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Desk


@pytest.fixture(autouse=True)
def tables(desk: Desk) -> None:
    desk.run("init")


def test_everything_is_held_in_one_command_and_released_by_its_id(desk: Desk) -> None:
    done = desk.run("hold", "all", "--by", "Ada", "--note", "something is wrong")
    (held,) = desk.json("holds")["holds"]
    assert f"hold {held['hold_id']} is in force: all" in done.stdout
    assert (held["scope"], held["value"], held["by"]) == ("all", None, "Ada")
    assert held["reason"] == "something is wrong"
    assert "1 hold in force." in desk.run("holds").stdout
    released = desk.run("release", held["hold_id"], "--by", "Eve")
    assert released.stdout == f"released {held['hold_id']}: all\n"
    assert desk.run("holds").stdout == "No hold is in force.\n"


def test_a_released_hold_stays_on_record(desk: Desk) -> None:
    desk.run("hold", "provider", "paypal", "--by", "Ada", "--note", "an outage")
    desk.run("release", "--all", "--by", "Eve")
    (held,) = desk.json("holds", "--all")["holds"]
    assert (held["by"], held["released_by"]) == ("Ada", "Eve")
    assert held["released_at"] > held["created_at"]
    assert "by Eve)" in desk.run("holds", "--all").stdout


def test_the_same_hold_twice_is_one(desk: Desk) -> None:
    desk.run("hold", "all", "--note", "something is wrong")
    again = desk.run("hold", "all", "--note", "another reason")
    assert "was in force already" in again.stdout
    assert [each["reason"] for each in desk.json("holds")["holds"]] == ["something is wrong"]


def test_a_customer_and_a_payment_are_held_and_what_is_not_there_is_refused(desk: Desk) -> None:
    _, (payment,) = desk.pay("ann", follow=False)
    value = f"{payment.customer_id}/{payment.payment_id}"
    assert desk.run("hold", "customer", "ann", "--note", "a doubt").exit_code == 0
    assert desk.run("hold", "payment", value, "--note", "a doubt").exit_code == 0
    for scope, named in (("customer", "eve"), ("payment", "ann/1"), ("provider", "cash")):
        refused = desk.run("hold", scope, named, "--note", "a doubt")
        assert refused.exit_code == 2
        assert "paymentapp: " in refused.stderr
    assert len(desk.json("holds")["holds"]) == 2


def test_a_release_names_one_hold_or_all(desk: Desk) -> None:
    assert desk.run("release").exit_code == 2
    assert desk.run("release", "20260102T030406000000-5f0c2b9e").exit_code == 2
    assert desk.run("release", "--all").stdout == "No hold is in force.\n"


def test_a_held_payment_is_not_sent_and_says_so(desk: Desk) -> None:
    desk.run("hold", "all", "--note", "something is wrong")
    with desk.service() as services:
        services.customers.register("ann", "ann@example.com", {})
        payment = desk.request(services, "ann")
        assert services.dispatcher.submit([payment]) is None
    assert desk.ledger() == []
    shown = desk.run("audit", "show", payment.customer_id, payment.payment_id)
    assert "waits     for hold since" in shown.stdout
