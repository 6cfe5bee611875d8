"""The pages of payments: list, search, one payment, and what is done with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from paymentapp.config import Settings
from paymentapp.models.actors import APPROVE, HOLD
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.storage.changes import PaymentChange
from tests.console.conftest import ConsoleBench, Person
from tests.support.records import NOW, a_batch

Pay = Callable[..., dict[str, Any]]
SCRIPT = "<script>alert(1)</script>"


def path_of(body: dict[str, Any], action: str = "") -> str:
    return f"/payments/{body['customer_id']}/{body['payment_id']}" + (action and f"/{action}")


def stored(console: ConsoleBench, body: dict[str, Any]) -> Payment:
    key = PaymentKey(body["customer_id"], body["payment_id"])
    payment = console.store.get_payment(key)
    assert payment is not None
    return payment


def move(console: ConsoleBench, body: dict[str, Any], status: Status, reason: str = "") -> Payment:
    """Move a payment as its dispatcher and its provider do."""
    old = stored(console, body)
    batch = a_batch(provider=old.payment_method)
    console.store.add_batch(batch, [])
    sent = old.moved(
        Status.SUBMITTING,
        console.clock(),
        Cause.DISPATCH,
        batch.batch_id,
        batch_id=batch.batch_id,
        due_at=None,
    )
    new = sent.moved(status, console.clock(), Cause.POLL, reason, reason=reason or None)
    assert console.store.change_payments([PaymentChange(old, new)]) == [True]
    return new


def listed(person: Person, filters: dict[str, str], expected: int = 200) -> str:
    """Return the page of the list with filters."""
    return person.see(f"/payments?{urlencode(filters)}", expected)


def rows(page: str) -> int:
    return page.count('<th scope="row" class="nowrap">')


# --- The list


def test_the_list_shows_payments_newest_first_with_links(person: Person, paid: Pay) -> None:
    first, second = paid(), paid(amount=7)
    page = person.see("/payments")
    assert page.index("7.00 USD") < page.index("12.50 USD")
    assert f'href="/console{path_of(first)}"' in page
    assert "a***@example.com" in page
    assert "ada@example.com" not in page
    assert path_of(second) in page


def test_an_empty_list_says_so(person: Person) -> None:
    assert "There is no payment yet" in person.see("/payments")


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"reference": "r1"}, 1),
        ({"status": "pending"}, 3),
        ({"status": "failed"}, 0),
        ({"payment_method": "paypal"}, 3),
        ({"currency": "eur"}, 1),
        ({"created_by": "test"}, 3),
        ({"created_by": "nobody"}, 0),
        ({"min_amount": "20"}, 1),
        ({"max_amount": "12.50"}, 2),
        ({"from": "2026-03-01", "to": "2026-03-01"}, 3),
        ({"from": "2026-03-02"}, 0),
        ({"currency": "USD", "min_amount": "1", "status": "", "unknown": "x"}, 2),
    ],
)
def test_each_filter_of_the_api_narrows_the_list(
    person: Person, paid: Pay, filters: dict[str, str], found: int
) -> None:
    paid(reference="r1")
    paid(amount=30)
    paid(currency="EUR")
    page = listed(person, filters)
    assert rows(page) == found
    if not found:
        assert "No payment passes these filters" in page


def test_filters_stay_in_the_form_and_over_pages(person: Person, paid: Pay) -> None:
    for _ in range(27):
        paid()
    page = listed(person, {"status": "pending"})
    assert '<option value="pending" selected>' in page
    assert rows(page) == 25
    following = re.search(r'rel="next" href="\?([^"]+)"', page)
    assert following is not None
    assert "status=pending" in following[1]
    last = person.see(f"/payments?{following[1]}")
    assert rows(last) == 2
    assert "Newest" in last
    assert 'rel="next"' not in last


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("min_amount", "ten", "Must be an amount"),
        ("status", "paid", "Must be one of"),
        ("from", "yesterday", "ISO 8601"),
        ("currency", "DOLLAR", "three capital letters"),
        ("cursor", "x", "begin with the newest"),
    ],
)
def test_a_wrong_filter_says_what_is_wrong_and_lists_nothing(
    person: Person, paid: Pay, name: str, value: str, says: str
) -> None:
    paid()
    page = listed(person, {name: value}, 400)
    assert says in page
    assert rows(page) == 0


def test_who_may_not_read_payments_gets_403(console: ConsoleBench, paid: Pay) -> None:
    body = paid()
    clerk = console.somebody("clerk", "customers:read")
    for path in ("/payments", "/payments/search", path_of(body), path_of(body, "cancel")):
        assert "payments:read" in clerk.see(path, 403)


def test_the_list_leads_to_the_report_with_its_filters(
    console: ConsoleBench, person: Person
) -> None:
    if "console.reports" not in console.app.view_functions:
        pytest.skip("there is no page of reports")
    page = listed(person, {"status": "failed"})
    assert "/console/reports?see=1&from=2026-01-30&status=failed" in page
    assert "/console/reports?see=1" not in listed(person, {"provider_id": "X"})
    clerk = console.somebody("clerk", "payments:read")
    assert "/console/reports" not in listed(clerk, {"status": "failed"})


# --- The search


def test_a_search_with_one_find_goes_to_it(person: Person, paid: Pay) -> None:
    body = paid(reference="invoice 7")
    paid()
    answer = person.client.get("/console/payments/search", query_string={"q": " invoice 7 "})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/console{path_of(body)}".replace(":", "%3A") or (
        answer.headers["Location"] == f"/console{path_of(body)}"
    )


def test_a_search_with_several_finds_lists_them(person: Person, paid: Pay) -> None:
    paid()
    paid()
    page = person.see("/payments/search", q="ada@example.com")
    assert rows(page) == 2
    assert 'value="ada@example.com"' in page


def test_a_search_without_a_find_says_what_can_be_searched_by(person: Person) -> None:
    page = person.see("/payments/search", q=SCRIPT)
    assert "Nothing is found" in page
    raw = person.client.get("/console/payments/search", query_string={"q": SCRIPT})
    assert SCRIPT not in raw.get_data(as_text=True)
    assert "Find a payment" in person.see("/payments/search")


# --- One payment


def test_a_payment_tells_its_story_with_who_and_when(
    console: ConsoleBench, person: Person, paid: Pay
) -> None:
    body = paid(reference="r1", description="March", metadata={"order": "77"})
    move(console, body, Status.FAILED, "RECEIVER_ACCOUNT_LOCKED: the account is locked")
    page = person.see(path_of(body))
    assert "12.50 USD requested." in page
    assert "2026-03-01 12:00:00</time>, test" in page
    assert "paypal did not pay it." in page
    assert "The payee's PayPal account is locked or not in use." in page
    assert "Ask the payee to put their PayPal account in order" in page
    for text in ("r1", "March", "<dt>order</dt><dd>77</dd>", "a***@example.com"):
        assert text in page
    assert "ada@example.com" not in page


def test_a_payment_that_is_not_there_is_a_clear_404(person: Person) -> None:
    page = person.see("/payments/ada/2026-03-01T12:00:00.000000Z", 404)
    assert "no such payment" in page


def test_hostile_texts_are_shown_as_texts(person: Person, paid: Pay) -> None:
    body = paid(reference=SCRIPT, description=SCRIPT, metadata={"k": SCRIPT})
    for path in ("/payments", path_of(body), path_of(body, "cancel")):
        raw = person.client.get(f"/console{path}").get_data(as_text=True)
        assert SCRIPT not in raw
        assert "&lt;script&gt;" in raw


def test_a_notice_is_never_a_text_of_the_url(person: Person, paid: Pay) -> None:
    body = paid()
    assert "is held: it does not leave" in person.see(path_of(body), done="held")
    assert "You have won" not in person.see(path_of(body), done="You have won")


def test_retries_are_linked_both_ways(console: ConsoleBench, person: Person, paid: Pay) -> None:
    body = paid()
    move(console, body, Status.FAILED, "RISK_DECLINE: declined")
    answer = person.send(path_of(body, "retry"), idempotency_key="k1")
    assert answer.status_code == 303
    retry_id = stored(console, body).retried_by
    assert retry_id is not None
    assert f">{retry_id}</a>" in person.see(path_of(body))
    assert "It was retried" in person.see(path_of(body))
    new = person.see(f"/payments/ada/{retry_id}", done="retried")
    assert f">{body['payment_id']}</a>" in new
    assert "This is the new payment" in new


def test_an_erased_customers_payment_shows_nobody(
    console: ConsoleBench, person: Person, paid: Pay
) -> None:
    body = paid(reference="r1")
    assert person.send(path_of(body, "cancel")).status_code == 303
    console.services.erasures.erase("ada")
    console.now += timedelta(days=1)
    while console.services.erasures.advance():
        console.now += timedelta(hours=1)
    person.sign_in(console.token)
    page = person.see(path_of(body))
    assert "to erased</h1>" in page
    assert "example.com" not in page
    assert "r1" not in page
    assert "erased" in person.see("/payments")


# --- What is done with one


def test_a_payment_is_cancelled_after_a_question(
    console: ConsoleBench, person: Person, paid: Pay
) -> None:
    body = paid()
    assert path_of(body, "cancel") in person.see(path_of(body))
    asked = person.see(path_of(body, "cancel"))
    assert "Cancel this payment?" in asked
    assert stored(console, body).status is Status.PENDING
    answer = person.send(path_of(body, "cancel"))
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("done=cancelled")
    assert stored(console, body).status is Status.CANCELLED
    assert stored(console, body).history[-1].by == "test"


def test_a_hold_takes_a_reason_and_is_released(
    console: ConsoleBench, person: Person, paid: Pay
) -> None:
    body = paid()
    empty = person.send(path_of(body, "hold"), reason=" ")
    assert empty.status_code == 400
    assert "Fill this in." in empty.get_data(as_text=True)
    assert console.store.list_holds() == []
    assert person.send(path_of(body, "hold"), reason="a doubt").status_code == 303
    page = person.see(path_of(body))
    assert "This payment is held since" in page
    assert "by test: a doubt." in page
    assert "12.50 USD" in person.see(path_of(body, "release"))
    assert person.send(path_of(body, "release")).status_code == 303
    assert console.store.list_holds() == []


def test_a_payment_is_approved_by_another_person(strict: ConsoleBench) -> None:
    body = needing_approval(strict)
    bea = strict.somebody("bea", "read", APPROVE)
    page = bea.see(path_of(body))
    assert "it has 0 of 1 approvals" in page
    asked = bea.see(path_of(body, "approve"))
    assert "With your approval" in asked
    answer = bea.send(path_of(body, "approve"), seen=hidden(asked, "seen"), note="seen it")
    assert answer.status_code == 303
    payment = stored(strict, body)
    assert payment.status is Status.PENDING
    assert [(each.by, each.note) for each in payment.approvals] == [("bea", "seen it")]
    assert "seen it" in bea.see(path_of(body))


def test_an_approval_of_what_was_not_shown_is_refused(strict: ConsoleBench) -> None:
    body = needing_approval(strict)
    bea = strict.somebody("bea", "read", APPROVE)
    answer = bea.send(path_of(body, "approve"), seen="another payee")
    assert answer.status_code == 409
    assert "details have changed" in answer.get_data(as_text=True)
    assert stored(strict, body).approvals == ()


def test_whoever_requested_a_payment_cannot_approve_it(strict: ConsoleBench) -> None:
    body = needing_approval(strict)
    page = strict.person.see(path_of(body))
    assert "You have requested it." in page
    assert path_of(body, "approve") not in page
    assert "Somebody else has to decide" in strict.person.see(path_of(body, "approve"), 403)
    seen = strict.services.approvals.version_of(stored(strict, body))
    assert strict.person.send(path_of(body, "approve"), seen=seen).status_code == 403
    assert stored(strict, body).status is Status.AWAITING_APPROVAL


def test_a_rejection_takes_a_reason(strict: ConsoleBench) -> None:
    body = needing_approval(strict)
    bea = strict.somebody("bea", "read", APPROVE)
    assert bea.send(path_of(body, "reject")).status_code == 400
    assert bea.send(path_of(body, "reject"), reason="twice").status_code == 303
    assert stored(strict, body).status is Status.REJECTED
    assert "bea did not approve it: twice." in bea.see(path_of(body))


def test_a_retry_pays_once_however_often_its_form_is_sent(
    console: ConsoleBench, person: Person, paid: Pay
) -> None:
    body = paid()
    move(console, body, Status.FAILED, "RISK_DECLINE: declined")
    asked = person.see(path_of(body, "retry"))
    assert "A new payment of" in asked
    assert "a***@example.com" in asked
    key = hidden(asked, "idempotency_key")
    answers = [person.send(path_of(body, "retry"), idempotency_key=key) for _ in range(2)]
    assert {each.status_code for each in answers} == {303}
    assert len({each.headers["Location"] for each in answers}) == 1
    assert rows(person.see("/payments")) == 2


def test_a_retry_without_its_key_is_refused(
    console: ConsoleBench, person: Person, paid: Pay
) -> None:
    body = paid()
    move(console, body, Status.FAILED, "RISK_DECLINE: declined")
    answer = person.send(path_of(body, "retry"))
    assert answer.status_code == 400
    assert stored(console, body).retried_by is None


def test_a_retry_by_a_method_that_does_not_pay_it_is_refused(
    console: ConsoleBench, person: Person, paid: Pay
) -> None:
    body = paid()
    move(console, body, Status.FAILED, "RISK_DECLINE: declined")
    answer = person.send(path_of(body, "retry"), idempotency_key="k", payment_method="ach")
    assert answer.status_code == 422
    assert rows(person.see("/payments")) == 1


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("approve", {"seen": ""}),
        ("reject", {"reason": "no"}),
        ("hold", {"reason": "no"}),
        ("release", {}),
        ("cancel", {}),
        ("retry", {"idempotency_key": "k"}),
    ],
)
def test_who_may_only_read_has_no_buttons_and_gets_403(
    console: ConsoleBench, paid: Pay, action: str, fields: dict[str, str]
) -> None:
    body = paid()
    reader = console.somebody("reader", "read")
    page = reader.see(path_of(body))
    assert f"{path_of(body)}/" not in page
    assert "takes the right" in page
    assert reader.send(path_of(body, action), **fields).status_code == 403
    assert stored(console, body).status is Status.PENDING
    assert console.store.list_holds() == []


def test_another_clients_payment_takes_the_right_to_hold(console: ConsoleBench, paid: Pay) -> None:
    body = paid()
    shop = console.somebody("shop", "read", "write")
    assert "of other clients" in shop.see(path_of(body))
    assert shop.send(path_of(body, "cancel")).status_code == 403
    chief = console.somebody("chief", "read", HOLD)
    assert chief.send(path_of(body, "cancel")).status_code == 303
    assert stored(console, body).status is Status.CANCELLED


def test_what_cannot_be_done_now_says_so(console: ConsoleBench, person: Person, paid: Pay) -> None:
    body = paid()
    move(console, body, Status.SUCCEEDED)
    for action in ("cancel", "retry", "hold"):
        assert "cannot be done now" in person.see(path_of(body, action), 409)
    assert person.send(path_of(body, "cancel")).status_code == 409
    assert "What can be done" not in person.see(path_of(body))


def test_no_other_action_has_a_page(person: Person, paid: Pay) -> None:
    assert person.client.get(f"/console{path_of(paid(), 'explode')}").status_code == 404


def hidden(page: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


def needing_approval(console: ConsoleBench) -> dict[str, Any]:
    """Return a payment that awaits an approval, which `test` has requested."""
    console.add_customer()
    body: dict[str, Any] = console.pay().get_json()
    return body


@pytest.fixture
def strict() -> ConsoleBench:
    """Return a console in which each payment takes an approval."""
    return ConsoleBench(Settings(approvals="USD 10..: 1"))


def test_a_page_of_a_year_ago_is_found_by_dates(person: Person, paid: Pay) -> None:
    paid()
    day = (NOW - timedelta(days=365)).date().isoformat()
    assert rows(listed(person, {"from": day, "to": day})) == 0
