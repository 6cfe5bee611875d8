"""What is to be said of the entries of a file, by what is on record of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from paymentapp.clock import Clock
from paymentapp.errors import NotSent
from paymentapp.models.payments import Status
from paymentapp.providers.ach.entry_news import EntryNewsState, News, words
from paymentapp.providers.ach.file_state import FilePlan, FileState, UploadProgress, UploadStep
from paymentapp.providers.ach.schedule import CutoffSchedule
from paymentapp.providers.ach.trace_numbers import Target, Traces
from paymentapp.providers.base import ItemReport

ACKNOWLEDGED = "ACKNOWLEDGED"
SETTLED = "SETTLED"


class Reports:
    """Tells how entries stand. A bank says nothing of a credit that has arrived: it has, where the
    time is over in which it would have come back."""

    def __init__(
        self,
        notes: FileState,
        news: EntryNewsState,
        traces: Traces,
        timetable: CutoffSchedule,
        clock: Clock,
    ) -> None:
        self._notes = notes
        self._news = news
        self._traces = traces
        self._timetable = timetable
        self._clock = clock

    def of_batch(self, batch_id: str, by_word: datetime | None = None) -> list[ItemReport]:
        """How each entry of a batch's file stands; `by_word` is since when the bank has the file
        by a person's word. Raises NotSent where there is no file, or the bank cannot have it."""
        plan = self._notes.made(batch_id)
        if not isinstance(plan, FilePlan):
            raise NotSent("NO_SUCH_FILE", "no file was made for the batch")
        progress = self._notes.progress(batch_id, self._clock())
        if by_word is not None and progress.step is not UploadStep.UPLOADED:
            progress = replace(progress, step=UploadStep.UPLOADED, since=by_word)
        if progress.step in {UploadStep.RENDERED, UploadStep.WRITING}:
            raise NotSent("NOT_UPLOADED", "the file has not left")
        return list(self._reports(batch_id, plan, progress))

    def of_entry(self, trace: str) -> ItemReport:
        """How one entry stands, by its trace number. Raises NotSent where it is none of ours."""
        target = self._traces.find(trace)
        if target is None:
            raise NotSent("NO_SUCH_ENTRY", "no entry has this trace number")
        reports = {each.provider_item_id: each for each in self.of_batch(target.batch_id)}
        if trace not in reports:
            raise NotSent("NO_SUCH_ENTRY", "the number was given out and never used")
        return reports[trace]

    def _reports(
        self, batch_id: str, plan: FilePlan, progress: UploadProgress
    ) -> Iterator[ItemReport]:
        now = self._clock()
        news = self._news.of(batch_id)
        for target in self._traces.targets(plan.blocks):
            if target.batch_id == batch_id:
                yield self._report(target, plan, progress, news, now)

    def _report(
        self, target: Target, plan: FilePlan, progress: UploadProgress, news: News, now: datetime
    ) -> ItemReport:
        status, raw, reason = Status.SUBMITTED, progress.step.upper(), None
        effective = plan.effective_date(target.position)
        uploaded = progress.step is UploadStep.UPLOADED
        over = self._timetable.settled_at(effective, plan.cutoff, progress.since)
        if target.position in news.returned:
            code = news.returned[target.position]
            status, raw, reason = Status.RETURNED, code, words(code)
        elif uploaded and now >= over:
            status, raw = Status.SUCCEEDED, SETTLED
        elif target.position in news.acknowledged:
            raw = ACKNOWLEDGED
        return ItemReport(
            item_id=target.item_id,
            status=status,
            raw_status=raw,
            provider_item_id=target.trace,
            transaction_id=target.trace if status is Status.SUCCEEDED else None,
            reason=reason,
            money=target.money,
            receiver=target.destination,
        )
