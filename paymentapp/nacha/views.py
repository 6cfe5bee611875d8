"""What a bank's file says of earlier entries: returns, changes, acknowledgments."""

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
    """An entry has come back, or (see `reason.kind`) a bank disputes that another did.

    `amount` is None where the file's is not a number. `original_rdfi` are 8 digits. The trace
    numbers are as they came; `original_trace` is that of the entry that was sent.
    """

    original_trace: str
    code: str
    original_rdfi: str
    amount: Decimal | None
    transaction_code: str
    trace: str
    individual_id: str = field(default="", repr=False)
    date_of_death: date | None = None
    information: str = field(default="", repr=False)

    @property
    def reason(self) -> ReturnReason:
        return return_reason(self.code)


@dataclass(frozen=True, slots=True)
class NotificationOfChange:
    """A bank tells what is to be different in the next entry; this one was paid."""

    original_trace: str
    original_rdfi: str
    correction: NocCorrection
    trace: str
    individual_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Acknowledgment:
    """The receiving bank has a corporate credit, and says so (SEC codes ACK and ATX)."""

    original_trace: str
    trace: str
    information: str = field(default="", repr=False)


def returns(file: File) -> Iterator[Return]:
    """The returns in a file, in its order; with dishonored and contested ones among them."""
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
                    individual_id=entry.individual_id,
                    date_of_death=getattr(addenda, "date_of_death", None),
                    information=getattr(addenda, "information", ""),
                )


def changes(file: File) -> Iterator[NotificationOfChange]:
    """The notifications of change in a file, in its order.

    One with an unknown code or corrected data that are not valid comes with the `problem` in its
    correction; so does a refused one.
    """
    for _batch, entry in file.entries():
        for addenda in entry.addenda:
            if isinstance(addenda, ChangeAddenda | RefusedChangeAddenda):
                yield NotificationOfChange(
                    original_trace=addenda.original_trace,
                    original_rdfi=addenda.original_rdfi,
                    correction=read_correction(addenda.code, addenda.corrected_data),
                    trace=entry.trace,
                    individual_id=entry.individual_id,
                )


def acknowledgments(file: File) -> Iterator[Acknowledgment]:
    """The acknowledgments in a file, in its order.

    Appendix Six, 6.4.2: the trace number of the entry that is acknowledged stands where other
    entries have their individual id.
    """
    for batch, entry in file.entries():
        if (
            batch.header
            and batch.header.sec_code in _ACKNOWLEDGMENTS
            and entry.transaction_code in _ZERO_DOLLAR_CREDITS
        ):
            information = [a.information for a in entry.addenda if isinstance(a, PaymentAddenda)]
            yield Acknowledgment(entry.individual_id, entry.trace, "".join(information))
