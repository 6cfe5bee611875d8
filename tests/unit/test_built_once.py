"""Services are built at their first use, and only once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from paymentapp.bootstrap import Services, build_services
from paymentapp.built_once import built_once, if_built
from paymentapp.config import Settings
from paymentapp.errors import SettingsError
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore


class Parts:
    def __init__(self) -> None:
        self.building = threading.RLock()
        self.count = 0
        self.fails = False

    @built_once
    def slow(self) -> object:
        """Return a part that takes long."""
        time.sleep(0.02)
        self.count += 1
        if self.fails:
            raise ValueError("no part")
        return object()

    @built_once
    def both(self) -> tuple[object, object]:
        """Return a part that is built from another."""
        return self.slow, self.slow


def test_threads_that_ask_at_once_get_the_same() -> None:
    parts = Parts()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: parts.slow, range(8)))
    assert len(set(map(id, found))) == 1
    assert parts.count == 1


def test_a_part_may_be_built_from_others() -> None:
    parts = Parts()
    first, second = parts.both
    assert first is second is parts.slow


def test_what_failed_is_tried_again() -> None:
    parts = Parts()
    parts.fails = True
    with pytest.raises(ValueError, match="no part"):
        _ = parts.slow
    assert if_built(parts, "slow") is None
    parts.fails = False
    assert parts.slow is if_built(parts, "slow")


@pytest.mark.parametrize("wrong", [Settings(limits="nonsense"), Settings(approvals="nonsense")])
def test_settings_are_checked_before_anything_is_built(wrong: Settings) -> None:
    with pytest.raises(SettingsError):
        build_services(wrong, store=MemoryStore(), providers={"paypal": LedgerProvider()})


@pytest.mark.parametrize("topic", ["", "arn:aws:sns:us-east-1:123456789012:events"])
def test_every_service_can_be_built(topic: str) -> None:
    """A wiring error is found here, not by the first request that needs the service."""
    providers = {"paypal": LedgerProvider()}
    services = build_services(
        Settings(events_sns_arn=topic), store=MemoryStore(), providers=providers
    )
    members = [vars(kind).items() for kind in Services.__mro__]
    names = [name for each in members for name, member in each if isinstance(member, built_once)]
    assert len(names) > 25
    absent = {"issuer_sign_in"} | (set() if topic else {"publisher"})  # by the settings
    assert {name for name in names if getattr(services, name) is None} == absent
    services.close()


def test_a_payment_without_a_worker_builds_none() -> None:
    services = build_services(
        Settings(), store=MemoryStore(), providers={"paypal": LedgerProvider()}
    )
    assert services.payments is services.retries.payments
    assert if_built(services, "worker") is None
    services.close()
    assert if_built(services, "deliverer") is None


def test_only_the_modules_of_what_is_used_are_loaded() -> None:
    code = (
        "import sys; from paymentapp.bootstrap import Services, build_services; "
        "services = build_services(); services.payments; services.dispatcher; "
        "print(*sys.modules)"
    )
    environ = {"PAYMENTAPP_STORE": "sqlite:////tmp/none.db", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "paymentapp.services.dispatch.dispatcher" in loaded
    unused = ("outbound.deliverer", "erasures", "inbound.inbox", "events", "waiting")
    assert {f"paymentapp.services.{name}" for name in unused} & loaded == set()
    assert {"paymentapp.worker.threaded", "paymentapp.webhook_client.client"} & loaded == set()
