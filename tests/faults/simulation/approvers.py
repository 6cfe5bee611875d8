"""People who approve and reject payments, and the check that nothing unapproved is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from paymentapp.errors import Conflict, NotAllowed, StoreUnavailable
from paymentapp.models.actors import APPROVE, Actor
from paymentapp.models.approvals import Approval
from paymentapp.models.batches import Member
from paymentapp.models.customers import Customer
from paymentapp.models.payments import Payment, PaymentKey, Status
from paymentapp.storage.changes import PaymentChange
from tests.faults.simulation.later_steps import LaterSteps
from tests.faults.simulation.legal_transitions import is_stillborn
from tests.faults.simulation.scheduler import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from tests.faults.simulation.process import Process
    from tests.faults.simulation.world import World

RULES = "USD 70..: 1; USD 90..: 2"
# A person, and each way in: their own key, or a token that names them as well.
PEOPLE = {
    name: [
        Actor(name, frozenset({name}), frozenset({APPROVE})),
        Actor(f"console-{name}", frozenset({f"console-{name}", name}), frozenset({APPROVE})),
    ]
    for name in ("ann", "bob", "cyd")
}
PERSON_OF = {actor.name: name for name, actors in PEOPLE.items() for actor in actors}


class Approvers(LaterSteps):
    """Approve most of what they hear of, reject some, and leave some unanswered.

    Their own random numbers leave the worlds without rules as they are.
    """

    def __init__(self, world: World, seed: str) -> None:
        super().__init__(world)
        self.rng = Random(f"approvals {seed}")
        self.rules = RULES if self.rng.random() < 0.4 else ""
        self._seen: dict[tuple[PaymentKey, Approval], object] = {}  # details, by approval
        self.heard_at = 0  # when a payment last began to await approval
        self.answered_at: dict[PaymentKey, int] = {}  # when it last awaited approval

    def watch(self, old: Payment | None, new: Payment) -> None:
        """Learn of a version of a payment as it is stored, and check it."""
        needed = 0 if old is None and is_stillborn(new) else self.needed(new)
        if old is None and (new.status is Status.AWAITING_APPROVAL) != (needed > 0):
            words = f"it begins as {new.status}, and needs {needed} approvals"
            self.world.findings.fail("unapproved", words, new.key)
        waits = new.status is Status.AWAITING_APPROVAL
        waited = old is not None and old.status is Status.AWAITING_APPROVAL
        if waits and not waited:
            self.heard_at = self.world.time.micros()
            self._hear(new)
        if waited and not waits:
            self.answered_at[new.key] = self.world.time.micros()

    def watch_details(self, changes: Iterable[PaymentChange], read: Mapping[str, Customer]) -> None:
        """Check that a payment leaves with the details that its approvers have seen.

        `read` are the customers as the process has read them in this task.
        """
        for old, new in changes:
            seen = _details(new, read.get(new.customer_id, self._customer(new)))
            if len(new.approvals) > len(old.approvals):
                self._seen[new.key, new.approvals[-1]._replace(void=False)] = seen
            if new.status is not Status.SUBMITTING or old.status is not Status.PENDING:
                continue
            valid = [each for each in old.approvals if not each.void]
            same = [each for each in valid if self._seen.get((old.key, each)) == seen]
            if len(same) < len(valid):
                self._check_people(old, same, "details changed, and sent")

    def _customer(self, payment: Payment) -> Customer:
        return self.world.tables.customers[payment.customer_id]

    def check(self, members: Sequence[Member]) -> None:
        """Report each member of a batch that is sent without its approvals."""
        for member in members:
            self._check(member.key, "unapproved and sent")

    def judge(self, moved: Collection[PaymentKey]) -> None:
        """Report each payment in a provider's ledger that has not got its approvals."""
        for key in moved:
            self._check(key, "unapproved and paid")

    def needed(self, payment: Payment) -> int:
        """Return how many people have to approve a payment, computed apart from the service."""
        amount, currency = payment.money.amount, payment.money.currency
        if self.rules and currency == "USD" and amount >= Decimal(70):
            return 2 if amount >= Decimal(90) else 1
        return int(payment.approval_rule in self.world.limits.asking)

    def _check(self, key: PaymentKey, check: str) -> None:
        payment = self.world.tables.payments[key]
        valid = [each for each in payment.approvals if not each.void]
        self._check_people(payment, valid, check)

    def _check_people(self, payment: Payment, valid: Iterable[Approval], check: str) -> None:
        people = {PERSON_OF.get(each.by) for each in valid} - {None}
        if len(people) < self.needed(payment):
            words = f"approved by {sorted(map(str, people))} of {self.needed(payment)}"
            self.world.findings.fail(check, words, payment.key)

    def _hear(self, payment: Payment) -> None:
        """Have people look at a payment; one in ten is looked at by nobody for 30 days."""
        if self.rng.random() < 0.1:
            return
        for name in self.rng.sample(sorted(PEOPLE), 3):
            for _ in range(2 if self.rng.random() < 0.3 else 1):
                actor = self.rng.choice(PEOPLE[name])
                rejects = self.rng.random() < 0.04
                self._later(self._delay(), partial(self._decide, payment.key, actor, rejects, 25))
        if self.rng.random() < 0.4:
            self._later(self._delay(), partial(self._try_as_maker, payment.key))

    def _delay(self) -> int:
        longest = self.rng.choice((SECOND, MINUTE, 10 * MINUTE, DAY))
        return int(self.rng.random() * longest)

    def _decide(self, key: PaymentKey, by: Actor, rejects: bool, tries: int) -> None:
        """Approve or reject a payment; ask again where no answer comes."""

        def decide(process: Process) -> None:
            approvals = process.services.approvals
            try:
                after = (
                    approvals.reject(key, by, "not ours") if rejects else approvals.approve(key, by)
                )
                self.world.note(process, "decision", (key,), f"{by.name}: {after.status}")
            except Conflict as error:
                self.world.note(process, "no decision", (key,), str(error))
            except StoreUnavailable:
                if tries:
                    again = partial(self._decide, key, by, rejects, tries - 1)
                    self._later(int(self.rng.random() * 5 * SECOND), again)

        self._by_any_process(decide, partial(self._decide, key, by, rejects, tries))

    def _try_as_maker(self, key: PaymentKey) -> None:
        """Have the maker try to approve its own payment, by one way in or another."""
        name = self.world.tables.payments[key].created_by or ""
        ways = [{name}, {f"console-{name}", name}, {"ann", name}]
        identities = frozenset(self.rng.choice(ways))
        maker = Actor(min(identities), identities, frozenset({APPROVE}))

        def attempt(process: Process) -> None:
            try:
                process.services.approvals.approve(key, maker)
            except (Conflict, NotAllowed, StoreUnavailable):
                return
            self.world.findings.fail("approved by its maker", f"as {maker.name}", key)

        self._by_any_process(attempt, partial(self._try_as_maker, key))


def _details(payment: Payment, customer: Customer) -> object:
    """Return whom a payment pays, and the details on record that its approvers see."""
    known = customer.methods.get(payment.payment_method)
    return payment.payment_method, payment.payee, known.destination if known else customer.email
