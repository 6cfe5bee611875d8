"""Waiting for an outcome on a caller's behalf, without taking every thread for it."""

from __future__ import annotations

import threading

from flask import Flask, current_app, request

from paymentapp.api.blueprint import services
from paymentapp.errors import StoreUnavailable
from paymentapp.models.payments import Payment

WAIT_MAX = "paymentapp.wait_max"  # of a request's environ: seconds that its server leaves it
_SEATS = "paymentapp.seats"


def register_waiting(app: Flask, threads: int) -> None:
    """Let half of a process's threads wait at once; the others keep answering."""
    app.extensions[_SEATS] = threading.BoundedSemaphore(max(1, threads // 2))


def with_outcome(payment: Payment, seconds: int | None) -> tuple[Payment, dict[str, str]]:
    """The payment after up to `seconds`, and the header that says so, if it was waited for."""
    seats: threading.BoundedSemaphore = current_app.extensions[_SEATS]
    if seconds is None or not seats.acquire(blocking=False):
        return payment, {}
    seconds = min(seconds, request.environ.get(WAIT_MAX, seconds))
    try:
        payment = services().payments.wait(payment.key, seconds)
    except StoreUnavailable:
        return payment, {}  # what was asked for is done and on record: no error now
    finally:
        seats.release()
    return payment, {"Preference-Applied": f"wait={seconds}"}
