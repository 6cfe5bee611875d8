"""The part of the store interface that erases customers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from paymentapp.models.batches import Batch
from paymentapp.models.customer_history import CustomerHistoryEntry
from paymentapp.models.customers import Customer
from paymentapp.models.erasures import Erasure
from paymentapp.models.holds import Hold
from paymentapp.models.payments import PaymentKey
from paymentapp.storage.changes import PaymentErasure


class ErasingStore(Protocol):
    """Removes what is personal from records that stay; each call can be repeated."""

    def erase_customer(
        self,
        old: Customer,
        tombstone: Customer,
        history: Sequence[CustomerHistoryEntry],
        erasure: Erasure,
    ) -> bool:
        """Replace a customer by a tombstone; return whether `old` was still stored.

        The lines of history and the erasure, which makes the rest follow, are stored in the same
        transaction: with the tombstone, or not at all.
        """

    def list_erasures(self) -> list[Erasure]:
        """Return the erasures that are not complete, by the time of their next step.

        By a consistent read.
        """

    def get_erasure(self, customer_id: str) -> Erasure | None:
        """Return the erasure of a customer; None where there is none, or it is complete."""

    def change_erasure(self, old: Erasure, new: Erasure) -> bool:
        """Replace `old` by `new`; return whether `old` was still stored."""

    def end_erasure(self, erasure: Erasure) -> None:
        """Delete the record of an erasure that is complete, unless it has changed since."""

    def erase_payments(self, erasures: Sequence[PaymentErasure]) -> list[bool]:
        """Erase payments as `change_payments` changes them, from the account's list too."""

    def erase_members(self, batch: Batch, keys: Collection[PaymentKey]) -> bool:
        """Remove what the members of a batch hold of some payments' payees, but for the amounts.

        Return whether there was anything. The batch must not send these members any more: it is
        never sent again, or they are excluded from it. Raises StoreUnavailable where other writers
        win MAX_TRIES times in a row.
        """

    def erase_hold(self, hold: Hold) -> None:
        """Remove the reason of a hold, in force or released; its other content stays."""

    def purge(self, *, everything: bool = False) -> bool:
        """Overwrite copies of what was deleted, where the engine leaves any in its files.

        Without `everything` only if that holds up other writers for less than about a second.
        Return whether no copy is left.
        """
