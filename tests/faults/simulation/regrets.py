"""People who take back what waits: payments of batches that were tried, and not accepted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import PaymentAppError
from paymentapp.models.batches import Batch, Member
from paymentapp.models.holds import HoldScope, payment_value
from paymentapp.models.payments import PaymentKey
from paymentapp.services.backoffice.parked_batches import OperatorNote
from tests.faults.simulation.scheduler import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

# Of the batches that were tried: members are cancelled, then held, then the batch is parked.
_CANCELS, _HOLDS, _PARKS = 0.3, 0.4, 0.45


class Regretters:
    """Cancel and hold members of batches whose last attempt has failed, certainly or not.

    Their own random numbers leave the other moves of a world as they are.
    """

    def __init__(self, world: World, seed: str) -> None:
        self.world = world
        self.rng = Random(f"regrets {seed}")
        self.holds_left = 5  # each is asked for until it is released
        self.parks_left = 3
        self.purse = self.rng.choice((0, 30, 100))  # what is left where funds are out

    def covers(self, members: Sequence[Member]) -> bool:
        """Return whether what is left covers a batch."""
        return sum(member.money.amount for member in members) <= Decimal(self.purse)

    def hears(self, batch: Batch) -> None:
        """Learn that a call for a batch has ended without an outcome."""
        members = self.world.tables.members[batch.batch_id]
        key = self.rng.choice(members).key
        chance = self.rng.random()
        if not self.world.faults.on or chance > _PARKS:
            return
        delay = int(self.rng.random() * self.rng.choice((SECOND, 5 * SECOND, MINUTE)))
        if chance > _HOLDS:
            self.world.clients.later(delay, partial(self._park, batch.batch_id))
        else:
            self.world.clients.later(delay, partial(self._takes_back, key, chance < _CANCELS))

    def _takes_back(self, key: PaymentKey, cancels: bool) -> None:
        intent = self.world.clients.by_payment.get(key)
        if cancels and intent is not None and intent.answers:
            self.world.clients.cancel(intent, 3)
        elif not cancels and self.holds_left:
            self.holds_left -= 1
            self._hold(key)

    def _park(self, batch_id: str) -> None:
        """Say that a batch must not be sent again, at most a few times in a world."""

        def park(process: Process) -> None:
            parked = build_backoffice(process.services, lambda _: None, lambda _: None).parked
            try:
                parked.park(batch_id, OperatorNote("somebody", "a doubt"))
            except PaymentAppError as error:
                self.world.note(process, "not parked", batch_id, str(error))
            else:
                self.world.note(process, "parked by hand", batch_id, "")

        if self.parks_left:
            self.parks_left -= 1
            self._spawn(park)

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
