"""Turns an unavailable store into an error of a provider that keeps its state there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from paymentapp.errors import NotSent, OutcomeUnknown, StoreUnavailable


@contextmanager
def store_errors_as(error: type[NotSent] | type[OutcomeUnknown]) -> Iterator[None]:
    """Raise `error` for StoreUnavailable: `NotSent` only where nothing can have been sent."""
    try:
        yield
    except StoreUnavailable as problem:
        raise error("STORE_UNAVAILABLE") from problem
