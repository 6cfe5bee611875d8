"""The simulated operator of parked batches: asks the bank, and decides correctly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import Conflict, ProviderError, StoreUnavailable
from paymentapp.models.batches import Batch, BatchState
from paymentapp.services.backoffice.parked_batches import OperatorNote
from tests.faults.simulation.scheduler import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

WAITS = 6 * HOUR  # at least; far longer than what is on its way takes


class SimulatedOperator:
    """Decides by the provider's own ledger, and by nothing that the service reports."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.busy = 0  # batches that wait for a decision
        self.decided = 0

    def hears(self, batch: Batch) -> None:
        """Learn that a batch was parked. In worlds with PayPal only, nobody resolves it."""
        if self.world.methods.scene == "paypal":
            return
        self.busy += 1
        after = WAITS + self.world.draw(18 * HOUR)
        self.world.at(self.world.time.micros() + after, lambda: self._decide(batch.batch_id))

    def _decide(self, batch_id: str) -> None:
        process = self.world.any_process()
        if process is None or self._is_on_its_way(batch_id):
            self._later(batch_id)
            return
        over = False

        def decide() -> None:
            nonlocal over
            try:
                over = self._by_the_books(process, batch_id)
            except (Conflict, StoreUnavailable, ProviderError) as error:
                self.world.note(process, "no decision", batch_id, str(error))
            finally:
                if not over:
                    self._later(batch_id)

        process.spawn(decide)

    def _by_the_books(self, process: Process, batch_id: str) -> bool:
        """Resolve a batch; return whether it needs no operator any more."""
        batch = process.store.get_batch(batch_id)
        if batch is None or batch.state is not BatchState.PARKED:
            self.busy -= 1
            return True
        reference = self.world.methods.reference_of(batch)
        parked = build_backoffice(
            process.services,
            lambda _words: None,
            lambda seconds: process.wait(int(seconds * SECOND)),
        ).parked
        word = OperatorNote("somebody", "as the books say")
        self.world.note(process, "decision", batch_id, reference or "not sent")
        if reference is None:
            parked.not_sent(batch_id, word)
        else:
            parked.accept(batch_id, reference, word, confirmed=True)
        return False  # a look will tell whether it was done

    def _later(self, batch_id: str) -> None:
        self.world.at(self.world.time.micros() + 10 * MINUTE, lambda: self._decide(batch_id))

    def _is_on_its_way(self, batch_id: str) -> bool:
        """Return whether a call is still in progress, or arrives late at Stripe or OpenACH.

        Few calls take as long as the operator waits; for those that do, the operator waits longer:
        no ledger has them, and they would pay what was called not sent.
        """
        stripe = self.world.methods.stripe
        if stripe is not None and stripe.transfers.on_their_way[batch_id]:
            return True
        openach = self.world.methods.openach
        if openach is not None and openach.on_their_way[batch_id]:
            return True
        tasks = [task for process in self.world.processes for task in process.tasks]
        return any(task.subject == batch_id for task in tasks)
