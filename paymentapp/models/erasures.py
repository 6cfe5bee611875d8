"""Erasures: what of a customer's data is still to be removed, and how far that has got."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from paymentapp.models.revisions import new_revision

# How long after the tombstone the last pass begins: longer than any request that has read the
# customer before it lives, so that no payment is accepted later.
SETTLED_AFTER = timedelta(minutes=15)


class ErasureChanges(TypedDict, total=False):
    """What may change in an erasure's record."""

    next_at: datetime
    began_at: datetime | None
    position: str | None
    waits_for: str
    waiting: int
    has_changed: bool


@dataclass(frozen=True, slots=True)
class Erasure:
    """The erasure of a customer, from its tombstone until a whole pass has found nothing open.

    A pass goes through the customer's payments, newest first; `position` is the id of the last one
    that it has read. `waiting` counts what it had to leave for a later pass; `waits_for` names the
    first of it, without anything personal.
    """

    customer_id: str
    requested_at: datetime  # the time of the tombstone
    next_at: datetime  # when the next step is due
    revision: str
    began_at: datetime | None = None  # of the pass under way; None between two passes
    position: str | None = None
    waits_for: str = ""
    waiting: int = 0
    has_changed: bool = False  # whether this pass has removed anything

    @classmethod
    def requested(cls, customer_id: str, at: datetime) -> Erasure:
        """Return an erasure whose first pass is due at once."""
        return cls(customer_id, at, at, new_revision())

    def changed(self, **changes: Unpack[ErasureChanges]) -> Erasure:
        """Return the next version of the record."""
        return replace(self, revision=new_revision(), **changes)

    def begun(self, now: datetime) -> Erasure:
        """Return the erasure with a pass begun."""
        return self.changed(began_at=now, position=None, waits_for="", waiting=0, has_changed=False)

    def found_open(self, what: str) -> Erasure:
        """Return the erasure with something more that a later pass has to look at."""
        return self.changed(waits_for=self.waits_for or what, waiting=self.waiting + 1)

    @property
    def is_last_pass(self) -> bool:
        """Return whether the pass under way began late enough, and has found nothing open."""
        late = self.began_at is not None and self.began_at >= self.requested_at + SETTLED_AFTER
        return late and not self.waiting
