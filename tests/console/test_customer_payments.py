"""Paying a customer in the console: asked first, requested once, and refused in plain words."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from werkzeug.test import TestResponse

from paymentapp.config import Settings
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.ach.provider import Ach
from paymentapp.storage.base import PageQuery
from tests.console.conftest import ConsoleBench, Person
from tests.support.payment_methods import WirePayees, ledger

PAY = "/customers/ada/pay"
ENTERED = {"amount": "12.50", "currency": "USD"}


def made(**settings: Any) -> ConsoleBench:
    bench = ConsoleBench(Settings(**settings))
    bench.add_customer()
    return bench


@pytest.fixture
def console() -> ConsoleBench:
    return made()


def payments(console: ConsoleBench) -> list[Payment]:
    return console.services.payments.list("ada", PageQuery(25)).payments


def confirm(person: Person, expected: int = 200, **fields: Any) -> str:
    """Send the form; return the page that follows, entities decoded."""
    answer = person.send(f"{PAY}/confirm", **{**ENTERED, **fields})
    page = unescape(answer.get_data(as_text=True))
    assert answer.status_code == expected, page
    return page


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's own form."""
    found = dict(re.findall(r'<input type="hidden" name="([a-z_0-9]+)" value="([^"]*)">', page))
    return {name: value for name, value in found.items() if name != "csrf_token"}


def pay(person: Person, **fields: Any) -> TestResponse:
    """Enter a payment and confirm it."""
    return person.send(PAY, **hidden(confirm(person, **fields)))


def test_before_it_is_requested_a_page_says_what_would_happen(
    console: ConsoleBench, person: Person
) -> None:
    page = confirm(person, reference="invoice 7", description="For June")
    for text in (
        "Pay 12.50 USD to ada?",
        "ada@example.com",
        "invoice 7",
        "For June",
        "a***@example.com",
        "It leaves",
    ):
        assert text in page, text
    assert payments(console) == []


def test_the_click_requests_it(console: ConsoleBench, person: Person) -> None:
    answer = pay(person, reference="invoice 7", description="For June", payment_method="paypal")
    (payment,) = payments(console)
    assert str(payment.money) == "12.5 USD"
    assert (payment.created_by, payment.texts.reference) == ("test", "invoice 7")
    assert payment.texts.description == "For June"
    assert (payment.payment_method, payment.route) == ("paypal", None)
    location = answer.headers["Location"]
    assert location.startswith("/console/customers/ada?done=paid&payment=2026-03-01T12")
    page = person.see(location.removeprefix("/console"))
    assert "The payment is accepted: " in page
    assert "12.50 USD" in page


def test_the_same_form_sent_twice_requests_one(console: ConsoleBench, person: Person) -> None:
    fields = hidden(confirm(person))
    first, second = person.send(PAY, **fields), person.send(PAY, **fields)
    assert first.headers["Location"] == second.headers["Location"]
    assert len(payments(console)) == 1


def test_a_form_that_was_altered_after_it_was_sent_requests_nothing_more(
    console: ConsoleBench, person: Person
) -> None:
    fields = hidden(confirm(person))
    person.send(PAY, **fields)
    answer = person.send(PAY, **{**fields, "amount": "99"})
    assert answer.status_code == 422
    assert "has requested another payment already" in answer.get_data(as_text=True)
    assert len(payments(console)) == 1


@pytest.mark.parametrize(
    ("text", "amount"), [("1,234.56", "1234.56 USD"), ("1.234,56", "1234.56 USD"), ("7", "7 USD")]
)
def test_amounts_are_read_as_people_write_them(
    console: ConsoleBench, person: Person, text: str, amount: str
) -> None:
    pay(person, amount=text)
    assert str(payments(console)[0].money) == amount


def test_it_is_scheduled(console: ConsoleBench, person: Person) -> None:
    page = confirm(person, scheduled_date="2026-03-05", scheduled_time="09:30")
    assert "2026-03-05 09:30" in page
    person.send(PAY, **hidden(page))
    (payment,) = payments(console)
    assert payment.scheduled_at is not None
    assert payment.scheduled_at.isoformat() == "2026-03-05T09:30:00+00:00"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"amount": ""}, "Fill this in."),
        ({"amount": "0"}, "Must be greater than 0."),
        ({"amount": "-5"}, "is negative"),
        ({"amount": "1,234"}, "can be read as 1234 or as 1.234"),
        ({"amount": "12.5051"}, "at most 2 decimals"),
        ({"amount": "30000"}, "One payment in USD is at most 20000."),
        ({"currency": "GBP"}, "does not pay in this currency"),
        ({"currency": "dollars"}, "three capital letters"),
        ({"payment_method": "gold"}, "Payments can be made by paypal."),
        ({"reference": "ü"}, "printable ASCII"),
        ({"description": "x" * 201}, "Longer than maximum length 200."),
        ({"scheduled_date": "2026-02-01"}, "Must be in the future."),
        ({"scheduled_date": "2028-02-01"}, "at most a year"),
        ({"scheduled_date": "soon"}, "Must be a date and time"),
        ({"scheduled_time": "09:00"}, "Give the day too."),
    ],
)
def test_what_cannot_be_paid_is_said_beside_the_field(
    console: ConsoleBench, person: Person, fields: dict[str, str], problem: str
) -> None:
    page = confirm(person, 422, **fields)
    assert problem in page
    assert 'role="alert"' in page
    if fields.get("reference") != "ü":
        assert 'value="12.50"' in page or "amount" in fields
    assert payments(console) == []


