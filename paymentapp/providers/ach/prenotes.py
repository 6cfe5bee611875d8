"""Prenotes: an account is asked about, by an entry of no money, before the first payment to it.

NACHA Operating Rules (2013), Subsection 2.6: an originator may send one, and then has to wait three
banking days before it sends money. What is known of an account is noted by its destination.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import NamedTuple, Protocol

from paymentapp.clock import Clock, from_text, to_text
from paymentapp.errors import StoreUnavailable
from paymentapp.models import Member, Money, Payment, new_revision
from paymentapp.nacha import Purpose
from paymentapp.notes import Note
from paymentapp.providers.ach.news import words
from paymentapp.providers.ach.notes import FileNotes, FilePlan, Step
from paymentapp.providers.ach.settings import AchSettings
from paymentapp.providers.ach.timetable import Timetable
from paymentapp.providers.ach.upload import Uploads
from paymentapp.providers.base import Notebook, Postponed, Refused

RETURNED = "PRENOTE_RETURNED"
WAITING = "PRENOTE_WAITING"
_SUFFIX = ".pre"
_ABANDONED = Refused("PRENOTE_ABANDONED")


class FileMaker(Protocol):
    """What makes a file for members, once: see `files`."""

    def made(
        self, file_id: str, members: Sequence[Member], purpose: Purpose = Purpose.LIVE
    ) -> FilePlan | Refused: ...

    def destinations(self, plan: FilePlan) -> set[str]: ...


class _Asked(NamedTuple):
    """An account that was asked about: in which file, since when, and what came back."""

    note: Note
    file_id: str
    destination: str  # as it was sealed then
    at: datetime
    returned: str | None
    open: bool  # it was, long enough ago


def is_prenote(file_id: str) -> bool:
    """Whether a file has prenotes in it, and no payments."""
    return file_id.endswith(_SUFFIX)


def keep_prenote(notebook: Notebook, old: str, new: str) -> None:
    """The same account is sealed anew: what is known of it, now or later, is known of both."""
    name, note = _known(notebook, old)
    if note is not None:
        notebook.add_note(Note(_name(new), json.dumps({"as": name}), new_revision()))


def _known(notebook: Notebook, destination: str) -> tuple[str, Note | None]:
    """Where an account is noted, and what; under the name of how it was sealed first."""
    name = _name(destination)
    note = notebook.get_note(name)
    alias = json.loads(note.text).get("as") if note else None
    return (alias, notebook.get_note(alias)) if alias else (name, note)


class Prenotes:
    """Sends prenotes once, and knows when an account may be paid."""

    def __init__(
        self,
        notebook: Notebook,
        settings: AchSettings,
        files: FileMaker,
        notes: FileNotes,
        uploads: Uploads,
        clock: Clock,
    ) -> None:
        self._notebook = notebook
        self._settings = settings
        self._files = files
        self._notes = notes
        self._uploads = uploads
        self._clock = clock
        self._timetable = Timetable(settings)

    def settled(self, batch_id: str, members: Sequence[Member]) -> Refused | Postponed | None:
        """None once every account of a batch may be paid; a refusal names those that may not.

        Sends what has to be asked, first; until the waiting time is over, the batch is postponed.
        """
        own = self._own_file(batch_id)
        asked = [self._asked(own, member.destination or "") for member in members]
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
                self._open(claims.values())
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
        _, note = _known(self._notebook, destination)
        record = json.loads(note.text) if note else {}
        if not record or record.get("open"):
            return "" if record else "new"
        file_id = str(record["file"])
        plan = self._notes.made(file_id)
        if not isinstance(plan, FilePlan):
            return file_id
        return file_id if self._waited(file_id, plan) > self._clock() else ""

    def returned(self, destination: str, code: str) -> None:
        """There is no such account, or it is not to be paid: the first reason counts."""
        while True:
            _, note = _known(self._notebook, destination)
            if note is None:
                return
            record = json.loads(note.text)
            if not record or "returned" in record:
                return
            if self._notebook.change_note(
                note, note.changed(json.dumps({**record, "returned": code}))
            ):
                return

    def _open(self, claims: Iterable[_Asked]) -> None:
        """From now on one note tells that an account may be paid, when its file is forgotten too.
        Where this is not written, the next payment finds out again."""
        for each in claims:
            record = json.loads(each.note.text) | {"open": True}
            self._notebook.change_note(each.note, each.note.changed(json.dumps(record)))

    def _own_file(self, batch_id: str) -> str:
        """The id of the next file of prenotes of a batch: a file that was made takes no more."""
        for number in count():
            file_id = f"{batch_id}.{number}{_SUFFIX}"
            if self._notes.made(file_id) is None:
                return file_id
        raise AssertionError("numbers do not end")

    def _plan(
        self, batch_id: str, file_id: str, claims: Mapping[Member, _Asked]
    ) -> FilePlan | None:
        """The file in which all these accounts are asked about; None where that is not certain.

        Where another batch has claimed accounts and never came to make its file, it never will, by
        a conditional write. Accounts that are in no file can be claimed again.
        """
        plan = self._notes.made(file_id)
        if plan is None and file_id.startswith(f"{batch_id}."):
            unique = {member.destination: _unpaid(member) for member in claims}
            plan = self._files.made(file_id, list(unique.values()), Purpose.PRENOTE)
        if plan is None:
            latest = max(each.at for each in claims.values())
            if self._clock() - latest < self._settings.attempt:
                return None
            plan = self._notes.decide(file_id, _ABANDONED)
        held = self._files.destinations(plan) if isinstance(plan, FilePlan) else set()
        lost = [each.note for each in claims.values() if each.destination not in held]
        for note in lost:
            self._notebook.change_note(note, note.changed("{}"))
        return plan if isinstance(plan, FilePlan) and not lost else None

    def _waited(self, file_id: str, plan: FilePlan) -> datetime:
        """When the waiting time is over; where the file has not left, it has not begun."""
        progress = self._notes.progress(file_id, self._clock())
        left = progress.step in {Step.UPLOADED, Step.DOUBTFUL}
        since = progress.since if left else self._clock()
        return self._timetable.waited_until(plan.effective, since, self._settings.prenote_days)

    def _asked(self, own: str, destination: str) -> _Asked:
        """What is known of an account; if nothing, it is asked about in the batch's own file."""
        at = to_text(self._clock())
        claim = json.dumps({"file": own, "destination": destination, "at": at})
        while True:
            name, note = _known(self._notebook, destination)
            note = note or self._notebook.add_note(Note(name, claim, new_revision()))
            record = json.loads(note.text)
            if record:
                return _Asked(
                    note,
                    record["file"],
                    record["destination"],
                    from_text(record["at"]),
                    record.get("returned"),
                    record.get("open", False),
                )
            self._notebook.change_note(note, note.changed(claim))


def _unpaid(member: Member) -> Member:
    return member._replace(money=Money(Decimal(0), member.money.currency))


def _name(destination: str) -> str:
    return f"ach/prenote/{hashlib.sha256(destination.encode()).hexdigest()[:40]}"
