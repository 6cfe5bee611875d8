"""A service at scale in simulated time: processes, callers, DynamoDB and PayPal from one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, cast
from unittest import mock

from bench.scale.capacity import PARTITION_READS, PARTITION_WRITES, TABLE_UNITS
from bench.scale.dynamodb import SimulatedClient, SimulatedDynamoDB
from bench.scale.measure import Measures, Sample
from bench.scale.paypal import PayPalAssumptions, SimulatedHttp, SimulatedPayPal
from bench.scale.product import in_simulated_time
from bench.scale.threads import Kernel, SimulatedEvent
from paymentapp.bootstrap import Services, build_services
from paymentapp.config import Settings
from paymentapp.errors import StoreUnavailable
from paymentapp.models.money import Money
from paymentapp.models.payments import FINAL
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.dynamodb import DynamoDBStore
from paymentapp.storage.dynamodb.event_entries import time_of
from paymentapp.storage.per_process import PerProcess
from paymentapp.variables import Variables
from tests.faults.simulation.clock import micros_of, moment
from tests.faults.simulation.scheduler import SECOND

CREDENTIALS = {"PAYPAL_CLIENT_ID": "model", "PAYPAL_CLIENT_SECRET": "model"}
RETRY_SECONDS = 1.0  # after which a caller repeats a request that was answered by 503


@dataclass(frozen=True)
class Scale:
    """What is modelled: a load, a deployment, and what it is deployed on."""

    name: str
    rate: float  # payments a second
    minutes: float
    processes: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    paypal: PayPalAssumptions = field(default_factory=PayPalAssumptions)
    customers: int = 10_000
    hot_share: float = 0.0  # of the payments: those to one customer
    partition_writes: float = PARTITION_WRITES
    seed: int = 1
    sample_seconds: float = 10.0
    why: str = ""  # for the report


class ModelProcess:
    """A process of the service: its own code over simulated services, on a processor of its own."""

    def __init__(self, kernel: Kernel, world: Model) -> None:
        self.busy = 0.0  # seconds of its processor
        self._kernel = kernel
        self._free_at = 0.0
        scale = world.scale
        client = SimulatedClient(world.dynamodb, self.cpu)
        http = SimulatedHttp(world.paypal, self.cpu)
        settings = Settings(
            store="dynamodb", variables=Variables(dict(CREDENTIALS)), **scale.settings
        )
        with (
            mock.patch(
                "paymentapp.storage.dynamodb.store.clients",
                return_value=PerProcess(lambda: client),
            ),
            mock.patch("paymentapp.providers.paypal.provider.Http", return_value=http),
        ):
            self.services: Services = build_services(
                settings,
                store=DynamoDBStore(settings),
                clock=lambda: moment(kernel.scheduler.now),
                timer=kernel.seconds,
            )
        self.services.worker.start()

    def cpu(self, seconds: float) -> None:
        """Take time of the process's processor: one thread at a time runs Python."""
        now = self._kernel.seconds()
        self._free_at = max(now, self._free_at) + seconds
        self.busy += seconds
        self._kernel.sleep(self._free_at - now)


