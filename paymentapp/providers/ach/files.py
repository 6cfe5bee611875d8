"""Makes the file of a batch: the bytes that the bank gets, once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from paymentapp.banking import BankAccount, BankDetailError, fits_same_day
from paymentapp.clock import Clock
from paymentapp.errors import Misconfigured, NotSent
from paymentapp.models.batches import Member
from paymentapp.models.provider_state import ProviderState, update_state_entry
from paymentapp.nacha import (
    BatchHeader,
    Entry,
    File,
    FileHeader,
    NachaBatch,
    NachaError,
    PaymentAddenda,
    Purpose,
    TotalOverflow,
    credit_code,
    offset_code,
    write,
)
from paymentapp.providers.ach.contents import Contents
from paymentapp.providers.ach.file_state import FilePlan
from paymentapp.providers.ach.payees import AchPayees, Payee
from paymentapp.providers.ach.schedule import CutoffSchedule, FileDates, local
from paymentapp.providers.ach.setting_kinds import MOST
from paymentapp.providers.ach.settings import AchSettings
from paymentapp.providers.ach.trace_numbers import Traces
from paymentapp.providers.base import Refused

REFUSED = "NOT_AN_ENTRY"
TOO_LARGE = "TOTAL_TOO_LARGE"  # without member errors, so that each member is isolated
_BATCHES = 4  # NACHA batches of a file at most: two entry classes, two effective dates
_MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Row(NamedTuple):
    """The data of one entry of a file."""

    position: int
    trace: str
    payee: Payee
    amount: Decimal
    individual_id: str
    settles: date
    information: str | None = None  # of its addenda; None: it has none

    def __repr__(self) -> str:
        return f"Row({self.position} {self.trace})"


class Offset(NamedTuple):
    """The debit of our own account that balances a batch, under trace numbers of its own."""

    account: BankAccount
    traces: Sequence[str]

    def __repr__(self) -> str:
        return f"Offset({len(self.traces)} traces)"


class FileIdentity(NamedTuple):
    """What identifies a file of ours: the time, in New York, and the modifier."""

    made_at: datetime
    modifier: str


class Files:
    """Makes files. Only the trace numbers are stored before the file is decided on."""

    def __init__(
        self,
        state: ProviderState,
        settings: AchSettings,
        traces: Traces,
        payees: AchPayees,
        contents: Contents,
        clock: Clock,
    ) -> None:
        self._state = state
        self._settings = settings
        self._traces = traces
        self._payees = payees
        self._contents = contents
        self._clock = clock
        self._schedule = CutoffSchedule(settings)
        self._offset = settings.offset

    def make(
        self, file_id: str, members: Sequence[Member], purpose: Purpose = Purpose.LIVE
    ) -> FilePlan | Refused:
        """Render the file of these members, under unused trace numbers and a name of its own.

        Returns Refused where the format cannot hold a member. Raises Misconfigured where a setting
        is wrong, a destination does not open, or no trace number is free; NotSent where this
        minute has had all its files, or another process has taken one of the trace numbers.
        """
        payees = self._opened(members)
        if isinstance(payees, Refused):
            return payees
        now = self._clock()
        dates = self._schedule.file_dates(now)
        count = len(members) + self._offsets(members)
        blocks = self._traces.free(count)
        numbers = self._traces.numbers(blocks, count)
        rows = self._rows(members, payees, numbers[: len(members)], dates)
        identity = next_identity(self._state, self._settings.origin, now)
        rendered = self._rendered(identity, rows, purpose, numbers[len(members) :])
        if isinstance(rendered, Refused):
            return rendered
        self._traces.assign(blocks, file_id, members)
        name = self._name(file_id, identity)
        data, content = self._contents.encode(name, rendered)
        above = [row.position for row in rows if self._is_large(row.amount)]
        return FilePlan(
            name, len(data), blocks, dates.cutoff, dates.effective, dates.next_day, above, content
        )

    def refusal(self, members: Sequence[Member]) -> Refused | None:
        """Return the refusal of members that the format cannot hold, by rendering a trial file.

        Raises Misconfigured as `make` does.
        """
        payees = self._opened(members)
        if isinstance(payees, Refused):
            return payees
        now = self._clock()
        count = len(members) + self._offsets(members)
        numbers = self._traces.numbers(range(count), count)  # any will do
        dates = self._schedule.file_dates(now)
        rows = self._rows(members, payees, numbers[: len(members)], dates)
        trial = FileIdentity(local(now), _MODIFIERS[0])
        rendered = self._rendered(trial, rows, Purpose.LIVE, numbers[len(members) :])
        return rendered if isinstance(rendered, Refused) else None

    def destinations(self, plan: FilePlan) -> set[str]:
        """Return the destinations of a file's entries, as they were sealed then."""
        return {entry.destination for entry in self._traces.entries(plan.blocks)}

    def _rows(
        self,
        members: Sequence[Member],
        payees: Sequence[Payee],
        traces: Sequence[str],
        dates: FileDates,
    ) -> list[Row]:
        return [
            Row(
                position,
                trace,
                payee,
                member.money.amount,
                member.item_id.partition(".")[0],
                dates.next_day if self._is_large(member.money.amount) else dates.effective,
                member.description,
            )
            for position, (member, payee, trace) in enumerate(
                zip(members, payees, traces, strict=True)
            )
        ]

    def _is_large(self, amount: Decimal) -> bool:
        """Return whether a payment is above the same-day limit."""
        return not fits_same_day(amount, self._settings.same_day_limit)

    def _opened(self, members: Sequence[Member]) -> list[Payee] | Refused:
        payees, member_errors = [], {}
        for position, member in enumerate(members):
            if member.destination is None:
                member_errors[position] = f"{REFUSED}: no bank account"
            elif member.money.currency != "USD":
                member_errors[position] = f"{REFUSED}: not US dollars"
            else:
                try:
                    payees.append(self._payees.open(member.customer_id, member.destination))
                except BankDetailError as error:
                    member_errors[position] = f"{REFUSED}: {error}"
        return Refused(REFUSED, member_errors) if member_errors else payees

    def _offsets(self, members: Sequence[Member]) -> int:
        """Return how many offset debits the file of these members can need at most."""
        if self._offset is None:
            return 0
        total = sum((member.money.amount for member in members), start=Decimal(0))
        return _BATCHES + int(total // MOST)

    def _rendered(
        self,
        identity: FileIdentity,
        rows: Sequence[Row],
        purpose: Purpose,
        offsets: Sequence[str] = (),
    ) -> bytes | Refused:
        """Render a file; `offsets` are the trace numbers that its offset debits may have."""
        offset = Offset(self._offset, offsets) if self._offset else None
        try:
            made = nacha_file(self._settings, identity, rows, purpose, offset)
            return write(made, newline=self._settings.newline)
        except TotalOverflow:
            return Refused(TOO_LARGE)
        except NachaError as error:
            return self._member_errors(identity, rows, purpose, error)

    def _member_errors(
        self, identity: FileIdentity, rows: Sequence[Row], purpose: Purpose, error: NachaError
    ) -> Refused:
        """Refuse the members that the format cannot hold. Raises Misconfigured where none is.

        Then a setting is at fault, such as the company's name.
        """
        member_errors = {}
        for row in rows:
            try:
                write(nacha_file(self._settings, identity, [row], purpose))
            except NachaError as problem:
                if "entry" in problem.record:
                    member_errors[row.position] = f"{REFUSED}: {problem.field}: {problem.rule}"
        if not member_errors:
            raise Misconfigured("NOT_A_FILE", f"{error.record}, {error.field}") from error
        return Refused(REFUSED, member_errors)

    def _name(self, file_id: str, identity: FileIdentity) -> str:
        name = self._settings.file_name.format(
            batch=file_id,
            date=f"{identity.made_at:%Y%m%d}",
            time=f"{identity.made_at:%H%M%S}",
            modifier=identity.modifier,
        )
        return name + (".pgp" if self._settings.pgp_key_file else "")


def next_identity(state: ProviderState, origin: str, now: datetime) -> FileIdentity:
    """Return a creation time and file id modifier that no other file of the origin has.

    There are 36 modifiers. After 36 files of a day they begin with A again; the time of creation
    then makes the difference (Appendix Three, File Creation Time), so a minute has 36 files at
    most. Raises NotSent where this minute has had them.
    """
    made_at = local(now)
    minute = f"{made_at:%H%M}"

    def one_more(text: str) -> str:
        count, minutes = json.loads(text)
        if minutes[:1] == [minute] and len(minutes) == len(_MODIFIERS):
            raise NotSent("TOO_MANY_FILES", "36 in a minute", 60 - made_at.second)
        return json.dumps([count + 1, [*minutes, minute][-len(_MODIFIERS) :]])

    entry = update_state_entry(state, f"ach/day/{origin}/{made_at:%Y%m%d}", "[0,[]]", one_more)
    before = json.loads(entry.text)[0] - 1
    return FileIdentity(made_at, _MODIFIERS[before % len(_MODIFIERS)])


def nacha_file(
    settings: AchSettings,
    identity: FileIdentity,
    rows: Sequence[Row],
    purpose: Purpose,
    offset: Offset | None = None,
) -> File:
    """Return the rows as a file, with a NACHA batch for each entry class and effective date.

    With an offset, each batch debits it by what the batch pays.
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

    def kind(row: Row) -> tuple[str, date]:
        return row.payee.entry_class, row.settles

    batches: list[NachaBatch] = []
    traces = list(offset.traces) if offset else []
    for (entry_class, settles), group in groupby(sorted(rows, key=kind), key=kind):
        entries = [_entry(row, purpose) for row in group]
        debits = _debits(offset.account, entries, traces) if offset else []
        batch = BatchHeader(
            company_name=settings.company_name,
            company_id=settings.company_id,
            sec_code=entry_class,
            description=settings.description,
            effective_date=settles,
            odfi=settings.odfi,
            number=len(batches) + 1,
            service_class="200" if debits else "220",
        )
        batches.append(NachaBatch(batch, (*entries, *debits)))
    return File(header, tuple(batches))


def _debits(account: BankAccount, paid: Sequence[Entry], traces: list[str]) -> list[Entry]:
    """Return the debits of our account that balance a batch, of as much as an entry can hold each.

    Takes their trace numbers from the front of `traces`, which are above those of the credits.
    """
    left = sum((entry.amount or Decimal(0) for entry in paid), start=Decimal(0))
    debits = []
    while left:
        amount = min(left, MOST)
        debits.append(
            Entry(
                transaction_code=offset_code(account.account_type.value),
                routing=account.routing,
                account=account.number,
                amount=amount,
                trace=traces.pop(0),
                name=account.holder,
            )
        )
        left -= amount
    return debits


def _entry(row: Row, purpose: Purpose) -> Entry:
    account = row.payee.account
    return Entry(
        transaction_code=credit_code(account.account_type.value, purpose),
        routing=account.routing,
        account=account.number,
        amount=row.amount,
        trace=row.trace,
        name=account.holder,
        individual_id=row.individual_id,
        addenda=_addenda(row, purpose),
    )


def _addenda(row: Row, purpose: Purpose) -> tuple[PaymentAddenda, ...]:
    """Return the addenda that carries a description; a prenote has none.

    PPD and CCD entries have one addenda 05 at most (Appendix One, table of addenda).
    """
    if row.information is None or purpose is not Purpose.LIVE:
        return ()
    return (PaymentAddenda(row.information),)
