"""The provider's ledger: who was really paid, independent of the service's records."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from paymentapp.models.batches import Member
from paymentapp.models.money import Money
from paymentapp.models.payments import PaymentKey, Status
from paymentapp.providers.base import Accepted, Refused
from paymentapp.providers.updates import ItemReport
from tests.faults.simulation.clock import Time
from tests.faults.simulation.scheduler import DAY, HOUR, MINUTE, SECOND

FORGETS_AFTER = 30 * DAY  # a batch id that comes again later is a new batch
HELD_FOR = 3 * DAY  # by a review, where it takes long
REASONS = {
    "FAILED": "RECEIVER_UNABLE",
    "RETURNED": "RECEIVER_UNABLE",
    "ONHOLD": "REGULATORY_PENDING",
}
BAD_EMAIL = "bad"  # an e-mail that begins so is refused

STATUSES: dict[str, Status | None] = {
    "PENDING": Status.SUBMITTED,
    "ONHOLD": Status.SUBMITTED,
    "UNCLAIMED": Status.UNCLAIMED,
    "SUCCESS": Status.SUCCEEDED,
    "FAILED": Status.FAILED,
    "RETURNED": Status.RETURNED,
}  # any other status is one that the service's table does not know


class Moved(NamedTuple):
    """Money that a provider was told to pay, as its own ledger has it."""

    provider: str
    where: str  # the batch, or the file
    money: Money
    payee: str
    steps: list[tuple[int, str]]  # as those of an `Item`
    heard: Collection[str]  # statuses that the service has said it heard

    def last(self) -> str:
        """Return the last status."""
        return self.steps[-1][1]

    def was(self, raw: str) -> bool:
        """Return whether it ever had this status."""
        return any(step == raw for _, step in self.steps)

    def final_at(self) -> int:
        """Return when it first had an outcome."""
        return next(at for at, raw in self.steps if raw in ("SUCCESS", "FAILED", "RETURNED"))


@dataclass(slots=True)
class Item:
    """One payment at the provider: its statuses, and from when."""

    member: Member
    batch_id: str
    steps: list[tuple[int, str]]  # true time in microseconds, raw status; oldest first
    reports: dict[str, ItemReport] = field(default_factory=dict)  # made so far
    acknowledged: list[str] = field(default_factory=list)  # statuses the service said it heard

    def raw_status(self, now: int) -> str:
        return next(raw for at, raw in reversed(self.steps) if at <= now)

    def report(self, raw: str) -> ItemReport:
        report = self.reports.get(raw)
        if report is None:
            report = self.reports[raw] = self._report(raw)
        return report

    def _report(self, raw: str) -> ItemReport:
        item_id = self.member.item_id
        return ItemReport(
            item_id=item_id,
            status=STATUSES.get(raw),
            raw_status=raw,
            provider_item_id=f"item-{item_id}",
            transaction_id=None if raw == "PENDING" else f"tx-{item_id}",
            reason=REASONS.get(raw),
        )


@dataclass(slots=True)
class Payout:
    """A batch at the provider."""

    batch_id: str
    reference: str
    at: int
    items: list[Item]


class Ledger:
    """Every batch that the provider ever accepted, each once."""

    def __init__(
        self, time: Time, rng: Random, on_steps: Callable[[Item, Sequence[tuple[int, str]]], None]
    ) -> None:
        self.payouts: list[Payout] = []
        self.items: dict[PaymentKey, list[Item]] = {}
        self.by_item_id: dict[str, Item] = {}
        self.at_fault: dict[PaymentKey, str] = {}  # named in a refusal
        self._by_batch_id: dict[str, Payout] = {}
        self._by_reference: dict[str, Payout] = {}
        self._time = time
        self._rng = rng
        self._on_steps = on_steps

    def take(self, batch_id: str, members: Sequence[Member]) -> Accepted | Refused:
        """Pay, unless the batch is known; all of it or nothing."""
        now = self._time.micros()
        known = self._by_batch_id.get(batch_id)
        if known is not None and now - known.at < FORGETS_AFTER:
            return Accepted(known.reference)
        refused = self._judge(batch_id, members)
        if refused is not None:
            return refused
        items = [Item(member, batch_id, self._fate(now)) for member in members]
        payout = Payout(batch_id, f"PAYOUT{len(self.payouts)}", now, items)
        self.payouts.append(payout)
        self._by_batch_id[batch_id] = self._by_reference[payout.reference] = payout
        for item in items:
            self.items.setdefault(item.member.key, []).append(item)
            self.by_item_id[f"item-{item.member.item_id}"] = item
            self._on_steps(item, item.steps)
        return Accepted(payout.reference)

    def moved(self) -> Iterator[tuple[PaymentKey, Moved]]:
        """Return every payment that the provider was told to make."""
        for key, items in self.items.items():
            for item in items:
                member = item.member
                yield (
                    key,
                    Moved(
                        *("paypal", item.batch_id, member.money, member.email),
                        *(item.steps, item.acknowledged),
                    ),
                )

    def knows(self, batch_id: str) -> bool:
        return batch_id in self._by_batch_id

    def reference_of(self, batch_id: str) -> str | None:
        """Return the provider's reference of a batch, if it has it."""
        known = self._by_batch_id.get(batch_id)
        return known.reference if known else None

    def payout(self, reference: str) -> Payout:
        return self._by_reference[reference]

    def cancel(self, item: Item) -> str:
        """Return the money if nobody has claimed it; return the status after that."""
        now = self._time.micros()
        raw = item.raw_status(now)
        if raw == "UNCLAIMED":
            item.steps = [step for step in item.steps if step[0] <= now] + [(now, "RETURNED")]
            raw = "RETURNED"
            self._on_steps(item, item.steps[-1:])
        return raw

    def _judge(self, batch_id: str, members: Sequence[Member]) -> Refused | None:
        """Refuse by the content alone: the same bytes always get the same answer."""
        bad = [i for i, member in enumerate(members) if member.email.startswith(BAD_EMAIL)]
        if not bad:
            return None
        manner = zlib.crc32(batch_id.encode()) % 3
        named = [] if manner == 0 else bad if manner == 1 else bad[:1]
        for place in named if len(members) > 1 else bad:
            self.at_fault[members[place].key] = batch_id
        return Refused("VALIDATION_ERROR", dict.fromkeys(named, "receiver is invalid"))

    def _fate(self, now: int) -> list[tuple[int, str]]:
        draw = self._rng.random
        soon = now + int(draw() ** 3 * MINUTE)
        later = soon + int(draw() ** 4 * 3 * HOUR)
        match int(draw() * 22):
            case 0 | 1:
                return [(now, "PENDING"), (soon, "FAILED")]
            case 2:
                claimed = "SUCCESS" if draw() < 0.5 else "RETURNED"
                return [(now, "PENDING"), (soon, "UNCLAIMED"), (later, claimed)]
            case 3 | 21:
                steps = [(now, "PENDING"), (soon, "UNCLAIMED"), (later, "SUCCESS")]
                return [*steps, (later + int(draw() * DAY), "RETURNED")]
            case 4 | 20:
                end = 30 * DAY if draw() < 0.02 else HOUR
                return [(now, "PENDING"), (soon, "UNCLAIMED"), (soon + end, "RETURNED")]
            case 5 if later - soon > HOUR:
                return [(now, "PENDING"), (soon, "ONHOLD"), (soon + HELD_FOR, "SUCCESS")]
            case 5:
                return [(now, "ONHOLD"), (soon, "PENDING"), (later, "SUCCESS")]
            case 6:
                end_status = "SUCCESS" if draw() < 0.7 else "FAILED"
                return [(now, "PENDING"), (soon, "IN_REVIEW_2"), (later, end_status)]
            case 7 | 8:
                return [(now, "PENDING"), (soon, "SUCCESS"), (later + SECOND, "RETURNED")]
            case 9 | 10 | 11:
                return [(now, "SUCCESS")]
        return [(now, "PENDING"), (soon, "SUCCESS")]
