"""Reports that leave the status as it is, and change what the provider says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.clock import to_text
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status, Transition
from paymentapp.providers.updates import ItemReport
from paymentapp.services.dispatch.batching import member_of
from paymentapp.services.settlement import Settlement
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import a_process
from tests.support.records import add_payment

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = START + timedelta(hours=1)
BATCH = Batch("b", "paypal", "USD", BatchState.ACCEPTED, 1, START, "1", reference="R1")
WHY = "REGULATORY_PENDING: pending while it is reviewed for regulatory compliance"


@pytest.fixture
def settlement() -> Settlement:
    return a_process(MemoryStore(), lambda: LATER, LedgerProvider()).settlement


def submitted(settlement: Settlement, raw: str | None = "PENDING") -> Payment:
    """Return a payment that its provider has, on record."""
    accepted = Payment(
        customer_id="ann",
        payment_id=to_text(START),
        money=Money(Decimal("12.50"), "USD"),
        payment_method="paypal",
        email="ann@example.com",
        status=Status.PENDING,
        history=(Transition(START, Status.PENDING, Cause.REQUEST),),
        request_id="r",
        revision="1",
    )
    sent = accepted.moved(Status.SUBMITTING, START, Cause.DISPATCH, "b", batch_id="b")
    payment = sent.moved(Status.SUBMITTED, START, Cause.POLL, provider_status=raw)
    return add_payment(settlement.store, payment)


def report(
    payment: Payment, raw: str, status: Status | None, reason: str | None = None
) -> ItemReport:
    return ItemReport(payment.key.item_id, status, raw, "ITEM1", reason=reason)


def applied(settlement: Settlement, payment: Payment, said: ItemReport, by: str) -> Payment:
    """Apply a report as a poll or as a webhook brings it, and return the payment on record."""
    if by == "webhook":
        settlement.apply_report(payment, said, Cause.WEBHOOK)
    else:
        settlement.apply(
            BATCH, [member_of(payment, LedgerProvider())], {said.item_id: said}, Cause.POLL
        )
    after = settlement.store.get_payment(payment.key)
    assert after is not None
    return after


@pytest.mark.parametrize("by", ["poll", "webhook"])
@pytest.mark.parametrize("raw", ["ONHOLD", "BLOCKED"])
def test_a_payment_that_is_held_says_so_and_why(settlement: Settlement, raw: str, by: str) -> None:
    payment = submitted(settlement)
    held = applied(settlement, payment, report(payment, raw, Status.SUBMITTED, WHY), by)
    assert (held.status, held.provider_status, held.reason) == (Status.SUBMITTED, raw, WHY)
    assert held.history == payment.history
    assert held.provider_item_id == "ITEM1"


def test_a_report_that_says_nothing_new_writes_nothing(settlement: Settlement) -> None:
    payment = submitted(settlement)
    held = applied(settlement, payment, report(payment, "ONHOLD", Status.SUBMITTED, WHY), "poll")
    again = applied(settlement, held, report(payment, "ONHOLD", Status.SUBMITTED, WHY), "poll")
    assert again.revision == held.revision


def test_an_event_without_the_reason_does_not_erase_it(settlement: Settlement) -> None:
    """PayPal: "Webhook resources don't contain error objects"."""
    payment = submitted(settlement)
    held = applied(settlement, payment, report(payment, "ONHOLD", Status.SUBMITTED, WHY), "poll")
    after = applied(settlement, held, report(payment, "ONHOLD", Status.SUBMITTED), "webhook")
    assert (after.provider_status, after.reason) == ("ONHOLD", WHY)


def test_what_is_held_no_longer_says_that_as_well(settlement: Settlement) -> None:
    payment = submitted(settlement)
    held = applied(settlement, payment, report(payment, "ONHOLD", Status.SUBMITTED, WHY), "poll")
    after = applied(settlement, held, report(payment, "PENDING", Status.SUBMITTED), "poll")
    assert (after.provider_status, after.reason) == ("PENDING", None)


def test_a_late_report_of_an_earlier_status_changes_nothing(settlement: Settlement) -> None:
    payment = submitted(settlement)
    paid = applied(settlement, payment, report(payment, "SUCCESS", Status.SUCCEEDED), "poll")
    late = applied(settlement, paid, report(payment, "ONHOLD", Status.SUBMITTED, WHY), "webhook")
    assert late == paid


def test_an_unknown_status_is_kept_with_its_reason(settlement: Settlement) -> None:
    payment = submitted(settlement)
    paid = applied(settlement, payment, report(payment, "SUCCESS", Status.SUCCEEDED), "poll")
    said = report(payment, "payout_failed_not_reversed", None, "no_account; not reversed: spent")
    after = applied(settlement, paid, said, "poll")
    assert after.status is Status.SUCCEEDED
    assert after.provider_status == "payout_failed_not_reversed"
    assert after.reason == "no_account; not reversed: spent"


@pytest.mark.parametrize("by", ["poll", "webhook"])
def test_ids_that_a_later_report_leaves_out_are_kept(settlement: Settlement, by: str) -> None:
    payment = submitted(settlement)
    first = replace(report(payment, "UNCLAIMED", Status.UNCLAIMED), transaction_id="TX1")
    told = applied(settlement, payment, first, by)
    assert (told.provider_item_id, told.transaction_id) == ("ITEM1", "TX1")
    bare = ItemReport(payment.key.item_id, Status.SUCCEEDED, "SUCCESS")
    paid = applied(settlement, told, bare, by)
    assert (paid.status, paid.provider_item_id, paid.transaction_id) == (
        Status.SUCCEEDED,
        "ITEM1",
        "TX1",
    )


def test_ids_that_come_with_a_reason_are_kept_as_well(settlement: Settlement) -> None:
    payment = submitted(settlement)
    held = replace(report(payment, "ONHOLD", Status.SUBMITTED, WHY), transaction_id="TX1")
    told = applied(settlement, payment, held, "poll")
    bare = ItemReport(payment.key.item_id, Status.SUBMITTED, "PENDING")
    after = applied(settlement, told, bare, "poll")
    assert (after.provider_item_id, after.transaction_id) == ("ITEM1", "TX1")
