"""Limits of a world, and sums of its payments that are made apart from the service's counters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from paymentapp.models.duplicates import PossibleDuplicate
from paymentapp.models.limits import Charge, LimitExceeded
from paymentapp.models.payments import UNPAID, Payment, PaymentKey
from tests.faults.simulation.ledger import Moved
from tests.faults.simulation.legal_transitions import is_stillborn

if TYPE_CHECKING:
    from tests.faults.simulation.clients import Intent
    from tests.faults.simulation.world import World

AVERAGE = 50  # of the amounts that clients request
SKEW = timedelta(minutes=11)  # between the clocks of two processes, at most
STEP = 900  # seconds of a rolling window's step
DAY_OF_STEPS = 96
TOO_LATE = timedelta(days=1) - SKEW  # a write behind its request: what it counts with is gone
NOT_PAID = {"FAILED", "RETURNED"}  # in a ledger


class Rule(NamedTuple):
    """One limit in USD. `holder` is the client or customer that it names, or empty."""

    scope: str
    holder: str
    amount: int
    window: str  # empty: of each payment
    ask: bool

    def __str__(self) -> str:
        whose = f"{self.scope} {self.holder}".strip()
        per = f"/{self.window}" if self.window else ""
        return f"{whose} USD {self.amount}{per}{' ask' if self.ask else ''}"


class WorldLimits:
    """The limits of one world. Its own random numbers leave the worlds without limits alone."""

    def __init__(self, world: World, seed: str) -> None:
        self.world = world
        self.rng = Random(f"limits {seed}")
        self.rules = list(self._draw()) if self.rng.random() < 0.4 else []
        self.setting = "; ".join(map(str, self.rules))
        self.asking = {str(rule) for rule in self.rules if rule.ask}
        self.duplicate_hours = self.rng.choice((1, 24)) if self.rng.random() < 0.25 else 0
        # What payments add up to, by counter and slot (a day, a month or a step).
        self._sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self._alike: dict[tuple[object, ...], list[PaymentKey]] = defaultdict(list)
        self._too_late: set[PaymentKey] = set()  # docs/decisions/0027: such a write may pass

    @property
    def are_set(self) -> bool:
        """Return whether a request may be refused."""
        return bool(self.rules or self.duplicate_hours)

    def _draw(self) -> Iterator[Rule]:
        """Draw rules around what clients will request, so that some of it is above them."""
        chance, total = self.rng.random, self.world.count * AVERAGE
        customers = self.world.methods.customers(self.world.count)
        holders = [("all", "", 1.0), ("client", "", 0.5), ("customer", "", 2.0 / customers)]
        holders += [("client", "till", 0.3), ("customer", "c1", 1.0 / customers)]
        for scope, holder, share in holders:
            if chance() < 0.5:
                amount = int(total * share * (0.2 + chance()))
                window = self.rng.choice(("day", "24h", "24h", "month"))
                yield Rule(scope, holder, amount, window, chance() < 0.3)
        if chance() < 0.5:
            yield Rule("payment", "", self.rng.randrange(60, 98), "", chance() < 0.5)

    # What clients request and hear

    def varied(self, intent: Intent, earlier: Sequence[Intent]) -> None:
        """Have some requests ask for the same as an earlier one of the same client."""
        own = [each for each in earlier if each.by == intent.by]
        if self.duplicate_hours and own and self.rng.random() < 0.2:
            order = self.rng.choice(own).order
            intent.order = order._replace(allow_duplicate=self.rng.random() < 0.3)

    def refused(
        self, intent: Intent, error: LimitExceeded | PossibleDuplicate, *, made: bool
    ) -> None:
        """Check a refusal; some clients ask again at once, and some give up.

        `made` says whether the payment had been there when the request began.
        """
        intent.faults.append("above a limit")
        if made:
            self._fail("told no", str(error), None, intent.name)
        elif isinstance(error, PossibleDuplicate):
            self._check_duplicate(intent, error)
        elif not error.rule.window and intent.order.money.amount <= error.rule.limit.amount:
            self._fail("told no", str(error), None, intent.name)
        if self.rng.random() < 0.6:
            intent.tries = intent.patience

    def _check_duplicate(self, intent: Intent, error: PossibleDuplicate) -> None:
        earlier = self.world.tables.payments.get(error.key)
        wanted = (intent.by.name, intent.order.customer_id, intent.order.money)
        if intent.order.allow_duplicate or earlier is None or _likeness(earlier) != wanted:
            self._fail("told no", f"{error.key} is no duplicate", error.key, intent.name)

    # Checks of each write

    def watch(self, old: Payment | None, new: Payment) -> None:
        """Count a version of a payment as it is stored, and compare the service's counters."""
        if old is None and is_stillborn(new):
            return
        if old is None:
            self._check_alike(new)
        if not self.rules:
            return
        if old is None:
            self._check_charges(new)
            self._add(new, new.money.amount)
            self._check_limits(new)
        elif new.status in UNPAID and old.status not in UNPAID:
            self._add(new, -new.money.amount)
        self._compare(new, new.charges)

    def _add(self, payment: Payment, amount: Decimal) -> None:
        for counter, slot in _counted(payment.charges):
            self._sums[counter][slot] += amount

    def _check_charges(self, new: Payment) -> None:
        """Check that a new payment counts for each rule, and at its time."""
        counted = dict(_counted(new.charges))
        expected = {_counter(rule, new) for rule in self._applying(new) if rule.window}
        if set(counted) != expected or len(new.charges) != len(expected):
            words = f"it counts in {sorted(counted)}, and should in {sorted(expected)}"
            self._fail("not counted", words, new.key)
        now = self.world.time()
        first, last = new.created_at - SKEW, now + SKEW
        if new.scheduled_at and new.scheduled_at > last:
            first = last = new.scheduled_at
        elif new.scheduled_at:
            first = min(first, new.scheduled_at)
        for counter, slot in counted.items():
            window = counter.rpartition("/")[2]
            if not _slot(window, first) <= slot <= _slot(window, last):
                self._fail("not counted", f"in {counter} at {slot}", new.key)

    def _check_limits(self, new: Payment) -> None:
        """Check that no limit is exceeded, but by a payment that needs approval for it."""
        if self.world.time() - new.created_at > TOO_LATE:
            self._too_late.add(new.key)
            return
        for rule in self._applying(new):
            total, counter = new.money.amount, _counter(rule, new)
            if rule.window:
                slot = dict(_counted(new.charges)).get(counter, "")
                total = _fullest(rule.window, self._sums[counter], slot)
            if total > rule.amount and not (rule.ask and new.approval is not None):
                self._fail("over a limit", f"{total} counts against {rule}", new.key)

    def _applying(self, payment: Payment) -> list[Rule]:
        """Return the rules for a payment: one that names a holder replaces the general one."""
        if payment.money.currency != "USD":
            return []
        own = {"client": payment.created_by, "customer": payment.customer_id}
        found = [rule for rule in self.rules if rule.holder in ("", own.get(rule.scope))]
        named = {(rule.scope, rule.window) for rule in found if rule.holder}
        return [each for each in found if each.holder or (each.scope, each.window) not in named]

    def _compare(self, payment: Payment | None, charges: Iterable[str]) -> None:
        """Compare counters, in the windows that are still open, with the sums of payments."""
        now = self.world.time()
        for counter, slot in _counted(charges):
            charge = Charge(counter, slot, Decimal(0))
            (service,) = self.world.tables.counters.of([charge])
            says, is_so = service.get(slot, Decimal(0)), self._sums[counter][slot]
            if says != is_so and _is_open(counter.rpartition("/")[2], slot, now):
                words = f"{counter} at {slot} is {says}, and payments add up to {is_so}"
                self._fail("counter", words, payment.key if payment else None)

    def _check_alike(self, new: Payment) -> None:
        """Check that a payment that must not repeat another one does not."""
        if not self.duplicate_hours:
            return
        others = self._alike[_likeness(new)]
        since = self.world.time() + SKEW - timedelta(hours=self.duplicate_hours)
        allowed = new.retry_of is not None or self._may_repeat(new)
        if others and not allowed:  # the latest one decides: see docs/decisions/0027
            other = self.world.tables.payments[others[-1]]
            if other.created_at >= since and other.status not in UNPAID:
                words = f"like {other.payment_id}, which is {other.status}"
                self._fail("duplicate", words, new.key)
        others.append(new.key)

    def _may_repeat(self, new: Payment) -> bool:
        return self.world.clients.by_payment[new.key].order.allow_duplicate

    # Checks at the end

    def judge(self, moved: Mapping[PaymentKey, Sequence[Moved]]) -> None:
        """Check all counters by the payments, and every limit by what the ledgers have paid."""
        if not self.rules:
            return
        self._sums.clear()
        for payment in self.world.tables.payments.values():
            self._add(payment, payment.money.amount if payment.status not in UNPAID else Decimal(0))
        slots = {f"{name} {slot}" for name, sums in self._sums.items() for slot in sums}
        self._compare(None, sorted(slots))
        for rule in self.rules:
            if rule.window:
                self._check_ledgers(rule, moved)

    def _check_ledgers(self, rule: Rule, moved: Mapping[PaymentKey, Sequence[Moved]]) -> None:
        sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for key, each_moved in moved.items():
            payment = self.world.tables.payments[key]
            if rule not in self._applying(payment) or (rule.ask and payment.approval):
                continue
            if key in self._too_late:
                continue
            counter = _counter(rule, payment)
            slot = dict(_counted(payment.charges))[counter]
            sums[counter][slot] += sum(
                (each.money.amount for each in each_moved if each.last() not in NOT_PAID),
                Decimal(0),
            )
        for counter, amounts in sums.items():
            paid = max(_fullest(rule.window, amounts, slot) for slot in amounts)
            if paid > rule.amount:
                self._fail("over a limit", f"{paid} was paid of {counter}: {rule}", None)

    def _fail(self, check: str, words: str, key: PaymentKey | None, intent: str = "") -> None:
        self.world.findings.fail(check, words, key, intent or None)


