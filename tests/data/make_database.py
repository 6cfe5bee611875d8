"""Generator of the database in this folder: `python -m tests.data.make_database FILE`.

It was run once, at the commit that added it. Do not run it again to make a failing test pass: a
database in use cannot be generated again either.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from paymentapp.config import Settings
from paymentapp.errors import OutcomeUnknown
from paymentapp.models.batches import Batch
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage import open_store
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Maker:
    """A service whose clock advances by a second at each reading."""

    def __init__(self, path: Path) -> None:
        self.now = START
        self.store = open_store(Settings(store=f"sqlite:///{path}"))
        self.store.create_tables()
        self.provider = LedgerProvider()
        self.services = a_process(self.store, self.clock, self.provider)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def pay(self, name: str) -> Payment:
        email = f"{name}@example.com"
        self.services.customers.register(name, email, {"tier": "gold", "limit": Decimal("12.5")})
        order = PaymentOrder(name, email, Money(Decimal("12.50"), "USD"), "paypal")
        return self.services.payments.request(order, f"key of {name}").payment

    def settled(self, name: str, status: Status) -> Payment:
        self.provider.status[f"{name}@example.com"] = status
        payment = self.pay(name)
        batch = self.services.dispatcher.submit([payment])
        assert batch is not None
        self.services.poller.follow(batch)
        return payment

    def fail(self, _batch: Batch) -> None:
        raise OutcomeUnknown("TIMEOUT")


def main() -> None:
    """Make a payment in each status, and one for each point where a process can stop."""
    maker = Maker(Path(sys.argv[1]))
    outcomes = (
        *(Status.SUCCEEDED, Status.FAILED, Status.RETURNED),
        *(Status.SUBMITTED, Status.UNCLAIMED),
    )
    for status in outcomes:
        maker.settled(status.value, status)
    maker.services.payments.cancel(maker.pay("cancelled").key)
    maker.services.dispatcher._prepare([maker.pay("prepared")])
    maker.provider.before = maker.fail
    maker.services.dispatcher.submit([maker.pay("frozen")])
    maker.pay("pending")
    maker.services.api_keys.create("kept", ["read", "write"])
    maker.store.close()


if __name__ == "__main__":
    main()
