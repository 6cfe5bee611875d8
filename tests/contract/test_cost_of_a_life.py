"""The cost of a payment's whole life on DynamoDB, in requests and in write units.

An item costs a unit for each KB, and so does each index entry that is written or deleted:
docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from paymentapp.clock import utc_now
from paymentapp.config import Settings
from paymentapp.correlation import continuing
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.events import Event
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.models.settled import Settled
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.changes import Acceptance, AcceptResult, PaymentChange
from paymentapp.storage.codec.batches import batch_record, member_records
from paymentapp.storage.codec.events import event_texts
from paymentapp.storage.codec.operations import idempotency_record
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.dynamodb.list_entries import entry_record
from tests.support.item_size import write_units
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process

EMAIL = f"{'n' * 64}@{'d' * 58}.com"  # the longest that there is
CUSTOMER = "c" * 50
TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"


@dataclass
class Bill:
    """Write units by purpose."""

    units: Counter[str] = field(default_factory=Counter)

    def write(
        self, what: str, index: str, old: Mapping[str, Any] | None, new: Mapping[str, Any]
    ) -> None:
        self.units[what] += write_units(*(version for version in (old, new) if version))
        self.units[f"{what} index"] += _index_units(index, old or {}, new)

    @property
    def total(self) -> int:
        return self.units.total()


def _index_units(index: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    """Count the units of a sparse index: an entry for each item with both keys; a move is two."""
    keys = f"{index}_shard", f"{index}_at"
    before = tuple(old[key] for key in keys) if all(map(old.get, keys)) else None
    after = tuple(new[key] for key in keys) if all(map(new.get, keys)) else None
    if before == after:
        return 1 if index == "due" and after else 0  # `due` projects the item, `attention` its key
    return (before is not None) + (after is not None)


class BilledStore(DynamoDBStore):
    """The engine itself, with a count of what it writes."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.bill = Bill()

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        if acceptance.binding is not None:
            self.bill.write("claim", "none", None, idempotency_record(acceptance.binding))
        texts = [event_texts(event) for event in acceptance.events]
        self.bill.units["list entry"] += write_units(entry_record(acceptance.payment, texts))
        self.bill.write("payment", "due", None, payment_record(acceptance.payment))
        return super().accept(acceptance)

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        for old, new in changes:
            self.bill.write("payment", "due", payment_record(old), payment_record(new))
        self.bill.units["events"] += _entry_units([e for each in changes for e in each.events])
        return super().change_payments(changes)

    def add_batch(self, batch: Batch, members: Sequence[Member]) -> None:
        for chunk in member_records(batch, members):
            self.bill.write("members", "none", None, chunk)
        self.bill.write("batch", "attention", None, batch_record(batch))
        super().add_batch(batch, members)

    def change_batch(self, old: Batch, new: Batch) -> bool:
        self.bill.write("batch", "attention", batch_record(old), batch_record(new))
        self.bill.units["batch reference"] += new.reference != old.reference
        return super().change_batch(old, new)


def _entry_units(events: Sequence[Event]) -> int:
    """Count the units of the entry that announces events; a list has 3 bytes, and 1 for a part."""
    if not events:
        return 0
    texts = [event_texts(event) for event in events]
    key = {"pk": "events#2026030112#0", "sk": "0" * 26, "expires_at": 1_770_000_000}
    return write_units(key | {"events": texts})


@dataclass
class Service:
    """A service over the counting store."""

    store: BilledStore
    provider: LedgerProvider = field(default_factory=LedgerProvider)

    def __post_init__(self) -> None:
        services = a_process(self.store, utc_now, self.provider)
        self.customers = services.customers
        self.payments = services.payments
        self.dispatcher = services.dispatcher
        self.poller = services.poller

    def pay(self, key: str, customer_id: str = CUSTOMER) -> Payment:
        money = Money(Decimal("19999.99"), "USD")
        order = PaymentOrder(customer_id, EMAIL, money, "paypal")
        return self.payments.request(order, key).payment

    def requests(self) -> Counter[str]:
        """Count the requests from now on, by operation."""
        counted: Counter[str] = Counter()

        def count(model: Any, **_: Any) -> None:
            counted[model.name] += 1

        self.store._client().meta.events.register("before-call.dynamodb", count)
        return counted


