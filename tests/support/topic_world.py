"""Services with a topic of events, which records what is published."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from paymentapp.bootstrap import Services
from paymentapp.messaging.sns import SnsTopic, TopicMessage, TopicResult
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.services.outbound.publisher import EventPublisher, PublishedRound
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.base import Store
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ARN = "arn:aws:sns:eu-west-1:123456789012:events"
THROTTLED = TopicResult("Throttled")
TOO_LONG = TopicResult("InvalidParameter", refused=True)


class NoClient:
    """The client of a topic whose batches alone are used."""

    def __call__(self) -> Any:
        raise AssertionError("nothing is published by it")

    def close(self) -> None:
        pass


@dataclass
class RecordingTopic:
    """Records each message that is published; `answer` may make it fail, or be refused."""

    answer: Callable[[TopicMessage], TopicResult] = lambda _message: TopicResult()
    calls: list[list[str]] = field(default_factory=list)
    published: list[TopicMessage] = field(default_factory=list)
    arn: str = ARN
    name: str = "events"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def batches(self, messages: Sequence[TopicMessage]) -> Iterator[list[TopicMessage]]:
        return SnsTopic(self.arn, NoClient()).batches(messages)

    def publish(self, batch: Sequence[TopicMessage]) -> list[TopicResult]:
        with self.lock:
            self.calls.append([each.event_id for each in batch])
            results = [self.answer(each) for each in batch]
            done = zip(batch, results, strict=True)
            self.published += [each for each, result in done if not result.error]
            return results

    def close(self) -> None:
        pass

    @property
    def event_ids(self) -> list[str]:
        return [each.event_id for each in self.published]

    @property
    def types(self) -> list[str]:
        return [json.loads(each.body)["type"] for each in self.published]


class TopicWorld:
    """A process of the service whose clock the test sets, which publishes to a topic."""

    def __init__(self, store: Store | None = None, arn: str = ARN, **settings: Any) -> None:
        self.now = START
        self.store = store or MemoryStore()
        self.topic = RecordingTopic(arn=arn)
        self.slept: list[float] = []
        self.process: Services = a_process(
            *(self.store, self.clock, LedgerProvider()),
            worker=StillWorker(),
            events_sns_arn=arn,
            **settings,
        )
        assert self.process.publisher is not None
        self.publisher: EventPublisher = replace(
            self.process.publisher, topic=self.topic, sleep=self.slept.append
        )
        self.process.customers.register("ada", "ada@example.com", {})

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def pay(self, count: int = 1) -> list[Payment]:
        order = PaymentOrder("ada", "ada@example.com", Money(Decimal(5), "USD"), "paypal")
        return [self.process.payments.request(order).payment for _ in range(count)]

    def publish(self, may_begin: Callable[[], bool] = lambda: True) -> PublishedRound:
        """Do one round."""
        return self.publisher.publish(may_begin)
