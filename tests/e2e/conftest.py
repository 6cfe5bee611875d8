"""The stores on which the whole service is tested."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import postgresql

STORES = ("sqlite", "postgresql")


@contextmanager
def new_store(request: pytest.FixtureRequest, name: str, folder: Path) -> Iterator[dict[str, str]]:
    """Yield the settings of an empty store."""
    if name == "sqlite":
        yield {"PAYMENTAPP_STORE": f"sqlite:///{folder}/kept.db"}
        return
    with postgresql.new_database(request.getfixturevalue("postgresql_server")) as url:
        yield {"PAYMENTAPP_STORE": url}


@pytest.fixture(params=STORES)
def store_environ(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the settings of a store that outlives the service."""
    with new_store(request, request.param, tmp_path) as environ:
        yield environ