def test_an_address_that_changed_meanwhile_is_not_paid(
    console: ConsoleBench, person: Person
) -> None:
    fields = hidden(confirm(person))
    person.send(
        "/customers/ada/change",
        version=console.services.customers.get("ada").version_tag,
        email="ada@new.example",
    )
    answer = person.send(PAY, **fields)
    assert answer.status_code == 422
    assert "e-mail address has changed meanwhile" in unescape(answer.get_data(as_text=True))
    assert payments(console) == []


def test_a_rule_that_asks_for_approval_is_said_before() -> None:
    console = made(approvals="USD 10..: 2")
    page = confirm(console.person)
    assert "2 other people have approved it" in page
    assert "USD 10..: 2" in page
    person_page = console.person.send(PAY, **hidden(page)).headers["Location"]
    assert payments(console)[0].status is Status.AWAITING_APPROVAL
    assert "awaiting approval" in console.person.see(person_page.removeprefix("/console"))


def test_a_limit_that_asks_is_said_before() -> None:
    console = made(limits="customer USD 20/day ask")
    pay(console.person)
    page = confirm(console.person)
    assert "1 other person has approved it" in page
    assert "customer USD 20/day ask" in page


def test_a_limit_that_refuses_is_said_with_what_is_left_and_when() -> None:
    console = made(limits="customer USD 20/day")
    pay(console.person)
    page = confirm(console.person, 422)
    assert "Each customer: at most 20.00 USD a day. Left: 7.50 USD." in page
    assert "The same amount fits from 2026-03-02 00:00 UTC." in page
    assert len(payments(console)) == 1


def test_a_possible_duplicate_is_asked_about_and_paid_anyway() -> None:
    console = made(duplicate_hours=24)
    pay(console.person, reference="invoice 7")
    answer = pay(console.person, reference="invoice 8")
    page = unescape(answer.get_data(as_text=True))
    assert answer.status_code == 200
    assert "Is it meant once more?" in page
    assert "invoice 7" in page
    assert "Within the last 24 hours" in page
    assert len(payments(console)) == 1
    assert hidden(page)["allow_duplicate"] == "1"
    assert console.person.send(PAY, **hidden(page)).status_code == 303
    assert [each.texts.reference for each in payments(console)] == ["invoice 8", "invoice 7"]


def test_a_reference_that_was_used_is_said() -> None:
    console = made(unique_references=True)
    pay(console.person, reference="invoice 7")
    page = confirm(console.person, 422, reference="invoice 7")
    assert "You have used this reference for the payment to ada" in page


def test_who_may_not_pay_gets_403_and_no_button(console: ConsoleBench) -> None:
    reader = console.somebody("ann", "read")
    assert f'href="/console{PAY}"' not in reader.see("/customers/ada")
    assert "payments:write" in reader.see(PAY, 403)
    assert reader.send(PAY, **ENTERED).status_code == 403
    writer = console.somebody("bob", "payments:write")  # who may not see whom it would be paid to
    assert "customers:read" in writer.see(PAY, 403)
    assert writer.send(f"{PAY}/confirm", **ENTERED).status_code == 403
    assert payments(console) == []


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "with blanks in it.."])
def test_without_a_key_of_the_page_nothing_is_requested(
    console: ConsoleBench, person: Person, key: str
) -> None:
    fields = {**hidden(confirm(person)), "idempotency_key": key}
    assert person.send(PAY, **fields).status_code == 422
    assert payments(console) == []


def test_hostile_texts_are_texts(console: ConsoleBench, person: Person) -> None:
    script = "<script>alert(1)</script>"
    answer = person.send(f"{PAY}/confirm", **ENTERED, reference=script, description=script)
    source = answer.get_data(as_text=True)
    assert "<script>alert" not in source
    person.send(PAY, **hidden(unescape(source.replace("&#34;", ""))))
    assert payments(console)[0].texts.reference == script
    shown = person.client.get("/console/customers/ada").get_data(as_text=True)
    assert "<script>alert" not in shown


def test_an_unknown_customer_is_404(person: Person) -> None:
    person.see("/customers/bob/pay", 404)
    assert person.send("/customers/bob/pay/confirm", **ENTERED).status_code == 404


@pytest.fixture
def wages() -> ConsoleBench:
    """Return a console whose only bank takes options, with a customer of an account."""
    bank = ledger("ach", WirePayees())
    bank.remittance = Ach.remittance
    bench = ConsoleBench(providers={"ach": bank})
    bench.add_customer()
    bench.services.methods.put("ada", "ach", {"account": "000123456789"}, None)
    return bench


def test_a_method_is_asked_for_what_it_takes(wages: ConsoleBench) -> None:
    fields: dict[str, Any] = {
        "payment_method": "ach",
        "option_entry_description": "PAYROLL",
    }
    form = wages.person.see(PAY)
    assert "Only by ach" in form
    assert "Entry description" in form
    assert "PAYROLL" in confirm(wages.person, **fields)
    assert pay(wages.person, **fields).status_code == 303
    (payment,) = payments(wages)
    assert payment.texts.shown_options == {"entry_description": "PAYROLL"}
    shown = wages.person.see(f"/payments/ada/{payment.payment_id}")
    assert "<dt>Entry description</dt><dd>PAYROLL</dd>" in shown


def test_what_a_method_does_not_take_is_said_at_the_field(wages: ConsoleBench) -> None:
    page = confirm(wages.person, 422, payment_method="ach", option_same_day="perhaps")
    assert 'id="option_same_day-error"' in page
    assert 'value="perhaps"' in page
    assert payments(wages) == []


def test_methods_without_options_ask_for_none(person: Person) -> None:
    assert "Only by" not in person.see(PAY)
