"""The API over a store in memory, a provider with a ledger, and a worker that does nothing."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from paymentapp import create_app
from paymentapp.bootstrap import build_services
from paymentapp.config import Settings
from paymentapp.metrics.base import NO_METRICS, Metrics
from paymentapp.models.actors import APPROVE, HOLD, WEBHOOKS
from paymentapp.providers.base import Provider
from paymentapp.rate_limits.counters import WindowCounters
from paymentapp.worker.threaded import Worker
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker

ORDER = {"customer_id": "ada", "email": "ada@example.com", "amount": 12.5, "currency": "USD"}


# What a problem of a kind has besides what each one has.
MEMBERS = {
    "limit-exceeded": {"rule", "currency", "limit", "remaining", "resets_at"},
    "possible-duplicate": {"payment"},
    "reference-used": {"payment"},
}


class UnreadBody(io.RawIOBase):
    """A body that nobody may read: its client has not sent it."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise AssertionError("the body is read")


# The environ of a request whose body has not come.
UNREAD: dict[str, Any] = {"wsgi.input": UnreadBody(), "wsgi.input_terminated": True}


@dataclass
class Bench:
    """A service under test: its parts, and a client with all scopes."""

    settings: Settings = field(default_factory=Settings)
    store: MemoryStore = field(default_factory=MemoryStore)
    providers: dict[str, Provider] = field(default_factory=lambda: {"paypal": LedgerProvider()})
    worker: StillWorker = field(default_factory=StillWorker)
    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    metrics: Metrics = NO_METRICS
    counters: WindowCounters | None = None

    def __post_init__(self) -> None:
        self.services = build_services(
            self.settings,
            store=self.store,
            providers=self.providers,
            clock=self.clock,
            worker=cast(Worker, self.worker),
            metrics=self.metrics,
            counters=self.counters,
        )
        self.app = create_app(self.services)
        _, self.token = self.services.api_keys.create(
            "test", ["read", "write", APPROVE, HOLD, WEBHOOKS]
        )
        self.use_key()
        self.client = self.caller(self.token)

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def use_key(self) -> None:
        """Have the use of the key stored now, rather than while a test counts calls or time."""
        before = self.now
        self.services.api_keys.actor(self.token)
        while "change_api_key" not in self.store.calls:
            time.sleep(0.001)
        self.now = before

    def caller(self, token: str | None) -> FlaskClient:
        """Return a client that authenticates with `token`, or without authentication."""
        client = self.app.test_client()
        if token is not None:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    def add_customer(self, customer_id: str = "ada", email: str = "ada@example.com") -> None:
        self.services.customers.register(customer_id, email, {})

    def pay(self, headers: dict[str, str] | None = None, **changes: Any) -> TestResponse:
        """Request a payment to Ada, or one that differs from it."""
        body = {name: value for name, value in {**ORDER, **changes}.items() if value is not ...}
        return self.client.post("/v1/api/payment", json=body, headers=headers)

    def send(self, path: str, text: str | bytes, **options: Any) -> TestResponse:
        """Post a text unchanged."""
        options = {"content_type": "application/json", **options}
        return self.client.post(path, data=text, **options)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def paying(bench: Bench) -> Bench:
    """Return the service with a customer to pay."""
    bench.add_customer()
    return bench


@pytest.fixture
def app(bench: Bench) -> Iterator[Flask]:
    with bench.app.app_context():
        yield bench.app


def problem(response: TestResponse, status: int, kind: str) -> dict[str, Any]:
    """Check that a response is a problem document of that kind, and return it."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.get_json()
    assert body["type"] == f"/problems/{kind}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response.headers["X-Request-Id"]
    known = {"type", "title", "status", "detail", "request_id"}
    assert set(body) - {"errors"} == known | MEMBERS.get(kind, set())
    return body
