"""Attempts to send batches, as the providers' code sees them: which may have had an effect."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch, Member
from paymentapp.providers.base import Postponed

if TYPE_CHECKING:
    from tests.faults.simulation.world import World


class Attempts:
    """Follow every call of a provider's `submit`, apart from what the service records of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._numbers = count()
        self._open: dict[str, set[int]] = defaultdict(set)

    def made(
        self,
        submit: Callable[[Batch, Sequence[Member]], Any],
        batch: Batch,
        members: Sequence[Member],
    ) -> Any:
        """Make a call. Unless it certainly had no effect, its batch may have left for ever."""
        number, open_calls = next(self._numbers), self._open[batch.batch_id]
        open_calls.add(number)
        self.world.tables.begun.add(batch.batch_id)
        try:
            outcome = submit(batch, members)
        except (NotSent, Misconfigured):
            self._had_no_effect(batch, number)
            self.world.regretters.hears(batch)
            raise
        except OutcomeUnknown:
            self.world.regretters.hears(batch)
            raise
        if isinstance(outcome, Postponed):
            self._had_no_effect(batch, number)
        return outcome

    def _had_no_effect(self, batch: Batch, number: int) -> None:
        open_calls = self._open[batch.batch_id]
        open_calls.discard(number)
        if not open_calls:
            self.world.tables.begun.discard(batch.batch_id)
