"""Cases: all that is on record of one payment, with its story and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.models.actors import Actor
from paymentapp.models.batches import Batch
from paymentapp.models.holds import Hold, HoldScope, HoldsInForce
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.services.cancellations import may_recall
from paymentapp.services.holds import HOLDABLE, Holds
from paymentapp.services.payees import PayeeDisplays, ShownPayment
from paymentapp.services.payment_actions import PossibleAction, possible_actions
from paymentapp.services.payment_advice import Advice, PaymentState, advice_on
from paymentapp.services.payment_story import StoryLine, story_of
from paymentapp.services.stored_payments import stored_payment
from paymentapp.services.waiting import Waiting
from paymentapp.storage.base import Store

BATCHES_MAX = 20  # that are read: a payment is rarely in more than two


class PaymentCase(NamedTuple):
    """A payment, its batches, what concerns it, and what follows from all that."""

    shown: ShownPayment
    batches: Sequence[Batch]  # newest first
    own_hold: Hold | None  # of this payment alone
    retry: Payment | None
    advice: Advice | None  # None for a payment that was paid
    story: Sequence[StoryLine]
    recallable: bool = False  # whether its provider may be asked to stop it

    @property
    def payment(self) -> Payment:
        """Return the payment's record."""
        return self.shown.payment

    @property
    def batch(self) -> Batch | None:
        """Return the batch that it is in now."""
        return _present(self.payment, self.batches)

    def actions(self, by: Actor) -> list[PossibleAction]:
        """Return what can be done with it, and what somebody lacks for it."""
        return possible_actions(
            *(self.payment, by, self.batch, self.own_hold, self.retry), recallable=self.recallable
        )


@dataclass(frozen=True, slots=True)
class PaymentCases:
    """Gathers what is on record of a payment, by a few reads."""

    store: Store
    payees: PayeeDisplays
    waiting: Waiting
    holds: Holds
    clock: Clock

    def of(self, key: PaymentKey) -> PaymentCase:
        """Return the case of a payment. Raises NotFound, StoreUnavailable."""
        payment = stored_payment(self.store, key)
        batches = self._batches(payment)
        concerned = self._holds(payment)
        retry = self._retry(payment)
        wait = self.waiting.of(payment)
        in_force = HoldsInForce(concerned)
        state = PaymentState(
            payment,
            wait,
            _present(payment, batches),
            in_force.on(payment.payment_method, key, payment.bulk_id),
            retry,
        )
        return PaymentCase(
            self.payees.shown(payment, wait),
            batches,
            next((each for each in concerned if each.scope is HoldScope.PAYMENT), None),
            retry,
            advice_on(state, self.clock()),
            story_of(payment, batches, concerned),
            may_recall(self.payees.providers, payment),
        )

    def _batches(self, payment: Payment) -> list[Batch]:
        latest = list(reversed(payment.batch_ids))[:BATCHES_MAX]
        found = (self.store.get_batch(batch_id) for batch_id in latest)
        return [batch for batch in found if batch is not None]

    def _holds(self, payment: Payment) -> list[Hold]:
        """Return the holds in force that concern a payment; none once it has an outcome."""
        if payment.status not in HOLDABLE:
            return []
        in_force = self.holds.current()
        return [hold for hold in in_force if _concerns(hold, payment)]

    def _retry(self, payment: Payment) -> Payment | None:
        if payment.retried_by is None:
            return None
        return self.store.get_payment(PaymentKey(payment.customer_id, payment.retried_by))


def _concerns(hold: Hold, payment: Payment) -> bool:
    return HoldsInForce([hold]).on(payment.payment_method, payment.key, payment.bulk_id) is not None


def _present(payment: Payment, batches: Iterable[Batch]) -> Batch | None:
    return next((each for each in batches if each.batch_id == payment.batch_id), None)
