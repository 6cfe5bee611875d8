"""The members of a batch, and lists in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from paymentapp.models import Batch, Member
from paymentapp.storage.base import Store

T = TypeVar("T")


def members_of(store: Store, batch: Batch) -> list[Member]:
    """The members of a batch: its candidates without those that another batch took."""
    excluded = set(batch.excluded)
    candidates = store.get_members(batch)
    return [member for place, member in enumerate(candidates) if place not in excluded]


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The values, at most so many at a time."""
    return (values[first : first + size] for first in range(0, len(values), size))