class Model:
    """Everything in one run."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.kernel = Kernel()
        self.measures = Measures(self.kernel)
        self.dynamodb = SimulatedDynamoDB(
            self.kernel,
            scale.seed,
            partition_writes=scale.partition_writes,
            partition_reads=PARTITION_READS,
            table_units=TABLE_UNITS,
        )
        self.dynamodb.on_write = self.measures.wrote
        self.paypal = SimulatedPayPal(self.kernel, scale.seed, scale.paypal)
        self.paypal.on_submit = self.measures.submitted
        self.paypal.on_outcome = self.measures.decided
        self.processes: list[ModelProcess] = []
        self._rng = Random(f"load {scale.seed}")
        self._registered = 0

    def run(self) -> Model:
        """Run for the scale's time; what waits then is left as it is."""
        with in_simulated_time(self.kernel, self.scale.seed):
            for _ in range(self.scale.processes):
                self.processes.append(ModelProcess(self.kernel, self))
            self.kernel.spawn(self._load)
            self.kernel.scheduler.run()
        second = int(self.kernel.seconds()) + 1
        self.dynamodb.writes.roll(second)
        self.dynamodb.reads.roll(second)
        return self

    def stored_states(self) -> Counter[str]:
        """Count the payments in the table by their status: what is there, and nothing noted."""
        table = self.dynamodb.tables["Disbursements"]
        return Counter(entry.item()["status"]["S"] for entry in table.all())

    def problems(self) -> list[str]:
        """Return what is lost, double or unknown: nothing, if the code and the model are right."""
        measures, stored = self.measures, self.stored_states()
        settled = sum(stored[status] for status in FINAL)
        found = {
            "payments accepted and not stored": max(0, measures.accepted - stored.total()),
            "payments neither settled nor waiting": (
                stored.total() - measures.settled - measures.waiting
            ),
            "settled payments that were not counted": settled - measures.settled,
            "items that PayPal has twice": sum(n - 1 for n in self.paypal.paid.values()),
            "settled payments that PayPal never had": max(
                0, settled - stored["cancelled"] - len(self.paypal.paid)
            ),
        }
        return [f"{count} {what}" for what, count in found.items() if count]

    def _load(self) -> None:
        """Register the customers, and then have payments requested at the rate."""
        scale, kernel, measures = self.scale, self.kernel, self.measures
        for number in range(scale.processes):
            kernel.spawn(partial(self._register, number))
        all_known = SimulatedEvent(kernel)
        while self._registered < scale.customers:
            all_known.wait(0.1)
        measures.begun_at = kernel.seconds()
        self.dynamodb.writes.forget()
        self.dynamodb.reads.forget()
        end = measures.begun_at + 60 * scale.minutes
        kernel.spawn(self._sample)
        while kernel.seconds() < end:
            kernel.sleep(self._rng.expovariate(scale.rate))
            kernel.spawn(partial(self._request, measures.requested))
            measures.requested += 1
        self._take_sample()
        kernel.scheduler.stopped = True

    def _register(self, number: int) -> None:
        scale = self.scale
        for customer in range(number, scale.customers, scale.processes):
            customer_id, email = _customer(customer)
            self.processes[number].services.customers.register(customer_id, email, {})
            self._registered += 1

    def _request(self, number: int) -> None:
        """Request a payment as a caller does: again under its key, until it is accepted."""
        hot = self._rng.random() < self.scale.hot_share
        customer = 0 if hot else self._rng.randrange(self.scale.customers)
        amount = Decimal(100 + number % 20_000) / 100
        order = PaymentOrder(*_customer(customer), Money(amount, "USD"), None)
        payments = self.processes[number % len(self.processes)].services.payments
        begun = self.kernel.seconds()
        while True:
            try:
                payments.request(order, f"key-{number}")
            except StoreUnavailable:
                self.measures.refused += 1
                self.kernel.sleep(RETRY_SECONDS)
            else:
                break
        self.measures.accepted += 1
        self.measures.answer_times.add(self.kernel.seconds() - begun)

    def _sample(self) -> None:
        while True:
            self._take_sample()
            self.kernel.sleep(self.scale.sample_seconds)

    def _take_sample(self) -> None:
        measures, states = self.measures, self.measures.states
        measures.samples.append(
            Sample(
                at=self.kernel.seconds() - measures.begun_at,
                accepted=measures.accepted,
                due=states["pending"],
                oldest_due=measures.oldest_due(),
                in_batches=states["submitting"] + states["submitted"],
                unclaimed=states["unclaimed"],
                open_batches=measures.open_batches,
                calls=self.paypal.calls.total(),
                limited=self.paypal.limited.total(),
                units=cast(float, self.dynamodb.writes.total.total()),
                events_behind=self._events_behind(),
            )
        )

    def _events_behind(self) -> float:
        end = self.dynamodb.tables["Operations"].get(("events-end", "end"))
        if end is None:
            return 0.0
        position = end.item()["position"]["S"]
        return self.kernel.seconds() - micros_of(time_of(position)) / SECOND


def _customer(number: int) -> tuple[str, str]:
    return f"customer-{number:06}", f"payee{number:06}@example.com"
