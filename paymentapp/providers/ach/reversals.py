"""Reversals: debits that take back credits that were sent by mistake, by an operator's order.

NACHA Operating Rules, Sections 2.9 (files) and 2.10 (entries), as of 2021-06-30: within five
banking days after the mistake has settled; company id, entry class and amount are those of the
credit; the description is REVERSAL; recipients are told of it by the day on which it settles.
Subsection 2.12.4: what comes back for lack of funds may be tried again, twice, within 180 days.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from paymentapp.banking import (
    MOST_RETRIES,
    RETRIED_WITHIN,
    RETRY_PAYMENT,
    REVERSAL,
    add_banking_days,
)
from paymentapp.clock import EPOCH, Clock
from paymentapp.errors import Conflict, OutcomeUnknown
from paymentapp.models.batches import Batch, Member
from paymentapp.models.payments import PaymentKey
from paymentapp.models.reversals import Reversal, ReversalOrder, ReversalStep
from paymentapp.providers.ach.entry_updates import (
    REVERSED,
    EntryUpdates,
    EntryUpdateState,
    return_text,
)
from paymentapp.providers.ach.file_state import FilePlan, FileState, UploadStep
from paymentapp.providers.ach.files import Files
from paymentapp.providers.ach.reversal_state import ReversalRecord, ReversalState, batch_of
from paymentapp.providers.ach.schedule import CutoffSchedule, local
from paymentapp.providers.ach.trace_numbers import SentEntry, Traces
from paymentapp.providers.ach.upload import Uploads
from paymentapp.providers.bank_mail.incoming_state import IncomingState
from paymentapp.providers.base import NeedsReview, Refused
from paymentapp.providers.store_errors import store_errors_as

log = logging.getLogger(__name__)

DAYS = 5  # banking days after the settlement of the mistake
_STEPS = {
    UploadStep.UPLOADED: ReversalStep.SENT,
    UploadStep.DOUBTFUL: ReversalStep.DOUBTFUL,
}


class _Sent(NamedTuple):
    """What was sent of a batch: its file, and the entries that are to be taken back."""

    batch_id: str
    plan: FilePlan
    uploaded_at: datetime
    entries: Sequence[SentEntry]


class AchReversals:
    """Makes and uploads files of reversals, once each, and follows them until they are settled."""

    def __init__(
        self,
        state: ReversalState,
        files: Files,
        file_state: FileState,
        uploads: Uploads,
        updates: EntryUpdateState,
        incoming: IncomingState,
        traces: Traces,
        schedule: CutoffSchedule,
        clock: Clock,
    ) -> None:
        self._state = state
        self._files = files
        self._file_state = file_state
        self._uploads = uploads
        self._updates = updates
        self._incoming = incoming
        self._traces = traces
        self._schedule = schedule
        self._clock = clock

    def send(self, batch: Batch, item_id: str | None, order: ReversalOrder) -> Reversal:
        """Take back an entry of a batch's file, or all that can be."""
        with store_errors_as(OutcomeUnknown):
            sent = self._sent(batch.batch_id, item_id)
            self._check_not_late(sent)
            return self._carried_out(sent, order, REVERSAL)

    def retry(self, batch: Batch, item_id: str, order: ReversalOrder) -> Reversal:
        """Debit once more what came back for lack of funds."""
        with store_errors_as(OutcomeUnknown):
            sent = self._sent(batch.batch_id, item_id)
            self._check_retry(sent)
            return self._carried_out(sent, order, RETRY_PAYMENT)

    def of(self, batch: Batch, item_id: str) -> list[Reversal]:
        """Return every order about an entry, oldest first."""
        sent = self._sent(batch.batch_id, item_id)
        reversals = self._updates.of_file(batch.batch_id).reversals
        attempts = [a for each in sent.entries for a in reversals.get(each.position, ())]
        return [self._shown(each.file_id) for each in attempts]

    def confirm(self, reversal_id: str) -> Reversal:
        """Record that the bank has a file of which that was in doubt."""
        with store_errors_as(OutcomeUnknown):
            progress = self._file_state.progress(reversal_id, self._clock())
            if reversal_id not in self._state.open() or progress.step is not UploadStep.DOUBTFUL:
                raise Conflict("there is no doubt about such a reversal: list them")
            self._file_state.uploaded(reversal_id, self._clock())
            return self._shown(reversal_id)

    def pending(self) -> list[Reversal]:
        """Return the files of reversals that are not settled."""
        return [self._shown(each) for each in self._state.open()]

    def settle(self) -> Iterator[tuple[str, list[SentEntry]]]:
        """Yield each file whose time of returns is over, with the entries that it has taken back.

        They are on record as taken back before that, for polls to find. Everything that the bank
        has put into the incoming folder by then has been read.
        """
        known_until = min(self._clock(), self._incoming.read_at() or EPOCH)
        for reversal_id in self._state.open():
            plan = self._file_state.decision(reversal_id)
            progress = self._file_state.progress(reversal_id, self._clock())
            if not isinstance(plan, FilePlan) or progress.step is not UploadStep.UPLOADED:
                continue
            last = max(plan.effective, plan.next_day) if plan.above else plan.effective
            if known_until >= self._schedule.settled_at(last, plan.cutoff, progress.since):
                yield reversal_id, self._taken_back(reversal_id)

    def settled(self, reversal_id: str) -> None:
        """Record that what `settle` has yielded of a file is stored."""
        self._state.settled(reversal_id)

    def _sent(self, batch_id: str, item_id: str | None) -> _Sent:
        """Return what the bank has of a batch. Raises Conflict where it has no such entry."""
        plan = self._file_state.decision(batch_id)
        if not isinstance(plan, FilePlan):
            raise Conflict("nothing was sent: cancel the payments, or hold them")
        progress = self._file_state.progress(batch_id, self._clock())
        if progress.step is not UploadStep.UPLOADED:
            raise Conflict("it is not known that the bank has the file: nothing can be taken back")
        entries = [e for e in self._traces.entries(plan.blocks) if e.batch_id == batch_id]
        chosen = [each for each in entries if item_id in (None, each.item_id)]
        if not chosen:
            raise Conflict("the payment is in no file that was sent to the bank")
        return _Sent(batch_id, plan, progress.since, chosen)

    def _check_not_late(self, sent: _Sent) -> None:
        """Raise Conflict where the bank would get the debit too late, or did not pay."""
        settled = [self._settled_on(sent, each) for each in sent.entries]
        latest = add_banking_days(min(settled), DAYS)
        effective = self._schedule.file_dates(self._clock()).next_day
        if not self._schedule.is_rehearsal and effective > latest:
            raise Conflict(
                f"it settled on {min(settled)}: no reversal is allowed after {latest}, five "
                "banking days later; ask the recipient"
            )

    def _check_retry(self, sent: _Sent) -> None:
        """Raise Conflict where a reversal did not come back for lack of funds, or too often."""
        [entry] = sent.entries
        attempts = self._updates.of_file(sent.batch_id).reversals.get(entry.position, ())
        if not attempts:
            raise Conflict("nothing was taken back: send a reversal")
        if not attempts[-1].returned:
            return  # it is under way, as far as is known
        if not attempts[-1].may_be_tried_again:
            why = return_text(attempts[-1].returned)
            raise Conflict(f"it came back by {why}: only a lack of funds is tried again")
        if len(attempts) > MOST_RETRIES:
            raise Conflict(f"it was tried again {MOST_RETRIES} times, which is as often as may be")
        first = self._file_state.decision(attempts[0].file_id)
        latest = first.effective + RETRIED_WITHIN if isinstance(first, FilePlan) else date.max
        if local(self._clock()).date() > latest:
            raise Conflict(f"it may be tried again until {latest}, 180 days after it settled")

    def _settled_on(self, sent: _Sent, entry: SentEntry) -> date:
        effective = sent.plan.effective_date(entry.position)
        return self._schedule.settles_on(effective, sent.plan.cutoff, sent.uploaded_at)

    def _carried_out(self, sent: _Sent, order: ReversalOrder, description: str) -> Reversal:
        """Claim the entries for one file, make it, and upload it; or go on with what was begun."""
        again = description == RETRY_PAYMENT
        before = self._updates.of_file(sent.batch_id)
        free = [each for each in sent.entries if _is_free(before, each.position, again=again)]
        if free:
            record = ReversalRecord(sent.batch_id, order, self._clock(), description)
            self._updates.claim_reversals(
                sent.batch_id,
                [each.position for each in free],
                self._state.new(record),
                again=again,
            )
        updates = self._updates.of_file(sent.batch_id)
        last = [a[-1] for e in sent.entries if (a := updates.reversals.get(e.position))]
        if not last:
            raise Conflict(_why_none(updates, sent.entries))
        begun = list(dict.fromkeys(each.file_id for each in last))
        for reversal_id in begun:
            self._upload(reversal_id, sent)
        return self._shown(begun[-1] if len(begun) == 1 else max(begun, key=self._ordered_at))

    def _ordered_at(self, reversal_id: str) -> datetime:
        return self._state.find(reversal_id).at

    def _upload(self, reversal_id: str, sent: _Sent) -> None:
        """Make the file of all entries that it has claimed, and upload it: each once."""
        record = self._state.find(reversal_id)
        plan = self._file_state.decision(reversal_id)
        if plan is None:
            claimed = self._claimed(reversal_id)
            members = [_member(each, record) for each in claimed]
            made = self._files.make(reversal_id, members, taking_back=record.description)
            plan = self._file_state.decide(reversal_id, made)
        if isinstance(plan, Refused):
            raise Conflict(f"the file of reversals cannot be made: {plan.code}")
        self._state.opened(reversal_id)
        outcome = self._uploads.deliver(reversal_id, plan)
        if isinstance(outcome, NeedsReview):
            raise Conflict(f"ask the bank whether it has the file: {outcome.code}")
        log.info(
            "reversal %s of batch %s uploaded: %d entries, %s, by %s",
            *(reversal_id, sent.batch_id, len(self._claimed(reversal_id))),
            *(record.order.reason, record.order.person),
        )

    def _claimed(self, reversal_id: str) -> list[SentEntry]:
        """Return the entries that a file of reversals takes back."""
        batch_id = batch_of(reversal_id)
        plan = self._file_state.decision(batch_id)
        blocks = plan.blocks if isinstance(plan, FilePlan) else ()
        reversals = self._updates.of_file(batch_id).reversals
        return [
            each
            for each in self._traces.entries(blocks)
            if each.batch_id == batch_id
            and any(a.file_id == reversal_id for a in reversals.get(each.position, ()))
        ]

    def _taken_back(self, reversal_id: str) -> list[SentEntry]:
        """Record the entries of a file whose debits were not returned, and return them."""
        batch_id = batch_of(reversal_id)
        reversals = self._updates.of_file(batch_id).reversals
        taken = [
            each
            for each in self._claimed(reversal_id)
            if not any(a.file_id == reversal_id and a.returned for a in reversals[each.position])
        ]
        for each in taken:
            self._updates.add_return(batch_id, each.position, REVERSED)
        return taken

    def _shown(self, reversal_id: str) -> Reversal:
        record = self._state.find(reversal_id)
        plan = self._file_state.decision(reversal_id)
        step = self._file_state.progress(reversal_id, self._clock()).step
        claimed = self._claimed(reversal_id)
        reversals = self._updates.of_file(record.batch_id).reversals
        codes = [
            a.returned
            for each in claimed
            for a in reversals[each.position]
            if a.file_id == reversal_id and a.returned
        ]
        return Reversal(
            reversal_id,
            record.batch_id,
            record.order,
            record.at,
            tuple(each.item_id for each in claimed),
            _STEPS.get(step, ReversalStep.MADE),
            plan.effective if isinstance(plan, FilePlan) else None,
            tuple(codes),
        )


def _is_free(updates: EntryUpdates, position: int, *, again: bool) -> bool:
    """Return whether an entry can be claimed, as `claim_reversals` decides."""
    if position in updates.returned:
        return False
    attempts = updates.reversals.get(position)
    if not attempts:
        return not again
    return again and attempts[-1].may_be_tried_again and len(attempts) <= MOST_RETRIES


def _why_none(updates: EntryUpdates, entries: Sequence[SentEntry]) -> str:
    codes = [updates.returned[e.position] for e in entries if e.position in updates.returned]
    if codes:
        return f"the bank has returned it: {return_text(codes[0])}"
    return "another operator's order is under way: look again"


def _member(entry: SentEntry, record: ReversalRecord) -> Member:
    """Return the member whose entry debits what another one has credited."""
    key = PaymentKey.of(entry.item_id)
    words = f"REVERSAL OF {entry.trace} {record.order.reason.value.upper()}"
    return Member(*key, entry.money, "", entry.destination, words)
