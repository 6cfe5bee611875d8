"""Bound how many threads of a process receive webhooks: anybody may send some.

Whoever finds none free gets 503 with Retry-After at once, and providers send a webhook again for
days that was not answered with 2xx. So a flood of forged webhooks delays genuine ones at worst, and
leaves threads for callers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from flask import Flask, current_app

from paymentapp.errors import CannotVerify

log = logging.getLogger(__name__)

RETRY_AFTER = 10
LOGGED_EVERY = 60  # seconds
_EXTENSION = "paymentapp.webhook_slots"


class WebhookSlots:
    """Places for webhooks: three quarters of a process's threads."""

    def __init__(self, threads: int, timer: Callable[[], float] = time.monotonic) -> None:
        self.places = max(1, threads - max(1, threads // 4))
        self._free = threading.BoundedSemaphore(self.places)
        self._timer = timer
        self._logged_at: float | None = None

    @contextmanager
    def one(self) -> Iterator[None]:
        """Take a place. Raises CannotVerify where none is free."""
        if not self._free.acquire(blocking=False):
            self._log()
            raise CannotVerify("BUSY", RETRY_AFTER)
        try:
            yield
        finally:
            self._free.release()

    def _log(self) -> None:
        now = self._timer()
        if self._logged_at is None or now - self._logged_at >= LOGGED_EVERY:
            self._logged_at = now
            log.warning(
                "webhooks refused: %d are being received; answered with 503 and sent again",
                self.places,
            )


def register_webhook_slots(app: Flask, threads: int) -> None:
    """Bound the webhooks that a process with so many threads receives at once."""
    app.extensions[_EXTENSION] = WebhookSlots(threads)


def bounded(view: Callable[..., Any]) -> Callable[..., Any]:
    """Run a view in one of the places for webhooks, from the first byte of the body on."""

    @wraps(view)
    def run(*args: Any, **kwargs: Any) -> Any:
        slots: WebhookSlots = current_app.extensions[_EXTENSION]
        with slots.one():
            return view(*args, **kwargs)

    return run
