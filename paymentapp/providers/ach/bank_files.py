"""Matches the entries of a bank's file with those that were sent.

An entry that names an entry of ours, and its full amount, *is* the return of it, whatever the rest
of the file says; what is odd about it is a finding beside it. An entry that cannot be matched is an
event as well, which the inbox sets aside for an operator. No body holds an account number.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from paymentapp.banking import (
    FUNDS_RETURNS,
    BankDetailError,
    NocCorrection,
    ReturnKind,
    return_reason,
)
from paymentapp.clock import Clock
from paymentapp.errors import Conflict, Misconfigured
from paymentapp.models.payments import Payment, Status
from paymentapp.nacha import (
    Acknowledgment,
    NotificationOfChange,
    Return,
)
from paymentapp.providers.ach.account_state import AccountState
from paymentapp.providers.ach.entry_updates import EntryUpdateState, return_text
from paymentapp.providers.ach.event_records import entry_fields
from paymentapp.providers.ach.file_state import FilePlan, FileState, UploadStep
from paymentapp.providers.ach.payees import AchPayees
from paymentapp.providers.ach.prenote_state import PrenoteState, is_prenote
from paymentapp.providers.ach.reversal_state import batch_of, is_reversal
from paymentapp.providers.ach.trace_numbers import SentEntry, Traces, block_of
from paymentapp.providers.bank_mail.event_records import entry_details, event_record, unmatched
from paymentapp.providers.bank_mail.oddities import oddities
from paymentapp.providers.bank_mail.reading import EntryMatcher, bare_account, is_debit_return
from paymentapp.providers.updates import BlockedPayee, Recorded

log = logging.getLogger(__name__)

_TRACE_MISSING = "it names no entry of ours by its trace number, nor by its individual id"
_OWN_TRACE = "matched by individual id, amount and account: the bank put in its own trace number"


class Matched(NamedTuple):
    """The entry of ours that the bank's is about, and what is odd in how it names it."""

    entry: SentEntry
    finding: str = ""


