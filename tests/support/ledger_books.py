"""A provider with a ledger that tests can read and change, and a service over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from paymentapp.bootstrap import Services
from paymentapp.bootstrap_backoffice import BackOffice, build_backoffice
from paymentapp.errors import NotSent, ProviderError
from paymentapp.models.batches import Batch, Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.base import Transaction
from paymentapp.providers.updates import ItemReport
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.base import Store
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class LedgerBooks(LedgerProvider):
    """A ledger provider that is its own transaction search."""

    lag = timedelta(hours=3)

    def __init__(self, batch_size: int = 500) -> None:
        super().__init__(batch_size)
        self.transaction_search = self
        self.told: dict[str, ItemReport | None] = {}  # by item id, in place of the truth
        self.more: list[Transaction] = []  # besides what the ledger paid
        self.hidden: set[str] = set()  # transaction ids that the search leaves out
        self.nameless = False  # the search repeats no item ids
        self.forgotten = False  # no batch is known any more
        self.search_fails: list[ProviderError | None] = []  # search by search, then none
        self.searches: list[tuple[datetime, datetime]] = []
        self.moved_at = START

    def fetch(self, batch: Batch) -> list[ItemReport]:
        if self.forgotten or batch.batch_id not in self.batches:
            raise NotSent("INVALID_RESOURCE_ID")
        reports = {report.item_id: report for report in super().fetch(batch)}
        merged = reports | self.told
        return [report for report in merged.values() if report is not None]

    def transactions(self, start: datetime, end: datetime) -> Iterator[Transaction]:
        self.searches.append((start, end))
        error = self.search_fails.pop(0) if self.search_fails else None
        if error is not None:
            raise error
        for each in [*map(self._transaction, self.paid()), *self.more]:
            if start <= each.at <= end and each.transaction_id not in self.hidden:
                yield each

    def batch_id_of(self, reference: str) -> str | None:
        batch_id = reference.removeprefix("ref-")
        return batch_id if batch_id in self.batches and not self.forgotten else None

    def _transaction(self, member: Member) -> Transaction:
        item_id = None if self.nameless else member.item_id
        transaction_id = f"tx-{member.payment_id}"
        return Transaction(transaction_id, self.moved_at, member.money, item_id, "S")

    def _report(self, member: Member) -> ItemReport:
        return replace(super()._report(member), money=member.money, receiver=member.email)


@dataclass
class Ledgered:
    """A service with a clock that moves only when a test moves it."""

    store: Store
    provider: LedgerBooks = field(default_factory=LedgerBooks)
    now: datetime = START

    def __post_init__(self) -> None:
        self.services = self.another()
        self.customers = self.services.customers
        self.settlement = self.services.settlement
        self.dispatcher = self.services.dispatcher
        self.poller = self.services.poller
        self.payments = self.services.payments

    def another(self) -> Services:
        """Start another process over the same store."""
        return a_process(self.store, self.clock, self.provider, due_shards=1)

    def office(self, pause: Callable[[float], None] = lambda _seconds: None) -> BackOffice:
        """Return the services of an operator's commands; they never really sleep."""
        return build_backoffice(self.services, lambda _words: None, pause)

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pay(self, *names: str, money: str = "12.50 USD") -> list[Payment]:
        """Request a payment to each name: a customer id, and the first part of its e-mail."""
        amount, currency = money.split()
        made = []
        for name in names:
            email = f"{name}@example.com"
            self.customers.register(name, email, {})
            order = PaymentOrder(name, email, Money(Decimal(amount), currency), "paypal")
            made.append(self.payments.request(order).payment)
        return made

    def send(self, payments: list[Payment]) -> Batch:
        batch = self.dispatcher.submit(payments)
        assert batch is not None
        return batch

    def settled(self, *names: str) -> list[Payment]:
        """Return payments that were sent in one batch and polled once."""
        payments = self.pay(*names)
        self.poller.follow(self.send(payments))
        return [self.read(payment) for payment in payments]

    def read(self, payment: Payment) -> Payment:
        return self.payments.get(payment.key)

    def status(self, payment: Payment) -> Status:
        return self.read(payment).status

    def batch_of(self, payment: Payment) -> Batch:
        batch = self.store.get_batch(self.read(payment).batch_id or "")
        assert batch is not None
        return batch

    def sweep(self, **later: float) -> None:
        """Sweep in another process."""
        self.now += timedelta(**later)
        self.another().sweeper.run()
        self.now += timedelta(seconds=31)  # its lease runs out

    def park(self, *names: str) -> tuple[Batch, list[Payment]]:
        """Park a batch that the provider did not answer for 25 days; return it and its payments."""
        payments = self.pay(*names)
        batch = self.send(payments)
        self.sweep(days=25, hours=1)
        parked = self.store.get_batch(batch.batch_id)
        assert parked is not None
        return parked, payments
