"""Approvals in the console: the queue, four eyes, several at once, what could not be decided."""

from __future__ import annotations

import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from paymentapp.config import Settings
from paymentapp.models.actors import APPROVE
from paymentapp.models.payments import PaymentKey, Status
from tests.console.conftest import ConsoleBench, Person


@pytest.fixture
def console() -> ConsoleBench:
    bench = ConsoleBench(Settings(approvals="USD 5000..: 1; USD 10000..: 2; EUR: 1"))
    bench.add_customer()
    return bench


@pytest.fixture
def ann(console: ConsoleBench) -> Person:
    return console.somebody("ann", "read", APPROVE)


def asked_for(console: ConsoleBench, amount: int = 6000, **changes: Any) -> str:
    """Request a payment that needs approval; return it as boxes name it."""
    payment = console.pay(amount=amount, **changes).get_json()
    return f"ada/{payment['payment_id']}"


def status(console: ConsoleBench, payment: str) -> Status:
    return console.services.payments.get(PaymentKey(*payment.split("/"))).status


def send(person: Person, path: str, decision: str, *payments: str, **fields: str) -> TestResponse:
    data = {"decision": decision, "payment": list(payments), **fields}
    return person.send(path, **data)


def test_an_empty_queue_says_so(person: Person) -> None:
    page = person.see("/approvals")
    assert "No payment awaits approval." in page
    assert "USD 10000..: 2" in page


def test_the_queue_shows_what_who_and_why(console: ConsoleBench, ann: Person) -> None:
    payment = asked_for(console, reference="invoice 7", description="For June")
    page = ann.see("/approvals")
    for text in ("6,000.00 USD", "a***@example.com", "For June", "invoice 7", "USD 5000..: 1"):
        assert text in page
    assert f'value="{payment}"' in page
    assert "ada@example.com" not in page


def test_whoever_requested_it_has_no_box_and_is_told_why(
    console: ConsoleBench, person: Person
) -> None:
    payment = asked_for(console)
    page = person.see("/approvals")
    assert "You requested it: somebody else has to decide." in page
    assert f'value="{payment}"' not in page


def test_who_may_not_approve_sees_no_button_and_which_right_it_takes(
    console: ConsoleBench,
) -> None:
    payment = asked_for(console)
    reader = console.somebody("ben", "read")
    page = reader.see("/approvals")
    assert "payments:approve" in page
    assert "Approve the chosen" not in page
    for path in ("/approvals/confirm", "/approvals"):
        assert send(reader, path, "approve", payment).status_code == 403
    assert status(console, payment) is Status.AWAITING_APPROVAL


def test_before_the_click_a_page_has_the_number_and_the_sums(
    console: ConsoleBench, ann: Person
) -> None:
    payments = [asked_for(console), asked_for(console, 7000), asked_for(console, 5, currency="EUR")]
    page = send(ann, "/approvals/confirm", "approve", *payments).get_data(as_text=True)
    assert "Approve 3 payments?" in page
    assert "13,000.00 USD" in page
    assert "5.00 EUR" in page
    assert {status(console, each) for each in payments} == {Status.AWAITING_APPROVAL}


def test_the_click_approves_all_of_them(console: ConsoleBench, ann: Person) -> None:
    payments = [asked_for(console), asked_for(console, 7000)]
    answer = send(ann, "/approvals", "approve", *payments, note="invoices seen")
    assert answer.headers["Location"] == "/console/approvals?done=approved&count=2"
    assert {status(console, each) for each in payments} == {Status.PENDING}
    key = PaymentKey(*payments[0].split("/"))
    (approval,) = console.services.payments.get(key).approvals
    assert (approval.by, approval.note) == ("ann", "invoices seen")
    assert "Approved: 2 payments" in ann.see("/approvals", done="approved", count="2")


def test_one_that_needs_two_waits_for_the_second(console: ConsoleBench, ann: Person) -> None:
    payment = asked_for(console, 12000)
    page = send(ann, "/approvals/confirm", "approve", payment).get_data(as_text=True)
    assert "1 payment needs further approvals" in page
    send(ann, "/approvals", "approve", payment)
    assert status(console, payment) is Status.AWAITING_APPROVAL
    page = ann.see("/approvals")
    assert "1 of 2" in page
    assert "You have approved it" in page
    send(console.somebody("bob", "read", APPROVE), "/approvals", "approve", payment)
    assert status(console, payment) is Status.PENDING


