"""Prenotes: an entry of zero dollars tests an account before the first payment to it.

NACHA Operating Rules (2013), Subsection 2.6: an originator may send one, and must then wait three
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
from paymentapp.providers.ach.entry_updates import return_text
from paymentapp.providers.ach.file_state import FilePlan, FileState, UploadStep
from paymentapp.providers.ach.files import Files
from paymentapp.providers.ach.prenote_state import PrenoteRecord, PrenoteState, prenote_file
from paymentapp.providers.ach.schedule import CutoffSchedule
from paymentapp.providers.ach.settings import AchSettings
from paymentapp.providers.ach.upload import Uploads
from paymentapp.providers.base import Postponed, Refused

RETURNED = "PRENOTE_RETURNED"
WAITING = "PRENOTE_WAITING"
_ABANDONED = Refused("PRENOTE_ABANDONED")


class Prenotes:
    """Sends prenotes, once for each account, and decides when an account may be paid."""

    def __init__(
        self,
        settings: AchSettings,
        state: PrenoteState,
        files: Files,
        file_state: FileState,
        uploads: Uploads,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._state = state
        self._files = files
        self._file_state = file_state
        self._uploads = uploads
        self._clock = clock
        self._schedule = CutoffSchedule(settings)

    def settled(self, batch_id: str, members: Sequence[Member]) -> Refused | Postponed | None:
        """Return None if every account of a batch may be paid.

        Sends the prenotes that are missing, and postpones the batch until the waiting time is over.
        A refusal names the members whose prenote was returned.
        """
        prenotes = self._claimed(batch_id, members)
        if isinstance(prenotes, Refused):
            return prenotes
        returned = {n: each.returned for n, each in enumerate(prenotes) if each.returned}
        if returned:
            reasons = {n: f"{RETURNED}: {return_text(code or '')}" for n, code in returned.items()}
            return Refused(RETURNED, reasons)
        waits = now = self._clock()
        closed = {m: each for m, each in zip(members, prenotes, strict=True) if not each.open}
        for file_id in sorted({each.file_id for each in closed.values()}):
            claims = {m: each for m, each in closed.items() if each.file_id == file_id}
            plan = self._plan(batch_id, file_id, claims)
            if plan is None:
                return Postponed(WAITING, now + self._settings.attempt)
            # In doubt it counts as sent: it moves no money, and it was written whole.
            self._uploads.deliver(file_id, plan)
            until = self._waited(file_id, plan)
            waits = max(waits, until)
            if until <= now:
                for each in claims.values():
                    self._state.may_be_paid(each)
        return Postponed(WAITING, self._schedule.next_departure(waits)) if waits > now else None

    def key(self, payment: Payment) -> str:
        """Return the batch key: payments that wait for a prenote are in batches of their own."""
        try:
            return self._waits_for(payment.payee)
        except StoreUnavailable:
            return "unknown"

    def _waits_for(self, destination: str) -> str:
        """Return the file of prenotes for which payments to an account wait; "" if for none.

        Those that wait for the same file go together.
        """
        prenote = self._state.find(destination)
        if prenote is None:
            return "new"
        if prenote.open:
            return ""
        plan = self._file_state.decision(prenote.file_id)
        if not isinstance(plan, FilePlan):
            return prenote.file_id
        return prenote.file_id if self._waited(prenote.file_id, plan) > self._clock() else ""

    def _claimed(self, batch_id: str, members: Sequence[Member]) -> list[PrenoteRecord] | Refused:
        """Return the prenote of every account; missing ones are claimed for the batch's own file.

        Nothing is claimed where the format cannot hold a member.
        """
        known = [self._state.find(member.destination or "") for member in members]
        if None not in known:
            return [each for each in known if each]
        refused = self._files.refusal(members)
        if refused is not None:
            return refused
        own, now = self._own_file(batch_id), self._clock()
        return [
            each or self._state.claim(member.destination or "", own, now)
            for each, member in zip(known, members, strict=True)
        ]

    def _own_file(self, batch_id: str) -> str:
        """Return the id of the batch's next file of prenotes that is not made yet."""
        for number in count():
            file_id = prenote_file(batch_id, number)
            if self._file_state.decision(file_id) is None:
                return file_id
        raise AssertionError("numbers do not end")

    def _plan(
        self, batch_id: str, file_id: str, claims: Mapping[Member, PrenoteRecord]
    ) -> FilePlan | None:
        """Return the file that has the prenotes of all these accounts; None where none has yet.

        Where another batch has claimed accounts and made no file in time, a conditional write keeps
        it from making one. Claims on accounts that are in no file are given up.
        """
        plan = self._file_state.decision(file_id)
        if plan is None and file_id.startswith(f"{batch_id}."):
            unique = {member.destination: _unpaid(member) for member in claims}
            made = self._files.make(file_id, list(unique.values()), Purpose.PRENOTE)
            plan = self._file_state.decide(file_id, made)
        if plan is None:
            latest = max(each.at for each in claims.values())
            if self._clock() - latest < self._settings.attempt:
                return None
            plan = self._file_state.decide(file_id, _ABANDONED)
        held = self._files.destinations(plan) if isinstance(plan, FilePlan) else set()
        lost = [each for each in claims.values() if each.destination not in held]
        for each in lost:
            self._state.free(each)
        return plan if isinstance(plan, FilePlan) and not lost else None

    def _waited(self, file_id: str, plan: FilePlan) -> datetime:
        """Return when the waiting time is over; it begins when the file is uploaded."""
        progress = self._file_state.progress(file_id, self._clock())
        left = progress.step in {UploadStep.UPLOADED, UploadStep.DOUBTFUL}
        since = progress.since if left else self._clock()
        return self._schedule.waited_until(plan.effective, since, self._settings.prenote_days)


def _unpaid(member: Member) -> Member:
    return member._replace(money=Money(Decimal(0), member.money.currency))
