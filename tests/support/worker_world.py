"""A running worker in a world that is 60 times as fast, whose loops all have work to do."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from paymentapp.bootstrap import Services
from paymentapp.models.batches import BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.updates import Delivery, Recorded, UnreadFile, WebhookNews
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.failing_store import FailingStore
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import StillWorker, a_process
from tests.support.scripted_webhooks import ScriptedWebhooks

SPEED = 60
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_DONE = {BatchState.CLOSED, BatchState.ABORTED}  # an aborted one is searched for a day


class MailboxBank(ScriptedWebhooks):
    """A mailbox that holds one delivery until it is put away."""

    fetches = True

    def __init__(self) -> None:
        super().__init__()
        self.full = False

    def collect(self) -> Iterator[Delivery]:
        if self.full:
            yield Delivery("file", [self.tells(WebhookNews("M-1", "SOMETHING.ELSE"))])

    def put_away(self, _delivery: Delivery) -> None:
        self.full = False

    def unread(self) -> list[UnreadFile]:
        return []

    def set_aside(self, _file_id: str, _note: str) -> bool:
        return False

    def record(self, _payment: Payment, _status: Status, _code: str) -> Recorded:
        return Recorded()


class WorkerWorld:
    """One process with a worker, and one that only accepts, over one store."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.store = FailingStore()
        self.provider = LedgerProvider()
        self.provider.webhooks = self.webhooks = ScriptedWebhooks()
        self.provider.mailbox = self.mailbox = MailboxBank()
        # No time between two sweeps, less than the settings allow; nothing is read from a cache.
        self.process = a_process(
            *(self.store, self.clock, self.provider),
            timer=partial(next, itertools.count()),
            sweep_seconds=0,
            collect_seconds=1,
        )
        self.web = a_process(self.store, self.clock, self.provider, worker=StillWorker())
        self._paid = 0

    def clock(self) -> datetime:
        return START + timedelta(seconds=(time.monotonic() - self.begun) * SPEED)

    def pay(self, services: Services) -> Payment:
        """Accept a payment at one of the processes."""
        self._paid += 1
        name = f"c{self._paid}"
        services.customers.register(name, f"{name}@example.com", {})
        order = PaymentOrder(name, f"{name}@example.com", Money(Decimal(5), "USD"), "paypal")
        return services.payments.request(order).payment

    def tell(self, number: int) -> None:
        """Deliver a webhook to the process with the worker."""
        body = self.webhooks.tells(WebhookNews(f"WH-{number}", "SOMETHING.ELSE"))
        self.process.webhooks.receive("paypal", {}, body)

    def is_quiet(self) -> bool:
        """Return whether every payment is settled, and nothing waits to be done."""
        far = self.clock() + timedelta(days=1)
        shards = range(4)
        store = self.store
        settled = all(p.status is Status.SUCCEEDED for p in store.scan_payments(START, far))
        return (
            settled
            and not self.mailbox.full
            and all(batch.state in _DONE for batch in store.scan_batches(START, far))
            and not any(store.due_provider_events(shard, far, 9) for shard in shards)
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the worker."""
        self.process.worker.start()
        try:
            yield
        finally:
            self.process.worker.stop()


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
