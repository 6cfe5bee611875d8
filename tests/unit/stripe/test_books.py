"""Stripe's transfers of a period, whoever made them, and their batches."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from paymentapp.errors import Misconfigured, NotSent
from paymentapp.models.money import Money
from paymentapp.providers.base import TransactionSearch
from paymentapp.providers.stripe.provider import Stripe
from tests.support.paypal_server import FakeClock, PayPalServer
from tests.support.stripe_backend import KEY, StripeBackend
from tests.unit.stripe.support import TRANSFERS, a_list, a_payment, error, pays


def test_it_offers_books(stripe: Stripe) -> None:
    assert stripe.transaction_search.lag >= timedelta()


def books_of(backend: StripeBackend) -> TransactionSearch:
    found = backend.provider.transaction_search
    assert found is not None
    return found


def test_all_transfers_of_a_time_are_found_page_by_page(backend: StripeBackend) -> None:
    start = backend.clock()
    for _ in range(205):
        pays(backend)
    books = books_of(backend)
    found = list(books.transactions(start, backend.clock()))
    assert {each.transaction_id for each in found} == {m["id"] for m in backend.moves("transfer")}
    assert len(found) == 205
    assert found[0].money == Money(Decimal("12.5"), "USD")
    assert found[0].item_id == backend.moves("transfer")[0]["metadata"]["item_id"]
    assert found[0].raw_status == "transferred"


def test_what_was_made_at_another_time_is_not_found(backend: StripeBackend) -> None:
    for _ in range(3):
        pays(backend)
        backend.clock.pass_by(minutes=10)
    books = books_of(backend)
    now = backend.clock()
    ago = [now - timedelta(minutes=minutes) for minutes in (0, 5, 15, 25, 35)]
    assert [len(list(books.transactions(*span))) for span in zip(ago[1:], ago, strict=False)] == [
        0, 1, 1, 1,
    ]  # fmt: skip


def test_others_transfers_are_found_too(backend: StripeBackend) -> None:
    answer = backend.app.test_client().post(
        "/stripe/v1/transfers",
        data={"amount": "500", "currency": "jpy", "destination": "acct_simok0009"},
        headers={"Authorization": f"Bearer {KEY}"},
    )
    books = books_of(backend)
    [found] = books.transactions(backend.clock() - timedelta(minutes=1), backend.clock())
    assert (found.item_id, found.money) == (None, Money(Decimal(500), "JPY"))
    assert books.batch_id_of(answer.get_json()["id"]) == ""


def test_a_page_that_is_missing_is_no_end(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    server.says("GET", TRANSFERS, error(500, None, "api_error"))
    with pytest.raises(NotSent):
        list(stripe.transaction_search.transactions(clock(), clock()))
    server.says("GET", TRANSFERS, a_list({"id": "tr_1", "amount": 5}))
    with pytest.raises(NotSent, match="UNREADABLE_ANSWER"):
        list(stripe.transaction_search.transactions(clock(), clock()))


def test_a_reference_names_its_batch(backend: StripeBackend) -> None:
    books = books_of(backend)
    batch = pays(backend, "acct_simok0001:standard")
    assert batch.reference is not None
    assert "/po_" in batch.reference
    for reference in (batch.reference, batch.reference.partition("/")[0]):
        assert books.batch_id_of(reference) == batch.batch_id
    for unknown in ("tr_none", "PAYPAL-1", "", "tr_1?x"):
        assert books.batch_id_of(unknown) is None


def test_who_may_not_look_hears_so(stripe: Stripe, server: PayPalServer, clock: FakeClock) -> None:
    server.says("GET", TRANSFERS, error(403, None))
    with pytest.raises(Misconfigured):
        list(stripe.transaction_search.transactions(clock(), clock()))
    server.says("GET", "/v1/transfers/tr_1", error(401, None))
    with pytest.raises(Misconfigured):
        stripe.transaction_search.batch_id_of("tr_1")
    batch, _ = a_payment(clock())
    with pytest.raises(Misconfigured):
        stripe.fetch(batch.changed(reference="tr_1"))
