"""A compare-and-swap that other writers keep winning ends, and lets them pass meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from paymentapp.bootstrap import Services
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.providers.updates import ItemReport
from paymentapp.services.dispatch.batching import advance, change_stamped, member_of
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage import contention
from paymentapp.storage.changes import PaymentChange
from paymentapp.storage.contention import MAX_TRIES, tries
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class BusyStore(MemoryStore):
    """Another writer is faster, so many times in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        return [False] * len(changes) if self._loses() else super().change_payments(changes)

    def change_batch(self, old: Batch, new: Batch) -> bool:
        return False if self._loses() else super().change_batch(old, new)

    def _loses(self) -> bool:
        self.lost -= 1
        return self.lost >= 0


class Contended:
    """One payment in an accepted batch."""

    def __init__(self) -> None:
        self.store = BusyStore()
        self.services: Services = a_process(
            self.store, lambda: NOW, LedgerProvider(), worker=StillWorker()
        )
        self.services.customers.register("ann", "ann@example.com", {})
        order = PaymentOrder("ann", "ann@example.com", Money(Decimal(5), "USD"), "paypal")
        self.payment = self.services.payments.request(order).payment
        batch = self.services.dispatcher.submit([self.payment])
        assert batch is not None
        self.batch = batch

    def stored(self) -> Payment:
        return self.services.payments.get(self.payment.key)

    def apply(self) -> None:
        members = [member_of(self.payment, LedgerProvider())]
        self.services.settlement.apply(self.batch, members, {}, Cause.POLL)

    def apply_report(self) -> None:
        report = ItemReport(
            member_of(self.payment, LedgerProvider()).item_id, Status.SUCCEEDED, "SUCCESS"
        )
        self.services.settlement.apply_report(self.stored(), report, Cause.POLL)

    def change(self) -> None:
        members = [member_of(self.payment, LedgerProvider())]
        change_stamped(
            self.store,
            lambda: NOW,
            self.batch,
            members,
            lambda payment, _position, now: payment.moved(Status.SUBMITTED, now, Cause.POLL),
        )

    def close(self) -> None:
        assert advance(self.store, self.batch, state=BatchState.CLOSED).state is BatchState.CLOSED


CHANGES: dict[str, tuple[Callable[[Contended], None], Status]] = {
    "settle a batch": (Contended.apply, Status.SUBMITTED),
    "settle a payment": (Contended.apply_report, Status.SUCCEEDED),
    "change members": (Contended.change, Status.SUBMITTED),
    "change a batch": (Contended.close, Status.SUBMITTING),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_conditional_write_that_lost_is_repeated(name: str) -> None:
    """Members would be `submitting` for ever in a closed batch."""
    contended = Contended()
    change, status = CHANGES[name]
    contended.store.lost = 3
    change(contended)
    assert contended.store.lost < 0
    assert contended.stored().status is status


@pytest.mark.parametrize("name", CHANGES)
def test_one_that_loses_always_ends(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contention, "MAX_TRIES", 5)  # 100 take 5 seconds
    contended = Contended()
    contended.store.lost = 50
    with pytest.raises(StoreUnavailable, match="changed 100 times meanwhile"):
        CHANGES[name][0](contended)
    assert contended.store.lost == 45


def test_a_cancellation_that_lost_is_repeated() -> None:
    contended = Contended()
    order = PaymentOrder("ann", "ann@example.com", Money(Decimal(6), "USD"), "paypal")
    payment = contended.services.payments.request(order).payment
    contended.store.lost = 2
    assert contended.services.payments.cancel(payment.key).status is Status.CANCELLED


def test_tries_back_off_and_end() -> None:
    pauses: list[float] = []
    assert len(list(tries(pauses.append))) == MAX_TRIES
    assert len(pauses) == MAX_TRIES - 2
    assert max(pauses[:2]) <= 0.004
    assert max(pauses) <= 0.1
