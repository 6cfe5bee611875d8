"""The outcome of a payment: arrived, in progress, or reversed because it did not arrive."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.settled import NOT_SETTLED, Exchange, Settled
from paymentapp.providers.base import Accepted
from paymentapp.providers.stripe.outcome import IN_FLIGHT_LIMIT
from paymentapp.providers.stripe.provider import Stripe
from paymentapp.providers.stripe.tables import FAILURES, PAYOUT_STATUS
from paymentapp.providers.updates import ItemReport
from tests.support.paypal_server import FakeClock, PayPalServer, Says
from tests.support.stripe_backend import StripeBackend
from tests.unit.stripe.support import (
    ACCOUNT,
    a_list,
    a_payment,
    a_transfer,
    cancel,
    error,
    owner,
    pays,
    spend,
)

FAILS = "acct_simpayoutfailsaccountclosed01:standard"
FAILS_LATE = "acct_simfailslaternoaccount01:standard"
NO_PAYOUTS = "acct_simnopayouts01:standard"


def look(backend: StripeBackend, batch: Batch) -> ItemReport:
    [report] = backend.provider.fetch(batch)
    return report


def test_a_transfer_alone_has_arrived_once_it_is_made(backend: StripeBackend) -> None:
    batch = pays(backend)
    report = look(backend, batch)
    assert (report.status, report.raw_status) == (Status.SUCCEEDED, "transferred")
    assert report.transaction_id == report.provider_item_id == batch.reference
    assert report.receiver == ACCOUNT


def test_a_payout_is_on_its_way_until_it_is_paid(backend: StripeBackend) -> None:
    batch = pays(backend, f"{ACCOUNT}:standard")
    seen = []
    for _ in range(3):
        report = look(backend, batch)
        seen.append((report.status, report.raw_status))
        backend.clock.pass_by(seconds=1.2)
    assert seen == [
        (Status.SUBMITTED, "payout_pending"),
        (Status.SUBMITTED, "payout_in_transit"),
        (Status.SUCCEEDED, "payout_paid"),
    ]
    assert report.receiver == f"{ACCOUNT}:standard"
    assert backend.moves("reversal") == []


@pytest.mark.parametrize("status", sorted(PAYOUT_STATUS))
def test_every_status_of_the_table_is_what_the_table_says(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, status: str
) -> None:
    report = scripted(stripe, server, clock, status)
    assert report.status is PAYOUT_STATUS[status]
    reversals = server.asked("POST", "/v1/transfers/tr_1/reversals")
    assert len(reversals) == (PAYOUT_STATUS[status] is Status.RETURNED)


def test_a_status_that_is_not_in_the_table_is_kept_as_it_came(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    report = scripted(stripe, server, clock, "on_holiday")
    assert (report.status, report.raw_status) == (None, "payout_on_holiday")
    assert "on_holiday" in caplog.text
    assert server.asked("POST", "/v1/transfers/tr_1/reversals") == []


@pytest.mark.parametrize("code", sorted(FAILURES))
def test_why_a_payout_failed_is_told_in_words(backend: StripeBackend, code: str) -> None:
    batch = pays(backend, f"acct_simpayoutfails{code.replace('_', '')}0001:standard")
    backend.settle()
    report = look(backend, batch)
    assert report.reason == f"{code}: {FAILURES[code]}"


def test_a_payout_that_fails_is_returned_once_the_transfer_is_taken_back(
    backend: StripeBackend,
) -> None:
    batch = pays(backend, FAILS)
    backend.settle()
    for _ in range(3):  # and only once, however often it is looked at
        report = look(backend, batch)
        assert (report.status, report.raw_status) == (Status.RETURNED, "reversed")
        assert report.reason == "account_closed: the bank account has been closed"
    [reversal] = backend.moves("reversal")
    assert reversal["idempotency_key"] == f"{batch.batch_id}-reversal"
    [transfer] = backend.moves("transfer")
    assert transfer["amount_reversed"] == transfer["amount"] == "12.50"


def test_a_payout_that_fails_after_it_was_paid_is_taken_back_then(backend: StripeBackend) -> None:
    batch = pays(backend, FAILS_LATE)
    backend.settle()
    assert look(backend, batch).status is Status.SUCCEEDED
    assert backend.moves("reversal") == []
    backend.clock.pass_by(days=5)
    report = look(backend, batch)
    assert report.status is Status.RETURNED
    assert (report.reason or "").startswith("no_account: ")
    assert len(backend.moves("reversal")) == 1


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "error_after", "garbage"])
def test_a_reversal_whose_answer_is_lost_is_made_once(backend: StripeBackend, fault: str) -> None:
    batch = pays(backend, FAILS)
    backend.settle()
    backend.change(faults_on=["reversal"], **{fault: 1.0})
    if fault.startswith("error"):
        assert look(backend, batch).status is Status.RETURNED  # the transfer says so itself
    else:
        with pytest.raises(OutcomeUnknown):
            backend.provider.fetch(batch)
    backend.recover()
    assert look(backend, batch).status is Status.RETURNED
    assert len(backend.moves("reversal")) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"rate_limited": 1.0}, NotSent),
        ({"error_before": 1.0}, OutcomeUnknown),
        ({"error_rolled_back": 1.0}, OutcomeUnknown),
    ],
)
def test_a_reversal_that_may_pass_is_tried_again_at_the_next_look(
    backend: StripeBackend, fault: dict[str, float], kind: type, caplog: pytest.LogCaptureFixture
) -> None:
    batch = pays(backend, FAILS)
    backend.settle()
    backend.change(faults_on=["reversal"], **fault)
    with pytest.raises(kind):
        backend.provider.fetch(batch)
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
    backend.recover()
    assert look(backend, batch).status is Status.RETURNED
    assert len(backend.moves("reversal")) == 1


def test_what_cannot_be_taken_back_is_not_called_returned_and_a_person_is_called(
    backend: StripeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    batch = pays(backend, FAILS)
    backend.settle()
    spend(backend, FAILS.removesuffix(":standard"))
    report = look(backend, batch)
    assert report.status is None
    assert report.raw_status == "payout_failed_not_reversed"
    assert "balance_insufficient" in (report.reason or "")
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "an operator has to recover it" in record.message
    assert batch.batch_id in record.message
    assert "acct_" not in record.message
    assert backend.moves("reversal") == []


def test_a_reversal_that_was_refused_is_asked_for_anew_within_the_day(
    backend: StripeBackend,
) -> None:
    """Use a key of the hour: Stripe keeps the refusal, and another key cannot take more."""
    batch = pays(backend, FAILS)
    backend.settle()
    account = FAILS.removesuffix(":standard")
    spent = spend(backend, account)
    assert look(backend, batch).status is None
    cancel(backend, account, spent)
    backend.clock.pass_by(hours=1)
    assert look(backend, batch).status is Status.RETURNED
    [reversal] = backend.moves("reversal")
    assert reversal["idempotency_key"].startswith(f"{batch.batch_id}-reversal-")
    assert look(backend, batch).status is Status.RETURNED
    assert len(backend.moves("reversal")) == 1


@pytest.mark.parametrize(
    ("to", "why"),
    [
        (NO_PAYOUTS, "payouts_not_allowed: payouts have been disabled"),
        ("acct_simnobank01:standard", "invalid_request_error: Stripe does not pay out"),
    ],
)
def test_a_payout_that_is_refused_is_taken_back_once_none_can_be_under_way(
    backend: StripeBackend, to: str, why: str
) -> None:
    batch = pays(backend, to)
    report = look(backend, batch)
    assert (report.status, report.raw_status) == (Status.SUBMITTED, "payout_refused")
    assert backend.moves("reversal") == []
    backend.clock.now += IN_FLIGHT_LIMIT
    report = look(backend, batch)
    assert report.status is Status.RETURNED
    assert (report.reason or "").startswith(why)
    assert len(backend.moves("reversal")) == 1


def test_a_payout_that_was_made_after_all_is_found_and_nothing_taken_back(
    backend: StripeBackend,
) -> None:
    batch, members = a_payment(backend.clock(), f"{ACCOUNT}:standard")
    outcome = backend.provider.submit(batch, members)
    assert isinstance(outcome, Accepted)
    alone = outcome.reference.partition("/")[0]
    for reference in (alone, f"{alone}/payouts_not_allowed"):
        known = batch.changed(reference=reference, accepted_at=batch.frozen_at)
        backend.clock.now += IN_FLIGHT_LIMIT
        assert look(backend, known).status is Status.SUCCEEDED
    assert backend.moves("reversal") == []


def test_a_transfer_that_a_person_reversed_is_returned(backend: StripeBackend) -> None:
    batch = pays(backend)
    reverse(backend, batch, 1250)
    report = look(backend, batch)
    assert (report.status, report.raw_status) == (Status.RETURNED, "reversed")
    assert report.reason == "the transfer was reversed"


def test_a_transfer_that_a_person_reversed_in_part_is_neither(
    backend: StripeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    batch = pays(backend)
    reverse(backend, batch, 50)
    report = look(backend, batch)
    assert (report.status, report.raw_status) == (None, "partly_reversed")
    assert "reversed in part" in caplog.text


@pytest.mark.parametrize("reference", ["tr_none", "any", "tr_1/../tr_2", "tr?x=1", ""])
def test_a_reference_that_stripe_does_not_know_is_no_outcome(
    backend: StripeBackend, reference: str
) -> None:
    batch, _ = a_payment(backend.clock())
    with pytest.raises((NotSent, Misconfigured)):
        backend.provider.fetch(batch.changed(reference=reference))


def test_another_batch_s_transfer_is_no_outcome_of_this_one(backend: StripeBackend) -> None:
    other = pays(backend, FAILS)
    backend.settle()
    batch, _ = a_payment(backend.clock())
    with pytest.raises(NotSent, match="ANOTHER_BATCH"):
        backend.provider.fetch(batch.changed(reference=other.reference))
    with pytest.raises(NotSent, match="NO_REFERENCE"):
        backend.provider.fetch(batch)
    assert backend.moves("reversal") == []


def test_what_a_person_left_of_a_failed_payout_is_taken_back_too(backend: StripeBackend) -> None:
    batch = pays(backend, FAILS)
    backend.settle()
    reverse(backend, batch, 50)
    assert look(backend, batch).status is Status.RETURNED
    assert [move["amount"] for move in backend.moves("reversal")] == ["0.50", "12.00"]


def test_what_is_back_is_not_asked_for_again(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    report = scripted(stripe, server, clock, "failed", reversed=True, amount_reversed=1250)
    assert (report.status, report.raw_status) == (Status.RETURNED, "reversed")
    assert server.asked("POST", "/v1/transfers/tr_1/reversals") == []


def test_a_payout_is_found_among_all_others_of_its_account(backend: StripeBackend) -> None:
    """Find it by its batch alone, on any page; where its owner copied it, take the first."""
    pays(backend, FAILS)
    mine = pays(backend, FAILS)
    backend.settle()
    copied = {f"metadata[{k}]": v for k, v in backend.moves("payout")[1]["metadata"].items()}
    for _ in range(101):
        pays(backend, FAILS)
    answer = backend.app.test_client().post(
        "/stripe/v1/payouts",
        data={"amount": "1", "currency": "usd"} | copied,
        headers=owner(FAILS.removesuffix(":standard")),
    )
    assert answer.status_code == 200, answer.text
    alone = mine.changed(reference=(mine.reference or "").partition("/")[0])
    report = look(backend, alone)
    assert report.provider_item_id == mine.reference
    assert (report.reason or "").startswith("account_closed: ")


# --- cancel


def test_a_payout_that_the_bank_does_not_have_is_cancelled_and_taken_back(
    backend: StripeBackend,
) -> None:
    batch = pays(backend, f"{ACCOUNT}:standard")
    report = backend.provider.cancel(batch.reference or "")
    assert report.status is Status.RETURNED
    [payout] = backend.moves("payout")
    assert payout["status"] == "canceled"
    assert len(backend.moves("reversal")) == 1


def test_what_the_bank_has_is_told_as_it_is(backend: StripeBackend) -> None:
    batch = pays(backend, "acct_simstuck01:standard")
    backend.settle()
    report = backend.provider.cancel(batch.reference or "")
    assert (report.status, report.raw_status) == (Status.SUBMITTED, "payout_in_transit")
    assert backend.moves("reversal") == []


def test_what_the_bank_got_in_between_is_told_as_it_is(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock(), f"{ACCOUNT}:standard")
    server.says("GET", "/v1/transfers/tr_1", Says(200, a_transfer(batch, members[0])))
    shown = [Says(200, a_payout(batch, status)) for status in ("pending", "in_transit")]
    server.says("GET", "/v1/payouts/po_1", *shown)
    server.says("POST", "/v1/payouts/po_1/cancel", error(400))
    report = stripe.cancel("tr_1/po_1")
    assert (report.status, report.raw_status) == (Status.SUBMITTED, "payout_in_transit")
    [seen] = server.asked("POST", "/v1/payouts/po_1/cancel")
    assert seen.headers["Idempotency-Key"] == f"{batch.batch_id}-cancel"
    assert seen.headers["Stripe-Account"] == ACCOUNT


def test_a_transfer_that_arrived_is_not_taken_from_its_recipient(backend: StripeBackend) -> None:
    batch = pays(backend)
    assert backend.provider.cancel(batch.reference or "").status is Status.SUCCEEDED
    assert backend.moves("reversal") == []


# --- helpers


def scripted(
    stripe: Stripe, server: PayPalServer, clock: FakeClock, status: str, **transfer: Any
) -> ItemReport:
    """Poll a payout of that status."""
    batch, members = a_payment(clock(), f"{ACCOUNT}:standard")
    shown = a_transfer(batch, members[0], **transfer)
    server.says("GET", "/v1/transfers/tr_1", Says(200, shown))
    server.says("GET", "/v1/payouts/po_1", Says(200, a_payout(batch, status)))
    server.says("POST", "/v1/transfers/tr_1/reversals", Says(200, {"id": "trr_1"}))
    server.says("GET", "/v1/payouts", a_list())
    [report] = stripe.fetch(batch.changed(reference="tr_1/po_1", accepted_at=clock()))
    return report


def a_payout(batch: Batch, status: str) -> dict[str, Any]:
    return {
        "id": "po_1",
        "status": status,
        "amount": 1250,
        "currency": "usd",
        "metadata": {"batch_id": batch.batch_id, "item_id": "x.ann"},
    }


def reverse(backend: StripeBackend, batch: Batch, amount: int) -> None:
    """Reverse a transfer as an operator would in Stripe's dashboard."""
    answer = backend.app.test_client().post(
        f"/stripe/v1/transfers/{(batch.reference or '').partition('/')[0]}/reversals",
        data={"amount": str(amount)},
        headers={"Authorization": "Bearer sk_test_simulated0001"},
    )
    assert answer.status_code == 200, answer.text


