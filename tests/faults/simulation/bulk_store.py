"""The part of the simulated store that has bulk runs, and accepts many payments at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from paymentapp.errors import PaymentAppError
from paymentapp.models.bulk import BulkKey, BulkRow, BulkRun, RowOutcome
from paymentapp.models.customers import Customer
from paymentapp.models.duplicates import DuplicateFound
from paymentapp.models.events import Event
from paymentapp.models.limits import LimitReached
from paymentapp.models.payments import Payment, PaymentKey
from paymentapp.storage.accepting import AcceptRequest, PaymentContext
from paymentapp.storage.changes import Acceptance, AcceptResult
from tests.faults.simulation.scheduler import current_task
from tests.faults.simulation.tables import is_own
from tests.faults.simulation.trace import Subject

if TYPE_CHECKING:
    from tests.faults.simulation.clients import Intent
    from tests.faults.simulation.tables import Tables
    from tests.faults.simulation.world import World

Result = TypeVar("Result")


class SimulatedBulk:
    """Runs, their rows and outcomes; each call may fail as those of `SimulatedStore` do."""

    world: World
    tables: Tables
    lagging: bool
    reads_first: bool

    @abstractmethod
    def _read(self, call: str, subject: Subject) -> None: ...

    @abstractmethod
    def _write(self, call: str, subject: Subject, effect: Callable[[], Result]) -> Result: ...

    @abstractmethod
    def _announce(self, events: Sequence[Event], subject: Subject = None) -> None: ...

    @abstractmethod
    def _context(self, customer_id: str, key_hashes: Sequence[str]) -> PaymentContext: ...

    @abstractmethod
    def _accept(self, acceptance: Acceptance, owner: Intent | None) -> AcceptResult: ...

    @abstractmethod
    def _add(self, acceptance: Acceptance, owner: Intent | None) -> Payment: ...

    def get_customers(self, customer_ids: Sequence[str]) -> dict[str, Customer]:
        self._read("get_customers", None)
        known = self.tables.customers
        return {each: known[each] for each in customer_ids if each in known}

    def accept_many(self, requests: Sequence[AcceptRequest]) -> list[Payment | None]:
        """Accept several payments in one write as SQLite does, by steps as DynamoDB does.

        PostgreSQL reads, and then accepts those that count against nothing in one write.
        """
        owner = current_task().owner
        if not self.reads_first:
            work = partial(self._accept_each, requests, owner)
            return self._write("add_payments", None, work)
        self._read("read_for_payments", None)
        decided = [self._decided(each) for each in requests]
        plain = [each for each in decided if each is not None and not each.is_counted]
        if not self.lagging:
            accept = partial(self._accept_new, plain, owner)
            made = self._write("add_payments", None, accept)
            return [each.payment if each and each in made else None for each in decided]
        bound = self._write("claim_keys", None, lambda: list(filter(self._binds, plain)))
        self._announce([event for each in bound for event in each.events], None)
        add = partial(self._add_new, owner)
        stored = self._write("add_payments", None, lambda: list(filter(add, bound)))
        return [each.payment if each and each in stored else None for each in decided]

    def _accept_each(
        self, requests: Sequence[AcceptRequest], owner: Intent | None
    ) -> list[Payment | None]:
        found: list[Payment | None] = []
        for request in requests:
            acceptance, added = self._decided(request), None
            with suppress(LimitReached, DuplicateFound):
                added = self._accept(acceptance, owner).payment if acceptance else None
            own = acceptance is not None and added is acceptance.payment
            found.append(added if own else None)
        return found

    def _accept_new(
        self, acceptances: Sequence[Acceptance], owner: Intent | None
    ) -> list[Acceptance]:
        """Accept those whose keys are new: after a lost answer none is, and none is returned."""
        found = []
        for each in acceptances:
            record, key = each.record, each.payment.key
            assert record is not None
            if record.key_hash not in self.tables.claims and key not in self.tables.payments:
                self.tables.bind_key(record, None)
                self._add(each, owner)
                found.append(each)
        return found

    def _decided(self, request: AcceptRequest) -> Acceptance | None:
        try:
            return request.decide(self._context(request.customer_id, request.key_hashes))
        except PaymentAppError:
            return None

    def _binds(self, acceptance: Acceptance) -> bool:
        binding = acceptance.binding
        return binding is not None and is_own(self.tables.bind_key(binding, None), binding)

    def _add_new(self, owner: Intent | None, acceptance: Acceptance) -> bool:
        return self._add(acceptance, owner) is acceptance.payment

    def add_bulk_rows(
        self,
        bulk_id: str,
        chunk: int,
        rows: Sequence[BulkRow],
        expires_at: datetime,  # noqa: ARG002  # nothing expires here
    ) -> None:
        known = self.world.bulk.rows
        self._write("add_rows", None, lambda: known.setdefault((bulk_id, chunk), list(rows)))

    def get_bulk_rows(self, bulk_id: str, chunk: int) -> list[BulkRow]:
        self._read("get_rows", None)
        key = bulk_id, chunk
        deleted = key in self.world.bulk.deleted
        return [] if deleted else list(self.world.bulk.rows.get(key, ()))

    def delete_bulk_rows(self, bulk_id: str, chunk: int) -> None:
        deleted = self.world.bulk.deleted
        self._write("delete_rows", None, lambda: deleted.add((bulk_id, chunk)))

    def add_bulk_outcomes(
        self, bulk_id: str, chunk: int, token: str, outcomes: Sequence[RowOutcome]
    ) -> None:
        def add() -> None:
            self.world.bulk.outcomes[bulk_id, chunk, token] = list(outcomes)

        self._write("add_outcomes", None, add)

    def get_bulk_outcomes(self, bulk_id: str, chunk: int, token: str) -> list[RowOutcome]:
        self._read("get_outcomes", None)
        return list(self.world.bulk.outcomes.get((bulk_id, chunk, token), ()))

    def count_by_status(self, keys: Sequence[PaymentKey]) -> dict[str, int]:
        self._read("count_by_status", tuple(keys))
        found = [self.tables.payments[key].status for key in keys if key in self.tables.payments]
        return {str(status): found.count(status) for status in found}

    def add_bulk_key(self, key: BulkKey) -> BulkKey:
        known = self.world.bulk.keys
        return self._write("add_bulk_key", None, lambda: known.setdefault(key.key_hash, key))

    def get_bulk_key(self, key_hash: str) -> BulkKey | None:
        self._read("get_bulk_key", None)
        return self.world.bulk.keys.get(key_hash)

    def add_bulk_run(self, run: BulkRun) -> BulkRun:
        return self._write("add_run", None, partial(self.world.bulk.add_run, run))

    def get_bulk_run(self, bulk_id: str) -> BulkRun | None:
        self._read("get_run", None)
        return self.world.bulk.runs.get(bulk_id)

    def change_bulk_run(self, old: BulkRun, new: BulkRun) -> bool:
        return self._write("change_run", None, partial(self.world.bulk.change_run, old, new))

    def due_bulk_runs(self, until: datetime, limit: int) -> list[BulkRun]:
        self._read("due_runs", None)
        return [self.world.bulk.runs[each] for each in self.world.bulk.due.due(0, until, limit)]
