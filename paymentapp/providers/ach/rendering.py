"""What is in a file: its batches and their entries, as the format has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from paymentapp.banking import BankAccount
from paymentapp.nacha import (
    BatchHeader,
    Entry,
    File,
    FileHeader,
    NachaBatch,
    PaymentAddenda,
    Purpose,
    credit_code,
    debit_code,
)
from paymentapp.providers.ach.entry_options import EntryTerms
from paymentapp.providers.ach.file_identity import FileIdentity
from paymentapp.providers.ach.payees import Payee
from paymentapp.providers.ach.setting_kinds import MOST
from paymentapp.providers.ach.settings import AchSettings

_BATCHES = 4  # of one description at most: two entry classes, two effective dates


class Row(NamedTuple):
    """The data of one entry of a file."""

    position: int
    trace: str
    payee: Payee
    amount: Decimal
    individual_id: str
    settles: date
    terms: EntryTerms
    same_day: bool = False  # settles on the day on which it leaves
    information: str | None = None  # of its addenda; None: it has none
    takes_back: bool = False  # a debit, of a credit that was paid to the account by mistake

    def __repr__(self) -> str:
        return f"Row({self.position} {self.trace})"

    def taking_back(self, description: str) -> Row:
        """Return the row of a debit under a description of its own."""
        terms = self.terms._replace(description=description, discretionary="")
        return self._replace(terms=terms, takes_back=True)


class Offset(NamedTuple):
    """Our own account, by which each batch is balanced, and the trace numbers for its entries."""

    account: BankAccount
    traces: Sequence[str]

    def __repr__(self) -> str:
        return f"Offset({len(self.traces)} traces)"


def most_offsets(terms: Sequence[EntryTerms], amounts: Sequence[Decimal]) -> int:
    """Return how many entries of our own account can be needed at most to balance a file."""
    descriptions = {each.description for each in terms}
    return _BATCHES * len(descriptions) + int(sum(amounts, start=Decimal(0)) // MOST)


def nacha_file(
    settings: AchSettings,
    identity: FileIdentity,
    rows: Sequence[Row],
    purpose: Purpose,
    offset: Offset | None = None,
) -> File:
    """Return the rows as a file, in NACHA batches by entry class, date and description.

    With an offset, each batch debits it by what the batch pays, or credits it by what is taken
    back.
    """
    header = FileHeader(
        destination=settings.destination,
        origin=settings.origin,
        created_on=identity.made_at.date(),
        created_at=identity.made_at.time(),
        modifier=identity.modifier,
        destination_name=settings.destination_name,
        origin_name=settings.origin_name,
    )

    def kind(row: Row) -> tuple[str, date, bool, str]:
        return row.payee.entry_class, row.settles, row.same_day, row.terms.description

    batches: list[NachaBatch] = []
    traces = list(offset.traces) if offset else []
    for each, group in groupby(sorted(rows, key=kind), key=kind):
        entry_class, settles, same_day, description = each
        chosen = list(group)
        entries = [_entry(row, purpose) for row in chosen]
        takes_back = chosen[0].takes_back
        ours = _offset_entries(offset.account, entries, traces, takes_back) if offset else []
        batch = BatchHeader(
            company_name=settings.company_name,
            company_id=settings.company_id,
            sec_code=entry_class,
            description=description,
            discretionary_data=settings.discretionary_data,
            descriptive_date=settings.same_day_mark if same_day else "",
            effective_date=settles,
            odfi=settings.odfi,
            number=len(batches) + 1,
            service_class="200" if ours else "225" if takes_back else "220",
        )
        batches.append(NachaBatch(batch, (*entries, *ours)))
    return File(header, tuple(batches))


def _offset_entries(
    account: BankAccount, entries: Sequence[Entry], traces: list[str], takes_back: bool
) -> list[Entry]:
    """Return the entries of our account that balance a batch, of as much as one can hold each.

    Takes their trace numbers from the front of `traces`, which are above those of the others.
    """
    left = sum((entry.amount or Decimal(0) for entry in entries), start=Decimal(0))
    code = (credit_code if takes_back else debit_code)(account.account_type.value)
    ours = []
    while left:
        amount = min(left, MOST)
        ours.append(
            Entry(
                transaction_code=code,
                routing=account.routing,
                account=account.number,
                amount=amount,
                trace=traces.pop(0),
                name=account.holder,
            )
        )
        left -= amount
    return ours


def _entry(row: Row, purpose: Purpose) -> Entry:
    account = row.payee.account
    kind = account.account_type.value
    return Entry(
        transaction_code=debit_code(kind) if row.takes_back else credit_code(kind, purpose),
        routing=account.routing,
        account=account.number,
        amount=row.amount,
        trace=row.trace,
        name=account.holder,
        individual_id=row.individual_id,
        discretionary=row.terms.discretionary,
        addenda=_addenda(row, purpose),
    )


def _addenda(row: Row, purpose: Purpose) -> tuple[PaymentAddenda, ...]:
    """Return the addenda that carries a description; a prenote has none.

    PPD and CCD entries have one addenda 05 at most (Appendix One, table of addenda).
    """
    if row.information is None or purpose is not Purpose.LIVE:
        return ()
    return (PaymentAddenda(row.information),)
