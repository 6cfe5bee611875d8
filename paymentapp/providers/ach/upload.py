"""Uploads a file to the bank's folder at most once, though a bank knows no idempotency key.

Each step is a conditional write, so that only one process takes it. The one irreversible operation
is the rename to the name that the bank reads; `docs/decisions/0014-ach.md` argues why it is done
at most once whatever crashes and interleaves.
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
from paymentapp.providers.bank_mail.folders import Folder, FolderError, Session, not_sent
from paymentapp.providers.base import Accepted, NeedsReview

log = logging.getLogger(__name__)

UNCERTAIN = "UPLOAD_UNCERTAIN"


class Uploads:
    """Uploads files. Any number of processes may try to upload the same file."""

    def __init__(
        self,
        folder: Folder,
        file_state: FileState,
        contents: Contents,
        attempt: timedelta,
        clock: Clock,
    ) -> None:
        """`attempt` is the time after which an attempt has certainly ended."""
        self._folder = folder
        self._file_state = file_state
        self._contents = contents
        self._attempt = attempt
        self._clock = clock

    def deliver(self, file_id: str, plan: FilePlan) -> Accepted | NeedsReview:
        """Upload the file unless it is. Raises NotSent, OutcomeUnknown, Misconfigured."""
        seen = self._file_state.progress(file_id, self._clock())
        if seen.step is UploadStep.UPLOADED:
            return Accepted(plan.name)
        if seen.step is UploadStep.RENDERED:
            return self._try(file_id, plan, seen)
        if seen.step is UploadStep.DOUBTFUL or not self._is_recent(seen):
            return self._resolve(file_id, plan, seen)
        if seen.step is UploadStep.DELIVERING and self._is_there(plan):
            return self._uploaded(file_id, plan)
        raise OutcomeUnknown("UPLOAD_UNDER_WAY", "another attempt may still be running")

    def _is_recent(self, seen: UploadProgress) -> bool:
        return self._clock() - seen.since < self._attempt

    def _try(self, file_id: str, plan: FilePlan, seen: UploadProgress) -> Accepted | NeedsReview:
        """Make one attempt with a file that the bank certainly does not have."""
        data = self._contents.decode(plan)
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
        """Write the bytes, then take the step `delivering`: the fence that one attempt passes.

        The bytes are under a name that the bank does not read. An error before the fence has
        certainly done nothing: the step is taken back, and the error raised as it is.
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
            self._file_state.change(writing, writing.moved(UploadStep.RENDERED, self._clock()))
            raise
        try:
            return self._moved(writing, UploadStep.DELIVERING)
        except OutcomeUnknown:  # it took too long, and another process has taken over
            with contextlib.suppress(FolderError):
                session.remove(part)
            raise

    def _delivered(
        self, session: Session, file_id: str, plan: FilePlan, ready: UploadProgress, data: bytes
    ) -> Accepted:
        """Rename, which is irreversible. If it is not answered, a later attempt finds out."""
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
        """Log an error if the uploaded file has another size; it may be gone already."""
        with contextlib.suppress(FolderError):
            size = session.sizes().get(plan.name, plan.size)
            if size != plan.size:
                log.error(
                    "file %s uploaded with %d bytes instead of %d: ask the bank for its size",
                    *(plan.name, size, plan.size),
                )

    def _resolve(
        self, file_id: str, plan: FilePlan, seen: UploadProgress
    ) -> Accepted | NeedsReview:
        """Find out what became of an attempt that has ended without an outcome."""
        if seen.step is UploadStep.WRITING:  # it did not pass the fence, and now it cannot
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
        return self._doubtful(plan, seen, "it is not in the bank's folder, under neither name")

    def _withdrawn(
        self, session: Session, plan: FilePlan, seen: UploadProgress, found: Mapping[str, int]
    ) -> bool:
        """Rename the attempt's own file, so that the attempt cannot deliver it any more.

        Not even a slow process or request can. Returns False where the file is not there. It is
        renamed and not removed, so that it is found after a crash.
        """
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
        seen = self._file_state.progress(file_id, self._clock())
        return self._doubtful(plan, seen, f"it has {size} bytes instead of {plan.size}")

    def _uploaded(self, file_id: str, plan: FilePlan) -> Accepted:
        """Record that the bank has the file, whatever step another process writes meanwhile."""
        self._file_state.uploaded(file_id, self._clock())
        log.info("file %s uploaded, %d bytes", plan.name, plan.size)
        return Accepted(plan.name)

    def _doubtful(self, plan: FilePlan, seen: UploadProgress, why: str) -> NeedsReview:
        """Leave the file to an operator: a bank takes files away as it reads them."""
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
        """Take the next step. Raises OutcomeUnknown where another process took it."""
        moved = seen.moved(step, self._clock(), attempt)
        if not self._file_state.change(seen, moved):
            raise OutcomeUnknown("UPLOAD_UNDER_WAY", "another process has taken over the file")
        return moved


def part_name(name: str, attempt: int) -> str:
    """Return the name of an attempt's own file, before it is delivered."""
    return f".{name}.{attempt}.part"


def _withdrawn_name(plan: FilePlan, attempt: int) -> str:
    return f".{plan.name}.{attempt}.withdrawn"


def _tidy(session: Session, plan: FilePlan, attempt: int, found: Mapping[str, int]) -> None:
    """Remove the files of earlier attempts, which cannot deliver any more."""
    for number in range(1, attempt):
        for name in (part_name(plan.name, number), _withdrawn_name(plan, number)):
            if name in found:
                session.remove(name)
