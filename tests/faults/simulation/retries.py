"""Callers who retry what failed or came back, often two at once, and without hearing an answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from paymentapp.errors import Conflict, NotPayable, StoreUnavailable
from paymentapp.models.limits import LimitExceeded
from paymentapp.models.payments import RETRYABLE, Payment, PaymentKey, Status
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Requested
from tests.faults.simulation import faults
from tests.faults.simulation.clients import ACTORS, Intent
from tests.faults.simulation.scheduler import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.world import World

CHAIN = 3  # retries one after another, of which each retries the one before


class Retriers:
    """All callers of one world who retry payments; `intents` are their retries."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.intents: list[Intent] = []

    def hears(self, payment: Payment) -> None:
        """Learn that a payment has ended; retry it, or again what a cancelled one had retried."""
        if payment.status in RETRYABLE:
            original: PaymentKey | None = payment.key
        else:
            original = _retried(payment) if payment.status is Status.CANCELLED else None
        if original is not None and self._depth(original) < CHAIN and self.world.chance(0.3):
            for _ in range(2 if self.world.chance(0.5) else 1):
                self.begin(original)

    def check(self, new: Payment) -> None:
        """Check a retry as it is stored: its original has ended, and no other retry counts."""
        original = self.world.tables.payments.get(_retried(new) or new.key)
        if new.retry_of is None or original is None:
            return
        if original.status not in RETRYABLE:
            words = f"the payment that it retries is {original.status}"
            self.world.findings.fail("retried twice", words, original.key)
        for other in self.world.tables.payments.values():
            if _retried(other) == original.key and other.status is not Status.CANCELLED:
                words = f"retried by {other.payment_id}, which is {other.status}, and again"
                self.world.findings.fail("retried twice", words, original.key)

    def _depth(self, key: PaymentKey) -> int:
        payment = self.world.tables.payments[key]
        before = _retried(payment)
        return 0 if before is None else 1 + self._depth(before)

    def begin(self, original: PaymentKey) -> None:
        """Have somebody retry a payment."""
        draw, chance = self.world.draw, self.world.chance
        payment, number = self.world.tables.payments[original], len(self.intents)
        order = PaymentOrder(payment.customer_id, payment.email, payment.money, None)
        intent = Intent(
            name=f"retry-{number}",
            order=order._replace(retry_of=payment.payment_id),
            key=f"retry-key-{number}" if chance(0.6) else None,
            by=next(each for each in ACTORS if each.name == payment.created_by),
            patience=2 if chance(0.2) else 25,
            doom=1 + draw(8) if chance(0.5) and self.world.faults.on else 0,
        )
        self.intents.append(intent)
        self.world.clients.later(draw(2 * SECOND), partial(self._try, intent, original))

    def _try(self, intent: Intent, original: PaymentKey) -> None:
        """Ask any process that answers; ask again where no answer comes, with a key or without."""
        process = self.world.any_process()
        intent.tries += 1

        def ask() -> None:
            assert process is not None
            answered = False
            try:
                requested = process.services.retries.retry(original, None, intent.key, intent.by)
                self._heard(intent, requested)
                answered = True
            except (Conflict, LimitExceeded, NotPayable) as error:
                self.world.note(process, "no retry", intent.name, str(error))
                answered = True
            except StoreUnavailable:
                pass
            finally:
                curious = intent.key is not None and self.world.faults.on
                if not answered or (curious and self.world.chance(0.1)):
                    self._again(intent, original)

        if process is None:
            self._again(intent, original)
        else:
            process.spawn(ask, intent)

    def _again(self, intent: Intent, original: PaymentKey) -> None:
        if intent.tries < intent.patience:
            delay = self.world.draw(5 * SECOND)
            self.world.clients.later(delay, partial(self._try, intent, original))

    def _heard(self, intent: Intent, requested: Requested) -> None:
        """Take the answer, unless it is lost; some cancel their retry."""
        if self.world.faults.on and self.world.chance(0.05):
            self.world.touch(intent.name, faults.ANSWER_LOST, intent)
            raise StoreUnavailable(faults.ANSWER_LOST)
        self.world.note(None, "answer", intent.name, requested.payment.key)
        intent.answers.append(requested.payment.key)
        if len(intent.answers) == 1 and self.world.chance(0.3):
            delay = self.world.draw(MINUTE if self.world.chance(0.5) else SECOND)
            self.world.clients.later(delay, partial(self.world.clients.cancel, intent, 3))


def _retried(payment: Payment) -> PaymentKey | None:
    """Return the key of the payment that this one retries."""
    return PaymentKey(payment.customer_id, payment.retry_of) if payment.retry_of else None
