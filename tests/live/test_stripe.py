"""Stripe's real test mode: pay fifty cents, send them twice under one key, poll, and reverse.

Needs STRIPE_TEST_KEY, a test key of a Connect platform whose balance has some money, and
STRIPE_TEST_ACCOUNT, a connected account that may receive transfers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from paymentapp.clock import to_text, utc_now
from paymentapp.config import load_settings
from paymentapp.errors import ProviderError
from paymentapp.models.batches import Batch, BatchState, Member, new_batch_id
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.revisions import new_revision
from paymentapp.providers.base import Accepted, Refused
from paymentapp.providers.stripe.answers import Reference
from paymentapp.providers.stripe.provider import Stripe
from tests.support.kit import a_kit

KEY = os.environ.get("STRIPE_TEST_KEY", "")
ACCOUNT = os.environ.get("STRIPE_TEST_ACCOUNT", "")
FIFTY_CENTS = Money(Decimal("0.50"), os.environ.get("STRIPE_TEST_CURRENCY", "USD"))

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not KEY, reason="STRIPE_TEST_KEY is not set"),
]
with_account = pytest.mark.skipif(not ACCOUNT, reason="STRIPE_TEST_ACCOUNT is not set")


@pytest.fixture
def stripe() -> Iterator[Stripe]:
    # No test moves real money, and the address is Stripe's own, whatever is set.
    assert KEY.startswith(("sk_test_", "rk_test_")), "STRIPE_TEST_KEY is not a test key"
    provider = Stripe.build(a_kit(load_settings({"PAYMENTAPP_STRIPE_SECRET_KEY": KEY})))
    assert provider is not None
    yield provider
    provider.close()


def fifty_cents(to: str) -> tuple[Batch, Member]:
    now = utc_now()
    batch = Batch(
        *(new_batch_id(now), "stripe", FIFTY_CENTS.currency, BatchState.FROZEN, 1, now),
        revision=new_revision(),
        frozen_at=now,
    )
    return batch, Member("live-test", to_text(now), FIFTY_CENTS, "nobody@example.com", to)


def test_the_key_is_accepted(stripe: Stripe) -> None:
    assert stripe.description == "Stripe test mode (api.stripe.com)"
    stripe.check()


def test_a_key_that_is_nobodys_is_not() -> None:
    wrong = {"PAYMENTAPP_STRIPE_SECRET_KEY": "sk_test_ofnobody0001"}
    provider = Stripe.build(a_kit(load_settings(wrong)))
    assert provider is not None
    with pytest.raises(ProviderError) as raised:
        provider.check()
    assert "ofnobody" not in repr(raised.value) + str(raised.value)


def test_an_account_that_nobody_has_is_refused_and_the_refusal_is_kept(stripe: Stripe) -> None:
    batch, member = fifty_cents("acct_1000000000000000")
    outcome = stripe.submit(batch, [member])
    assert isinstance(outcome, Refused)
    assert outcome.code in {"resource_missing", "account_invalid"}


@with_account
def test_fifty_cents_are_transferred_once(stripe: Stripe) -> None:
    batch, member = fifty_cents(ACCOUNT)
    first = stripe.submit(batch, [member])
    assert isinstance(first, Accepted)
    assert stripe.submit(batch, [member]) == first  # by the key
    late = replace(batch, frozen_at=batch.created_at.replace(year=batch.created_at.year - 1))
    assert stripe.submit(late, [member]) == first  # by the books
    [report] = stripe.fetch(batch.changed(reference=first.reference, accepted_at=utc_now()))
    assert (report.item_id, report.status) == (member.item_id, Status.SUCCEEDED)
    assert (report.money, report.receiver) == (FIFTY_CENTS, ACCOUNT)
    assert stripe.transaction_search.batch_id_of(first.reference) == batch.batch_id
    start = batch.created_at.replace(microsecond=0)
    assert first.reference in {
        each.transaction_id for each in stripe.transaction_search.transactions(start, utc_now())
    }
    transfer, _ = stripe._outcomes.read(Reference.of(first.reference))
    assert stripe._api.reverse(transfer, f"{batch.batch_id}-reversal") is None
    [after] = stripe.fetch(batch.changed(reference=first.reference, accepted_at=utc_now()))
    assert after.status is Status.RETURNED


@with_account
def test_a_payout_is_made_or_taken_back(stripe: Stripe) -> None:
    """Accept either outcome, which depends on the account: a payout is made, or refused."""
    batch, member = fifty_cents(f"{ACCOUNT}:standard")
    outcome = stripe.submit(batch, [member])
    assert isinstance(outcome, Accepted)
    long_ago = batch.created_at.replace(year=batch.created_at.year - 1)
    known = batch.changed(reference=outcome.reference, accepted_at=long_ago)
    [report] = stripe.fetch(known)
    assert report.status in {Status.SUBMITTED, Status.SUCCEEDED, Status.RETURNED}
    if report.status is Status.SUBMITTED:
        taken_back = stripe.cancel(outcome.reference)
        assert taken_back.status in {Status.RETURNED, Status.SUBMITTED}
