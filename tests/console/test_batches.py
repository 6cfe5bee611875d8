"""Batches in the console: what is open, failing and parked, and what an operator decides."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paymentapp.errors import NotSent, OutcomeUnknown
from paymentapp.models.actors import ADMIN, HOLD
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.erasures import Erasure
from paymentapp.models.payments import Payment, PaymentKey, Status
from tests.console.conftest import ConsoleBench, Person
from tests.support.ledger_books import LedgerBooks

NOTE = "case 4711"


@pytest.fixture
def books() -> LedgerBooks:
    return LedgerBooks()


@pytest.fixture
def console(books: LedgerBooks) -> ConsoleBench:
    bench = ConsoleBench(providers={"paypal": books})
    bench.add_customer()
    return bench


@pytest.fixture
def admin(console: ConsoleBench) -> Person:
    return console.somebody("grace", ADMIN)


def requested(console: ConsoleBench, count: int = 1) -> list[Payment]:
    found = []
    for number in range(count):
        body = console.pay(amount=12.5 + number, allow_duplicate=True).get_json()
        key = PaymentKey(body["customer_id"], body["payment_id"])
        found.append(console.services.payments.get(key))
    return found


def silence(books: LedgerBooks, *, acted: bool) -> None:
    def fail(_: Batch) -> None:
        raise OutcomeUnknown("NO_ANSWER")

    if acted:
        books.after = fail
    else:
        books.before = fail


def sent(console: ConsoleBench, count: int = 1) -> Batch:
    batch = console.services.dispatcher.submit(requested(console, count))
    assert batch is not None
    return batch


def parked(console: ConsoleBench, books: LedgerBooks, *, acted: bool = False) -> Batch:
    """Return a batch that had no answer for 25 days; its provider answers again, an hour later."""
    silence(books, acted=acted)
    batch = sent(console)
    console.now += timedelta(days=25, hours=1)
    batch = console.services.dispatcher.resume(batch)
    assert batch.state is BatchState.PARKED
    books.before = books.after = lambda _batch: None
    console.now += timedelta(hours=4)
    console.person.sign_in(console.token)  # the session has ended meanwhile
    return batch


def state(console: ConsoleBench, batch: Batch) -> BatchState:
    found = console.store.get_batch(batch.batch_id)
    assert found is not None
    return found.state


def test_nothing_is_open(person: Person) -> None:
    page = person.see("/batches")
    assert "No batch is parked." in page
    assert "No batch is open." in page


def test_open_batches_are_listed_failing_ones_first(
    console: ConsoleBench, books: LedgerBooks
) -> None:
    fine = sent(console)

    def refuse(_: Batch) -> None:
        raise NotSent("CONNECTION_REFUSED")

    books.before = refuse
    failing = sent(console)
    page = console.person.see("/batches")
    assert page.index(failing.batch_id) < page.index(fine.batch_id)
    assert "certainly not sent" in page
    assert "NotSent: CONNECTION_REFUSED" in page
    only = console.person.see("/batches", show="failing")
    assert failing.batch_id in only
    assert fine.batch_id not in only


def test_a_batch_is_shown_with_its_members_by_page(console: ConsoleBench) -> None:
    batch = sent(console, 60)
    page = console.person.see(f"/batches/{batch.batch_id}")
    assert "Payments 1 to 50 of 60" in page
    assert f"ref-{batch.batch_id}" in page
    assert "2,520.00 USD" in page
    assert "a***@example.com" in page
    assert "ada@example.com" not in page
    assert "Payments 51 to 60 of 60" in console.person.see(f"/batches/{batch.batch_id}", cursor=50)


def test_books_are_searched_for_parked_batches_alone(
    console: ConsoleBench, books: LedgerBooks
) -> None:
    batch = sent(console)
    answer = console.person.send(f"/batches/{batch.batch_id}/search")
    assert "there is nothing to resolve" in answer.text
    assert books.searches == []
    assert console.person.send("/batches/nothing/search").status_code == 404


@pytest.mark.parametrize("batch_id", ["nothing", "<script>", "x" * 100])
def test_a_batch_that_is_not_there(person: Person, batch_id: str) -> None:
    assert "There is no such batch." in person.see(f"/batches/{batch_id}", 404)


def test_a_batch_is_found_by_its_id(console: ConsoleBench) -> None:
    batch = sent(console)
    answer = console.person.client.get(f"/console/batches?id=+{batch.batch_id}+")
    assert answer.headers["Location"] == f"/console/batches/{batch.batch_id}"


def test_a_batch_that_may_have_been_sent_is_parked(
    console: ConsoleBench, books: LedgerBooks
) -> None:
    silence(books, acted=True)
    batch = sent(console)
    path = f"/batches/{batch.batch_id}"
    assert "not known whether it was sent" in console.person.see(path)
    assert "Park this batch?" in console.person.see(f"{path}/park")
    assert console.person.send(f"{path}/park", note=" ").status_code == 422
    assert state(console, batch) is BatchState.FROZEN
    assert console.person.send(f"{path}/park", note=NOTE).status_code == 303
    assert f"test: {NOTE}" in console.person.see(path)
    assert state(console, batch) is BatchState.PARKED


def test_one_that_was_certainly_not_sent_is_not_parked(
    console: ConsoleBench, books: LedgerBooks
) -> None:
    def refuse(_: Batch) -> None:
        raise NotSent("CONNECTION_REFUSED")

    books.before = refuse
    batch = sent(console)
    assert "Park it…" not in console.person.see(f"/batches/{batch.batch_id}")
    answer = console.person.send(f"/batches/{batch.batch_id}/park", note=NOTE)
    assert answer.status_code == 409
    assert state(console, batch) is BatchState.FROZEN


def test_the_evidence_for_a_parked_batch_is_shown_and_searched(
    console: ConsoleBench, books: LedgerBooks
) -> None:
    batch = parked(console, books, acted=True)
    books.moved_at = console.now - timedelta(days=25)
    assert batch.batch_id in console.person.see("/batches")
    path = f"/batches/{batch.batch_id}/resolve"
    page = console.person.see(path)
    assert "OutcomeUnknown: NO_ANSWER" in page
    assert books.searches == []
    assert "admin" in page  # the right that is missing
    search = f"/batches/{batch.batch_id}/search"
    reader = console.somebody("reader", "read")
    assert reader.send(search).status_code == 403
    assert "payments:hold" in reader.see(path)
    assert books.searches == []
    assert "1 of 1 transactions" in console.person.send(search).text
    books.search_fails = [NotSent("DOWN")]
    assert "no answer: DOWN" in console.person.send(search).text


def test_a_batch_that_the_provider_has_is_followed(
    console: ConsoleBench, books: LedgerBooks, admin: Person
) -> None:
    batch = parked(console, books, acted=True)
    admin = console.somebody("hopper", ADMIN)
    path = f"/batches/{batch.batch_id}/resolve"
    form = {"resolution": "accepted", "note": NOTE, "reference": f"ref-{batch.batch_id}"}
    assert admin.send(path, **{**form, "reference": "ref-other"}).status_code == 409
    assert admin.send(path, **{**form, "note": ""}).status_code == 422
    assert state(console, batch) is BatchState.PARKED
    assert admin.send(path, **form).status_code == 303
    page = admin.see(f"/batches/{batch.batch_id}")
    assert f"accepted by hopper: {NOTE}" in page
    (payment,) = console.client.get("/v1/api/payment").get_json()["payments"]
    assert payment["status"] == Status.SUCCEEDED


def test_a_reference_that_is_not_known_takes_a_confirmation(
    console: ConsoleBench, books: LedgerBooks
) -> None:
    batch = parked(console, books, acted=True)
    books.forgotten = True
    admin = console.somebody("hopper", ADMIN)
    path = f"/batches/{batch.batch_id}/resolve"
    form = {"resolution": "accepted", "note": NOTE, "reference": "R1"}
    answer = admin.send(path, **form)
    assert answer.status_code == 409
    assert "does not know R1" in answer.get_data(as_text=True)
    assert admin.send(path, **form, confirmed="yes").status_code == 303


def test_a_batch_that_was_not_sent_goes_out_again(
    console: ConsoleBench, books: LedgerBooks
) -> None:
    batch = parked(console, books)
    admin = console.somebody("hopper", ADMIN)
    path = f"/batches/{batch.batch_id}/resolve"
    page = admin.see(path)
    assert "1 payment over 12.50 USD goes out again" in page
    assert "people are paid twice" in page
    form = {"resolution": "not-sent", "note": NOTE}
    assert admin.send(path, **form, again="another").status_code == 422
    assert state(console, batch) is BatchState.PARKED
    assert admin.send(path, **form, again=batch.batch_id).status_code == 303
    assert state(console, batch) is BatchState.ABORTED
    (payment,) = console.client.get("/v1/api/payment").get_json()["payments"]
    assert payment["status"] == Status.PENDING


def test_what_the_books_contradict_is_not_recorded(
    console: ConsoleBench, books: LedgerBooks
) -> None:
    batch = parked(console, books, acted=True)
    books.moved_at = console.now - timedelta(days=25)
    admin = console.somebody("hopper", ADMIN)
    form = {"resolution": "not-sent", "note": NOTE, "again": batch.batch_id}
    answer = admin.send(f"/batches/{batch.batch_id}/resolve", **form)
    assert answer.status_code == 409
    assert "books contradict that" in answer.get_data(as_text=True)
    books.search_fails, before = [NotSent("DOWN")], len(books.searches)
    answer = admin.send(f"/batches/{batch.batch_id}/resolve", **form)
    assert answer.status_code == 502
    assert "nothing was recorded" in answer.get_data(as_text=True)
    assert len(books.searches) == before + 1  # it is not repeated while a person waits
    assert state(console, batch) is BatchState.PARKED


def test_who_lacks_the_right_decides_nothing(console: ConsoleBench, books: LedgerBooks) -> None:
    batch = parked(console, books)
    path = f"/batches/{batch.batch_id}"
    holder = console.somebody("holder", "read", HOLD)
    form = {"resolution": "not-sent", "note": NOTE, "again": batch.batch_id}
    assert holder.send(f"{path}/resolve", **form).status_code == 403
    reader = console.somebody("reader", "read")
    assert reader.send(f"{path}/park", note=NOTE).status_code == 403
    assert "Record: it was not sent" not in reader.see(f"{path}/resolve")
    assert state(console, batch) is BatchState.PARKED


def test_an_erased_member_has_no_payee(console: ConsoleBench) -> None:
    batch = sent(console)
    console.services.poller.follow(batch)
    erasure: Erasure | None = console.services.erasures.erase("ada")
    for _ in range(3):
        erasure = console.services.erasures.step(erasure) if erasure else None
    page = console.person.see(f"/batches/{batch.batch_id}")
    assert "erased" in page
    assert "example.com" not in page
