"""Each alert, by Prometheus over a real service that is broken and mended: it fires, and clears.

The rules are those of deploy/monitoring, with every duration shortened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.support.breakable_service import END_THREAD, INTERNAL_ERROR
from tests.support.prometheus import RULES
from tests.support.receivers import answering, receiving
from tests.support.watched_service import WatchedService, repeatedly, watched_service

OUTSIDE = {  # of providers and receivers, and of what is on record
    "PaymentappBatchParked",
    "PaymentappDeliveriesFailing",
    "PaymentappHeld",
    "PaymentappInternalErrors",
    "PaymentappLimitNearEdge",
    "PaymentappOldestDue",
    "PaymentappProviderFailing",
    "PaymentappReceiverFailing",
    "PaymentappUnfunded",
}
STORE = {
    "PaymentappNotReady",
    "PaymentappRecordsNotRead",
    "PaymentappStoreFailing",
    "PaymentappSweepSilent",
}
PROCESSES = {"PaymentappDown", "PaymentappThreadEnded"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[WatchedService]:
    with watched_service(tmp_path, PAYMENTAPP_LIMITS="all GBP 1000/24h") as service:
        service.prometheus.until_quiet()
        yield service


def test_every_alert_is_seen_here() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert alerts == OUTSIDE | STORE | PROCESSES


def test_alerts_of_providers_and_of_what_is_on_record(service: WatchedService) -> None:
    with receiving(answering(500)) as receiver, paying(service):
        url = f"http://127.0.0.1:{receiver.port}/events"
        service.call("POST", "/v1/api/webhook-endpoints", {"url": url}, status=201)
        service.set_simulator(error_after=1, balance={"EUR": "10.00"})
        later = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
        service.pay(currency="EUR", amount=100, scheduled_at=later)
        large = service.pay(currency="GBP", amount=950, scheduled_at=later)
        hold = {"scope": "provider", "value": "ach", "reason": "the bank is closed"}
        hold = service.call("POST", "/v1/api/holds", hold, status=201)
        batch = batch_without_outcome(service)
        service.command("parked", "add", batch, "--by", "Ada", "--note", "the calls fail")
        (service.folder / INTERNAL_ERROR).touch()
        service.call("GET", "/v1/api/balances", status=500)
        service.prometheus.until_firing(*OUTSIDE)

        (service.folder / INTERNAL_ERROR).unlink()
        receiver.answer = answering(204)
        service.set_simulator(error_after=0, balance={"EUR": "1000.00"})
        service.call("POST", f"{large}/cancel", status=200)
        service.call("DELETE", f"/v1/api/holds/{hold['hold_id']}", status=204)
        found = ("--as", "accepted", "--reference", service.reference_of(batch))
        service.command(
            "parked", "resolve", batch, *found, "--by", "Ada", "--note", "PayPal has it"
        )
        service.prometheus.until_quiet()
    assert_no_label_names_anybody(service)


def test_alerts_of_the_service_itself(service: WatchedService) -> None:
    away = service.database.with_suffix(".away")
    service.database.rename(away)
    service.prometheus.until_firing(*STORE)
    away.rename(service.database)
    service.prometheus.until_quiet()

    (service.folder / END_THREAD).touch()
    service.prometheus.until_firing("PaymentappThreadEnded")
    service.prometheus.until_quiet()

    service.kill()
    service.prometheus.until_firing("PaymentappDown")
    service.start(PAYMENTAPP_DISPATCHER="off")
    service.prometheus.until_firing("PaymentappSweepSilent")  # nobody has ever swept
    service.kill()
    service.start()
    service.prometheus.until_quiet()


def assert_no_label_names_anybody(service: WatchedService) -> None:
    """Check each label of what Prometheus has scraped: each is one of few words or numbers."""
    label = re.compile(r"[a-z0-9_]{1,40}|[A-Z]{3,7}|[0-9.e+-]+|\+Inf|/[a-z0-9_/{}-]*")
    own = {"__name__", "instance", "alertname", "alertstate"}  # Prometheus's
    series = service.prometheus.get("/api/v1/series?match[]={job=%22paymentapp%22}")
    values = {value for each in series for name, value in each.items() if name not in own}
    assert len(series) > 200
    assert {value for value in values if not label.fullmatch(value)} == set()
    assert not values & {"ada", "customer-ada"}


def batch_without_outcome(service: WatchedService) -> str:
    """Return a batch that PayPal has answered with 500."""
    path = service.pay()
    for _ in range(200):
        batch = service.call("GET", path, status=200)["batch_id"]
        if batch is not None:
            return str(batch)
    raise AssertionError("no batch was sent")


def paying(service: WatchedService) -> AbstractContextManager[None]:
    """Pay Ada twice a second meanwhile."""
    return repeatedly(service.pay)
