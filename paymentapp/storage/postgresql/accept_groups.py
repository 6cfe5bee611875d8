"""Group acceptance: the requests of a process that wait are accepted together.

A request that finds nobody at work is at work at once, alone. Those that arrive meanwhile wait, and
one of them leads the next group: it reads, decides and writes for all. So a group is as large as
the load makes it, and a lone request waits for nobody.

No failure is shared. Who leads only saves the others their calls, and a request that its group
has not served makes its own. A group that takes long, since a key of it is locked, holds up nobody
who is not in it: another one works beside it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from paymentapp.errors import StoreUnavailable
from paymentapp.storage.accepting import AcceptRequest, Attempt, Decide, PaymentContext
from paymentapp.storage.changes import Acceptance, AcceptResult
from paymentapp.storage.per_process import PerProcess
from paymentapp.storage.postgresql import connections
from paymentapp.storage.postgresql.accept_many import PostgreSQLAcceptMany
from paymentapp.storage.postgresql.failures import failed

log = logging.getLogger(__name__)

_LONG_SECONDS = 0.1  # of a group; then another one may work beside it
_GROUP_SECONDS = 3.0  # that a group waits for a lock on one of its keys; then each goes on alone
_GROUP_MAX = 64  # requests, so that the first does not wait for too many


class WaitingRequest:
    """A request of one thread, and what its group has read, decided and stored for it."""

    __slots__ = (
        *("_woken", "acceptance", "context", "deadline", "error", "failure", "is_stored"),
        *("leads", "request"),
    )

    def __init__(self, request: AcceptRequest) -> None:
        self.request = request
        self.deadline = time.monotonic() + connections.CALL_SECONDS  # after it nobody waits
        self.leads = False
        self.context: PaymentContext | None = None
        self.acceptance: Acceptance | None = None
        self.error: Exception | None = None  # of `decide`
        self.failure: StoreUnavailable | None = None  # of the group's calls
        self.is_stored = False
        self._woken = threading.Lock()  # held until the thread may go on; cheaper than an Event
        self._woken.acquire()

    @property
    def is_late(self) -> bool:
        """Return whether its time is over."""
        return time.monotonic() >= self.deadline

    def wake(self) -> None:
        """Have the thread go on: its group is done, or it leads the next one."""
        self._woken.release()

    def sleep(self) -> bool:
        """Wait for `wake`, or for a while; return whether it was called."""
        return self._woken.acquire(timeout=_LONG_SECONDS)

    def decide(self, context: PaymentContext) -> None:
        """Decide with what was read, unless nobody waits any more."""
        if self.is_late:
            return
        self.context = context
        try:
            self.acceptance = self.request.decide(context)
        except Exception as error:  # raised in the thread whose request it is
            self.error = error


class AcceptanceGroups:
    """Forms groups of the requests of one process; `serve` accepts what it can of a group."""

    def __init__(self, serve: Callable[[Sequence[WaitingRequest]], None]) -> None:
        self._serve = serve
        self._lock = threading.Lock()
        self._begun: dict[WaitingRequest, float] = {}  # by who leads, in time.monotonic()
        self._waiting: deque[WaitingRequest] = deque()

    def run(self, job: WaitingRequest) -> None:
        """Return when the request's group is done.

        Raises StoreUnavailable where it is not done in time: the payment may be stored.
        """
        with self._lock:
            self._waiting.append(job)
            self._appoint(job)
        while not job.leads and not job.sleep():
            with self._lock:
                self._look_again(job)
        if job.leads:
            self._lead(job)

    def close(self) -> None:
        """Do nothing: all who wait are answered."""

    def _appoint(self, job: WaitingRequest) -> bool:
        """Let a request that waits lead, unless another one has begun to do so just now."""
        latest = time.monotonic() - _LONG_SECONDS
        if any(begun > latest for begun in self._begun.values()):
            return False
        self._waiting.remove(job)
        self._begun[job] = time.monotonic()
        job.leads = True
        return True

    def _look_again(self, job: WaitingRequest) -> None:
        """Lead if the groups at work take long. Raises StoreUnavailable if the time is over."""
        waits = job in self._waiting
        if job.leads or (waits and self._appoint(job)):
            return
        if job.is_late:
            if waits:
                self._waiting.remove(job)
            raise failed("busy")

    def _lead(self, job: WaitingRequest) -> None:
        """Serve a group of all who wait, then let the next one lead."""
        group = [job]
        try:
            with self._lock:
                while self._waiting and len(group) < _GROUP_MAX:
                    group.append(self._waiting.popleft())
            self._serve(group)
        finally:  # whatever has happened, nobody waits in vain
            self._pass_on(job)
            for each in group[1:]:
                each.wake()

    def _pass_on(self, job: WaitingRequest) -> None:
        with self._lock:
            del self._begun[job]
            successor = self._waiting[0] if self._waiting else None
            if successor is not None and self._appoint(successor):
                successor.wake()


class PostgreSQLAcceptGroups(PostgreSQLAcceptMany):
    """The acceptance of payments by requests that arrive at the same time."""

    _groups: PerProcess[AcceptanceGroups]

    def accept_at_once(
        self, customer_id: str, key_hashes: Sequence[str], decide: Decide
    ) -> Attempt:
        """Implement `Store.accept_at_once`.

        No connection is held while Python decides, so that what was read may have changed: the
        statement that writes tells. What a group has decided and not confirmed, since another
        request has the key or the id, since more than the payment is to be written, or since the
        answer was lost, is accepted by itself: `accept` recognises what is stored already.
        """
        job = WaitingRequest(AcceptRequest(customer_id, key_hashes, decide))
        self._groups().run(job)
        if job.error is not None:
            raise job.error
        if job.failure is not None and job.is_late:
            raise job.failure
        context = job.context or self.read_for_payment(customer_id, key_hashes)
        wanted = job.acceptance
        if wanted is None:
            return Attempt(context)
        is_stored = job.is_stored
        result = AcceptResult(wanted.payment, wanted.record) if is_stored else self.accept(wanted)
        return Attempt(context, wanted, result)

    def _serve_group(self, group: Sequence[WaitingRequest]) -> None:
        """Read, decide and write for a group, which may be of one."""
        try:
            contexts = self._contexts([each.request for each in group])
            for each, context in zip(group, contexts, strict=True):
                each.decide(context)
            wanted = {
                number: each.acceptance
                for number, each in enumerate(group)
                if each.acceptance is not None and each.acceptance.is_alone
            }
            for number in self._accept_all(wanted, _GROUP_SECONDS):
                group[number].is_stored = True
        except StoreUnavailable as error:
            for each in group:
                each.failure = error
        except (
            Exception
        ):  # whose payment it is gets the error again; the leader's may be a fine one
            log.exception("payments are accepted one by one, since they could not be together")
