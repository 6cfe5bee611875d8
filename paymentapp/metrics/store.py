"""A store whose calls are measured, and whose writes tell what has become of payments."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from paymentapp.errors import StoreUnavailable
from paymentapp.metrics.base import Metrics
from paymentapp.models.payments import FINAL, Payment
from paymentapp.storage.accepting import AcceptRequest, Attempt, Decide
from paymentapp.storage.base import Store
from paymentapp.storage.changes import Acceptance, AcceptResult, PaymentChange

# What is no call of the database, or yields results one after the other.
_UNMEASURED = frozenset({"threads", "close", "create_tables"})
_SCAN = "scan_"


def measured_store(store: Store, metrics: Metrics) -> Store:
    """Return the store itself where metrics are off, else one that records each call of it."""
    return cast(Store, _MeasuredStore(store, metrics)) if metrics.enabled else store


class _MeasuredStore:
    """Passes each call on, and records it once its result is known."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        """Accept a payment, and count it where this call has stored it."""
        result: AcceptResult = self._call("accept", self._store.accept, acceptance)
        self._count_accepted(acceptance, result)
        return result

    def accept_at_once(
        self, customer_id: str, key_hashes: Sequence[str], decide: Decide
    ) -> Attempt:
        """Try to accept a payment by one call, and count it where this call has stored it."""
        attempt: Attempt = self._call(
            "accept_at_once", self._store.accept_at_once, customer_id, key_hashes, decide
        )
        if attempt.acceptance is not None and attempt.result is not None:
            self._count_accepted(attempt.acceptance, attempt.result)
        return attempt

    def accept_many(self, requests: Sequence[AcceptRequest]) -> list[Payment | None]:
        """Accept several payments, and count those that this call has stored."""
        stored: list[Payment | None] = self._call("accept_many", self._store.accept_many, requests)
        for payment in filter(None, stored):
            self._metrics.payment_accepted(payment.payment_method)
        return stored

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        """Change payments, and count each move that was made."""
        made: list[bool] = self._call("change_payments", self._store.change_payments, changes)
        for change, is_made in zip(changes, made, strict=True):
            if is_made and change.new.status is not change.old.status:
                self._record_move(change)
        return made

    def __getattr__(self, name: str) -> Any:
        """Return what the store has under a name: a method measured, anything else as it is.

        A method is kept, so that the next use does not come here.
        """
        found = getattr(self._store, name)
        if not callable(found) or name in _UNMEASURED or name.startswith(("_", _SCAN)):
            return found
        measured = partial(self._call, name, found)
        setattr(self, name, measured)
        return measured

    def _call(self, name: str, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        begun_at = time.perf_counter()
        answer = "ok"
        try:
            return method(*given, **named)
        except StoreUnavailable:
            answer = "unavailable"
            raise
        finally:
            self._metrics.store_called(name, answer, time.perf_counter() - begun_at)

    def _count_accepted(self, acceptance: Acceptance, result: AcceptResult) -> None:
        stored = result.payment
        if stored is not None and stored.revision == acceptance.payment.revision:
            self._metrics.payment_accepted(stored.payment_method)

    def _record_move(self, change: PaymentChange) -> None:
        old, new = change
        settled = new.status in FINAL and old.status not in FINAL
        leaves_at = new.scheduled_at or new.created_at
        seconds = max(0.0, (new.updated_at - leaves_at).total_seconds()) if settled else None
        self._metrics.payment_moved(new.payment_method, new.status.value, seconds)
