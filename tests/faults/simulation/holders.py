"""People who hold payments and release them, and the check that nothing held is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from paymentapp.errors import PaymentAppError
from paymentapp.models.batches import Batch, Member
from paymentapp.models.holds import HoldScope, payment_value, target_of
from paymentapp.providers.base import Provider
from tests.faults.simulation.later_steps import LaterSteps
from tests.faults.simulation.scheduler import MINUTE, SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.world import World

IN_FORCE_WITHIN = 2 * SECOND
SCOPES = (
    *(HoldScope.ALL,),
    *(HoldScope.PROVIDER,),
    *(HoldScope.CUSTOMER,) * 3,
    *(HoldScope.PAYMENT,) * 3,
)


class Holders(LaterSteps):
    """Hold what they like while faults happen, and release all of it in the end."""

    def __init__(self, world: World) -> None:
        super().__init__(world)

    def schedule(self, span: int) -> None:
        """Plan when somebody places a hold."""
        for _ in range(self.world.draw(10)):
            self._later(self.world.draw(span + MINUTE), self._place)

    def watched(self, provider: Provider) -> Provider:
        """Return a provider whose submissions are checked as they begin."""
        vars(provider)["submit"] = partial(self._submit, provider.submit, provider.name)
        return provider

    def _submit(
        self,
        submit: Callable[[Batch, Sequence[Member]], Any],
        name: str,
        batch: Batch,
        members: Sequence[Member],
    ) -> Any:
        """Submit; report each member that has been held for long enough to be known everywhere."""
        now, since = self.world.time.micros(), self.world.tables.held_since
        for member in members:
            targets = (
                target_of(HoldScope.ALL, ""),
                target_of(HoldScope.PROVIDER, name),
                target_of(HoldScope.CUSTOMER, member.customer_id),
                target_of(HoldScope.PAYMENT, payment_value(member.key)),
                target_of(HoldScope.BULK, self.world.tables.payments[member.key].bulk_id or ""),
            )
            for target in targets:
                if now - since.get(target, now) >= IN_FORCE_WITHIN:
                    words = f"batch {batch.batch_id} is sent, and {target} is held"
                    self.world.findings.fail("held and sent", words, member.key)
        self.world.approvers.check(members)
        return self.world.attempts.made(submit, batch, members)

    def _place(self) -> None:
        """Place a hold; once that has ended, however it did, somebody goes on to release it."""
        scope, value = self._target()
        process = self.world.any_process()
        if process is None or (not value and scope is not HoldScope.ALL):
            return
        self.busy += 1

        def place() -> None:
            try:
                _try(lambda: process.services.holds.place(scope, value, "a doubt"))
            finally:
                self.busy -= 1
                self._later(SECOND + self.world.draw(2 * MINUTE), self._release)

        process.spawn(place)

    def release_later(self) -> None:
        """Have somebody release a hold after a while."""
        self._later(SECOND + self.world.draw(2 * MINUTE), self._release)

    def _target(self) -> tuple[HoldScope, str]:
        scope = SCOPES[self.world.draw(len(SCOPES))]
        values: dict[HoldScope, Sequence[str]] = {
            HoldScope.ALL: [""],
            HoldScope.PROVIDER: self.world.methods.names,
            HoldScope.CUSTOMER: list(self.world.tables.customers),
            HoldScope.PAYMENT: [payment_value(key) for key in self.world.tables.payments] or [""],
        }
        return scope, values[scope][self.world.draw(len(values[scope]))]

    def _release(self) -> None:
        """Release the oldest hold, or all of them once no fault happens any more."""
        process = self.world.any_process()
        found = list(self.world.tables.holds.values())
        if process is not None and found:
            for hold in found if not self.world.faults.on else found[:1]:
                self.world.last_fault_at = self.world.time.micros()
                process.spawn(partial(_try, partial(process.services.holds.release, hold.hold_id)))
        if self.world.faults.on or self.world.tables.holds or self.world.has_transit():
            self._later(5 * SECOND + self.world.draw(30 * SECOND), self._release)


def _try(step: Callable[[], object]) -> None:
    """Do a step; a person who gets an error looks again later."""
    try:
        step()
    except PaymentAppError:
        return
