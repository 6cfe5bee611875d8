"""Prenotes: an account is asked about, by an entry of no money, before the first payment to it.

NACHA Operating Rules (2013), Subsection 2.6: an originator may send one, and then has to wait three
banking days before it sends money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import count

from paymentapp.clock import Clock
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.nacha import Purpose
from paymentapp.providers.ach.entry_news import words
from paymentapp.providers.ach.file_state import FilePlan, FileState, UploadStep
from paymentapp.providers.ach.files import Files
from paymentapp.providers.ach.prenote_state import Asked, PrenoteState, prenote_file
from paymentapp.providers.ach.schedule import CutoffSchedule
from paymentapp.providers.ach.settings import AchSettings
from paymentapp.providers.ach.upload import Uploads
from paymentapp.providers.base import Postponed, Refused

RETURNED = "PRENOTE_RETURNED"
WAITING = "PRENOTE_WAITING"
_ABANDONED = Refused("PRENOTE_ABANDONED")


class Prenotes:
    """Sends prenotes once, and knows when an account may be paid."""

    def __init__(
        self,
        settings: AchSettings,
        state: PrenoteState,
        files: Files,
        notes: FileState,
        uploads: Uploads,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._state = state
        self._files = files
        self._notes = notes
        self._uploads = uploads
        self._clock = clock
        self._timetable = CutoffSchedule(settings)

    def settled(self, batch_id: str, members: Sequence[Member]) -> Refused | Postponed | None:
        """None once every account of a batch may be paid; a refusal names those that may not.

        Sends what has to be asked, first; until the waiting time is over, the batch is postponed.
        """
        asked = self._all_asked(batch_id, members)
        if isinstance(asked, Refused):
            return asked
        returned = {n: each.returned for n, each in enumerate(asked) if each.returned}
        if returned:
            reasons = {n: f"{RETURNED}: {words(code or '')}" for n, code in returned.items()}
            return Refused(RETURNED, reasons)
        waits = now = self._clock()
        closed = {m: each for m, each in zip(members, asked, strict=True) if not each.open}
        for file_id in sorted({each.file_id for each in closed.values()}):
            claims = {m: each for m, each in closed.items() if each.file_id == file_id}
            plan = self._plan(batch_id, file_id, claims)
            if plan is None:
                return Postponed(WAITING, now + self._settings.attempt)
            # In doubt it counts as sent: it is no money, and it was written whole and is gone.
            self._uploads.deliver(file_id, plan)
            until = self._waited(file_id, plan)
            waits = max(waits, until)
            if until <= now:
                for each in claims.values():
                    self._state.may_be_paid(each)
        return Postponed(WAITING, self._timetable.next_departure(waits)) if waits > now else None

    def key(self, payment: Payment) -> str:
        """Payments that have to wait for a prenote keep no others waiting; those of which that
        cannot be told now neither."""
        try:
            return self._waits_for(payment.payee)
        except StoreUnavailable:
            return "unknown"

    def _waits_for(self, destination: str) -> str:
        """Payments to accounts of which nobody has asked, or not long enough ago, hold up none
        but each other: those that wait for the same file go together."""
        asked = self._state.find(destination)
        if asked is None:
            return "new"
        if asked.open:
            return ""
        plan = self._notes.made(asked.file_id)
        if not isinstance(plan, FilePlan):
            return asked.file_id
        return asked.file_id if self._waited(asked.file_id, plan) > self._clock() else ""

    def _all_asked(self, batch_id: str, members: Sequence[Member]) -> list[Asked] | Refused:
        """What is known of every account; the others are claimed for the batch's own file. Where
        the format cannot carry a member, nobody is asked about."""
        known = [self._state.find(member.destination or "") for member in members]
        if None not in known:
            return [each for each in known if each]
        refused = self._files.refusal(members)
        if refused is not None:
            return refused
        own, now = self._own_file(batch_id), self._clock()
        return [
            each or self._state.ask(member.destination or "", own, now)
            for each, member in zip(known, members, strict=True)
        ]

    def _own_file(self, batch_id: str) -> str:
        """The id of the batch's next file of prenotes."""
        for number in count():
            file_id = prenote_file(batch_id, number)
            if self._notes.made(file_id) is None:
                return file_id
        raise AssertionError("numbers do not end")

    def _plan(self, batch_id: str, file_id: str, claims: Mapping[Member, Asked]) -> FilePlan | None:
        """The file in which all these accounts are asked about; None where that is not certain.

        Where another batch has claimed accounts and never came to make its file, it never will, by
        a conditional write. Accounts that are in no file can be claimed again.
        """
        plan = self._notes.made(file_id)
        if plan is None and file_id.startswith(f"{batch_id}."):
            unique = {member.destination: _unpaid(member) for member in claims}
            made = self._files.make(file_id, list(unique.values()), Purpose.PRENOTE)
            plan = self._notes.decide(file_id, made)
        if plan is None:
            latest = max(each.at for each in claims.values())
            if self._clock() - latest < self._settings.attempt:
                return None
            plan = self._notes.decide(file_id, _ABANDONED)
        held = self._files.destinations(plan) if isinstance(plan, FilePlan) else set()
        lost = [each for each in claims.values() if each.destination not in held]
        for each in lost:
            self._state.free(each)
        return plan if isinstance(plan, FilePlan) and not lost else None

    def _waited(self, file_id: str, plan: FilePlan) -> datetime:
        """When the waiting time is over; where the file has not left, it has not begun."""
        progress = self._notes.progress(file_id, self._clock())
        left = progress.step in {UploadStep.UPLOADED, UploadStep.DOUBTFUL}
        since = progress.since if left else self._clock()
        return self._timetable.waited_until(plan.effective, since, self._settings.prenote_days)


def _unpaid(member: Member) -> Member:
    return member._replace(money=Money(Decimal(0), member.money.currency))
