"""Holds: place, release and list them, and know which are in force.

A hold keeps payments from being prepared and batches from being sent; polling, webhooks and
mailboxes go on.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import Conflict, NotFound, NothingToHold
from paymentapp.models.actors import SYSTEM, Actor
from paymentapp.models.batches import Batch, Member
from paymentapp.models.bulk import BULK_ID_PATTERN
from paymentapp.models.customers import CUSTOMER_ID_PATTERN
from paymentapp.models.holds import (
    Hold,
    HoldScope,
    HoldsInForce,
    new_hold_id,
    payment_value,
    target_of,
)
from paymentapp.models.payments import UNSENT, Payment, PaymentKey, Status
from paymentapp.services.stored_payments import stored_payment
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

_CUSTOMER_ID = re.compile(CUSTOMER_ID_PATTERN)  # what is none is not looked up
_BULK_ID = re.compile(BULK_ID_PATTERN)
CACHE_SECONDS = 1.0  # half of the two seconds within which a hold is in force everywhere
HOLDABLE = UNSENT | {Status.SUBMITTING}


class Placed(NamedTuple):
    """The hold that is in force, and whether this request has placed it."""

    hold: Hold
    new: bool


class _Snapshot(NamedTuple):
    in_force: HoldsInForce
    read_at: float


class Holds:
    """Place, release and list holds. Any number of processes may do so side by side."""

    def __init__(
        self,
        store: Store,
        providers: Collection[str],
        clock: Clock,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the service; `providers` are the names that a hold may have as its value."""
        self._store = store
        self._providers = providers
        self._clock = clock
        self._timer = timer
        self._lock = threading.Lock()
        self._known: _Snapshot | None = None
        self._changes = 0

    def in_force(self) -> HoldsInForce:
        """Return the holds in force, read at most a second ago. Raises StoreUnavailable.

        The second counts from the start of the read. What cannot be read is not guessed: a caller
        that sends must not send then.
        """
        now = self._timer()
        with self._lock:
            known, changes = self._known, self._changes
        if known is not None and 0 <= now - known.read_at < CACHE_SECONDS:
            return known.in_force
        in_force = HoldsInForce(self._store.list_holds())
        with self._lock:
            if changes == self._changes:  # otherwise the read may predate a change
                self._known = _Snapshot(in_force, now)
        return in_force

    def free(self, payments: Sequence[Payment]) -> Sequence[Payment]:
        """Return the payments without the pending ones that are held. Raises StoreUnavailable."""
        return self.in_force().free(payments) if payments else payments

    def on_batch(self, batch: Batch, members: Sequence[Member]) -> Hold | None:
        """Return a hold that concerns a member of a batch, or None. Raises StoreUnavailable."""
        payments = ((member.key, member.bulk_id) for member in members)
        return self.in_force().on_any(batch.provider, payments)

    def place(self, scope: HoldScope, value: str, reason: str, by: Actor = SYSTEM) -> Placed:
        """Put a hold in force; the one that its target has already stays as it is.

        Raises NothingToHold for a value that names nothing: such a hold would stop nothing.
        """
        self.check(scope, value)
        now = self._clock()
        wanted = Hold(new_hold_id(now), scope, value, reason, by.name, now)
        try:
            hold = self._store.add_hold(wanted)
        finally:
            self.forget()
        new = hold.hold_id == wanted.hold_id
        if new:
            log.warning("hold %s is in force: %s, by %s", hold.hold_id, scope, hold.by or "-")
        return Placed(hold, new)

    def release(self, hold_id: str, by: Actor = SYSTEM) -> Hold:
        """Release a hold; return its record. Raises NotFound if it is not in force."""
        for hold in self._store.list_holds():
            if hold.hold_id == hold_id:
                return self._release(hold, by)
        raise NotFound("No such hold is in force.")

    def hold_payment(self, key: PaymentKey, reason: str, by: Actor = SYSTEM) -> Payment:
        """Hold one payment; return it. Raises NotFound, Conflict where it is too late."""
        payment = stored_payment(self._store, key)
        if payment.status not in HOLDABLE:
            raise Conflict(f"It is too late to hold: the payment is {payment.status}.")
        self.place(HoldScope.PAYMENT, payment_value(key), reason, by)
        return stored_payment(self._store, key)

    def release_payment(self, key: PaymentKey, by: Actor = SYSTEM) -> Payment:
        """Release the hold of one payment; return the payment.

        Holds of its customer, of its provider and of everything stay in force. Raises NotFound,
        Conflict where the payment itself is not held.
        """
        payment = stored_payment(self._store, key)
        target = target_of(HoldScope.PAYMENT, payment_value(key))
        for hold in self._store.list_holds():
            if hold.target == target:
                self._release(hold, by)
                return payment
        raise Conflict("There is nothing to release: no hold of this payment is in force.")

    def current(self) -> list[Hold]:
        """Return the holds in force, oldest first."""
        return self._store.list_holds()

    def history(self) -> list[Hold]:
        """Return all holds that ever were, oldest first."""
        in_force = self._store.list_holds()
        ids = {hold.hold_id for hold in in_force}
        released = [hold for hold in self._store.released_holds() if hold.hold_id not in ids]
        return sorted([*in_force, *released], key=lambda hold: hold.created_at)

    def released(self, most: int) -> list[Hold]:
        """Return the holds that were released last, the latest release first.

        One whose release was not completed is still in force, and not among them.
        """
        ids = {hold.hold_id for hold in self._store.list_holds()}
        released = [hold for hold in self._store.released_holds() if hold.hold_id not in ids]
        released.sort(key=lambda hold: hold.released_at or hold.created_at, reverse=True)
        return released[:most]

    def _release(self, hold: Hold, by: Actor) -> Hold:
        released = hold.released(self._clock(), by.name)
        try:
            if not self._store.release_hold(hold, released):
                raise NotFound("This hold was released meanwhile.")
        finally:
            self.forget()
        log.warning("hold %s is released, by %s", hold.hold_id, released.released_by or "-")
        return released

    def forget(self) -> None:
        """Read again at the next question, however short ago it was read."""
        with self._lock:
            self._changes += 1
            self._known = None

    def check(self, scope: HoldScope, value: str) -> None:
        """Raise NothingToHold for a value that names nothing."""
        if scope is HoldScope.ALL:
            if value:
                raise NothingToHold("A hold of everything has no value.")
        elif scope is HoldScope.PROVIDER:
            if value not in self._providers:
                known = ", ".join(sorted(self._providers))
                raise NothingToHold(f"Unknown provider; known: {known}.")
        elif scope is HoldScope.CUSTOMER:
            if not self._is_customer(value):
                raise NothingToHold("There is no such customer.")
        elif scope is HoldScope.BULK:
            if not _BULK_ID.fullmatch(value) or self._store.get_bulk_run(value) is None:
                raise NothingToHold("There is no such bulk run.")
        else:
            self._check_payment(value)

    def _is_customer(self, value: str) -> bool:
        customer = self._store.get_customer(value) if _CUSTOMER_ID.fullmatch(value) else None
        return customer is not None and not customer.is_erased

    def _check_payment(self, value: str) -> None:
        key = PaymentKey(*value.partition("/")[::2])
        known = all(key) and _CUSTOMER_ID.fullmatch(key.customer_id)
        if not known or self._store.get_payment(key) is None:
            raise NothingToHold("There is no such payment: give CUSTOMER_ID/PAYMENT_ID.")
