"""Bulk runs: many payments that are asked for at once, by a list or a file.

A run is a record with its progress; its rows and what became of them are in chunks of their own, so
that no record grows with the run.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypedDict, Unpack

from paymentapp.models.bulk_tallies import BulkTally, next_tally
from paymentapp.models.caller_texts import NO_TEXTS, CallerTexts
from paymentapp.models.events import Event, OtherEvent
from paymentapp.models.holds import Hold
from paymentapp.models.idempotency import KEY_RETENTION
from paymentapp.models.money import Money
from paymentapp.models.revisions import new_revision

ROWS_MAX = 100_000
CHUNK_ROWS = 250  # worked off well within a LEASE
BULK_ID_PATTERN = r"^[0-9]{8}T[0-9]{12}-[0-9a-f]{8}$"
# Rows hold e-mail addresses: they are kept until every key of theirs has expired, and no longer.
ROWS_KEPT = KEY_RETENTION
# How long after its end a dry run's rows may be paid: they are kept for that, and no longer.
PAYABLE_FOR = timedelta(days=7)
# Until when rows are worked off: before the first key of the run can expire.
ENDS_WITHIN = timedelta(days=30)
LEASE = timedelta(seconds=30)  # for which a process has a run to itself
HELD_PAUSE = timedelta(seconds=10)  # between two looks at whether a run is still held


class BulkMode(StrEnum):
    """What becomes of a run with a row that cannot be paid."""

    ALL = "all"  # nothing is paid
    EACH = "each"  # the other rows are paid


class BulkStatus(StrEnum):
    """The status of a run."""

    CHECKING = "checking"  # rows are being checked; nothing is paid yet
    ACCEPTING = "accepting"  # rows are being made payments
    COMPLETED = "completed"  # every row has its payment, or the reason why it has none
    REFUSED = "refused"  # a row cannot be paid, so that none is
    CHECKED = "checked"  # a dry run that is complete
    CANCELLED = "cancelled"  # rows that had no payment yet have none


BULK_OPEN = frozenset({BulkStatus.CHECKING, BulkStatus.ACCEPTING})
PAID_STATUSES = frozenset({BulkStatus.ACCEPTING, BulkStatus.COMPLETED, BulkStatus.CANCELLED})


class RowProblem(NamedTuple):
    """Why a row cannot be paid, and what would do; `column` is empty for the whole row."""

    column: str
    message: str


class BulkRow(NamedTuple):
    """A row as it was asked for; one with problems may lack the rest.

    `line` is the line of the file, or the number of the list's member, from 1.
    """

    line: int
    customer_id: str = ""
    email: str = ""
    money: Money | None = None
    payment_method: str | None = None
    scheduled_at: datetime | None = None
    allow_duplicate: bool = False
    texts: CallerTexts = NO_TEXTS
    problems: tuple[RowProblem, ...] = ()

    def __repr__(self) -> str:
        return f"BulkRow(line={self.line})"


class RowOutcome(NamedTuple):
    """What became of a row: its payment, or its problems; neither, if it was found fine."""

    line: int
    customer_id: str
    payment_id: str | None = None
    problems: tuple[RowProblem, ...] = ()


class Segment(NamedTuple):
    """A process's part of a run: the chunks from `first` on have their outcomes by its token."""

    token: str
    first: int


