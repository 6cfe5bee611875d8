"""A Stripe on a socket, for every test here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .support import Live, living


@pytest.fixture
def live() -> Iterator[Live]:
    with living() as running:
        yield running
