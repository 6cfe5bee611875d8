"""Views of what a bank's file says about earlier entries: returns, changes, acknowledgments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from paymentapp.banking.changes import NocCorrection, read_correction
from paymentapp.banking.returns import ReturnReason, return_reason
from paymentapp.nacha.models import (
    ChangeAddenda,
    ContestedAddenda,
    DishonoredAddenda,
    File,
    PaymentAddenda,
    RefusedChangeAddenda,
    ReturnAddenda,
)

_ACKNOWLEDGMENTS = {"ACK", "ATX"}
_ZERO_DOLLAR_CREDITS = {"24", "34"}


@dataclass(frozen=True, slots=True)
class Return:
    """A returned entry, or (see `reason.kind`) a bank's dispute about one.

    `amount` is None where the field is not a number. `original_rdfi` has 8 digits. The trace
    numbers are as they came; `original_trace` is that of the entry that was sent.
    """

    original_trace: str
    code: str
    original_rdfi: str
    amount: Decimal | None
    transaction_code: str
    trace: str
    account: str = field(default="", repr=False)
    individual_id: str = field(default="", repr=False)
    date_of_death: date | None = None
    information: str = field(default="", repr=False)

    @property
    def reason(self) -> ReturnReason:
        """Return what the code means."""
        return return_reason(self.code)


@dataclass(frozen=True, slots=True)
class NotificationOfChange:
    """A bank's correction for the next entry; the original entry was paid."""

    original_trace: str
    original_rdfi: str
    correction: NocCorrection
    trace: str
    account: str = field(default="", repr=False)
    individual_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Acknowledgment:
    """The receiving bank's acknowledgment of a corporate credit (SEC codes ACK and ATX)."""

    original_trace: str
    trace: str
    information: str = field(default="", repr=False)


def returns(file: File) -> Iterator[Return]:
    """Yield the returns in a file, in its order, dishonored and contested ones included."""
    for _batch, entry in file.entries():
        for addenda in entry.addenda:
            if isinstance(addenda, ReturnAddenda | DishonoredAddenda | ContestedAddenda):
                yield Return(
                    original_trace=addenda.original_trace,
                    code=addenda.code,
                    original_rdfi=addenda.original_rdfi,
                    amount=entry.amount,
                    transaction_code=entry.transaction_code,
                    trace=entry.trace,
                    account=entry.account,
                    individual_id=entry.individual_id,
                    date_of_death=getattr(addenda, "date_of_death", None),
                    information=getattr(addenda, "information", ""),
                )


def changes(file: File) -> Iterator[NotificationOfChange]:
    """Yield the notifications of change in a file, in its order.

    The correction of one with an unknown code or invalid data, or of a refused one, has a
    `problem`.
    """
    for _batch, entry in file.entries():
        for addenda in entry.addenda:
            if isinstance(addenda, ChangeAddenda | RefusedChangeAddenda):
                yield NotificationOfChange(
                    original_trace=addenda.original_trace,
                    original_rdfi=addenda.original_rdfi,
                    correction=read_correction(addenda.code, addenda.corrected_data),
                    trace=entry.trace,
                    account=entry.account,
                    individual_id=entry.individual_id,
                )


def acknowledgments(file: File) -> Iterator[Acknowledgment]:
    """Yield the acknowledgments in a file, in its order.

    The trace number of the acknowledged entry is in the field that is the individual id of other
    entries (Appendix Six, 6.4.2).
    """
    for batch, entry in file.entries():
        if (
            batch.header
            and batch.header.sec_code in _ACKNOWLEDGMENTS
            and entry.transaction_code in _ZERO_DOLLAR_CREDITS
        ):
            information = [a.information for a in entry.addenda if isinstance(a, PaymentAddenda)]
            yield Acknowledgment(entry.individual_id, entry.trace, "".join(information))
