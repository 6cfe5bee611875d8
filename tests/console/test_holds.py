"""The stop button: who may, what it says before, what it does, and going on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from paymentapp.models.holds import Hold, HoldScope
from paymentapp.models.payments import PaymentKey, Status
from tests.console.conftest import ConsoleBench, Person
from tests.support.ledger_provider import LedgerProvider

STOP = {"scope": "all", "reason": "something is wrong"}
Paid = Callable[..., dict[str, Any]]


def in_force(console: ConsoleBench) -> list[Hold]:
    return console.services.holds.current()


def test_nothing_is_held_and_nothing_was(person: Person) -> None:
    page = person.see("/holds")
    assert "Nothing is held" in page
    assert "No hold has been released yet" in page


def test_before_everything_is_stopped_a_page_says_what_stops(
    console: ConsoleBench, person: Person, paid: Paid
) -> None:
    paid(amount=12.5)
    paid(amount=30, currency="EUR")
    answer = person.send("/holds/confirm", **STOP)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "Stop every payment?" in page
    assert "2 payments</strong>: 30.00 EUR, 12.50 USD" in page
    assert "What does not stop" in page
    assert in_force(console) == []


def test_what_a_provider_has_already_is_said_not_to_stop(
    console: ConsoleBench, person: Person, paid: Paid
) -> None:
    key = PaymentKey("ada", paid(amount=12.5)["payment_id"])
    services = console.services
    batch = services.dispatcher.submit([services.payments.get(key)])
    page = person.send("/holds/confirm", **STOP).get_data(as_text=True)
    assert "until the hold is released: <strong>0 payments</strong>" in page
    assert "or has no answer: <strong>1 payment</strong>: 12.50 USD" in page
    assert batch is not None
    provider = console.providers["paypal"]
    assert isinstance(provider, LedgerProvider)
    provider.status["ada@example.com"] = Status.UNCLAIMED
    services.poller.poll(batch)
    page = person.send("/holds/confirm", **STOP).get_data(as_text=True)
    assert "At their provider already: <strong>1 payment</strong>: 12.50 USD" in page


def test_the_click_stops_it_and_says_so_on_the_next_page(
    console: ConsoleBench, person: Person
) -> None:
    answer = person.send("/holds", **STOP)
    assert answer.headers["Location"] == "/console/holds?done=held"
    (hold,) = in_force(console)
    assert (hold.scope, hold.by, hold.reason) == (HoldScope.ALL, "test", "something is wrong")
    page = person.see("/holds", done="held")
    assert "Every payment is stopped" in page
    assert "within two seconds" in page


@pytest.mark.parametrize(
    ("scope", "value", "words"),
    [
        ("provider", "paypal", "every payment by paypal"),
        ("customer", "ada", "every payment to ada"),
    ],
)
def test_a_part_is_stopped(
    console: ConsoleBench, person: Person, scope: str, value: str, words: str
) -> None:
    console.add_customer()
    fields = {"scope": scope, f"value_{scope}": value, "reason": "a doubt"}
    assert f"Stop {words}?" in person.send("/holds/confirm", **fields).get_data(as_text=True)
    person.send("/holds", scope=scope, value=value, reason="a doubt")
    assert [(each.scope, each.value) for each in in_force(console)] == [(scope, value)]


def test_one_payment_is_stopped(console: ConsoleBench, person: Person, paid: Paid) -> None:
    value = f"ada/{paid()['payment_id']}"
    fields = {"scope": "payment", "value_payment": value, "reason": "a doubt"}
    page = person.send("/holds/confirm", **fields).get_data(as_text=True)
    assert "1 payment</strong>: 12.50 USD" in page
    person.send("/holds", scope="payment", value=value, reason="a doubt")
    assert in_force(console)[0].value == value


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"reason": "a doubt"}, "Choose what to stop."),
        ({"scope": "everything", "reason": "a doubt"}, "Choose what to stop."),
        ({"scope": "all"}, "Fill this in."),
        ({"scope": "provider", "reason": "a doubt"}, "Choose the payment method."),
        ({"scope": "customer", "reason": "a doubt"}, "Give the customer's id."),
        ({"scope": "customer", "value_customer": "bob", "reason": "x"}, "no such customer"),
        ({"scope": "provider", "value_provider": "gold", "reason": "x"}, "Unknown provider"),
        ({"scope": "payment", "value_payment": "ada/1", "reason": "x"}, "no such payment"),
        ({"scope": "all", "reason": "x" * 201}, "Length must be between 1 and 200."),
    ],
)
def test_what_cannot_be_held_is_said_beside_the_field(
    console: ConsoleBench, person: Person, fields: dict[str, str], problem: str
) -> None:
    answer = person.send("/holds/confirm", **fields)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True).replace("&#39;", "'")
    assert problem in page
    assert 'role="alert"' in page
    assert in_force(console) == []


def test_the_second_hold_of_the_same_leaves_the_first(
    console: ConsoleBench, person: Person
) -> None:
    person.send("/holds", **STOP)
    answer = person.send("/holds", scope="all", reason="another")
    assert answer.headers["Location"] == "/console/holds?done=held-already"
    assert in_force(console)[0].reason == "something is wrong"


def test_a_release_says_before_what_goes_on_and_what_stays_held(
    console: ConsoleBench, person: Person, paid: Paid
) -> None:
    paid()
    person.send("/holds", **STOP)
    person.send("/holds", scope="customer", value="ada", reason="her account")
    everything, _ = in_force(console)
    page = person.see(f"/holds/{everything.hold_id}/release")
    assert "Release every payment?" in page
    assert "1 payment</strong>: 12.50 USD" in page
    assert "Every payment to ada: her account" in page
    assert len(in_force(console)) == 2


def test_a_release_ends_the_hold_and_it_is_shown_among_those_of_late(
    console: ConsoleBench, person: Person
) -> None:
    person.send("/holds", **STOP)
    (hold,) = in_force(console)
    answer = person.send(f"/holds/{hold.hold_id}/release")
    assert answer.headers["Location"] == "/console/holds?done=released"
    assert in_force(console) == []
    page = person.see("/holds")
    assert "Nothing is held" in page
    assert "something is wrong" in page


def test_a_hold_that_somebody_else_released_is_no_error(
    console: ConsoleBench, person: Person
) -> None:
    person.send("/holds", **STOP)
    (hold,) = in_force(console)
    console.services.holds.release(hold.hold_id)
    for answer in (
        person.send(f"/holds/{hold.hold_id}/release"),
        person.client.get(f"/console/holds/{hold.hold_id}/release"),
    ):
        assert answer.headers["Location"] == "/console/holds?done=gone"
    assert "somebody has released it" in person.see("/holds", done="gone")


def test_the_latest_release_comes_first(console: ConsoleBench) -> None:
    for name in ("ada", "bob"):
        console.add_customer(name)
        console.services.holds.place(HoldScope.CUSTOMER, name, "a doubt")
        console.now += timedelta(minutes=1)
    for hold in reversed(in_force(console)):
        console.services.holds.release(hold.hold_id)
    assert [each.value for each in console.services.holds.released(1)] == ["ada"]


def test_who_may_not_hold_gets_403_and_no_link(console: ConsoleBench) -> None:
    reader = console.somebody("ann", "read")
    assert "payments:hold" in reader.see("/holds", 403)
    assert reader.send("/holds", **STOP).status_code == 403
    assert reader.send("/holds/confirm", **STOP).status_code == 403
    assert in_force(console) == []
    assert 'href="/console/holds"' not in reader.see("/")


def test_a_hostile_reason_is_text(person: Person) -> None:
    person.send("/holds", scope="all", reason="<script>alert(1)</script>")
    page = person.client.get("/console/holds").get_data(as_text=True)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_link_of_another_page_fills_the_form(person: Person) -> None:
    page = person.see("/holds", scope="customer", value='ada"><b>')
    assert 'value="customer" checked' in page
    assert 'value="ada"><b>"' in page  # decoded; the source has entities