@pytest.fixture
def service(dynamodb_store: DynamoDBStore) -> Service:
    store = BilledStore(Settings(store="dynamodb", table_prefix=dynamodb_store._prefix))
    return Service(store)


def test_a_traced_payment_is_accepted_for_four_units(service: Service) -> None:
    service.customers.register(CUSTOMER, EMAIL, {})
    with continuing(TRACEPARENT):
        assert service.pay("key").traceparent == TRACEPARENT
    assert service.store.bill.total <= 4


def test_a_payment_with_a_key_is_accepted_for_four_units_and_one_read(service: Service) -> None:
    """One request reads the customer and the key's record; a unit is for the list and the event."""
    service.customers.register(CUSTOMER, EMAIL, {})
    requests = service.requests()
    payment = service.pay("key")
    assert payment.status is Status.PENDING
    assert requests == {"BatchGetItem": 1, "PutItem": 3}
    assert service.store.bill.total <= 4
    assert service.pay("key").key == payment.key  # a replay writes nothing
    assert requests == {"BatchGetItem": 2, "PutItem": 3, "GetItem": 1}


@pytest.mark.parametrize("traceparent", [None, TRACEPARENT], ids=["plain", "traced"])
@pytest.mark.parametrize("slow", [False, True], ids=["settled at once", "settled later"])
def test_a_full_batchs_payments_cost_eight_units_each_at_most(
    service: Service, slow: bool, traceparent: str | None
) -> None:
    with continuing(traceparent):
        count = _live_a_full_batch(service, slow=slow)
    units = service.store.bill.units
    own = units["claim"] + units["list entry"] + units["payment"] + units["payment index"]
    assert own == count * (8 if slow else 7)
    shared = service.store.bill.total - own
    assert units["events"] <= count * (0.39 if slow else 0.26)  # keys of the greatest length
    assert shared - units["events"] <= count * 0.3  # 500 names and addresses, likewise: 120 KB
    if not slow:
        assert service.store.bill.total <= 8 * count


def _live_a_full_batch(service: Service, *, slow: bool) -> int:
    count = service.provider.batch_size
    customers = [f"{CUSTOMER[:46]}{n:04}" for n in range(count)]
    for customer in customers:
        service.customers.register(customer, EMAIL, {})
    payments = [service.pay(f"key-{n}", customer) for n, customer in enumerate(customers)]
    if slow:
        service.provider.status[EMAIL] = Status.SUBMITTED
    batch = service.dispatcher.submit(payments)
    assert batch is not None
    service.provider.settled = Settled(utc_now(), Money(Decimal("0.25"), "USD"))
    service.poller.follow(batch)
    if slow:
        service.provider.status[EMAIL] = Status.SUCCEEDED
        service.poller.follow(batch)
    stored = service.store.get_batch(batch.batch_id)
    assert stored is not None
    assert stored.state is BatchState.CLOSED
    return count


def test_a_batch_of_500_is_stamped_in_20_requests(service: Service) -> None:
    service.customers.register(CUSTOMER, EMAIL, {})
    payments = [service.pay(f"key-{n}") for n in range(service.provider.batch_size)]
    requests = service.requests()
    service.dispatcher.submit(payments)
    assert requests["BatchExecuteStatement"] == 20
    # Besides: holds, before and after if that takes a second; members, header, freeze, acceptance,
    # the entry of the events, and the provider's id of the batch.
    assert requests.total() <= 20 + 8


def test_a_scheduled_payment_costs_no_further_unit_or_request(service: Service) -> None:
    service.customers.register(CUSTOMER, EMAIL, {})
    requests = service.requests()
    money = Money(Decimal("19999.99"), "USD")
    order = PaymentOrder(CUSTOMER, EMAIL, money, "paypal", utc_now() + timedelta(days=1))
    assert service.payments.request(order, "key").payment.scheduled_at == order.scheduled_at
    assert requests == {"BatchGetItem": 1, "PutItem": 3}
    assert service.store.bill.total <= 4
