"""Fixtures: a simulated OpenACH, with a provider by each plan."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.openach_backend import (
    OpenAchBackend,
    armed_openach_backend,
    openach_backend,
)


@pytest.fixture
def backend() -> Iterator[OpenAchBackend]:
    with openach_backend() as made:
        yield made


@pytest.fixture
def armed() -> Iterator[OpenAchBackend]:
    with armed_openach_backend() as made:
        yield made
