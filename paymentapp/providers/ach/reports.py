"""Reports on the entries of a file, from its stored state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from paymentapp.clock import EPOCH, Clock
from paymentapp.errors import NotSent
from paymentapp.models.payments import Status
from paymentapp.providers.ach.entry_updates import EntryUpdates, EntryUpdateState, return_text
from paymentapp.providers.ach.file_state import FilePlan, FileState, UploadProgress, UploadStep
from paymentapp.providers.ach.schedule import CutoffSchedule
from paymentapp.providers.ach.trace_numbers import SentEntry, Traces
from paymentapp.providers.bank_mail.incoming_state import IncomingState
from paymentapp.providers.updates import ItemReport

ACKNOWLEDGED = "ACKNOWLEDGED"
SETTLED = "SETTLED"
REVERSAL_ORDERED = "REVERSAL_ORDERED"  # it was paid, and is being taken back
REVERSAL_RETURNED = "REVERSAL_RETURNED"  # it was paid, and could not be taken back


class Reports:
    """Reports the status of entries.

    A bank does not report that a credit has arrived. An entry has succeeded when the time is over
    in which it would have been returned, and the whole incoming folder has been read since: while a
    file lies there unread, or nobody could look, its return may be in there.
    """

    def __init__(
        self,
        file_state: FileState,
        updates: EntryUpdateState,
        incoming: IncomingState,
        traces: Traces,
        schedule: CutoffSchedule,
        clock: Clock,
    ) -> None:
        self._file_state = file_state
        self._updates = updates
        self._incoming = incoming
        self._traces = traces
        self._schedule = schedule
        self._clock = clock

    def of_batch(self, batch_id: str, confirmed_at: datetime | None = None) -> list[ItemReport]:
        """Report on each entry of a batch's file.

        `confirmed_at` is when an operator recorded that the bank has the file. Raises NotSent where
        there is no file, or the bank cannot have it.
        """
        plan = self._file_state.decision(batch_id)
        if not isinstance(plan, FilePlan):
            raise NotSent("NO_SUCH_FILE", "no file was made for the batch")
        progress = self._file_state.progress(batch_id, self._clock())
        if confirmed_at is not None and progress.step is not UploadStep.UPLOADED:
            # Stored as well: a return without our trace number is matched to uploaded files first.
            self._file_state.uploaded(batch_id, confirmed_at)
            progress = replace(progress, step=UploadStep.UPLOADED, since=confirmed_at)
        if progress.step in {UploadStep.RENDERED, UploadStep.WRITING}:
            raise NotSent("NOT_UPLOADED", "the file is not uploaded yet")
        return list(self._reports(batch_id, plan, progress))

    def of_entry(self, trace: str) -> ItemReport:
        """Report on the entry of a trace number. Raises NotSent where it is none of ours."""
        entry = self._traces.find(trace)
        if entry is None:
            raise NotSent("NO_SUCH_ENTRY", "no entry has this trace number")
        reports = {each.provider_item_id: each for each in self.of_batch(entry.batch_id)}
        if trace not in reports:
            raise NotSent("NO_SUCH_ENTRY", "the trace number was reserved and never used")
        return reports[trace]

    def _reports(
        self, batch_id: str, plan: FilePlan, progress: UploadProgress
    ) -> Iterator[ItemReport]:
        # In this order: every return in what had been read by then is in the updates.
        known_until = min(self._clock(), self._incoming.read_at() or EPOCH)
        updates = self._updates.of_file(batch_id)
        for entry in self._traces.entries(plan.blocks):
            if entry.batch_id == batch_id:
                yield self._report(entry, plan, progress, updates, known_until)

    def _report(
        self,
        entry: SentEntry,
        plan: FilePlan,
        progress: UploadProgress,
        updates: EntryUpdates,
        known_until: datetime,
    ) -> ItemReport:
        """Report on an entry; returns are known that came before `known_until`."""
        status, raw, reason = Status.SUBMITTED, progress.step.upper(), None
        effective = plan.effective_date(entry.position)
        uploaded = progress.step is UploadStep.UPLOADED
        settled_at = self._schedule.settled_at(effective, plan.cutoff, progress.since)
        if entry.position in updates.returned:
            code = updates.returned[entry.position]
            status, raw, reason = Status.RETURNED, code, return_text(code)
        elif entry.position in updates.confirmed or (uploaded and known_until >= settled_at):
            status, raw = Status.SUCCEEDED, SETTLED
        elif entry.position in updates.acknowledged:
            raw = ACKNOWLEDGED
        attempts = updates.reversals.get(entry.position)
        if attempts and status is not Status.RETURNED:
            raw = REVERSAL_RETURNED if attempts[-1].returned else REVERSAL_ORDERED
        return ItemReport(
            item_id=entry.item_id,
            status=status,
            raw_status=raw,
            provider_item_id=entry.trace,
            transaction_id=entry.trace if status is Status.SUCCEEDED else None,
            reason=reason,
            money=entry.money,
            receiver=entry.destination,
        )
