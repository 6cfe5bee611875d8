"""People who take back what waits: payments of batches that were tried, and not accepted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from paymentapp.errors import PaymentAppError
from paymentapp.models.batches import Batch, Member
from paymentapp.models.holds import HoldScope, payment_value
from paymentapp.models.payments import PaymentKey
from tests.faults.simulation.scheduler import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

_CANCELS, _HOLDS = 0.3, 0.4  # of the batches that were tried; what lies between is held


class Regretters:
    """Cancel and hold members of batches whose last attempt has failed, certainly or not.

    Their own random numbers leave the other moves of a world as they are.
    """

    def __init__(self, world: World, seed: str) -> None:
        self.world = world
        self.rng = Random(f"regrets {seed}")
        self.holds_left = 5  # each is asked for until it is released
        self.purse = self.rng.choice((0, 30, 100))  # what is left where funds are out

    def covers(self, members: Sequence[Member]) -> bool:
        """Return whether what is left covers a batch."""
        return sum(member.money.amount for member in members) <= Decimal(self.purse)

    def hears(self, batch: Batch) -> None:
        """Learn that a call for a batch has ended without an outcome."""
        members = self.world.tables.members[batch.batch_id]
        key = self.rng.choice(members).key
        chance = self.rng.random()
        if not self.world.faults.on or chance > _HOLDS:
            return
        delay = int(self.rng.random() * self.rng.choice((SECOND, 5 * SECOND, MINUTE)))
        self.world.clients.later(delay, partial(self._takes_back, key, chance < _CANCELS))

    def _takes_back(self, key: PaymentKey, cancels: bool) -> None:
        intent = self.world.clients.by_payment.get(key)
        if cancels and intent is not None and intent.answers:
            self.world.clients.cancel(intent, 3)
        elif not cancels and self.holds_left:
            self.holds_left -= 1
            self._hold(key)

    def _hold(self, key: PaymentKey) -> None:
        """Hold a payment; somebody releases what is held, as in every world."""

        def hold(process: Process) -> None:
            try:
                process.services.holds.place(HoldScope.PAYMENT, payment_value(key), "a doubt")
            except PaymentAppError:
                return
            finally:
                self.world.holders.release_later()

        self._spawn(hold)

    def _spawn(self, work: Callable[[Process], object]) -> None:
        process = self.world.any_process()
        if process is not None:
            process.spawn(partial(work, process))