def test_the_balance_transaction_tells_the_fee_and_the_conversion(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    transaction = {"amount": -1400, "currency": "eur", "fee": 30, "exchange_rate": 1.12}
    batch, members = a_payment(clock())
    shown = a_transfer(batch, members[0], balance_transaction=transaction)
    server.says("GET", "/v1/transfers/tr_1", Says(200, shown))
    [report] = stripe.fetch(batch.changed(reference="tr_1", accepted_at=clock()))
    assert report.settled == Settled(
        clock().replace(microsecond=0),
        Money(Decimal("0.3"), "EUR"),
        Exchange(Money(Decimal(14), "EUR"), members[0].money, Decimal("1.12")),
    )
    assert server.asked("GET", "/v1/transfers/tr_1")[-1].query == {
        "expand[0]": "balance_transaction"
    }


def test_a_key_that_may_not_read_balance_transactions_still_gets_the_transfer(
    stripe: Stripe, server: PayPalServer, clock: FakeClock
) -> None:
    batch, members = a_payment(clock())
    server.says("GET", "/v1/transfers/tr_1", error(403), Says(200, a_transfer(batch, members[0])))
    [report] = stripe.fetch(batch.changed(reference="tr_1", accepted_at=clock()))
    assert report.status is Status.SUCCEEDED
    assert report.settled == Settled(clock().replace(microsecond=0))


def test_a_payout_has_settled_on_the_day_of_its_arrival(backend: StripeBackend) -> None:
    batch = pays(backend, f"{ACCOUNT}:standard")
    assert look(backend, batch).settled == NOT_SETTLED
    backend.clock.pass_by(seconds=3)
    settled = look(backend, batch).settled
    assert settled.at is not None
    assert settled.fee == Money(Decimal(0), "USD")
