"""Approvals: approve and reject payments that a rule covers.

Each decision is one conditional write of the payment. Of two at once, or of an approval and a
cancellation, one wins; the other is made again on what is stored then, or refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from paymentapp.clock import Clock, to_text
from paymentapp.errors import ChangedSince, Conflict, NotAllowed, StoreUnavailable
from paymentapp.models.actors import Actor
from paymentapp.models.approvals import (
    Approval,
    RequiredApproval,
    digest,
    digests,
    valid,
    with_voids,
)
from paymentapp.models.customers import Customer
from paymentapp.models.limits import LimitRule
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.services.makers import is_maker
from paymentapp.services.routing import Routes, details_since
from paymentapp.services.stored_payments import stored_payment
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.contention import MAX_TRIES, tries

ANSWER_WITHIN = timedelta(days=30)  # then the payment is rejected
APPROVED = "approved"  # begins the line of history of an approval that was the last one needed


@dataclass(frozen=True, slots=True)
class Approvals:
    """Approve and reject payments.

    `wake` is called with each payment that the dispatcher should process at once; it must not
    block.
    """

    store: Store
    routes: Routes
    clock: Clock
    wake: Callable[[Payment], None]

    def approve(
        self, key: PaymentKey, by: Actor, note: str = "", seen: str | None = None
    ) -> Payment:
        """Approve a payment; with the last approval that it needs it becomes pending.

        Each approver counts once: a second approval by the same one changes nothing. Earlier ones
        are void where the payee's details have changed since. `seen` is the version of the payee
        that the approver was shown (`version_of`), None where that is not known. Raises NotFound,
        Conflict (it awaits no approval), NotAllowed (the maker), ChangedSince (`seen` is not the
        version any more), StoreUnavailable.
        """
        for _ in tries():
            payment = self._awaiting(key, by)
            customer = self.store.get_customer(key.customer_id)
            version = payee_version(payment, customer)
            if seen is not None and seen != version:
                raise ChangedSince("The payee's details have changed since they were shown.")
            given = with_voids(payment.approvals, version)
            mine = digests(by.identities)
            if any(not mine.isdisjoint(each.identities) for each in valid(given)):
                return payment
            approval = Approval(self.clock(), by.name, mine, version, note)
            wanted = self._with(payment.changed(approvals=(*given, approval)), customer, approval)
            if self._change(payment, wanted):
                self.wake(wanted)
                return wanted
        raise StoreUnavailable(f"the payment was changed {MAX_TRIES} times meanwhile")

    def version_of(self, payment: Payment) -> str:
        """Return what changes with the payee of a payment, for `approve`."""
        return payee_version(payment, self.store.get_customer(payment.customer_id))

    def reject(self, key: PaymentKey, by: Actor, reason: str) -> Payment:
        """Reject a payment, which ends it. Raises as `approve`."""
        for _ in tries():
            payment = self._awaiting(key, by)
            rejected = payment.moved(
                *(Status.REJECTED, self.clock(), Cause.PERSON, reason, by.name),
                reason=reason,
                due_at=None,
            )
            if self._change(payment, rejected):
                return rejected
        raise StoreUnavailable(f"the payment was changed {MAX_TRIES} times meanwhile")

    def _awaiting(self, key: PaymentKey, by: Actor) -> Payment:
        payment = stored_payment(self.store, key)
        if payment.status is not Status.AWAITING_APPROVAL:
            raise Conflict(f"There is nothing to approve: the payment is {payment.status}.")
        if is_maker(by, payment):
            raise NotAllowed("Whoever requested a payment does not approve or reject it.")
        return payment

    def _with(self, payment: Payment, customer: Customer | None, last: Approval) -> Payment:
        """Return a payment after an approval: pending, if it was the last one needed."""
        if not payment.is_approved:
            return payment
        route = self.routes.route_of(customer, payment)
        earliest = max(last.at, payment.scheduled_at or last.at)
        held = route.hold_reason(earliest)
        return payment.moved(
            *(Status.PENDING, last.at, Cause.PERSON),
            f"{APPROVED}; {held}" if held else APPROVED,
            last.by,
            due_at=self.routes.departure(route, earliest),
        )

    def _change(self, old: Payment, new: Payment) -> bool:
        return self.store.change_payments([PaymentChange(old, new)])[0]


def awaiting(payment: Payment, approval: RequiredApproval, now: datetime) -> Payment:
    """Return a new payment that is not stored yet as one that needs an approval."""
    (requested,) = payment.history
    status = Status.AWAITING_APPROVAL
    return replace(
        payment,
        status=status,
        history=(requested._replace(status=status, reference=approval.rule),),
        due_at=now + ANSWER_WITHIN,
        approval=approval,
    )


def awaiting_for_limit(payment: Payment, rule: LimitRule, by: Actor, clock: Clock) -> Payment:
    """Return a new payment that is above a limit as one that needs an approval."""
    if payment.approval is not None:
        return payment
    approval = RequiredApproval(str(rule), 1, digests(by.identities))
    return awaiting(payment, approval, clock())


def payee_version(payment: Payment, customer: Customer | None) -> str:
    """Return a text that changes with whom a payment pays, and with the customer's details.

    Details that are sealed with another key are the same details.
    """
    details = "-"
    if customer is not None:
        since = details_since(customer, payment.payment_method)
        known = payment.payment_method in customer.methods
        details = to_text(since) if known else f"{to_text(since)} {customer.email}"
    return digest("\n".join((payment.payment_method, payment.payee, details)))
