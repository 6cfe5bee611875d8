"""Webhooks take no more than their part of the threads, and are answered 503 beyond it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import pytest
from werkzeug.test import TestResponse

from paymentapp.api.webhook_slots import WebhookSlots
from paymentapp.config import Settings
from paymentapp.errors import CannotVerify, NotGenuine
from tests.api.conftest import Bench, problem
from tests.support.ledger_provider import LedgerProvider
from tests.support.scripted_webhooks import ScriptedWebhooks
from tests.unit.test_rate_limit_counters import Timer


class SlowWebhooks(ScriptedWebhooks):
    """Verifies nothing before it is released; then every webhook is forged."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.release = threading.Semaphore(0), threading.Event()

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        self.begun.release()
        assert self.release.wait(20)
        raise NotGenuine(f"forged: {len(headers)} headers, {len(body)} bytes")


def post(bench: Bench) -> TestResponse:
    return bench.caller(None).post("/webhooks/paypal", data=b"{}")


@contextmanager
def flooded(bench: Bench, count: int) -> Iterator[SlowWebhooks]:
    """Have so many webhooks being verified."""
    webhooks = SlowWebhooks()
    cast(LedgerProvider, bench.services.providers["paypal"]).webhooks = webhooks
    threads = [threading.Thread(target=post, args=(bench,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert webhooks.begun.acquire(timeout=20)
    yield webhooks
    webhooks.release.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("threads", "places"), [(1, 1), (2, 1), (3, 2), (4, 3), (16, 12), (256, 192)]
)
def test_a_part_of_the_threads_is_left_to_callers(threads: int, places: int) -> None:
    assert WebhookSlots(threads).places == places


def test_beyond_its_part_a_webhook_is_to_be_sent_again() -> None:
    bench = Bench(Settings(threads=4))
    with flooded(bench, 3) as webhooks:
        refused = post(bench)
        problem(refused, 503, "not-verified")
        assert refused.headers["Retry-After"] == "10"
        assert bench.client.get("/v1/api/limits").status_code == 200
        webhooks.release.set()
    problem(post(bench), 400, "invalid-request")  # the places are free again


def test_a_flood_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "paymentapp.api.webhook_slots")
    timer = Timer()
    slots = WebhookSlots(1, timer)
    with slots.one():
        for seconds in (0, 30, 29, 2):
            timer.now += seconds
            with pytest.raises(CannotVerify), slots.one():
                pass
    assert [record.getMessage() for record in caplog.records] == [
        "webhooks refused: 1 are being received; answered with 503 and sent again"
    ] * 2