class AchMatcher(EntryMatcher):
    """Matches by trace number, else by individual id, amount and account.

    What it learns of our entries is stored before their events are.
    """

    def __init__(
        self,
        traces: Traces,
        file_state: FileState,
        updates: EntryUpdateState,
        accounts: AccountState,
        payees: AchPayees,
        prenotes: PrenoteState,
        clock: Clock,
    ) -> None:
        self._traces = traces
        self._file_state = file_state
        self._updates = updates
        self._accounts = accounts
        self._payees = payees
        self._prenotes = prenotes
        self._clock = clock

    def record(self, payment: Payment, status: Status, code: str) -> Recorded:
        """Record what an operator says of a payment. Raises Conflict, StoreUnavailable.

        `code` is the bank's reason code; an account that must not be used again by it is blocked.
        """
        entry = self._entry_of(payment)
        if status not in (Status.SUCCEEDED, Status.RETURNED):
            raise Conflict(f"a bank reports no payment as {status}: record it as returned")
        self._file_state.uploaded(entry.batch_id, self._clock())  # so the bank has the file
        if status is Status.SUCCEEDED:
            self._updates.add_confirmation(entry.batch_id, entry.position)
            return Recorded()
        self._updates.add_return(entry.batch_id, entry.position, code)
        reason = return_reason(code)
        if not reason.stop_using:
            return Recorded(return_text(code))
        blocked = tuple(self._blocked(entry, code)["blocked"])
        return Recorded(return_text(code), BlockedPayee(f"{code} {reason.words}", blocked))

    def _entry_of(self, payment: Payment) -> SentEntry:
        entry = self._entry(payment.batch_id or "", payment.key.item_id)
        if entry is None:
            raise Conflict("the payment is in no file that was sent to the bank")
        return entry

    def _entry(self, batch_id: str, item_id: str) -> SentEntry | None:
        """Return the entry of a payment in a batch's file."""
        plan = self._file_state.decision(batch_id)
        entries = self._traces.entries(plan.blocks) if isinstance(plan, FilePlan) else []
        return next((e for e in entries if (e.batch_id, e.item_id) == (batch_id, item_id)), None)

    def read_return(self, each: Return, settled: str) -> dict[str, Any]:
        """Read a return; it is stored before its event is, so that a poll confirms the event."""
        whose = f"{each.individual_id.strip()}/{each.amount}"
        record = event_record("return", each.trace, each.original_trace, each.code, settled, whose)
        details = entry_details(each.individual_id, each.amount, each.transaction_code)
        if each.reason.kind in (ReturnKind.DISHONORED, ReturnKind.CONTESTED):
            matched = self._by_trace(each.original_trace)
            why = f"a {each.reason.kind} return, which moves no payment by itself"
            return record | unmatched(why, details, matched.entry.item_id if matched else None)
        matched = self._match(each.original_trace, each)
        if matched is None:
            return record | unmatched(_TRACE_MISSING, details)
        if is_prenote(matched.entry.batch_id):
            return record | self._returned_prenote(matched.entry, each.code)
        debit = is_reversal(matched.entry.batch_id)
        if is_debit_return(each) not in (None, debit):
            sent, back = ("debit", "credit") if debit else ("credit", "debit")
            why = f"it returns a {back}, and a {sent} was sent"
            return record | unmatched(why, details, matched.entry.item_id)
        if debit:
            return record | self._returned_reversal(matched.entry, each, details)
        return record | self._returned(matched, each)

    def _returned(self, matched: Matched, each: Return) -> dict[str, Any]:
        entry = matched.entry
        fields = entry_fields(entry) | {"amount": str(each.amount or 0)}
        if each.amount != entry.money.amount:
            return fields  # the inbox sets it aside
        self._updates.add_return(entry.batch_id, entry.position, each.code)
        self._file_state.uploaded(entry.batch_id, self._clock())  # so the bank has the file
        findings = [*oddities(each), *filter(None, [matched.finding])]
        if findings:
            fields["finding"] = "; ".join(findings)
        return fields | (self._blocked(entry, each.code) if each.reason.stop_using else {})

    def _returned_reversal(
        self, debit: SentEntry, each: Return, details: Mapping[str, str]
    ) -> dict[str, Any]:
        """Record that the debit of a reversal came back: an operator decides what follows."""
        if each.amount != debit.money.amount:
            return unmatched("it returns another amount than a reversal's", details, debit.item_id)
        batch_id = batch_of(debit.batch_id)
        paid = self._entry(batch_id, debit.item_id)
        if paid is not None:
            self._updates.add_reversal_return(batch_id, paid.position, debit.batch_id, each.code)
        self._file_state.uploaded(debit.batch_id, self._clock())  # so the bank has the file
        why = f"the reversal of the payment came back: {return_text(each.code)}"
        again = "; `paymentapp reversals retry` debits once more"
        return unmatched(
            f"{why}{again if each.code in FUNDS_RETURNS else ''}",
            {**details, "reason": return_text(each.code)},
            debit.item_id,
        )

    def _returned_prenote(self, entry: SentEntry, code: str) -> dict[str, Any]:
        """NACHA Operating Rules (2013), Subsection 2.6.2: nothing may follow a returned prenote."""
        self._prenotes.returned(entry.destination, code)
        blocked = self._blocked(entry, code)
        return {"item": entry.item_id, "note": return_text(code), **blocked}

    def _blocked(self, entry: SentEntry, code: str) -> dict[str, Any]:
        """Keep payments from an account whose details have to be put again."""
        self._accounts.block(entry.destination, code)
        return {"blocked": self._accounts.seals(entry.destination)}

    def read_change(self, change: NotificationOfChange, settled: str) -> dict[str, Any]:
        """Read a notification of change, with the corrected account if it is valid."""
        correction = change.correction
        about = change.trace, change.original_trace, correction.code, settled
        record = event_record("change", *about, change.individual_id.strip())
        matched = self._match(change.original_trace, change)
        if matched is None:
            return record | unmatched(_TRACE_MISSING, entry_details(change.individual_id))
        entry = matched.entry
        note = f"{correction.code} {correction.title}".strip()
        if correction.problem:
            return record | {"item": entry.item_id, "note": f"{note}: {correction.problem}"}
        try:
            right = self._corrected(entry, correction)
        except BankDetailError as error:
            return record | {"item": entry.item_id, "note": f"{note}: {error}"}
        except Misconfigured as error:
            why = f"the account cannot be opened: {error.code}"
            return record | unmatched(why, {}, entry.item_id)
        return record | {"item": entry.item_id, "note": note, **right}

    def _corrected(self, entry: SentEntry, correction: NocCorrection) -> dict[str, Any]:
        """Correct the account of an entry, on top of earlier corrections of it.

        Stored before the event is, for payments that are not in a file yet; so it may be on record
        already. The customer's details may be any of the account's earlier ones, and all of them
        are replaced, however often the file is read. Raises BankDetailError.
        """
        customer_id = entry.item_id.partition(".")[2]
        before = self._accounts.chain(entry.destination)[-1]
        payee = self._payees.open(customer_id, before)
        account = correction.corrected(payee.account)
        if account != payee.account:
            sealed = self._payees.seal(customer_id, payee._replace(account=account))
            self._accounts.correct(before, sealed)
        current = self._accounts.current(entry.destination)
        if current == entry.destination:
            return {}
        if is_prenote(entry.batch_id):
            self._prenotes.keep(entry.destination, current)
        replaced = [each for each in self._accounts.chain(entry.destination) if each != current]
        return {"destination": current, "replaces": replaced}

    def read_acknowledgment(self, ack: Acknowledgment, settled: str) -> dict[str, Any]:
        """Read an acknowledgment: the bank has the file."""
        record = event_record("acknowledgment", ack.trace, ack.original_trace, "ACK", settled)
        matched = self._by_trace(ack.original_trace)
        if matched is None:
            return record | unmatched(_TRACE_MISSING, {})
        entry = matched.entry
        if is_prenote(entry.batch_id):
            return record
        self._updates.add_acknowledgment(entry.batch_id, entry.position)
        self._file_state.uploaded(entry.batch_id, self._clock())  # so the bank has the file
        return record | entry_fields(entry)

    def _match(self, trace: str, each: Return | NotificationOfChange) -> Matched | None:
        """Find our entry by its trace number; else that of the only payment it can be of."""
        found = self._by_trace(trace)
        if found is not None:
            return found
        amount = each.amount if isinstance(each, Return) else None
        debit = bool(isinstance(each, Return) and is_debit_return(each))
        same = [
            entry
            for entry in self._traces.of_individual(each.individual_id)
            if self._was_made(entry)
            and is_reversal(entry.batch_id) is debit
            and amount in (None, entry.money.amount)
            and self._is_to(entry, each.account)
        ]
        sent = [entry for entry in same if self._is_uploaded(entry)] or same
        if len({entry.item_id for entry in sent}) != 1:
            return None
        # A payment is put into another file once the one before certainly was not sent.
        return Matched(max(sent, key=lambda entry: entry.batch_id), _OWN_TRACE)

    def _by_trace(self, trace: str) -> Matched | None:
        entry = self._traces.find(trace)
        return Matched(entry) if entry and self._was_made(entry) else None

    def _was_made(self, entry: SentEntry) -> bool:
        """Return whether the entry is in a file that was made."""
        plan = self._file_state.decision(entry.batch_id)
        return isinstance(plan, FilePlan) and block_of(entry.trace) in plan.blocks

    def _is_uploaded(self, entry: SentEntry) -> bool:
        progress = self._file_state.progress(entry.batch_id, self._clock())
        return progress.step is UploadStep.UPLOADED

    def _is_to(self, entry: SentEntry, account: str) -> bool:
        """Return whether an entry went to an account, however a bank pads its number.

        False as well where no key opens our record of it: then an operator decides.
        """
        sealed = self._accounts.seals(entry.destination)[-1]
        try:
            payee = self._payees.open(entry.item_id.partition(".")[2], sealed)
        except (BankDetailError, Misconfigured):
            return False
        return bare_account(payee.account.number) == bare_account(account)
