"""Settlement: apply a provider's item reports to our payments."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch, Member
from paymentapp.models.payments import FINAL, Cause, Payment, Status, can_transition
from paymentapp.providers.updates import ItemReport
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.contention import MAX_TRIES, tries

log = logging.getLogger(__name__)


class OpenMembers(NamedTuple):
    """The members of a batch without a final status: how many, and the sum of their amounts."""

    size: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Settlement:
    """Moves payments forward by item reports, which may be repeated, late or out of order."""

    store: Store
    clock: Clock

    def apply(
        self,
        batch: Batch,
        members: Sequence[Member],
        reports: Mapping[str, ItemReport],
        cause: Cause,
    ) -> OpenMembers:
        """Apply the reports of an accepted batch, by item id.

        A member without a report becomes `submitted`: the provider has the batch. A member that
        another process changes meanwhile is read and tried again. Returns the members without
        a final status. Raises StoreUnavailable where other writers win MAX_TRIES times in
        a row.
        """
        waiting = list(members)
        open_payments: list[Payment] = []
        for _ in tries():
            payments = self.store.get_payments([member.key for member in waiting])
            now = self.clock()
            changes = {}
            for member in waiting:
                payment = payments.get(member.key)
                if payment is None or payment.batch_id != batch.batch_id:
                    log.error(
                        "batch %s: member missing or in another batch; skipped", batch.batch_id
                    )
                    continue
                moved = _advanced(payment, batch, reports.get(member.item_id), cause, now)
                if moved is not None:
                    changes[member] = PaymentChange(payment, moved)
                elif payment.status not in FINAL:
                    open_payments.append(payment)
            done = self.store.change_payments(list(changes.values())) if changes else []
            made = [change.new for change, ok in zip(changes.values(), done, strict=True) if ok]
            open_payments += [payment for payment in made if payment.status not in FINAL]
            waiting = [member for member, ok in zip(changes, done, strict=True) if not ok]
            if not waiting:
                amounts = [payment.money.amount for payment in open_payments]
                return OpenMembers(len(amounts), sum(amounts, Decimal(0)))
        raise StoreUnavailable(
            f"members of {batch.batch_id} were changed {MAX_TRIES} times meanwhile"
        )

    def apply_report(self, payment: Payment, report: ItemReport, cause: Cause) -> Payment:
        """Apply one report to one payment; return the payment as it then stands.

        Raises StoreUnavailable where other writers win MAX_TRIES times in a row.
        """
        for _ in tries():
            moved = _advanced(payment, None, report, cause, self.clock())
            if moved is None or self.store.change_payments([PaymentChange(payment, moved)])[0]:
                return moved or payment
            payment = self.store.get_payment(payment.key) or payment
        raise StoreUnavailable(f"a payment was changed {MAX_TRIES} times meanwhile")


def _advanced(
    payment: Payment,
    batch: Batch | None,
    report: ItemReport | None,
    cause: Cause,
    now: datetime,
) -> Payment | None:
    """Return the payment after the report, or None where the report changes nothing."""
    status = status_by(payment, report)
    raw_status = report.raw_status if report else None
    if not can_transition(payment.status, status):
        return _with_provider_status(payment, report, status) if report else None
    if report is None:
        return payment.moved(status, now, cause, (batch and batch.reference) or "")
    return payment.moved(
        status,
        now,
        cause,
        report.reason or report.transaction_id or report.provider_item_id or "",
        provider_item_id=report.provider_item_id or payment.provider_item_id,
        transaction_id=report.transaction_id or payment.transaction_id,
        provider_status=raw_status,
        reason=None if status is Status.SUCCEEDED else report.reason,
        due_at=None,
        settled=payment.settled.merged(report.settled, len(payment.history)),
    )


def _with_provider_status(payment: Payment, report: ItemReport, status: Status) -> Payment | None:
    """Return the payment with the provider's status, reason and cost; None where none is new.

    Only a report of the payment's own status counts, or of one that the table does not know: a late
    report of an earlier status says nothing about now. An event may leave out the reason of a
    status that is on record with one.
    """
    if report.status is not None and status is not payment.status:
        return None
    raw_status = report.raw_status
    reason = None if report.status is Status.SUCCEEDED else report.reason
    if reason is None and raw_status == payment.provider_status:
        reason = payment.reason
    settled = payment.settled.merged(report.settled, len(payment.history) - 1)
    known = (payment.provider_status, payment.reason, payment.settled)
    if (raw_status, reason, settled) == known:
        return None
    return payment.changed(
        provider_status=raw_status,
        reason=reason,
        settled=settled,
        provider_item_id=report.provider_item_id or payment.provider_item_id,
        transaction_id=report.transaction_id or payment.transaction_id,
    )


def status_by(payment: Payment, report: ItemReport | None) -> Status:
    """Return the status that a report gives a payment.

    A status that is not in the provider's table means no more than `submitted`: the provider has
    the item.
    """
    if report is None or report.status is None:
        return Status.SUBMITTED
    cancelling = payment.cancel_requested and payment.status is not Status.SUCCEEDED
    if report.status is Status.RETURNED and cancelling:
        return Status.CANCELLED
    return report.status
