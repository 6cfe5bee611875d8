"""What a store is asked to write about payments: acceptances and changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, Self

from paymentapp.models.duplicates import DuplicateCheck
from paymentapp.models.events import Event, events_of
from paymentapp.models.idempotency import IdempotencyRecord
from paymentapp.models.limits import Charge, charge_of, still_counts
from paymentapp.models.payments import FINAL, UNPAID, Payment, Status
from paymentapp.models.references import ReferenceClaim


class _Change(NamedTuple):
    old: Payment
    new: Payment


class PaymentChange(_Change):
    """Replace `old` by `new`, if `old` is still what is stored.

    Raises ValueError where that would lose a line of history or turn one payment into another.
    Payments are changed by this class alone, so no store ever receives such a change.
    """

    __slots__ = ()

    def __new__(cls, old: Payment, new: Payment) -> Self:
        """Check and make the change."""
        if new.history[: len(old.history)] != old.history:
            raise ValueError("the new history must begin with the old one")
        if (new.key, new.money, new.email) != (old.key, old.money, old.email):
            raise ValueError("a payment's key, money and e-mail must not change")
        if new.charges != old.charges:
            raise ValueError("what a payment counts against must not change")
        if new.texts != old.texts:  # a batch that holds them may be sent again
            raise ValueError("a payment's reference, description and metadata must not change")
        route = (old.payment_method, old.destination)
        if (new.payment_method, new.destination) != route and new.status is not Status.PENDING:
            raise ValueError("only a pending payment may change its method or destination")
        return super().__new__(cls, old, new)

    @property
    def given_back(self) -> list[Charge]:
        """Return what the payment no longer counts against, if this change is made.

        A payment that is not paid after all counts nothing. What counts in no window that is still
        open is left as it is.
        """
        old, new = self
        if not new.charges or new.status not in UNPAID or old.status in UNPAID:
            return []
        charges = (charge_of(text, new.money.amount) for text in new.charges)
        return [charge for charge in charges if still_counts(charge, new.updated_at)]

    @property
    def events(self) -> list[Event]:
        """Return what is to be listed, if this change is made."""
        return events_of(self.old, self.new)

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:  # type: ignore[override]
        return cls(*iterable)  # tuple's own method would bypass the checks


class PaymentErasure(PaymentChange):
    """Replace a payment by what stays of it when its customer is erased.

    Raises ValueError where the payment may still be sent, or where it would be changed otherwise.
    """

    __slots__ = ()

    def __new__(cls, old: Payment, new: Payment) -> Self:
        """Check and make the change."""
        erased = old.erased(new.erased_at) if new.erased_at else old
        if old.status not in FINAL or replace(erased, revision=new.revision) != new:
            raise ValueError("only the personal data of a settled payment is erased")
        return _Change.__new__(cls, old, new)

    @classmethod
    def of(cls, payment: Payment, at: datetime) -> Self:
        """Return the erasure of a payment."""
        return cls(payment, payment.erased(at))


class Acceptance(NamedTuple):
    """A payment to accept, and the idempotency record that binds its key to it, if it has a key.

    `replaces` is the key's record as it was read: None, where there was none. Where it is the same
    version as `record`, the key is bound already, and only the payment is missing. `charges` are
    counted with the payment, which has their texts; `alike` has to pass, and `reference` is taken.
    """

    payment: Payment
    record: IdempotencyRecord | None = None
    replaces: IdempotencyRecord | None = None
    charges: Sequence[Charge] = ()
    alike: DuplicateCheck | None = None
    reference: ReferenceClaim | None = None

    @property
    def events(self) -> list[Event]:
        """Return what is to be listed, if the payment is added."""
        return events_of(None, self.payment)

    @property
    def is_counted(self) -> bool:
        """Return whether there is more to write than the payment and the record."""
        return bool(self.charges) or self.alike is not None or self.reference is not None

    @property
    def is_alone(self) -> bool:
        """Return whether only the payment and a new key's record are to be written."""
        return self.record is not None and self.replaces is None and not self.is_counted

    def is_for(self, stored: Payment) -> bool:
        """Return whether a stored payment is certainly the one of this request.

        It may have gone on since: a write whose answer was lost is repeated, and the dispatcher is
        quicker. Without a key its request's id is random. With one another request may have it too,
        and only the revision tells them apart.
        """
        if self.record is None:
            return stored.request_id == self.payment.request_id
        return stored.revision == self.payment.revision

    @property
    def binding(self) -> IdempotencyRecord | None:
        """Return the record that has to be written, None if there is none."""
        record, replaces = self.record, self.replaces
        if record is None or (replaces is not None and replaces.revision == record.revision):
            return None
        return record


class AcceptResult(NamedTuple):
    """What is stored after an acceptance.

    `payment` is the one under the payment's key, which may be another request's, as its
    `request_id` shows. It is None, and no payment was written, where the key's record is another
    than the one to be replaced; `record` is then what is stored for the key, None for nothing.
    """

    payment: Payment | None
    record: IdempotencyRecord | None
