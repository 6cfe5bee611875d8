"""A flood of forged webhooks against a real server: callers are served meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from paymentapp.providers.paypal.webhooks import VERIFY
from tests.support.paypal_server import PayPalServer, Says, token
from tests.support.service import Service, running_service

THREADS = 4
PAYPAL_SECONDS = 3.0  # that PayPal takes to say that a signature is forged


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with PayPalServer().running() as paypal:
        paypal.says("POST", "/v1/oauth2/token", token())
        forged = b'{"verification_status": "FAILURE"}'
        paypal.says("POST", VERIFY, Says(200, forged, after=PAYPAL_SECONDS))
        settings = {
            "PAYPAL_BASE_URL": paypal.url,
            "PAYPAL_CLIENT_ID": "id",
            "PAYPAL_CLIENT_SECRET": "secret",
            "PAYMENTAPP_PAYPAL_WEBHOOK_ID": "1JE4291016473214C",
            "PAYMENTAPP_PAYPAL_WEBHOOK_VERIFY": "paypal",
            "PAYMENTAPP_AUTH": "off",
            "PAYMENTAPP_WORKERS": "1",
            "PAYMENTAPP_THREADS": str(THREADS),
        }
        with running_service(tmp_path, "run", **settings) as service:
            yield service


def forge(service: Service) -> int:
    """Send a webhook that only PayPal can tell from a genuine one; return the status."""
    headers = {
        "Paypal-Auth-Algo": "SHA256withRSA",
        "Paypal-Cert-Url": "https://api.paypal.com/v1/notifications/certs/CERT-360caa42",
        "Paypal-Transmission-Id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        "Paypal-Transmission-Sig": "Zm9yZ2Vk",
        "Paypal-Transmission-Time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    body = {"id": "WH-1", "event_type": "PAYMENT.PAYOUTS-ITEM.SUCCEEDED", "resource": {}}
    return service.call("POST", "/webhooks/paypal", body, headers)[0]


def test_callers_are_served_while_forged_webhooks_come(service: Service) -> None:
    with ThreadPoolExecutor(3 * THREADS) as pool:
        flood = [pool.submit(forge, service) for _ in range(3 * THREADS)]
        time.sleep(0.5)  # until they have reached PayPal
        before = time.monotonic()
        assert service.call("GET", "/v1/api/limits")[0] == 200
        assert time.monotonic() - before < PAYPAL_SECONDS / 2
    assert Counter(each.result() for each in flood) == {400: 2, 503: 3 * THREADS - 2}
