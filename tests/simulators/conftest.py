"""Fixtures: a simulator in memory with a clock that stands still, and PayPal's description."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators import PayPalSimulatorSettings, create_simulator
from tests.support.published import missing

from .support import SPECS, Api, Description, FakeClock, find_description, lend_keys


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def api(clock: FakeClock) -> Iterator[Api]:
    app = create_simulator(PayPalSimulatorSettings(), clock)
    lend_keys(app.extensions["simulator"])
    yield Api(app, clock)
    app.extensions["simulator"].database.close()


@pytest.fixture(scope="session")
def description() -> Description:
    found = find_description()
    if found is None:
        pytest.skip(missing(SPECS))
    return found
