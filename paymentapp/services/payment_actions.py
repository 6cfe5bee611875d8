"""What somebody may do with a payment now: the rules of the services, asked before they act.

The services decide; this is for pages, which show what is possible, and who could do the rest.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from paymentapp.models.actors import APPROVE, HOLD, PAYMENTS_WRITE, Actor
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.holds import Hold
from paymentapp.models.payments import RETRYABLE, UNSENT, Payment, Status
from paymentapp.services.holds import HOLDABLE
from paymentapp.services.makers import is_maker, may_be_maker
from paymentapp.services.retry_links import is_retried


class PaymentAction(StrEnum):
    """What people do with a payment."""

    APPROVE = "approve"
    REJECT = "reject"
    RELEASE = "release"
    HOLD = "hold"
    CANCEL = "cancel"
    RETRY = "retry"


class PossibleAction(NamedTuple):
    """An action that the payment allows; `scope` is the right that the actor lacks, None for none.

    `why_not` says why nobody with that right alone would be enough.
    """

    action: PaymentAction
    scope: str | None = None
    why_not: str = ""

    @property
    def allowed(self) -> bool:
        """Return whether the actor may do it."""
        return self.scope is None and not self.why_not


def possible_actions(
    payment: Payment,
    by: Actor,
    batch: Batch | None = None,
    own_hold: Hold | None = None,
    retry: Payment | None = None,
    *,
    recallable: bool = False,
) -> list[PossibleAction]:
    """Return what a payment allows, with what each takes.

    `batch` is its present one, `own_hold` the hold of this payment alone that is in force, `retry`
    the payment that retries it, and `recallable` whether its provider may be asked to stop it.
    """
    found = []
    if payment.status is Status.AWAITING_APPROVAL:
        found += [_decision(each, payment, by) for each in _DECISIONS]
    if own_hold is not None:
        found.append(_by_scope(PaymentAction.RELEASE, HOLD, by))
    elif payment.status in HOLDABLE:
        found.append(_by_scope(PaymentAction.HOLD, HOLD, by))
    if _can_be_cancelled(payment, batch, recallable=recallable):
        found.append(
            _of_own(PaymentAction.CANCEL, payment, by, by.may(PAYMENTS_WRITE) or by.may(HOLD))
        )
    if payment.status in RETRYABLE and not is_retried(payment, retry):
        found.append(_of_own(PaymentAction.RETRY, payment, by, by.may(PAYMENTS_WRITE)))
    return found


_DECISIONS = (PaymentAction.APPROVE, PaymentAction.REJECT)


def _decision(action: PaymentAction, payment: Payment, by: Actor) -> PossibleAction:
    if not by.may(APPROVE):
        return PossibleAction(action, APPROVE)
    maker = is_maker(by, payment)
    return PossibleAction(action, why_not="You have requested it." if maker else "")


def _by_scope(action: PaymentAction, scope: str, by: Actor) -> PossibleAction:
    return PossibleAction(action, None if by.may(scope) else scope)


def _of_own(action: PaymentAction, payment: Payment, by: Actor, may_own: bool) -> PossibleAction:
    """Return an action on payments of the actor's own client, or of any with the right to hold."""
    if not may_own:
        return PossibleAction(action, PAYMENTS_WRITE)
    mine = may_be_maker(by, payment) or by.may(HOLD)
    return PossibleAction(action, None if mine else HOLD)


def _can_be_cancelled(payment: Payment, batch: Batch | None, *, recallable: bool) -> bool:
    if payment.status is Status.UNCLAIMED or recallable:
        return not payment.cancel_requested
    if payment.status is Status.SUBMITTING and batch is not None:
        return batch.certainly_unsent or batch.state is BatchState.ABORTED
    return payment.status in UNSENT
