"""A payment for tests of OpenACH, as a batch of its own."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from paymentapp.models.batches import NO_ATTEMPT, Batch, BatchState, Member, new_batch_id
from paymentapp.models.money import Money
from paymentapp.models.revisions import new_revision
from paymentapp.providers.base import Outcome
from paymentapp.providers.openach.provider import OpenAch
from paymentapp.providers.updates import ItemReport
from tests.support.openach_backend import PREFIX, OpenAchBackend


class OnePayment(NamedTuple):
    """A frozen batch with its one member."""

    batch: Batch
    member: Member

    @property
    def external_id(self) -> str:
        return PREFIX + self.member.item_id

    def submit(self, provider: OpenAch) -> Outcome:
        return provider.submit(self.batch, [self.member])

    def report(self, provider: OpenAch) -> ItemReport:
        [report] = provider.fetch(self.batch)
        return report

    def again(self) -> OnePayment:
        """Return the payment in another batch, as after a batch that was taken apart."""
        return one_payment_of(self.member, self.batch)


def one_payment(backend: OpenAchBackend, to: str | None = None, amount: str = "12.5") -> OnePayment:
    """Make a payment of a customer to an account."""
    now = backend.clock()
    batch = Batch(
        *(new_batch_id(now), "openach", "USD", BatchState.FROZEN, 1, now, new_revision()),
        frozen_at=now,
    )
    money = Money(Decimal(amount), "USD")
    payee = to or backend.succeeds()
    payment_id = "2026-03-01T09:29:00.000001Z"
    return OnePayment(batch, Member("ada", payment_id, money, "ann@example.com", payee))


def one_payment_of(member: Member, batch: Batch) -> OnePayment:
    """Make another batch of a member, of which no attempt has begun."""
    batch_id = new_batch_id(batch.created_at)
    other = Batch(
        *(batch_id, "openach", "USD", BatchState.FROZEN, 1, batch.created_at, new_revision()),
        frozen_at=batch.frozen_at,
        open_attempt=NO_ATTEMPT,
    )
    return OnePayment(other, member)
