"""An issuer, and what verifies its tokens, on a clock and a timer that a test moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from paymentapp.oidc.keys import IssuerKeys
from paymentapp.oidc.settings import OidcSettings
from paymentapp.oidc.tokens import AccessTokens
from paymentapp.variables import Variables
from tests.support.oidc_issuer import Issuer, running_issuer
from tests.support.paypal_server import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def issuer(clock: FakeClock) -> Iterator[Issuer]:
    with running_issuer(clock) as issuer:
        yield issuer


@pytest.fixture
def keys(issuer: Issuer, clock: FakeClock) -> IssuerKeys:
    """Return the issuer's keys, whose timer is the clock."""
    return IssuerKeys(issuer.url, timer=lambda: clock.now.timestamp())


def accepting(issuer: Issuer, keys: IssuerKeys, clock: FakeClock, **environ: str) -> AccessTokens:
    """Return what verifies tokens, with further settings."""
    variables = Variables({**issuer.environ, **environ})
    return AccessTokens(variables.load(OidcSettings), keys, clock)


@pytest.fixture
def tokens(issuer: Issuer, keys: IssuerKeys, clock: FakeClock) -> AccessTokens:
    return accepting(issuer, keys, clock)
