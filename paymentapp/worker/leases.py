"""A lease that one thread holds for as long as it works."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from functools import partial

from paymentapp.clock import Clock
from paymentapp.services.outbound.publisher import TOPIC
from paymentapp.storage.base import Lease, Store
from paymentapp.worker.concurrency import succeeds


class RenewedLease:
    """A lease that is renewed at half its time, by whoever asks whether it is held."""

    def __init__(
        self, store: Store, clock: Clock, name: str, lasts: timedelta, owner: str = ""
    ) -> None:
        """Make a lease, not taken; without `owner` it has an owner of its own."""
        self._store = store
        self._clock = clock
        self._name = name
        self._lasts = lasts
        self._owner = owner or secrets.token_hex(8)
        self._ends: datetime | None = None

    def holds(self) -> bool:
        """Return whether the lease is held, taking or renewing it. Raises StoreUnavailable."""
        now = self._clock()
        if self._ends is not None and now < self._ends - self._lasts / 2:
            return True
        return self._hold(self._lasts)

    def release(self) -> None:
        """Release the lease if it is held, so that another process can take over at once.

        A store that fails is logged; the lease then expires by itself.
        """
        if self._ends is not None:
            succeeds(partial(self._hold, timedelta(0)))

    def _hold(self, lasts: timedelta) -> bool:
        now = self._clock()
        held = self._store.hold_lease(Lease(self._name, self._owner, now + lasts), now)
        mine = held.owner == self._owner
        self._ends = held.until if mine else None
        return mine


def delivery_lease(receiver: str) -> str:
    """Return the name of the lease of who delivers to a webhook endpoint, by its id, or the topic.

    All that deliver use it, with threads or without, so that one process at a time does.
    """
    return receiver if receiver == TOPIC else f"webhook#{receiver}"
