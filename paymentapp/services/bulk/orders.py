"""Orders for every payment of a bulk run: approve, reject or cancel them as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from paymentapp.errors import Conflict, NotAllowed, NotFound
from paymentapp.models.actors import HOLD, Actor
from paymentapp.models.bulk import BulkAction, BulkOrder, RowOutcome
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.services.approvals import Approvals
from paymentapp.services.payments import Payments


@dataclass(frozen=True, slots=True)
class BulkOrders:
    """Carries out orders, payment by payment: each is safe to repeat, as after a crash."""

    payments: Payments
    approvals: Approvals

    def carry_out(self, order: BulkOrder, outcome: RowOutcome) -> None:
        """Do with a row's payment what the order says, if that can be done with it now.

        One that is too late to be cancelled, or that awaits no approval, stays as it is. Raises
        StoreUnavailable.
        """
        if outcome.payment_id is None:
            return
        key = PaymentKey(outcome.customer_id, outcome.payment_id)
        try:
            self._step(order)(key)
        except (Conflict, NotAllowed, NotFound):
            return

    def _step(self, order: BulkOrder) -> Callable[[PaymentKey], Payment]:
        by = Actor(order.by, order.identities, frozenset({HOLD}))  # as was checked at its request
        if order.action is BulkAction.APPROVE:
            return lambda key: self.approvals.approve(key, by, order.note)
        if order.action is BulkAction.REJECT:
            return lambda key: self.approvals.reject(key, by, order.note)
        return lambda key: self.payments.cancel(key, by)
