"""Parking: how long a batch is retried automatically, by what its provider declares."""

from __future__ import annotations

from datetime import timedelta

from paymentapp.providers.base import Facts

# No batch is retried for longer, whatever its provider declares: an operator has to look at a
# payment of a month ago first. Data that a provider's code keeps for a batch lasts at least as
# long, such as trace numbers, which are reused after some months.
UNATTENDED = timedelta(days=25)
_HOUR = timedelta(hours=1)


def park_after(provider: Facts | None) -> timedelta:
    """Return how long after its freeze a batch may still be sent.

    A provider that has forgotten a batch would pay it again. Where the provider's code does not
    look for the batch before it is sent again, it is sent for five sixths of the time that the
    provider remembers it (25 of 30 days); the rest allows for delayed calls and clock skew.
    """
    if provider is None or provider.looks_before_resending or not provider.forgets_batch_after:
        return UNATTENDED
    return min(UNATTENDED, provider.forgets_batch_after * 5 / 6)


def parking_rule(provider: Facts) -> str:
    """Return when and why a batch of a provider is parked, as text for an operator."""
    if provider.forgets_batch_after is None:
        memory = "never forgets a batch"
    else:
        memory = f"forgets a batch after {in_words(provider.forgets_batch_after)}"
        memory += (
            "; one that it may have forgotten is looked for before it is sent again"
            if provider.looks_before_resending
            else ", and would then pay the same batch again"
        )
    longest = in_words(park_after(provider))
    return f"{provider.name} {memory}. A batch without an outcome for {longest} is parked."


def in_words(length: timedelta) -> str:
    """Return a length of time as text, in whole days, or else in hours.

    >>> in_words(timedelta(days=25)), in_words(timedelta(hours=24)), in_words(timedelta(hours=20))
    ('25 days', '24 hours', '20 hours')
    """
    days, rest = divmod(length, timedelta(days=1))
    return f"{days} days" if days > 1 and not rest else f"{length // _HOUR} hours"