def test_a_rejection_takes_a_reason(console: ConsoleBench, ann: Person) -> None:
    payment = asked_for(console)
    assert send(ann, "/approvals", "reject", payment).status_code == 422
    assert status(console, payment) is Status.AWAITING_APPROVAL
    answer = send(ann, "/approvals", "reject", payment, reason="no such invoice")
    assert answer.headers["Location"] == "/console/approvals?done=rejected&count=1"
    rejected = console.services.payments.get(PaymentKey(*payment.split("/")))
    assert (rejected.status, rejected.reason) == (Status.REJECTED, "no such invoice")


def test_what_could_not_be_decided_is_said_row_by_row(console: ConsoleBench, ann: Person) -> None:
    payments = [asked_for(console), asked_for(console, 7000)]
    console.client.post(f"/v1/api/payment/{payments[1]}/cancel")
    answer = send(ann, "/approvals", "approve", *payments, "ada/2026-01-01T00:00:00.000000Z")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "Approved: 1 payment. Not decided: 2 payments." in page
    assert "the payment is cancelled" in page
    assert "no such payment" in page
    assert status(console, payments[0]) is Status.PENDING


def test_the_maker_cannot_approve_by_a_form_of_their_own(
    console: ConsoleBench, person: Person
) -> None:
    payment = asked_for(console)
    page = send(person, "/approvals/confirm", "approve", payment).get_data(as_text=True)
    assert "you can decide nothing" in page
    page = send(person, "/approvals", "approve", payment).get_data(as_text=True)
    assert "Whoever requested a payment does not approve" in page
    assert status(console, payment) is Status.AWAITING_APPROVAL


def test_details_that_change_after_they_were_shown_are_not_approved(
    console: ConsoleBench, ann: Person
) -> None:
    payment = asked_for(console)
    page = send(ann, "/approvals/confirm", "approve", payment).get_data(as_text=True)
    (seen,) = re.findall(r'name="seen" value="([^"]+)"', page)
    change_address(console)
    page = send(ann, "/approvals", "approve", payment, seen=seen).get_data(as_text=True)
    assert "details have changed since they were shown" in page
    assert status(console, payment) is Status.AWAITING_APPROVAL
    assert send(ann, "/approvals", "reject", payment, seen=seen, reason="who?").status_code == 303


def change_address(console: ConsoleBench) -> None:
    """Change Ada's address."""
    tag = console.services.customers.get("ada").version_tag
    console.client.patch(
        "/v1/api/customer/ada", json={"email": "x@y.example"}, headers={"If-Match": f'"{tag}"'}
    )


def test_details_that_changed_since_the_request_are_pointed_at(
    console: ConsoleBench, ann: Person
) -> None:
    payment = asked_for(console)
    change_address(console)
    assert "details changed since" in ann.see("/approvals")
    page = send(ann, "/approvals/confirm", "approve", payment).get_data(as_text=True)
    assert "after the request" in page


@pytest.mark.parametrize("chosen", [[], ["ada"], ["../etc/2026"], ["ada/2026-01-01"]])
def test_nothing_chosen_is_said(ann: Person, chosen: list[str]) -> None:
    for path in ("/approvals/confirm", "/approvals"):
        answer = send(ann, path, "approve", *chosen)
        assert answer.status_code == 422
        assert "choose payments first" in answer.get_data(as_text=True)


def test_all_of_a_page_are_chosen_without_scripts(console: ConsoleBench, ann: Person) -> None:
    asked_for(console)
    assert " checked" not in ann.see("/approvals")
    assert " checked" in ann.see("/approvals", all="1")


def test_a_long_queue_is_read_a_page_at_a_time(console: ConsoleBench, ann: Person) -> None:
    for _ in range(51):
        asked_for(console)
    page = ann.see("/approvals")
    assert page.count('type="checkbox"') == 50
    following = re.search(r'rel="next" href="/console(/approvals\?cursor=[^"]+)"', page)
    assert following is not None
    page = ann.see(following[1])
    assert page.count('type="checkbox"') == 1
    assert "cursor=" not in page.split("Pages of the queue")[1]


def test_hostile_texts_are_texts(console: ConsoleBench, ann: Person) -> None:
    script = "<script>alert(1)</script>"
    payment = asked_for(console, reference=script, description=script)
    for page in (
        ann.client.get("/console/approvals").get_data(as_text=True),
        send(ann, "/approvals/confirm", "approve", payment).get_data(as_text=True),
    ):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
