"""Bugs of limits and of checks for duplicates."""

from __future__ import annotations

from paymentapp.clock import to_text
from paymentapp.models.actors import Actor
from paymentapp.models.limits import Charge, charge_of
from paymentapp.models.payments import UNPAID
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Payments
from paymentapp.storage.changes import Acceptance, AcceptResult, PaymentChange
from tests.faults.simulation.store import SimulatedStore
from tests.support.counters import Counters


def nothing_given_back(_change: PaymentChange) -> list[Charge]:
    """Count what was not paid after all."""
    return []


def given_back_again(change: PaymentChange) -> list[Charge]:
    """Give back at each change of a payment that is not paid, as at its retry."""
    new = change.new
    return [charge_of(each, new.money.amount) for each in new.charges if new.status in UNPAID]


def counted_unchecked(counters: Counters, acceptance: Acceptance) -> None:
    """Count without the condition that there is room still."""
    for charge in acceptance.charges:
        counters.add(charge)


class CountedApart(SimulatedStore):
    """Counts in a write of its own, before that of the payment."""

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        if not acceptance.charges or acceptance.payment.key in self.tables.payments:
            return super().accept(acceptance._replace(charges=()))
        self._write("count", None, lambda: self.tables.counters.count(acceptance))
        return super().accept(acceptance._replace(charges=(), alike=None))


class UncountedCollision(Payments):
    """Does not count a payment that got the next id, because another one has its own."""

    def _admitted(self, acceptance: Acceptance, order: PaymentOrder, by: Actor) -> AcceptResult:
        payment = acceptance.payment
        if acceptance.record is None and payment.payment_id != to_text(payment.history[0].at):
            return self.store.accept(acceptance)
        return super()._admitted(acceptance, order, by)


class NeverAsks(Payments):
    """Accepts what is above a limit with `ask`, and asks nobody."""

    def _admitted(self, acceptance: Acceptance, order: PaymentOrder, by: Actor) -> AcceptResult:  # noqa: ARG002
        return self.admission.accept(
            acceptance, lambda payment, _rule: payment, allow_duplicate=order.allow_duplicate
        )