class BulkAction(StrEnum):
    """What is to be done with every payment of a run."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"


class BulkOrder(NamedTuple):
    """An order for every payment of a run; `next_chunk` is how far it has been carried out."""

    action: BulkAction
    by: str
    identities: frozenset[str]
    at: datetime
    note: str = ""
    next_chunk: int = 0


class BulkKey(NamedTuple):
    """The Idempotency-Key of a run, as it is stored: what it made, and from which request."""

    key_hash: str
    fingerprint: str
    bulk_id: str
    expires_at: datetime


class BulkChanges(TypedDict, total=False):
    """What may change in a run."""

    status: BulkStatus
    next_chunk: int
    segments: tuple[Segment, ...]
    accepted: int
    rejected: int
    sums: Mapping[str, Decimal]
    identities: frozenset[str]
    attention_at: datetime | None
    completed_at: datetime | None
    cancelled_by: str
    order: BulkOrder | None
    tally: BulkTally | None
    rows_deleted: bool


@dataclass(frozen=True, slots=True)
class BulkRun:
    """A run and its progress; every change makes a new version with a new `revision`.

    The run is accepted by the write of this record, which comes after those of its rows. `sums` are
    the amounts by currency of rows that are accepted, or fine where they were only checked.
    """

    bulk_id: str
    mode: BulkMode
    status: BulkStatus
    is_dry: bool
    registers: bool  # whether unknown customers are registered with their rows
    total: int
    chunks: int
    created_at: datetime
    created_by: str
    revision: str
    identities: frozenset[str] = frozenset()  # of the maker, until the last row is worked off
    next_chunk: int = 0
    segments: tuple[Segment, ...] = ()
    accepted: int = 0
    rejected: int = 0
    sums: Mapping[str, Decimal] = field(default_factory=dict)
    attention_at: datetime | None = None  # when a process has to act; None: it need not
    completed_at: datetime | None = None
    cancelled_by: str = ""
    order: BulkOrder | None = None  # the last one; None: there was none
    tally: BulkTally | None = None  # the last one; None: its payments were not counted yet
    rows_deleted: bool = False  # they hold e-mail addresses, and nobody needs them after the end
    hold: Hold | None = None  # in force now; a record of its own, and none of the run's

    @property
    def is_open(self) -> bool:
        """Return whether rows are still to be worked off."""
        return self.status in BULK_OPEN

    @property
    def tally_at(self) -> datetime | None:
        """Return when the payments are to be counted next; None for never, or not yet."""
        if self.completed_at is None or not self.accepted or self.status not in PAID_STATUSES:
            return None
        tally, order = self.tally, self.order
        if tally is not None and order is not None and tally.as_of < order.at:
            return order.at  # it was carried out since
        return next_tally(self.completed_at, self.chunks, tally)

    @property
    def held_by(self) -> str:
        """Return who holds the run; empty if nobody does."""
        return (self.hold.by or "-") if self.hold else ""

    @property
    def reason(self) -> str:
        """Return why the run is held."""
        return self.hold.reason if self.hold else ""

    @property
    def ends_at(self) -> datetime:
        """Return the time after which no row is made a payment."""
        return self.created_at + ENDS_WITHIN

    def token_of(self, chunk: int) -> str:
        """Return the token by which the outcomes of a chunk are stored; empty if there are none."""
        if chunk >= self.next_chunk:
            return ""
        return [each.token for each in self.segments if each.first <= chunk][-1]

    def changed(self, **changes: Unpack[BulkChanges]) -> BulkRun:
        """Return the next version of the run."""
        return replace(self, revision=new_revision(), **changes)

    def taken(self, token: str, now: datetime) -> BulkRun:
        """Return the run as one that a process has to itself for a while."""
        earlier = tuple(each for each in self.segments if each.first < self.next_chunk)
        segment = Segment(token, self.next_chunk)
        return self.changed(segments=(*earlier, segment), attention_at=now + LEASE)

    @property
    def has_open_order(self) -> bool:
        """Return whether an order is still to be carried out, once the rows are worked off."""
        return self.order is not None and (self.is_open or self.order.next_chunk < self.next_chunk)

    def is_with(self, token: str) -> bool:
        """Return whether the process of a token still has the run."""
        return bool(self.segments) and self.segments[-1].token == token

    def ordered(self, order: BulkOrder) -> BulkRun:
        """Return the run with an order for all of its payments, due at once if it has ended."""
        due = self.attention_at if self.is_open else order.at
        return self.changed(order=order, attention_at=due)

    def carried_out(self, now: datetime) -> BulkRun:
        """Return the run with its order carried out for one more chunk."""
        if self.order is None:
            raise ValueError("there is no order")
        order = self.order._replace(next_chunk=self.order.next_chunk + 1)
        return self.changed(order=order, attention_at=now + LEASE)

    @property
    def rows_kept_until(self) -> datetime | None:
        """Return until when the rows of a run that has ended are kept; None: they are not."""
        if self.status is not BulkStatus.CHECKED or self.completed_at is None:
            return None
        return self.completed_at + PAYABLE_FOR

    def at_rest(self) -> BulkRun:
        """Return the run, left to whichever process counts its payments next."""
        return self.changed(attention_at=self.tally_at)

    def advanced(
        self, outcomes: Sequence[RowOutcome], sums: Mapping[str, Decimal], now: datetime
    ) -> BulkRun:
        """Return the run with the outcomes of one more chunk counted, and their amounts."""
        rejected = sum(bool(each.problems) for each in outcomes)
        total = dict(self.sums)
        for currency, amount in sums.items():
            total[currency] = total.get(currency, Decimal(0)) + amount
        return self.changed(
            next_chunk=self.next_chunk + 1,
            accepted=self.accepted + len(outcomes) - rejected,
            rejected=self.rejected + rejected,
            sums=total,
            attention_at=now + LEASE,
        )

    def begun_to_accept(self, token: str, now: datetime) -> BulkRun:
        """Return a run whose rows are all checked as one whose rows are made payments."""
        return self.changed(
            status=BulkStatus.ACCEPTING,
            next_chunk=0,
            segments=(Segment(token, 0),),
            accepted=0,
            rejected=0,
            sums={},
            attention_at=now + LEASE,
        )

    def ended(self, status: BulkStatus, at: datetime) -> BulkRun:
        """Return the run with all of its rows worked off."""
        due = at + LEASE
        return self.changed(
            status=status, completed_at=at, identities=frozenset(), attention_at=due
        )


class BulkPage(NamedTuple):
    """A page of runs, newest first; `last_read` is the `before` of the next, None at the end."""

    runs: list[BulkRun]
    last_read: str | None


def bulk_events(old: BulkRun, new: BulkRun) -> list[Event]:
    """Return the events of a change of a run: one, where it ends by it, in whichever status."""
    if new.completed_at is None or new.completed_at == old.completed_at:
        return []
    return [Event(OtherEvent.BULK_COMPLETED, new.completed_at, (new.bulk_id,))]


def new_bulk_id(now: datetime) -> str:
    """Return the id of a run that no other run will ever have; ids sort by time."""
    return f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


def bulk_key_hash(idempotency_key: str, client: str) -> str:
    """Return the hash of a client's key of a run: in a key space apart from that of payments."""
    return hashlib.sha256(f"{client}\nbulk\n{idempotency_key}".encode()).hexdigest()


def row_key(bulk_id: str, line: int) -> str:
    """Return the idempotency key of a row's payment.

    It has a line break, which no key in a request can have: so no client can use it first.
    """
    return f"bulk\n{bulk_id}\n{line}"
