"""A company, its bank, and payments between them, for tests of the ACH provider."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paymentapp.models.batches import Batch, BatchState, Member, new_batch_id
from paymentapp.models.money import Money
from paymentapp.models.payments import Status
from paymentapp.models.revisions import new_revision
from paymentapp.providers.ach.provider import Ach
from paymentapp.providers.base import Accepted
from paymentapp.vault.sealing import Vault, new_key
from simulators.bank import BankSimulator
from simulators.bank.bank import AnswerDelays
from tests.support.ach_backend import ach_at, bank_account
from tests.support.memory_store import MemoryStore
from tests.support.paypal_server import FakeClock

MONDAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # 10:00 in New York
LATE = 10 * 24 * 3600.0  # seconds


@dataclass
class Company:
    """A provider with a folder, a clock, a store and a vault of its own."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    state: Any = field(default_factory=MemoryStore)
    vault: Vault = field(default_factory=lambda: Vault(new_key()))

    def __post_init__(self) -> None:
        self.clock.now = MONDAY
        self.bank = BankSimulator(
            self.folder / "outgoing",
            self.folder / "incoming",
            self.folder / "bank",
            self.clock,
            AnswerDelays(late=LATE),
        )
        self.ach = self.provider()

    def provider(self, **more: Any) -> Ach:
        """Build the provider of another process of the same company."""
        options = {"clock": self.clock, "state": self.state, "vault": self.vault} | more
        return ach_at(self.folder, **options)

    def member(self, number: str, amount: str = "12.34", at: int = 1, **details: str) -> Member:
        """Make a member that pays an account; each account has a customer of its own."""
        assert self.ach.payees is not None
        customer = f"customer-{zlib.crc32(number.encode())}"
        destination = self.ach.payees.destination(customer, bank_account(number, **details))
        money = Money(Decimal(amount), "USD")
        payment_id = f"2026-03-02T14:00:00.{at:06d}Z"
        return Member(customer, payment_id, money, "ann@example.com", destination)

    def batch(self, *members: Member) -> Batch:
        """Make a frozen batch."""
        now = self.clock()
        return Batch(
            *(new_batch_id(now), "ach", "USD", BatchState.FROZEN, len(members), now),
            new_revision(),
            frozen_at=now,
        )

    def paid(self, *members: Member) -> Batch:
        """Submit a batch, and let the bank take it."""
        batch = self.batch(*members)
        outcome = self.ach.submit(batch, members)
        assert isinstance(outcome, Accepted)
        self.bank.work()
        return batch.changed(
            state=BatchState.ACCEPTED, reference=outcome.reference, accepted_at=self.clock()
        )

    def status(self, batch: Batch, ach: Ach | None = None) -> Status:
        """Read the bank's folder, and return the status of a batch's first payment then."""
        ach = ach or self.ach
        for delivery in ach.mailbox.collect():
            ach.mailbox.put_away(delivery)
        return ach.fetch(batch)[0].status or Status.PENDING

    def credits(self) -> Counter[str]:
        """Count how often the bank has paid each account."""
        return Counter(credit.account for credit in self.bank.books.credits())


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    made = Company(tmp_path)
    yield made
    made.bank.close()