def _likeness(payment: Payment) -> tuple[object, ...]:
    return (payment.created_by, payment.customer_id, payment.money)


def _counted(charges: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each counter with the slot, as a payment keeps them."""
    for text in charges:
        counter, _, slot = text.rpartition(" ")
        yield counter, slot


def _counter(rule: Rule, payment: Payment) -> str:
    """Return the name under which a payment counts for a rule, as it is stored."""
    holders = {"client": payment.created_by or "", "customer": payment.customer_id}
    return f"{rule.scope}/{holders.get(rule.scope, '')}/USD/{rule.window}"


def _slot(window: str, at: datetime) -> str:
    if window == "24h":
        return f"{int(at.timestamp()) // STEP:08d}"
    return at.astimezone(UTC).strftime("%Y-%m-%d" if window == "day" else "%Y-%m")


def _is_open(window: str, slot: str, now: datetime) -> bool:
    """Return whether an amount in a slot still matters to payments of this moment."""
    if window == "24h":
        return int(slot) > int(now.timestamp()) // STEP - DAY_OF_STEPS
    return slot >= _slot(window, now)


def _fullest(window: str, amounts: Mapping[str, Decimal], slot: str) -> Decimal:
    """Return what the fullest window with a slot has: 24 hours, or the slot itself."""
    if not slot or window != "24h":
        return amounts.get(slot, Decimal(0))
    steps = {int(each): amount for each, amount in amounts.items()}
    first = int(slot)
    ends = [step for step in steps if first <= step < first + DAY_OF_STEPS]
    return max(_ending_with(end, steps) for end in ends)


def _ending_with(end: int, steps: Mapping[int, Decimal]) -> Decimal:
    return sum((steps[step] for step in steps if end - DAY_OF_STEPS < step <= end), Decimal(0))
