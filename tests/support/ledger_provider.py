"""A provider that keeps a ledger: it pays once for each batch id, and fails on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from paymentapp.errors import OutcomeUnknown
from paymentapp.models.batches import Batch, Member
from paymentapp.models.payments import Status
from paymentapp.models.settled import NOT_SETTLED
from paymentapp.providers.base import Accepted, CurrencyRule, Provider, Refused
from paymentapp.providers.updates import ItemReport


class LedgerProvider(Provider):
    """The real interface over a dictionary; `before` and `after` may raise around each submit."""

    name = "paypal"
    forgets_batch_after: timedelta | None = timedelta(days=30)
    looks_before_resending = False
    returns_unclaimed_after: timedelta | None = timedelta(days=30)
    submits_per_second = 2
    description = "a ledger in memory"
    configured = True
    currencies: Mapping[str, CurrencyRule] = {
        "USD": CurrencyRule(2, Decimal(20000)),
        "EUR": CurrencyRule(2, Decimal(20000)),
        "JPY": CurrencyRule(0, Decimal(3000000)),
    }

    def __init__(self, batch_size: int = 500) -> None:
        self.batch_size = batch_size
        self.batches: dict[str, list[Member]] = {}
        self.calls: list[str] = []
        self.status: dict[str, Status | None] = {}  # by e-mail; succeeded where nothing is said
        self.before: Callable[[Batch], None] = lambda _batch: None
        self.after: Callable[[Batch], None] = lambda _batch: None
        self.refuse: Callable[[Sequence[Member]], Refused | None] = lambda _members: None
        self.settled = NOT_SETTLED
        self.can_fetch = True
        self.can_cancel = True

    def submit(self, batch: Batch, members: Sequence[Member]) -> Accepted | Refused:
        self.calls.append(batch.batch_id)
        self.before(batch)
        if batch.batch_id not in self.batches:
            refused = self.refuse(members)
            if refused is not None:
                return refused
            self.batches[batch.batch_id] = list(members)
        self.after(batch)
        return Accepted(f"ref-{batch.batch_id}")

    def fetch(self, batch: Batch) -> list[ItemReport]:
        if not self.can_fetch:
            raise OutcomeUnknown("DOWN")
        return [self._report(member) for member in self.batches[batch.batch_id]]

    def cancel(self, provider_item_id: str) -> ItemReport:
        for members in self.batches.values():
            for member in members:
                if f"item-{member.item_id}" == provider_item_id:
                    if self.can_cancel:
                        self.status[member.email] = Status.RETURNED
                    return self._report(member)
        raise OutcomeUnknown("NO_SUCH_ITEM")

    def check(self) -> None:
        return

    def close(self) -> None:
        return

    def paid(self) -> list[Member]:
        """Return every member of every accepted batch: the payments that moved money."""
        return [member for members in self.batches.values() for member in members]

    def _report(self, member: Member) -> ItemReport:
        status = self.status.get(member.email, Status.SUCCEEDED)
        return ItemReport(
            item_id=member.item_id,
            status=status,
            raw_status=status.value.upper() if status else "SOMETHING_NEW",
            provider_item_id=f"item-{member.item_id}",
            transaction_id=f"tx-{member.payment_id}",
            reason="NO_LUCK" if status is Status.FAILED else None,
            settled=self.settled if status is Status.SUCCEEDED else NOT_SETTLED,
        )
