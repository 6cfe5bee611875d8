"""The example of a receiver, with the service's own client and the published library."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from paymentapp.models.webhook_endpoints import DeliveryStatus
from paymentapp.webhook_client.client import WebhookClient
from tests.support.webhook_receiver import example_receiver as receiver
from tests.support.webhook_world import WebhookWorld, one_by_one


@contextmanager
def served(app: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/events"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def world() -> WebhookWorld:
    """Return a service at the present time: the library refuses signatures of another."""
    world = WebhookWorld(webhooks_allow_loopback=True)
    world.now = datetime.now(UTC)
    return world


def stored(database: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT id, type FROM Events ORDER BY id").fetchall()


def deliver(world: WebhookWorld, endpoint_id: str) -> None:
    client = WebhookClient(timeout=5, idle_max=2, allow_loopback=True)
    replace(world.deliverer, client=client).deliver(endpoint_id, one_by_one)
    client.close()


def test_a_receiver_verifies_and_stores_each_event_once(
    world: WebhookWorld, tmp_path: Path
) -> None:
    database = tmp_path / "received.db"
    current: list[Any] = []
    with served(lambda *arguments: current[-1](*arguments)) as url:
        made = world.endpoints.create(url, (), "")
        current.append(receiver(made.secret, database))
        (payment,) = world.pay()
        world.process.payments.cancel(payment.key)
        deliver(world, made.endpoint.endpoint_id)
        found = stored(database)
        assert [kind for _, kind in found] == ["payment.pending", "payment.cancelled"]
        world.endpoints.redeliver(made.endpoint.endpoint_id, found[0][0])
        deliver(world, made.endpoint.endpoint_id)
        assert stored(database) == found
    assert (
        world.endpoints.deliveries(made.endpoint.endpoint_id, None, 9, None).deliveries[0].status
        is DeliveryStatus.SUCCEEDED
    )


def test_a_receiver_refuses_what_another_secret_has_signed(
    world: WebhookWorld, tmp_path: Path
) -> None:
    app = receiver(world.made.secret, tmp_path / "received.db")
    with served(app) as url:
        made = world.endpoints.create(url, (), "")
        world.pay()
        deliver(world, made.endpoint.endpoint_id)
    (failed,) = world.endpoints.deliveries(made.endpoint.endpoint_id, None, 9, None).deliveries
    assert failed.last_status_code == 400
    assert stored(tmp_path / "received.db") == []


def test_a_receiver_goes_on_through_a_rotation(world: WebhookWorld, tmp_path: Path) -> None:
    current: list[Any] = []
    with served(lambda *arguments: current[-1](*arguments)) as url:
        made = world.endpoints.create(url, (), "")
        endpoint_id = made.endpoint.endpoint_id
        current.append(receiver(made.secret, tmp_path / "received.db"))
        rotated = world.endpoints.rotate_secret(endpoint_id)
        world.pay()
        deliver(world, endpoint_id)
        current.append(receiver(rotated.secret, tmp_path / "received.db"))
        world.pay()
        deliver(world, endpoint_id)
    assert len(stored(tmp_path / "received.db")) == 2
