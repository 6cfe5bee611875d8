"""`Prefer: wait`: hold an answer until the payment has an outcome, in half of the threads."""

from __future__ import annotations

import threading

from flask import Flask, current_app, request

from paymentapp.api.blueprint import services
from paymentapp.api.environ import STOPPING
from paymentapp.errors import StoreUnavailable
from paymentapp.models.payments import Payment

WAIT_MAX = "paymentapp.wait_max"  # WSGI environ: seconds that the server allows for waiting
_SLOTS = "paymentapp.wait_slots"


def register_waiting(app: Flask, threads: int) -> None:
    """Let at most half of the process's threads wait at once; the others keep answering."""
    app.extensions[_SLOTS] = threading.BoundedSemaphore(max(1, threads // 2))


def with_outcome(payment: Payment, seconds: int | None) -> tuple[Payment, dict[str, str]]:
    """Return the payment after waiting up to `seconds`, and `Preference-Applied` if it waited.

    Does not wait while too many callers wait already.
    """
    if seconds is None:
        return payment, {}
    slots: threading.BoundedSemaphore = current_app.extensions[_SLOTS]
    if not slots.acquire(blocking=False):
        return payment, {}
    seconds = min(seconds, request.environ.get(WAIT_MAX, seconds))
    stopping: threading.Event | None = request.environ.get(STOPPING)
    try:
        payment = services().payments.wait(
            payment.key, seconds, stopping.wait if stopping else None
        )
    except StoreUnavailable:
        return payment, {}  # the request itself is done and stored, so this is no error
    finally:
        slots.release()
    return payment, {"Preference-Applied": f"wait={seconds}"}
