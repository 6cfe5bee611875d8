"""A simulated Stripe, and a scripted one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from paymentapp.providers.stripe.provider import Stripe
from tests.support.paypal_server import FakeClock, PayPalServer
from tests.support.stripe_backend import StripeBackend, stripe_at, stripe_backend
from tests.unit.stripe.support import with_funds


@pytest.fixture
def backend() -> Iterator[StripeBackend]:
    """Run a provider that pays through the simulator; a payout takes two seconds."""
    with stripe_backend(failure_delay=10) as made:
        yield made


@pytest.fixture(scope="session")
def _running() -> Iterator[PayPalServer]:
    with PayPalServer().running() as server:
        yield server


@pytest.fixture
def server(_running: PayPalServer) -> PayPalServer:
    """Run a scripted server; the account has money."""
    _running.forget()
    with_funds(_running)
    return _running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stripe(server: PayPalServer, clock: FakeClock) -> Iterator[Stripe]:
    """Build a provider that calls the scripted server."""
    provider = stripe_at(server.url, clock, payout="none")
    yield provider
    provider.close()
