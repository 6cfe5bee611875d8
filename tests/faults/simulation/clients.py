"""Callers of the API: they post, retry without an answer, give up, and cancel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from paymentapp.errors import Conflict, KeyReused, NotPayable, StoreUnavailable
from paymentapp.models.actors import Actor
from paymentapp.models.customers import Customer
from paymentapp.models.duplicates import PossibleDuplicate
from paymentapp.models.limits import LimitExceeded
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Requested
from tests.faults.simulation import faults
from tests.faults.simulation.clock import START, moment
from tests.faults.simulation.scheduler import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.world import World

KEY_IS_SAFE_FOR = 34 * DAY  # keys are kept for 35; nobody asks again after that
ACTORS = [
    Actor(name, frozenset({name}), frozenset({"payments:write"})) for name in ("payroll", "till")
]
AMOUNTS = [Money(Decimal(n) / 4, "USD") for n in range(1, 400)]
_YEN = [Money(Decimal(n), "JPY") for n in range(100, 200)]


@dataclass(slots=True, eq=False)
class Intent:
    """One payment that one caller wants."""

    name: str
    order: PaymentOrder
    key: str | None
    by: Actor
    patience: int  # tries
    doom: int  # the call of the store that fails for certain, if none has before
    begun: int = 0
    tries: int = 0
    calls: int = 0
    over: bool = False
    faults: list[str] = field(default_factory=list)
    answers: list[PaymentKey] = field(default_factory=list)
    made: list[PaymentKey] = field(default_factory=list)
    told_cancelled: bool = False

    def is_doomed(self) -> bool:
        self.calls += 1
        return self.calls == self.doom and not self.faults


class Clients:
    """All callers of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.intents: list[Intent] = []
        self.by_payment: dict[PaymentKey, Intent] = {}
        self.made_at: dict[PaymentKey, int] = {}
        self.busy = 0  # callers who still wait or mean to ask again

    def arrive(self, count: int, span: int) -> None:
        """Schedule so many callers, at random moments and in groups."""
        customers = [
            self._customer(number) for number in range(self.world.methods.customers(count))
        ]
        now = 0
        for number in range(count):
            if not self.world.chance(0.4):
                now += self.world.draw(2 * span // count * 10 // 6)
            intent = self._intent(number, customers)
            if self.world.chance(0.06):
                at = moment(now + self.world.draw(3 * HOUR))
                intent.order = intent.order._replace(scheduled_at=at)
            self.world.limits.varied(intent, self.intents)
            self.intents.append(intent)
            self.later(now, partial(self._try, intent))

    def made(self, payment: Payment, intent: Intent | None) -> None:
        """Record that the store has a new payment."""
        if intent is None:
            intent = self.world.bulk.intent_of(payment)
        intent.made.append(payment.key)
        self.made_at[payment.key] = self.world.time.micros()
        self.by_payment[payment.key] = intent

    def is_untouched(self, key: PaymentKey) -> bool:
        return not self.by_payment[key].faults

    def _customer(self, number: int) -> Customer:
        name = f"bad{number}" if self.world.chance(0.04) else f"c{number}"
        customer = Customer(name, f"{name}@example.com", START)
        customer = self.world.methods.known(customer, number)
        self.world.tables.put_customer(customer)
        return customer

    def _intent(self, number: int, customers: list[Customer]) -> Intent:
        draw, chance = self.world.draw, self.world.chance
        customer = customers[draw(len(customers))]
        yen = chance(0.15) and self.world.methods.takes_yen
        money = _YEN[draw(len(_YEN))] if yen else AMOUNTS[draw(len(AMOUNTS))]
        method = self.world.methods.method(customer, money)
        return Intent(
            name=f"intent-{number}",
            order=PaymentOrder(customer.customer_id, customer.email, money, method),
            # Two clients that know nothing of each other use the same keys.
            key=f"key-{number // 2}" if chance(0.85) else None,
            by=ACTORS[number % 2],
            patience=2 if chance(0.1) else 25,
            doom=1 + draw(3) if chance(0.5) else 0,
        )

    def later(self, delay: int, event: Callable[[], object]) -> None:
        """Schedule what a caller does next; until then it is busy."""
        self.busy += 1

        def go() -> None:
            self.busy -= 1
            event()

        self.world.scheduler.later(delay, go)

    def _try(self, intent: Intent) -> None:
        """Post to any process that answers."""
        process = self.world.any_process()
        if process is None:
            self.later(self.world.draw(3 * SECOND), lambda: self._try(intent))
            return
        now = self.world.time.micros()
        intent.begun = intent.begun or now
        if now - intent.begun > KEY_IS_SAFE_FOR:
            return
        intent.tries += 1

        def post() -> None:
            requested = None
            made = intent.key is not None and bool(intent.made)
            try:
                requested = process.services.payments.request(intent.order, intent.key, intent.by)
            except StoreUnavailable:
                pass
            except KeyReused as error:
                self.world.findings.fail("told no", str(error), None, intent.name)
                intent.tries = intent.patience
            except NotPayable as error:
                self._refused(intent, error)
            except (LimitExceeded, PossibleDuplicate) as error:
                self.world.limits.refused(intent, error, made=made)
            finally:
                self._heard(intent, requested)

        process.spawn(post, intent)
        if intent.key is not None and self.world.chance(0.08):  # the caller's own time-out
            self.later(self.world.draw(SECOND), lambda: self._try(intent))

    def _refused(self, intent: Intent, error: NotPayable) -> None:
        """Check a refusal: only a new payment gets one, to a closed account or at a past time."""
        bank = self.world.methods.bank
        closed = bank is not None and intent.order.customer_id in bank.unpayable
        too_late = error.field == "scheduled_at"
        if intent.answers or not (closed or too_late):
            self.world.findings.fail("told no", str(error), None, intent.name)
        intent.faults.append("the time is past" if too_late else "the account is closed")
        intent.tries = intent.patience

    def _heard(self, intent: Intent, requested: Requested | None) -> None:
        if requested is not None and self.world.faults.on and self.world.chance(0.05):
            self.world.touch(intent.name, faults.ANSWER_LOST, intent)
            requested = None
        if requested is None:
            if intent.key is not None and intent.tries < intent.patience:
                self._change_customer(intent)
                self.later(self.world.draw(5 * SECOND), lambda: self._try(intent))
            return
        self.world.note(None, "answer", intent.name, requested.payment.key)
        if not intent.answers and self.world.chance(0.25):
            delay = self.world.draw(2 * MINUTE if self.world.chance(0.6) else SECOND)
            self.later(delay, lambda: self.cancel(intent, 6))
        intent.answers.append(requested.payment.key)
        if self.world.chance(0.04):
            begin = partial(self.world.retriers.begin, requested.payment.key)
            self.later(self.world.draw(MINUTE), begin)  # whatever has become of it by then
        if intent.key is not None and self.world.chance(0.03):  # asks again all the same
            self._change_customer(intent)
            self.later(self.world.draw(MINUTE), lambda: self._try(intent))

    def _change_customer(self, intent: Intent) -> None:
        """Make what has been accepted for a customer no longer payable.

        Not while another intent has no payment yet: a request of it may be under way, and would
        rightly be refused.
        """
        name = intent.order.customer_id
        all_made = all(each.made for each in self.intents if each.order.customer_id == name)
        if all_made and self.world.chance(0.5):
            customer = self.world.tables.customers[name]
            self.world.tables.put_customer(replace(customer, email=f"new-{customer.email}"))
            self.world.note(None, "customer changes", intent.name, name)

    def cancel(self, intent: Intent, tries: int) -> None:
        """Cancel a caller's payment; ask again where that is too late or too early."""
        process = self.world.any_process()

        def cancel() -> None:
            assert process is not None
            try:
                after = process.services.payments.cancel(intent.answers[0], intent.by)
                intent.told_cancelled = intent.told_cancelled or after.status is Status.CANCELLED
                self.world.note(process, "cancel", tuple(intent.answers), after.status)
            except StoreUnavailable:
                self.later(self.world.draw(5 * SECOND), again)
            except Conflict:
                # Too late, or too early to be unclaimed: some ask once more.
                if self.world.chance(0.8):
                    self.later(self.world.draw(3 * MINUTE), again)

        def again() -> None:
            if tries:
                self.cancel(intent, tries - 1)

        if process is None:
            self.later(SECOND, again)
        else:
            process.spawn(cancel, intent)
