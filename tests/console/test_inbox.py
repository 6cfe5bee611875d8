"""Bank news in the console: what was reported is listed, and a person records what it means."""

from __future__ import annotations

from typing import Any

import pytest

from paymentapp.models.actors import ADMIN, HOLD
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.models.provider_events import ProviderEvent, ProviderEventState
from tests.console.conftest import ConsoleBench, Person

BODY = b'{"event_type": "X"}'
NOTE = "case 4711: the bank says so"


@pytest.fixture
def console() -> ConsoleBench:
    bench = ConsoleBench()
    bench.add_customer()
    return bench


@pytest.fixture
def admin(console: ConsoleBench) -> Person:
    return console.somebody("grace", ADMIN)


def set_aside(console: ConsoleBench, event_id: str = "WH-1", note: str = "no such payment") -> str:
    now = console.clock()
    event = ProviderEvent.received(
        *("paypal", event_id, "PAYOUT.RETURNED", BODY), now=now, due_at=now, shards=1
    )
    console.store.add_provider_event(event.done(ProviderEventState.SET_ASIDE, note, None))
    return event_id


def settled(console: ConsoleBench) -> Payment:
    body = console.pay().get_json()
    key = PaymentKey("ada", body["payment_id"])
    batch = console.services.dispatcher.submit([console.services.payments.get(key)])
    assert batch is not None
    console.services.poller.follow(batch)
    return console.services.payments.get(key)


def form_of(payment: Payment | None, resolution: str = "returned", **more: Any) -> dict[str, Any]:
    form = {"id": "WH-1", "resolution": resolution, "note": NOTE}
    if payment is not None:
        form |= {"customer_id": payment.customer_id, "payment_id": payment.payment_id}
    return {**form, **more}


def status(console: ConsoleBench, payment: Payment) -> Status:
    return console.services.payments.get(payment.key).status


def test_nothing_waits(person: Person) -> None:
    assert "Nothing waits for a person." in person.see("/inbox")


def test_what_waits_is_listed_and_shown_as_text(console: ConsoleBench) -> None:
    set_aside(console, "WH/1?<b>", "<script>alert(1)</script>")
    raw = console.person.client.get("/console/inbox").get_data(as_text=True)
    assert "<script>alert" not in raw
    assert "1 waits for a person" in raw
    page = console.person.see("/inbox/item", id="WH/1?<b>")
    assert "<script>alert(1)</script>" in page  # decoded: it was text
    assert "admin" in page
    assert "Record what it means" not in page


def test_a_long_list_has_pages(console: ConsoleBench) -> None:
    for number in range(60):
        set_aside(console, f"WH-{number}")
    assert "60 wait for a person" in console.person.see("/inbox")
    assert "id=WH-59" in console.person.see("/inbox", cursor="50")


def test_a_payment_moves_by_what_a_person_records_after_a_confirmation(
    console: ConsoleBench, admin: Person
) -> None:
    payment = settled(console)
    set_aside(console)
    form = form_of(payment)
    answer = admin.send("/inbox/item", **form)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "12.50 USD" in page
    assert "succeeded now" in page
    assert "<strong>returned</strong>" in page
    assert status(console, payment) is Status.SUCCEEDED
    answer = admin.send("/inbox/item", **form, confirmed="yes")
    assert answer.headers["Location"] == "/console/inbox?done=recorded"
    assert status(console, payment) is Status.RETURNED
    page = admin.see("/inbox/item", id="WH-1")
    assert "It is recorded already" in page
    assert "grace" in page
    assert NOTE in page


def test_what_is_about_no_payment_is_ignored(console: ConsoleBench, admin: Person) -> None:
    set_aside(console)
    assert "No payment moves" in admin.send("/inbox/item", **form_of(None, "ignored")).text
    answer = admin.send("/inbox/item", **form_of(None, "ignored"), confirmed="yes")
    assert answer.status_code == 303
    assert "Nothing waits" in admin.see("/inbox")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"resolution": "lost"}, "Choose what became of the payment."),
        ({"payment_id": ""}, "Choose the payment that it is about"),
        ({"customer_id": "nobody"}, "There is no such payment."),
        ({"note": "\u0007"}, "Write why"),
        ({"code": "x" * 21}, "A reason code has at most"),
    ],
)
def test_a_wrong_value_is_named_and_changes_nothing(
    console: ConsoleBench, admin: Person, changes: dict[str, str], words: str
) -> None:
    payment = settled(console)
    set_aside(console)
    answer = admin.send("/inbox/item", **{**form_of(payment), **changes, "confirmed": "yes"})
    assert answer.status_code == 422
    assert words in answer.text
    assert status(console, payment) is Status.SUCCEEDED
    assert "1 waits" in admin.see("/inbox")


def test_a_step_back_is_refused_before_and_after_the_confirmation(
    console: ConsoleBench, admin: Person
) -> None:
    payment = settled(console)
    set_aside(console)
    form = form_of(payment, "failed")
    assert "does not go from succeeded to failed" in admin.send("/inbox/item", **form).text
    answer = admin.send("/inbox/item", **form, confirmed="yes")
    assert answer.status_code == 409
    assert "nothing was recorded" in answer.text
    assert status(console, payment) is Status.SUCCEEDED


@pytest.mark.parametrize("scopes", [("read",), ("read", HOLD, "payments:write")])
def test_who_is_no_administrator_records_nothing(
    console: ConsoleBench, scopes: tuple[str, ...]
) -> None:
    payment = settled(console)
    set_aside(console)
    other = console.somebody("other", *scopes)
    answer = other.send("/inbox/item", **form_of(payment), confirmed="yes")
    assert answer.status_code == 403
    assert status(console, payment) is Status.SUCCEEDED


def test_a_report_that_is_not_there(person: Person) -> None:
    person.see("/inbox/item", 404, id="WH-2")
    person.see("/inbox/item", 404)
