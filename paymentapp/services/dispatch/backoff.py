"""The delay before a provider is called again after failures."""

from __future__ import annotations

from datetime import timedelta

from paymentapp.errors import ProviderError

LONGEST_BACKOFF = 30  # seconds, so that the end of an outage is noticed well within a minute


def backoff(failures: int, error: ProviderError) -> timedelta:
    """Return the delay after so many failures in a row.

    It doubles from 1 second up to LONGEST_BACKOFF, and is at least the provider's Retry-After.
    """
    seconds = min(LONGEST_BACKOFF, 2 ** min(failures - 1, 10))
    return timedelta(seconds=max(seconds, error.retry_after or 0))
