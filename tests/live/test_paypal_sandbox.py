"""PayPal's real sandbox: pay one cent, send it twice under one id, and poll it.

Needs PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET of a sandbox app. PAYMENTAPP_LIVE_RECEIVER is the
payee; an address without an account leaves the cent unclaimed, and the test cancels it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from paymentapp.clock import to_text, utc_now
from paymentapp.models.batches import Batch, BatchState, Member, new_batch_id
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.revisions import new_revision
from paymentapp.providers.base import Accepted
from paymentapp.providers.paypal.provider import PayPal
from paymentapp.providers.paypal.settings import SANDBOX_URL, PayPalSettings
from paymentapp.providers.updates import ItemReport

CLIENT_ID = os.environ.get("PAYPAL_CLIENT_ID", "")
CLIENT_SECRET = os.environ.get("PAYPAL_CLIENT_SECRET", "")
RECEIVER = os.environ.get("PAYMENTAPP_LIVE_RECEIVER") or "sb-nobody@personal.example.com"
PATIENCE = 90  # seconds; the sandbox takes about twenty

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not (CLIENT_ID and CLIENT_SECRET),
        reason="PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET are not set",
    ),
]


@pytest.fixture
def paypal() -> Iterator[PayPal]:
    # The address is fixed, whatever PAYPAL_BASE_URL says: no test moves real money.
    settings = PayPalSettings(
        base_url=SANDBOX_URL,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
    )
    provider = PayPal(settings, utc_now)
    yield provider
    provider.close()


def _one_cent() -> tuple[Batch, Member]:
    now = utc_now()
    batch = Batch(
        new_batch_id(now), "paypal", "USD", BatchState.FROZEN, 1, now, new_revision(), now
    )
    return batch, Member("live-test", to_text(now), Money(Decimal("0.01"), "USD"), RECEIVER)


def _outcome(paypal: PayPal, batch: Batch) -> ItemReport:
    """Poll the one item of a batch until it is no longer `submitted`, or time is up."""
    ends = time.monotonic() + PATIENCE
    while True:
        reports = paypal.fetch(batch)
        settled = [each for each in reports if each.status is not Status.SUBMITTED]
        if settled or time.monotonic() > ends:
            return reports[0]
        time.sleep(3)


def test_one_cent_is_paid_once(paypal: PayPal) -> None:
    assert paypal.description == "PayPal sandbox (api-m.sandbox.paypal.com)"
    paypal.check()
    batch, member = _one_cent()
    first = paypal.submit(batch, [member])
    assert isinstance(first, Accepted)
    assert paypal.submit(batch, [member]) == first  # the duplicate is refused, and adopted
    report = _outcome(paypal, batch.changed(reference=first.reference))
    assert report.item_id == member.item_id
    assert report.status in {Status.SUBMITTED, Status.SUCCEEDED, Status.UNCLAIMED}
    assert report.provider_item_id
    if report.status is Status.UNCLAIMED:
        assert paypal.cancel(report.provider_item_id).status is Status.RETURNED
