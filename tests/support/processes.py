"""Processes of the service, built by its composition root over what a test provides."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from paymentapp.bootstrap import Services, build_services
from paymentapp.clock import Clock
from paymentapp.config import Settings
from paymentapp.models.payments import Payment
from paymentapp.models.provider_events import ProviderEvent
from paymentapp.providers.base import Provider
from paymentapp.storage.base import Store
from paymentapp.worker.threaded import Worker


class StillWorker:
    """A worker that runs no threads: it records hints, and its answers are set by the test."""

    def __init__(self) -> None:
        self.woken: list[Payment] = []
        self.heard: list[ProviderEvent] = []
        self.trouble: str | None = None
        self.causes: dict[str, str] = {}
        self.on_wake: Callable[[Payment], object] = lambda _payment: None

    def wake(self, payment: Payment) -> None:
        self.woken.append(payment)
        self.on_wake(payment)

    def apply_soon(self, event: ProviderEvent) -> None:
        self.heard.append(event)

    def problem(self) -> str | None:
        return self.trouble

    def alerts(self) -> dict[str, str]:
        return self.causes


def a_process(
    store: Store,
    clock: Clock,
    *providers: Provider,
    worker: StillWorker | None = None,
    timer: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> Services:
    """Build a process of the service without starting its worker.

    Processes over one store share the stored records and nothing in memory.
    """
    return build_services(
        Settings(**settings),
        store=store,
        providers={provider.name: provider for provider in providers},
        clock=clock,
        worker=cast(Worker, worker) if worker else None,
        timer=timer,
    )
