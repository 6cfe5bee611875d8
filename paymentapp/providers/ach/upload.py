"""Upload: a file reaches the bank's folder once, though a bank knows no idempotency key.

Every step is a conditional write, so that of all processes one takes it. The one irreversible act
is the renaming to the name that the bank reads; `docs/decisions/0014-ach.md` argues why it is done
at most once for all crashes and interleavings.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from datetime import timedelta

from paymentapp.clock import Clock, to_text
from paymentapp.errors import OutcomeUnknown
from paymentapp.providers.ach.contents import Contents
from paymentapp.providers.ach.file_state import FilePlan, FileState, UploadProgress, UploadStep
from paymentapp.providers.ach.folders import Folder, FolderError, Session, not_sent
from paymentapp.providers.base import Accepted, NeedsReview

log = logging.getLogger(__name__)

UNCERTAIN = "UPLOAD_UNCERTAIN"


class Uploads:
    """Brings files into the bank's folder. Any number of processes may try with the same file."""

    def __init__(
        self,
        folder: Folder,
        notes: FileState,
        contents: Contents,
        attempt: timedelta,
        clock: Clock,
    ) -> None:
        """`attempt` is longer than an attempt can run."""
        self._folder = folder
        self._notes = notes
        self._contents = contents
        self._attempt = attempt
        self._clock = clock

    def deliver(self, file_id: str, plan: FilePlan) -> Accepted | NeedsReview:
        """See to it that the bank has the file. Raises NotSent, OutcomeUnknown, Misconfigured."""
        seen = self._notes.progress(file_id, self._clock())
        if seen.step is UploadStep.UPLOADED:
            return Accepted(plan.name)
        if seen.step is UploadStep.RENDERED:
            return self._try(file_id, plan, seen)
        if seen.step is UploadStep.DOUBTFUL or not self._is_under_way(seen):
            return self._find_out(file_id, plan, seen)
        if seen.step is UploadStep.DELIVERING and self._is_there(plan):
            return self._uploaded(file_id, plan)
        raise OutcomeUnknown("UPLOAD_UNDER_WAY", "another attempt has not ended yet")

    def _is_under_way(self, seen: UploadProgress) -> bool:
        return self._clock() - seen.since < self._attempt

    def _try(self, file_id: str, plan: FilePlan, seen: UploadProgress) -> Accepted | NeedsReview:
        """One attempt, from a file that is certainly not with the bank."""
        data = self._contents.open(plan)
        try:
            with self._folder.open() as session:
                found = session.sizes()
                if plan.name in found:
                    return self._found(file_id, plan, found[plan.name])
                ready = self._written(session, plan, seen, data, found)
                return self._delivered(session, file_id, plan, ready, data)
        except FolderError as error:
            raise not_sent(error) from None

    def _written(
        self,
        session: Session,
        plan: FilePlan,
        seen: UploadProgress,
        data: bytes,
        found: Mapping[str, int],
    ) -> UploadProgress:
        """The fence: whoever moves the note to `delivering` may deliver, once, by this attempt.

        Before that come the bytes, under a name that the bank does not read. What goes wrong until
        then did certainly nothing: the note goes back, and the error is told as it is.
        """
        number = seen.attempt + 1
        writing = self._moved(seen, UploadStep.WRITING, number)
        if not session.renames:
            return self._moved(writing, UploadStep.DELIVERING)
        part = part_name(plan.name, number)
        try:
            _tidy(session, plan, number, found)
            session.write(part, data)
            if session.sizes().get(part) != plan.size:
                raise FolderError("INCOMPLETE")
        except FolderError:
            with contextlib.suppress(FolderError):
                session.remove(part)
            self._notes.change(writing, writing.moved(UploadStep.RENDERED, self._clock()))
            raise
        try:
            return self._moved(writing, UploadStep.DELIVERING)
        except OutcomeUnknown:  # it took too long, and another process goes on
            with contextlib.suppress(FolderError):
                session.remove(part)
            raise

    def _delivered(
        self, session: Session, file_id: str, plan: FilePlan, ready: UploadProgress, data: bytes
    ) -> Accepted:
        """The act itself. Where it is not answered, whether it was done is found out later."""
        try:
            if session.renames:
                session.rename(part_name(plan.name, ready.attempt), plan.name)
            else:
                session.write(plan.name, data)
        except FolderError as error:
            if self._is_there(plan):
                return self._uploaded(file_id, plan)
            raise OutcomeUnknown(UNCERTAIN, error.code) from None
        self._verify(session, plan)
        return self._uploaded(file_id, plan)

    def _verify(self, session: Session, plan: FilePlan) -> None:
        """It was written whole and renamed, and both were answered; a bank that is quick has
        taken it away already. A size that is another by now is for a person to look into."""
        with contextlib.suppress(FolderError):
            size = session.sizes().get(plan.name, plan.size)
            if size != plan.size:
                log.error("file %s was uploaded, but is %d bytes long", plan.name, size)

    def _find_out(
        self, file_id: str, plan: FilePlan, seen: UploadProgress
    ) -> Accepted | NeedsReview:
        """What became of an attempt whose process is gone."""
        if seen.step is UploadStep.WRITING:  # it did not come to deliver, and now it never will
            return self._try(file_id, plan, self._moved(seen, UploadStep.RENDERED))
        try:
            with self._folder.open() as session:
                found = session.sizes()
                withdrawn = plan.name not in found and self._withdrawn(session, plan, seen, found)
                found = session.sizes()  # again: the attempt may have come first
                if withdrawn and plan.name not in found:
                    return self._try(file_id, plan, self._moved(seen, UploadStep.RENDERED))
        except FolderError as error:
            raise OutcomeUnknown(UNCERTAIN, error.code) from None
        if plan.name in found:
            return self._found(file_id, plan, found[plan.name])
        return self._doubtful(plan, seen, "the bank's folder has it under neither name")

    def _withdrawn(
        self, session: Session, plan: FilePlan, seen: UploadProgress, found: Mapping[str, int]
    ) -> bool:
        """Whether the attempt's own file is out of its reach: then nobody can give it the bank's
        name any more, not even a process or a request that was only slow. Renamed and not
        removed, so that it is seen by who comes after a crash."""
        part, withdrawn = part_name(plan.name, seen.attempt), _withdrawn_name(plan, seen.attempt)
        if withdrawn in found:
            return True
        if not session.renames or part not in found:
            return False
        try:
            session.rename(part, withdrawn)
        except FolderError as error:
            if error.missing:
                return False
            raise
        return True

    def _found(self, file_id: str, plan: FilePlan, size: int) -> Accepted | NeedsReview:
        if size == plan.size:
            return self._uploaded(file_id, plan)
        seen = self._notes.progress(file_id, self._clock())
        return self._doubtful(plan, seen, f"it is {size} bytes long instead of {plan.size}")

    def _uploaded(self, file_id: str, plan: FilePlan) -> Accepted:
        """The bank has it, whatever another process makes of the note meanwhile."""
        self._notes.uploaded(file_id, self._clock())
        log.info("file %s is uploaded, %d bytes", plan.name, plan.size)
        return Accepted(plan.name)

    def _doubtful(self, plan: FilePlan, seen: UploadProgress, why: str) -> NeedsReview:
        """Parked and not repeated: a bank takes files away as it reads them."""
        if seen.step is not UploadStep.DOUBTFUL:
            self._moved(seen, UploadStep.DOUBTFUL)
        since = to_text(seen.since)[:19]
        return NeedsReview(f"{UNCERTAIN}: {plan.name}, attempt {seen.attempt} at {since}: {why}")

    def _is_there(self, plan: FilePlan) -> bool:
        try:
            with self._folder.open() as session:
                size: int | None = session.sizes().get(plan.name)
                return size == plan.size
        except FolderError:
            return False

    def _moved(
        self, seen: UploadProgress, step: UploadStep, attempt: int | None = None
    ) -> UploadProgress:
        """The next step, taken by this process. Raises OutcomeUnknown where another took it."""
        moved = seen.moved(step, self._clock(), attempt)
        if not self._notes.change(seen, moved):
            raise OutcomeUnknown("UPLOAD_UNDER_WAY", "another process has the file in hand")
        return moved


def part_name(name: str, attempt: int) -> str:
    """What an attempt calls its file until it is whole: each attempt its own."""
    return f".{name}.{attempt}.part"


def _withdrawn_name(plan: FilePlan, attempt: int) -> str:
    return f".{plan.name}.{attempt}.withdrawn"


def _tidy(session: Session, plan: FilePlan, attempt: int, found: Mapping[str, int]) -> None:
    """Remove what earlier attempts have left: none of them can deliver any more."""
    for number in range(1, attempt):
        for name in (part_name(plan.name, number), _withdrawn_name(plan, number)):
            if name in found:
                session.remove(name)
