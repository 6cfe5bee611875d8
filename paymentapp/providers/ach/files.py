"""Makes the file of a batch: the bytes that the bank gets, once."""

from __future__ import annotations

from collections.abc import Sequence

from paymentapp.banking import BankDetailError
from paymentapp.clock import Clock
from paymentapp.errors import Misconfigured
from paymentapp.models.batches import Member
from paymentapp.models.provider_state import ProviderState
from paymentapp.nacha import NachaError, Purpose, TotalOverflow, write
from paymentapp.providers.ach.contents import Contents
from paymentapp.providers.ach.entry_options import EntryTerms, entry_terms
from paymentapp.providers.ach.file_identity import MODIFIERS, FileIdentity, next_identity
from paymentapp.providers.ach.file_state import FilePlan
from paymentapp.providers.ach.payees import AchPayees, Payee
from paymentapp.providers.ach.rendering import Offset, Row, most_offsets, nacha_file
from paymentapp.providers.ach.schedule import CutoffSchedule, FileDates, local
from paymentapp.providers.ach.settings import AchSettings
from paymentapp.providers.ach.trace_numbers import Traces
from paymentapp.providers.base import Refused

REFUSED = "NOT_AN_ENTRY"
TOO_LARGE = "TOTAL_TOO_LARGE"  # without member errors, so that each member is isolated


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
        self,
        file_id: str,
        members: Sequence[Member],
        purpose: Purpose = Purpose.LIVE,
        *,
        taking_back: str = "",
    ) -> FilePlan | Refused:
        """Render the file of these members, under unused trace numbers and a name of its own.

        `taking_back` is the description of entries that debit the members by what they were paid.
        Returns Refused where the format cannot hold a member. Raises Misconfigured where a setting
        is wrong, a destination does not open, or no trace number is free; NotSent where this
        minute has had all its files, or another process has taken one of the trace numbers.
        """
        payees = self._opened(members)
        if isinstance(payees, Refused):
            return payees
        now = self._clock()
        dates = self._schedule.file_dates(now)
        count = len(members) + self._offsets(members, payees)
        blocks = self._traces.free(count)
        numbers = self._traces.numbers(blocks, count)
        rows = self._rows(members, payees, numbers[: len(members)], dates)
        if taking_back:
            rows = [row.taking_back(taking_back) for row in rows]
        identity = next_identity(self._state, self._settings.origin, now)
        rendered = self._rendered(identity, rows, purpose, numbers[len(members) :])
        if isinstance(rendered, Refused):
            return rendered
        self._traces.assign(blocks, file_id, members)
        name = self._name(file_id, identity)
        data, content = self._contents.encode(name, rendered)
        later = [row.position for row in rows if not row.terms.same_day]
        return FilePlan(
            name, len(data), blocks, dates.cutoff, dates.effective, dates.next_day, later, content
        )

    def refusal(self, members: Sequence[Member]) -> Refused | None:
        """Return the refusal of members that the format cannot hold, by rendering a trial file.

        Raises Misconfigured as `make` does.
        """
        payees = self._opened(members)
        if isinstance(payees, Refused):
            return payees
        now = self._clock()
        count = len(members) + self._offsets(members, payees)
        numbers = self._traces.numbers(range(count), count)  # any will do
        dates = self._schedule.file_dates(now)
        rows = self._rows(members, payees, numbers[: len(members)], dates)
        trial = FileIdentity(local(now), MODIFIERS[0])
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
        rows = []
        for position, (member, payee, trace) in enumerate(
            zip(members, payees, traces, strict=True)
        ):
            terms = self._terms(member, payee)
            row = Row(
                position,
                trace,
                payee,
                member.money.amount,
                member.item_id.partition(".")[0],
                dates.effective if terms.same_day else dates.next_day,
                terms,
                terms.same_day and dates.effective < dates.next_day,
                member.description,
            )
            rows.append(row)
        return rows

    def _terms(self, member: Member, payee: Payee) -> EntryTerms:
        amount = member.money.amount
        return entry_terms(self._settings, member.options, payee.description, amount)

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

    def _offsets(self, members: Sequence[Member], payees: Sequence[Payee]) -> int:
        """Return how many offset debits the file of these members can need at most."""
        if self._offset is None:
            return 0
        terms = [self._terms(*each) for each in zip(members, payees, strict=True)]
        return most_offsets(terms, [member.money.amount for member in members])

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
