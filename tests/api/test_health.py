"""Health endpoints report what is wrong, and no secret."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from paymentapp.errors import StoreUnavailable
from paymentapp.services import health
from tests.api.conftest import Bench
from tests.support.failing_store import FailingStore
from tests.support.ledger_provider import LedgerProvider


def ready(bench: Bench) -> tuple[int, dict[str, Any]]:
    """Return the status of `/readyz`, and the checks that it depends on."""
    bench.now += timedelta(seconds=2)
    response = bench.caller(None).get("/readyz")
    assert response.get_json() == {
        "status": "ready" if response.status_code == 200 else "not ready"
    }
    checks = bench.services.health.checks()
    return response.status_code, {check.name: check._asdict() for check in checks}


def test_the_process_is_alive_whatever_else_is_wrong(bench: Bench) -> None:
    bench.store.down = True
    response = bench.caller(None).get("/healthz")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_a_process_whose_thread_has_failed_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = bench.services.supervisor
    monkeypatch.setattr(supervisor, "problem", lambda: "thread sweeper has ended")
    response = bench.caller(None).get("/healthz")
    assert response.status_code == 503
    assert response.get_json() == {"status": "failing", "detail": "thread sweeper has ended"}


def test_all_is_well(bench: Bench) -> None:
    status, checks = ready(bench)
    assert status == 200
    assert set(checks) == {"store", "dispatcher", "inbox", "holds", "provider paypal"}
    assert all(check["ok"] for check in checks.values())
    assert bench.caller(None).get("/readyz").get_json()["status"] == "ready"


def test_strangers_are_told_no_more_than_yes_or_no(bench: Bench) -> None:
    """Tell nobody without a key which providers there are, and which fails by which error."""
    bench.worker.causes = {"paypal": "credentials refused"}
    answer = bench.caller(None).get("/readyz")
    assert (answer.status_code, answer.get_json()) == (503, {"status": "not ready"})
    assert bench.caller(None).get("/v1/api/readiness").status_code == 401


@pytest.mark.parametrize("scope", ["payments:read", "reports:read", "read", "admin"])
def test_a_key_that_may_read_sees_each_check(bench: Bench, scope: str) -> None:
    bench.worker.causes = {"paypal": "credentials refused"}
    reader = bench.caller(bench.services.api_keys.create("reader", [scope])[1])
    answer = reader.get("/v1/api/readiness")
    assert answer.status_code == 200
    body = answer.get_json()
    assert set(body) == {"status", "checks"}
    assert body["status"] == "not ready"
    checks = {check.pop("name"): check for check in body["checks"]}
    assert checks["provider paypal"] == {"ok": False, "detail": "credentials refused"}
    assert checks["store"] == {"ok": True, "detail": "answers, and can be written"}
    bench.worker.causes = {}
    bench.now += timedelta(seconds=2)
    assert reader.get("/v1/api/readiness").get_json()["status"] == "ready"


def test_a_store_that_does_not_answer_is_told(bench: Bench) -> None:
    bench.store.down = True
    status, checks = ready(bench)
    assert (status, checks["store"]["ok"]) == (503, False)
    assert "secret-host" not in str(checks)


def test_a_store_that_can_be_read_and_not_written_is_told() -> None:
    store = FailingStore()
    bench = Bench(store=store)
    store.planned["hold_lease"] = StoreUnavailable("database: /secret: full", "disk full")
    status, checks = ready(bench)
    assert (status, checks["store"]["ok"]) == (503, False)
    assert checks["store"]["detail"] == "answers, and cannot be written: disk full"
    assert ready(bench)[0] == 200  # tried again at once, and not after five seconds


def test_the_probe_writes_every_five_seconds_at_most(bench: Bench) -> None:
    for _ in range(6):  # in 12 seconds
        ready(bench)
    assert bench.store.calls.count("ping") == 6
    assert bench.store.calls.count("hold_lease") == 2


def test_a_store_that_hangs_holds_up_one_request_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "WAIT_SECONDS", 0.05)
    begun, release = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        release.wait(10)

    monkeypatch.setattr(bench.store, "ping", hang)
    first = threading.Thread(target=bench.services.health.checks)
    first.start()
    assert begun.wait(10)
    status, checks = ready(bench)
    assert (status, checks["store"]["detail"]) == (
        503,
        "does not answer: a check still waits for it",
    )
    release.set()
    first.join()


def test_nothing_more_is_read_once_a_read_has_failed(bench: Bench) -> None:
    """Each read of a store that hangs takes its time-out; four in turn outlast any caller."""
    bench.store.down = True
    before = len(bench.store.calls)
    status, checks = ready(bench)
    assert bench.store.calls[before:] == ["ping"]
    unknown = [name for name, check in checks.items() if "does not answer" in check["detail"]]
    assert (status, unknown) == (503, ["store", "dispatcher", "holds", "inbox"])


def test_a_store_that_stops_answering_between_two_checks_is_read_once_more(bench: Bench) -> None:
    def problem() -> str | None:
        raise StoreUnavailable("timed out")

    bench.worker.problem = problem
    before = len(bench.store.calls)
    status, checks = ready(bench)
    assert bench.store.calls[before:] == ["ping", "hold_lease"]
    failing = [name for name, check in checks.items() if not check["ok"]]
    assert (status, failing) == (503, ["dispatcher", "holds"])


def test_an_inbox_that_cannot_be_read_makes_nothing_fail() -> None:
    store = FailingStore()
    bench = Bench(store=store)
    store.planned["events_set_aside"] = StoreUnavailable("throttled")
    status, checks = ready(bench)
    assert (status, checks["holds"]["detail"]) == (200, "none")
    assert checks["inbox"]["detail"] == "unknown: the store does not answer"


def test_a_silent_dispatcher_is_told(bench: Bench) -> None:
    bench.worker.trouble = "no dispatcher is running"
    status, checks = ready(bench)
    assert (status, checks["dispatcher"]["ok"]) == (503, False)
    assert checks["dispatcher"]["detail"] == "no dispatcher is running"


def test_a_dispatcher_that_cannot_be_asked_is_told(bench: Bench) -> None:
    def problem() -> str | None:
        raise StoreUnavailable("secret")

    bench.worker.problem = problem
    status, checks = ready(bench)
    assert (status, checks["dispatcher"]["ok"]) == (503, False)
    assert "secret" not in str(checks)


def test_a_provider_in_trouble_is_told(bench: Bench) -> None:
    bench.worker.causes = {"paypal": "credentials refused"}
    status, checks = ready(bench)
    assert (status, checks["provider paypal"]["ok"]) == (503, False)
    assert checks["provider paypal"]["detail"] == "credentials refused"


def test_a_service_without_a_provider_is_not_ready() -> None:
    status, checks = ready(Bench(providers={}))
    assert status == 503
    assert checks["provider"]["detail"] == "none is configured"


def test_asking_often_does_not_load_the_store(bench: Bench) -> None:
    for _ in range(10):
        bench.caller(None).get("/readyz")
    assert bench.store.calls.count("ping") == 1
    ready(bench)
    assert bench.store.calls.count("ping") == 2
    bench.now -= timedelta(hours=1)  # a clock that was set back
    bench.caller(None).get("/readyz")
    assert bench.store.calls.count("ping") == 3


def test_a_provider_without_credentials_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LedgerProvider, "configured", False)
    status, checks = ready(bench)
    detail = "is not configured: its credentials are not set"
    assert status == 503
    assert checks["provider paypal"] == {"name": "provider paypal", "ok": False, "detail": detail}
