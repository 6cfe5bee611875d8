"""Decisions about several payments that await approval: what they come to, what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from paymentapp.errors import ChangedSince, Conflict, NotAllowed, NotFound, StoreUnavailable
from paymentapp.models.actors import Actor
from paymentapp.models.approvals import Approval, digests, valid, with_voids
from paymentapp.models.customers import Customer
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.models.report_totals import GroupTotal, PaymentTotals
from paymentapp.services.approvals import payee_version
from paymentapp.services.makers import is_maker
from paymentapp.services.routing import details_since
from paymentapp.storage.base import Store

MAKER = "You requested it: somebody else has to decide."
COUNTED = "You have approved it: somebody else has to approve it too."


class ApprovalCandidate(NamedTuple):
    """A payment that somebody may want to decide.

    `approvals` are those that it has, void ones marked. `obstacle` is why this person does not
    decide it; None where they may. `is_last` is whether their approval is the last that it needs.
    `changed_at` is when the payee's details were set after the payment was requested.
    """

    payment: Payment
    approvals: Sequence[Approval]
    obstacle: str | None
    is_last: bool
    changed_at: datetime | None
    version: str

    @property
    def given(self) -> Sequence[Approval]:
        """Return the approvals that count."""
        return valid(self.approvals)


class Decided(NamedTuple):
    """What became of a payment: as it is now, or why it was not decided."""

    key: PaymentKey
    payment: Payment | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Payments that somebody has chosen to approve, or to reject.

    `missing` are keys of no payment.
    """

    candidates: Sequence[ApprovalCandidate]
    missing: Sequence[PaymentKey] = ()

    @property
    def decidable(self) -> Sequence[ApprovalCandidate]:
        """Return those that this person may decide."""
        return [each for each in self.candidates if each.obstacle is None]

    @property
    def others(self) -> Sequence[ApprovalCandidate]:
        """Return those that they may not."""
        return [each for each in self.candidates if each.obstacle is not None]

    @property
    def totals(self) -> Sequence[GroupTotal]:
        """Return the sums, by currency, of those that this person may decide."""
        return totals_of(each.payment for each in self.decidable)

    @property
    def leaving(self) -> Sequence[ApprovalCandidate]:
        """Return those that need no further approval after this one."""
        return [each for each in self.decidable if each.is_last]


def totals_of(payments: Iterable[Payment]) -> Sequence[GroupTotal]:
    """Return the sums of payments by currency."""
    totals = PaymentTotals()
    for payment in payments:
        totals.add(payment)
    return totals.groups()


def selection(
    store: Store, keys: Sequence[PaymentKey], by: Actor, *, approve: bool = True
) -> Selection:
    """Return what somebody has chosen, as it is now. Raises StoreUnavailable."""
    wanted = list(dict.fromkeys(keys))
    found = store.get_payments(wanted)
    payments = [found[key] for key in wanted if key in found]
    missing = [key for key in wanted if key not in found]
    return Selection(candidates(store, payments, by, approve=approve), missing)


def candidates(
    store: Store, payments: Sequence[Payment], by: Actor, *, approve: bool = True
) -> list[ApprovalCandidate]:
    """Return payments as somebody who may approve or reject them sees them.

    Reads their customers at once. Raises StoreUnavailable.
    """
    customers = store.get_customers(sorted({each.customer_id for each in payments}))
    return [
        _candidate(each, customers.get(each.customer_id), by, approve=approve) for each in payments
    ]


def _candidate(
    payment: Payment, customer: Customer | None, by: Actor, *, approve: bool
) -> ApprovalCandidate:
    version = payee_version(payment, customer)
    approvals = with_voids(payment.approvals, version)
    given = valid(approvals)
    since = details_since(customer, payment.payment_method) if customer else None
    return ApprovalCandidate(
        payment,
        approvals,
        _obstacle(payment, given if approve else (), by),
        len(given) + 1 >= payment.approvals_needed,
        since if since is not None and since > payment.created_at else None,
        version,
    )


def _obstacle(payment: Payment, given: Sequence[Approval], by: Actor) -> str | None:
    if payment.status is not Status.AWAITING_APPROVAL:
        return f"There is nothing to decide: it is {payment.status.value.replace('_', ' ')}."
    if is_maker(by, payment):
        return MAKER
    mine = digests(by.identities)
    return COUNTED if any(not mine.isdisjoint(each.identities) for each in given) else None


def decide(keys: Iterable[PaymentKey], act: Callable[[PaymentKey], Payment]) -> list[Decided]:
    """Approve or reject payments one by one; what one is refused for stops no other."""
    return [_decided(key, act) for key in dict.fromkeys(keys)]


def _decided(key: PaymentKey, act: Callable[[PaymentKey], Payment]) -> Decided:
    try:
        return Decided(key, act(key), None)
    except (ChangedSince, Conflict, NotAllowed, NotFound) as error:
        return Decided(key, None, str(error))
    except StoreUnavailable:
        problem = "The records could not be written: look at the payment, and try again."
        return Decided(key, None, problem)
