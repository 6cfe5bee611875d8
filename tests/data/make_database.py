"""Makes the database that is kept here: `python -m tests.data.make_database FILE`.

It was run once, at the commit that added it. Do not run it again to make a failing test pass: a
database in use cannot be made again either.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from paymentapp.config import Settings
from paymentapp.errors import OutcomeUnknown
from paymentapp.models import Batch, Money, Payment, Status
from paymentapp.services.access import Access
from paymentapp.services.customers import Customers
from paymentapp.services.dispatch import Dispatcher
from paymentapp.services.payments import PaymentOrder, Payments
from paymentapp.services.settle import Settlement
from paymentapp.storage import open_store
from tests.support.ledger_provider import LedgerProvider

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Maker:
    """A service whose clock ticks a second at each look."""

    def __init__(self, path: Path) -> None:
        self.now = START
        self.store = open_store(Settings(store=f"sqlite:///{path}"))
        self.store.create_tables()
        self.provider = LedgerProvider()
        providers = {"paypal": self.provider}
        self.customers = Customers(self.store, self.clock)
        self.payments = Payments(
            self.store, self.customers, providers, self.clock, 4, lambda _payment: None
        )
        settlement = Settlement(self.store, self.clock)
        self.dispatcher = Dispatcher(self.store, providers, settlement, self.clock)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def pay(self, name: str) -> Payment:
        email = f"{name}@example.com"
        self.customers.register(name, email, {"tier": "gold", "limit": Decimal("12.5")})
        order = PaymentOrder(name, email, Money(Decimal("12.50"), "USD"), "paypal")
        return self.payments.request(order, f"key of {name}").payment

    def settled(self, name: str, status: Status) -> Payment:
        self.provider.status[f"{name}@example.com"] = status
        payment = self.pay(name)
        batch = self.dispatcher.submit([payment])
        assert batch is not None
        self.dispatcher.follow(batch)
        return payment

    def fail(self, _batch: Batch) -> None:
        raise OutcomeUnknown("TIMEOUT")


def main() -> None:
    """One payment in each status, and one in each place where a process can have stopped."""
    maker = Maker(Path(sys.argv[1]))
    outcomes = (
        *(Status.SUCCEEDED, Status.FAILED, Status.RETURNED),
        *(Status.SUBMITTED, Status.UNCLAIMED),
    )
    for status in outcomes:
        maker.settled(status.value, status)
    maker.payments.cancel(maker.pay("cancelled").key)
    maker.dispatcher._prepare([maker.pay("prepared")])
    maker.provider.before = maker.fail
    maker.dispatcher.submit([maker.pay("frozen")])
    maker.pay("pending")
    Access(maker.store, maker.clock).create("kept", ["read", "write"])
    maker.store.close()


if __name__ == "__main__":
    main()
