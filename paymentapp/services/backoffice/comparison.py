"""Comparison of one batch with its provider's report, item by item."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.payments import UNSENT, Payment, PaymentKey, Status, can_transition
from paymentapp.providers.updates import ItemReport
from paymentapp.services.backoffice.discrepancies import Discrepancy, DiscrepancyKind
from paymentapp.services.payees import PayeeDisplays
from paymentapp.services.settlement import status_by
from paymentapp.storage.base import Store

LATE = timedelta(hours=1)  # how long a step may take before an operator should know
_NOT_YET_SENT = {BatchState.PREPARED, BatchState.FROZEN, BatchState.REFUSED}


def sent(batch: Batch) -> bool:
    """Return whether the provider may have the batch, so that its members are in no other."""
    by_state = {BatchState.FROZEN, BatchState.ACCEPTED, BatchState.PARKED}
    return batch.state in by_state or batch.reference is not None


def of_progress(batch: Batch, now: datetime) -> Discrepancy | None:
    """Return a discrepancy where a batch makes no progress; None where it has ended or goes on."""
    if batch.state is BatchState.PARKED:
        return Discrepancy(DiscrepancyKind.PARKED, _waiting(batch), batch_id=batch.batch_id)
    unsent = batch.state in _NOT_YET_SENT and now - batch.created_at > LATE
    overdue = batch.attention_at is not None and now - batch.attention_at > LATE
    if unsent or (overdue and batch.state is not BatchState.CLOSED):
        return Discrepancy(DiscrepancyKind.STUCK, _waiting(batch), batch_id=batch.batch_id)
    return None


def _waiting(batch: Batch) -> str:
    since = f"{batch.frozen_at or batch.created_at:%Y-%m-%d %H:%M}"
    return f"{batch.state} since {since}" + (f", {batch.last_error}" if batch.last_error else "")


def of_records(
    store: Store, batch: Batch, members: Sequence[Member], payments: Mapping[PaymentKey, Payment]
) -> list[Discrepancy]:
    """Compare the members of a batch that was sent with their payments."""
    found = list(_of_records(batch, members, payments)) if sent(batch) else []
    if found and batch.reference is None:  # a refusal may have come between the two reads
        batch = store.get_batch(batch.batch_id) or batch
    return found if sent(batch) else []


def _of_records(
    batch: Batch, members: Sequence[Member], payments: Mapping[PaymentKey, Payment]
) -> Iterator[Discrepancy]:
    for member in members:
        payment = payments.get(member.key)
        found = partial(Discrepancy, payment=member.key, batch_id=batch.batch_id)
        if payment is None:
            yield found(DiscrepancyKind.NO_PAYMENT, f"no record of {member.money}")
        elif payment.batch_id != batch.batch_id:
            yield found(DiscrepancyKind.ELSEWHERE, f"in batch {payment.batch_id or 'none'}")


def of_items(
    batch: Batch,
    members: Sequence[Member],
    reports: Mapping[str, ItemReport],
    now: datetime,
    payees: PayeeDisplays,
) -> Iterator[Discrepancy]:
    """Compare the members of an accepted batch with the items that the provider lists in it."""
    accepted_lately = batch.accepted_at is not None and now - batch.accepted_at < LATE
    ours = {member.item_id: member for member in members}
    for item_id, member in ours.items():
        found = partial(Discrepancy, payment=member.key, batch_id=batch.batch_id)
        if item_id in reports:
            yield from _of_content(member, reports[item_id], found)
            yield from _of_receiver(batch, member, reports[item_id], payees)
        elif not accepted_lately:  # an item may take a moment to be listed
            yield found(DiscrepancyKind.NOT_LISTED, str(member.money), "no such item")
    for item_id in sorted(reports.keys() - ours.keys()):
        theirs = f"{reports[item_id].money or ''} {reports[item_id].raw_status}".strip()
        yield Discrepancy(
            DiscrepancyKind.NOT_A_MEMBER, "", theirs, item_id=item_id, batch_id=batch.batch_id
        )


def _of_content(
    member: Member, report: ItemReport, found: Callable[[DiscrepancyKind, str, str], Discrepancy]
) -> Iterator[Discrepancy]:
    money = report.money
    if money is not None and money != member.money:
        kind = (
            DiscrepancyKind.AMOUNT
            if money.currency == member.money.currency
            else DiscrepancyKind.CURRENCY
        )
        yield found(kind, str(member.money), str(money))


def _of_receiver(
    batch: Batch, member: Member, report: ItemReport, payees: PayeeDisplays
) -> Iterator[Discrepancy]:
    if member.is_erased:
        return
    if report.receiver is not None and not payees.is_named(batch.provider, member, report.receiver):
        ours = payees.of(member, batch.provider).words
        theirs = payees.display(batch.provider, member.customer_id, report.receiver)
        yield Discrepancy(
            DiscrepancyKind.RECEIVER, ours, theirs, payment=member.key, batch_id=batch.batch_id
        )


def of_status(payment: Payment, report: ItemReport) -> Discrepancy | None:
    """Compare a payment with the item that pays it; None where they agree."""
    found = partial(Discrepancy, payment=payment.key, batch_id=payment.batch_id)
    theirs = status_by(payment, report)
    if payment.status not in {theirs, report.status} and not _uninformative(payment, report):
        kind = (
            DiscrepancyKind.BEHIND
            if can_transition(payment.status, theirs)
            else DiscrepancyKind.STATUS
        )
        return found(kind, payment.status.value, f"{theirs} ({report.raw_status})")
    known = payment.transaction_id
    if known and report.transaction_id and known != report.transaction_id:
        return found(DiscrepancyKind.TRANSACTION, known, report.transaction_id)
    return None


def _uninformative(payment: Payment, report: ItemReport) -> bool:
    """Return whether an unknown status adds nothing: the payment is past submission already.

    Such a status says no more than that the provider has the item.
    """
    return report.status is None and payment.status not in UNSENT | {Status.SUBMITTING}
