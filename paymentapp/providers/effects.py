"""Errors of calls that follow one which may have moved money."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown


@contextmanager
def effects_possible() -> Iterator[None]:
    """Raise OutcomeUnknown for every error of a call that follows one which may have moved money.

    Such a call may have failed without an effect; what comes before it has not.
    """
    try:
        yield
    except (NotSent, Misconfigured) as error:
        raise OutcomeUnknown(error.code, "money may have moved", error.retry_after) from error
