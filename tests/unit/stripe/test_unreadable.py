"""Answers that violate Stripe's API decide nothing: no outcome, no cancellation, no balance."""

from __future__ import annotations

from typing import Any

import pytest

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch, Member
from paymentapp.models.payments import Status
from paymentapp.providers.stripe.provider import Stripe
from tests.support.paypal_server import FakeClock, PayPalServer, Says
from tests.unit.stripe.support import (
    ACCOUNT,
    BALANCE,
    PAYOUTS,
    TRANSFERS,
    a_list,
    a_payment,
    a_transfer,
    error,
)

TRANSFER = f"{TRANSFERS}/tr_1"
PAYOUT = f"{PAYOUTS}/po_1"
CANCEL = f"{PAYOUT}/cancel"
REFERENCE = "tr_1/po_1"
UNREADABLE: list[Any] = [{}, [], {"id": "po_1"}, {"id": "po_1", "status": "paid", "amount": "1"}]


@pytest.fixture
def sent(clock: FakeClock) -> tuple[Batch, Member]:
    """Return a batch that Stripe accepted as `tr_1`, with a payout that is to follow."""
    batch, (member,) = a_payment(clock(), f"{ACCOUNT}:standard")
    return batch.changed(reference=REFERENCE, accepted_at=clock()), member


@pytest.fixture
def transferred(server: PayPalServer, sent: tuple[Batch, Member]) -> Batch:
    """Return the same, with a transfer that can be read."""
    server.says("GET", TRANSFER, Says(200, a_transfer(*sent)))
    return sent[0]


def a_payout(status: str, batch: Batch) -> Says:
    metadata = {"batch_id": batch.batch_id, "transfer": "tr_1"}
    body = {"id": "po_1", "amount": 1250, "currency": "usd", "status": status}
    return Says(200, {**body, "metadata": metadata})


def test_a_transfer_that_cannot_be_read_names_no_batch(
    stripe: Stripe, server: PayPalServer
) -> None:
    server.says("GET", TRANSFER, Says(200, {"id": "tr_1"}))
    with pytest.raises(NotSent, match="UNREADABLE_ANSWER"):
        stripe.transaction_search.batch_id_of("tr_1")


def test_a_transfer_without_our_item_id_is_no_outcome(
    stripe: Stripe, server: PayPalServer, sent: tuple[Batch, Member]
) -> None:
    metadata = {"batch_id": sent[0].batch_id, "payout": "standard"}
    server.says("GET", TRANSFER, Says(200, a_transfer(*sent, metadata=metadata)))
    with pytest.raises(NotSent, match="without our item id"):
        stripe.fetch(sent[0])


@pytest.mark.parametrize("body", UNREADABLE)
def test_a_payout_that_cannot_be_read_is_no_outcome(
    stripe: Stripe, server: PayPalServer, transferred: Batch, body: Any
) -> None:
    server.says("GET", PAYOUT, Says(200, body))
    with pytest.raises(NotSent, match="UNREADABLE_ANSWER"):
        stripe.fetch(transferred)


def test_a_payout_that_nobody_may_look_at_is_no_outcome(
    stripe: Stripe, server: PayPalServer, transferred: Batch
) -> None:
    server.says("GET", PAYOUT, error(403))
    with pytest.raises(Misconfigured):
        stripe.fetch(transferred)


def test_a_cancellation_that_fails_for_another_reason_is_an_error(
    stripe: Stripe, server: PayPalServer, transferred: Batch
) -> None:
    server.says("GET", PAYOUT, a_payout("pending", transferred))
    server.says("POST", CANCEL, error(500, None, "api_error"))
    with pytest.raises(OutcomeUnknown):
        stripe.cancel(REFERENCE)


def test_a_cancellation_whose_answer_cannot_be_read_may_have_been_done(
    stripe: Stripe, server: PayPalServer, transferred: Batch
) -> None:
    server.says("GET", PAYOUT, a_payout("pending", transferred))
    server.says("POST", CANCEL, Says(200, {}))
    with pytest.raises(OutcomeUnknown, match="no payout"):
        stripe.cancel(REFERENCE)


def test_what_the_bank_has_by_now_is_not_cancelled(
    stripe: Stripe, server: PayPalServer, transferred: Batch
) -> None:
    server.says("GET", PAYOUT, a_payout("in_transit", transferred))
    assert stripe.cancel(REFERENCE).status is Status.SUBMITTED
    assert server.asked("POST", CANCEL) == []


@pytest.mark.parametrize("body", [{}, [], {"available": "plenty"}])
def test_nothing_is_sent_on_a_balance_that_cannot_be_read(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, body: Any
) -> None:
    server.says("GET", BALANCE, Says(200, body))
    with pytest.raises(NotSent, match="UNREADABLE_ANSWER"):
        stripe.submit(*a_payment(clock()))
    assert server.asked("POST", TRANSFERS) == []


def test_of_a_balance_what_cannot_be_read_counts_for_nothing(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    rows = [{"currency": "usd", "amount": "1250"}, {"amount": 1250}, {"currency": "eur"}]
    server.says("GET", BALANCE, Says(200, {"available": rows}))
    server.says("GET", TRANSFERS, a_list())
    with pytest.raises(Misconfigured, match="balance_insufficient"):
        stripe.submit(*a_payment(clock()))
