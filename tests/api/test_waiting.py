"""The Prefer header: callers may wait for an outcome, but not occupy every thread."""

from __future__ import annotations

import threading
import time

import pytest

from paymentapp.api.environ import STOPPING
from paymentapp.config import Settings
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.schemas.headers import preferred_wait
from paymentapp.storage.changes import PaymentChange
from tests.api.conftest import ORDER, Bench


def settle(bench: Bench, payment: Payment) -> None:
    submitted = payment.moved(Status.SUBMITTED, bench.clock(), Cause.DISPATCH, due_at=None)
    done = submitted.moved(Status.SUCCEEDED, bench.clock(), Cause.POLL)
    assert bench.store.change_payments([PaymentChange(payment, done)]) == [True]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=5", 5),
        ("wait=0", 0),
        ("wait=30", 30),
        ("wait=31", 30),
        ("wait=999999999", 30),
        ("WAIT=5", 5),
        ('wait="5"', 5),
        ("wait = 5", 5),
        ("respond-async, wait=10", 10),
        ("respond-async,wait=10;foo=bar, x", 10),
        ('x="a,wait=1", wait=2', 2),
        ('return=representation; a="b,c", wait=3', 3),
        ("wait=3, wait=4", 3),
        ("wait", None),
        ("wait=", None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=x", None),
        ("wait=٣", None),
        ("wait=" + "9" * 5000, None),
        ("waiting=5", None),
        ("respond-async", None),
        ("", None),
        (",,,", None),
        ('"', None),
        ('x="unclosed, wait=5', None),
    ],
)
def test_the_preference_is_read(header: str, seconds: int | None) -> None:
    assert preferred_wait(header) == seconds


def test_reading_takes_no_long_time_whatever_is_sent() -> None:
    start = time.perf_counter()
    for header in ("a;" * 4000, 'a="' + "\\" * 8000, "a " * 4000, "a=b;" + '"' * 8000, " " * 8000):
        preferred_wait(header)
    assert time.perf_counter() - start < 0.5


def test_a_payment_is_waited_for(paying: Bench) -> None:
    paying.worker.on_wake = lambda payment: settle(paying, payment)
    response = paying.pay({"Prefer": "wait=5"})
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "wait=5"
    assert response.get_json()["status"] == "succeeded"


def test_the_wait_ends(paying: Bench) -> None:
    start = time.perf_counter()
    response = paying.pay({"Prefer": "wait=1"})
    assert 0.9 < time.perf_counter() - start < 3
    assert response.get_json()["status"] == "pending"
    assert response.headers["Preference-Applied"] == "wait=1"


@pytest.mark.parametrize("header", [{}, {"Prefer": "wait=x"}, {"Prefer": "respond-async"}])
def test_without_the_preference_nobody_waits(paying: Bench, header: dict[str, str]) -> None:
    response = paying.pay(header)
    assert "Preference-Applied" not in response.headers
    assert "get_payment" not in paying.store.calls


def test_a_cancellation_is_waited_for(paying: Bench) -> None:
    location = paying.pay().headers["Location"]
    response = paying.client.post(f"{location}/cancel", headers={"Prefer": "wait=5"})
    assert response.headers["Preference-Applied"] == "wait=5"
    assert response.get_json()["status"] == "cancelled"


def test_what_was_accepted_is_accepted_even_if_it_cannot_be_watched(paying: Bench) -> None:
    paying.worker.on_wake = lambda _payment: setattr(paying.store, "down", True)
    response = paying.pay({"Prefer": "wait=5"})
    assert response.status_code == 202
    assert "Preference-Applied" not in response.headers


def test_nobody_waits_in_a_process_that_is_to_end(paying: Bench) -> None:
    stopping = threading.Event()
    stopping.set()
    began = time.monotonic()
    options = {"headers": {"Prefer": "wait=30"}, "environ_overrides": {STOPPING: stopping}}
    response = paying.client.post("/v1/api/payment", json=ORDER, **options)
    assert response.status_code == 202
    assert time.monotonic() - began < 5


def test_half_of_the_threads_may_wait() -> None:
    bench = Bench(Settings(threads=4))
    bench.add_customer()
    waiting: list[str | None] = []
    release = threading.Event()

    def later(payment: Payment) -> None:
        release.wait(5)
        settle(bench, payment)

    def look(payment: Payment) -> None:
        threading.Thread(target=later, args=[payment]).start()

    def ask() -> None:
        waiting.append(bench.pay({"Prefer": "wait=5"}).headers.get("Preference-Applied"))

    bench.worker.on_wake = look
    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    while len(waiting) < 4:  # those that found no seat
        time.sleep(0.01)
    assert waiting == [None] * 4
    release.set()
    for thread in threads:
        thread.join()
    assert waiting[4:] == ["wait=5"] * 2
    bench.worker.on_wake = lambda payment: settle(bench, payment)
    assert bench.pay({"Prefer": "wait=5"}).headers["Preference-Applied"] == "wait=5"
