"""Approvals: nothing that a rule covers leaves before enough people have approved it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import Conflict, NotAllowed, NotFound
from paymentapp.models.actors import LOCAL, Actor, operator
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.services.approvals import ANSWER_WITHIN
from paymentapp.services.backoffice.payment_history import faults
from paymentapp.services.dispatch.approved import APPROVALS_VOID
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.routing import declined
from paymentapp.services.waiting import WaitingFor
from paymentapp.storage.changes import PaymentChange
from paymentapp.worker.timeboxed import TimeboxedRun
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import WirePayees, ledger
from tests.support.processes import StillWorker, a_process
from tests.support.records import usd

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAYROLL = Actor("payroll", frozenset({"payroll", "sub-1"}), frozenset({"payments:write"}))
APPROVE = frozenset({"payments:approve"})
ANN, BOB = (Actor(name, frozenset({name}), APPROVE) for name in ("ann", "bob"))
RULES = "USD 5000..: 1; USD 10000..: 2"


class BusyStore(MemoryStore):
    """A store that calls a hook once, before the next change of a payment."""

    def __init__(self) -> None:
        super().__init__()
        self.before_change: Callable[[], object] = lambda: None

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        hook, self.before_change = self.before_change, lambda: None
        hook()
        return super().change_payments(changes)


@dataclass
class World:
    """A service with rules, and a customer with details for `wire` and `other`."""

    approvals: str = RULES
    hours: int = 0
    routes: str = ""
    now: datetime = START - timedelta(days=365)
    store: BusyStore = field(default_factory=BusyStore)
    wire: LedgerProvider = field(default_factory=lambda: ledger("wire", WirePayees()))
    other: LedgerProvider = field(default_factory=lambda: ledger("other", WirePayees()))
    worker: StillWorker = field(default_factory=StillWorker)

    def __post_init__(self) -> None:
        self.services = a_process(
            *(self.store, lambda: self.now, self.wire, self.other),
            worker=self.worker,
            approvals=self.approvals,
            payee_change_hold_hours=self.hours,
            routes=self.routes,
            due_shards=1,
        )
        self.services.customers.register("ada", "ada@example.com", {})
        self.put("wire")
        self.put("other")
        self.now = START

    def put(self, method: str, account: str = "123456789") -> None:
        self.now += timedelta(seconds=1)
        self.services.methods.put("ada", method, {"account": account}, default=False)

    def pay(
        self,
        amount: str = "6000",
        *,
        method: str | None = "wire",
        at: datetime | None = None,
        by: Actor = PAYROLL,
    ) -> Payment:
        order = PaymentOrder("ada", "ada@example.com", usd(amount), method, at)
        return self.services.payments.request(order, by=by).payment

    def approve(self, payment: Payment, by: Actor = ANN, note: str = "") -> Payment:
        return self.services.approvals.approve(payment.key, by, note)

    def reject(self, payment: Payment, by: Actor = ANN) -> Payment:
        return self.services.approvals.reject(payment.key, by, "not ours")

    def cancel(self, payment: Payment) -> Payment:
        return self.services.payments.cancel(payment.key, PAYROLL)

    def stored(self, payment: Payment) -> Payment:
        return self.services.payments.get(payment.key)

    def sweep(self) -> int:
        """Sweep a minute later; return how many payments have been sent in all."""
        self.now += timedelta(minutes=1)
        self.services.sweeper.run()
        return sum(len(each.paid()) for each in (self.wire, self.other))


def test_what_no_rule_covers_leaves_at_once() -> None:
    world = World()
    payment = world.pay("4999.99")
    assert (payment.status, payment.approval) == (Status.PENDING, None)
    assert world.sweep() == 1


def test_what_a_rule_covers_awaits_approval_and_says_which_rule() -> None:
    world = World()
    payment = world.pay()
    assert (payment.status, payment.history[0].reference) == (
        Status.AWAITING_APPROVAL,
        "USD 5000..: 1",
    )
    wait = world.services.waiting.of(payment)
    assert wait == (WaitingFor.APPROVAL, payment.created_at)
    assert world.sweep() == 0
    assert list(faults(world.stored(payment))) == []


def test_it_leaves_once_it_is_approved() -> None:
    world = World()
    payment = world.pay()
    world.now += timedelta(days=3)
    approved = world.approve(payment, note="invoice 7 checked")
    assert (approved.status, approved.due_at) == (Status.PENDING, world.now)
    line = approved.history[-1]
    assert (line.cause, line.reference, line.by) == (Cause.PERSON, "approved", "ann")
    (approval,) = approved.approvals
    assert (approval.by, approval.note, approval.at) == ("ann", "invoice 7 checked", world.now)
    assert world.worker.woken[-1] == approved
    assert list(faults(approved)) == []
    assert world.sweep() == 1
    assert list(faults(world.stored(payment))) == []


def test_two_approvers_are_two_people() -> None:
    world = World()
    payment = world.pay("10000")
    first = world.approve(payment)
    assert (first.status, len(first.history), first.due_at) == (
        Status.AWAITING_APPROVAL,
        1,
        payment.due_at,
    )
    assert world.approve(payment) == first
    assert world.approve(payment, Actor("console", frozenset({"console", "ann"}), APPROVE)) == first
    assert world.sweep() == 0
    assert world.approve(payment, BOB).status is Status.PENDING
    assert world.sweep() == 1


@pytest.mark.parametrize(
    "maker",
    [
        PAYROLL,
        Actor("payroll", frozenset({"payroll"}), APPROVE),  # another key of the client
        Actor("console", frozenset({"console", "sub-1"}), APPROVE),  # a token of the same person
        operator("sub-1"),
        operator("payroll"),
    ],
)
def test_the_maker_neither_approves_nor_rejects(maker: Actor) -> None:
    world = World()
    payment = world.pay()
    with pytest.raises(NotAllowed, match="Whoever requested a payment"):
        world.approve(payment, maker)
    with pytest.raises(NotAllowed):
        world.reject(payment, maker)
    assert world.stored(payment) == payment


def test_without_authentication_the_command_line_approves() -> None:
    world = World()
    payment = world.pay(by=LOCAL)
    with pytest.raises(NotAllowed):
        world.approve(payment, LOCAL)
    assert world.approve(payment, operator("ann")).status is Status.PENDING


def test_what_is_rejected_is_at_its_end_with_the_reason() -> None:
    world = World()
    rejected = world.reject(world.pay())
    assert (rejected.status, rejected.reason, rejected.due_at) == ("rejected", "not ours", None)
    assert (rejected.history[-1].by, rejected.history[-1].cause) == ("ann", Cause.PERSON)
    assert list(faults(rejected)) == []
    assert world.sweep() == 0


def test_what_is_rejected_can_be_requested_again_by_a_retry_that_needs_approval_too() -> None:
    world = World()
    rejected = world.reject(world.pay())
    retry = world.services.retries.retry(rejected.key, by=PAYROLL).payment
    assert (retry.status, retry.retry_of) == (Status.AWAITING_APPROVAL, rejected.payment_id)


@pytest.mark.parametrize("done", [World.approve, World.reject, World.cancel])
def test_what_awaits_no_approval_is_neither_approved_nor_rejected(
    done: Callable[[World, Payment], Payment],
) -> None:
    world = World()
    payment = done(world, world.pay())
    for decide in (world.approve, world.reject):
        with pytest.raises(Conflict, match=f"nothing to approve: the payment is {payment.status}"):
            decide(payment, BOB)
    assert world.stored(payment) == payment


def test_what_is_not_on_record_is_not_approved() -> None:
    with pytest.raises(NotFound):
        World().services.approvals.approve(PaymentKey("ada", "2026-03-01T12:00:00Z"), ANN)


def test_it_can_be_cancelled_while_it_awaits_approval() -> None:
    world = World()
    cancelled = world.cancel(world.pay())
    assert (cancelled.status, cancelled.due_at) == (Status.CANCELLED, None)
    assert list(faults(cancelled)) == []


def test_nobody_waits_for_the_outcome_of_what_awaits_approval() -> None:
    world = World()
    payment = world.pay()
    assert world.services.payments.wait(payment.key, 30) == payment


def test_two_approvals_at_once_are_both_kept() -> None:
    world = World()
    payment = world.pay("10000")
    world.store.before_change = lambda: world.approve(payment, BOB)
    approved = world.approve(payment)
    assert approved.status is Status.PENDING
    assert [each.by for each in approved.approvals] == ["bob", "ann"]


def test_of_an_approval_and_a_rejection_at_once_the_first_counts() -> None:
    world = World()
    payment = world.pay()
    world.store.before_change = lambda: world.reject(payment, BOB)
    with pytest.raises(Conflict, match="the payment is rejected"):
        world.approve(payment)
    assert world.sweep() == 0


def test_an_approval_that_a_cancellation_comes_before_is_refused() -> None:
    world = World()
    payment = world.pay()
    world.store.before_change = lambda: world.cancel(payment)
    with pytest.raises(Conflict, match="the payment is cancelled"):
        world.approve(payment)
    assert world.sweep() == 0


def test_a_cancellation_that_an_approval_comes_before_cancels_what_is_pending_then() -> None:
    world = World()
    payment = world.pay()
    world.store.before_change = lambda: world.approve(payment)
    assert world.cancel(payment).status is Status.CANCELLED
    assert [each.by for each in world.stored(payment).approvals] == ["ann"]
    assert world.sweep() == 0


def test_an_approval_is_void_once_the_details_have_changed() -> None:
    world = World()
    payment = world.pay("10000")
    world.approve(payment)
    world.put("wire", "55554444")
    second = world.approve(payment, BOB)
    assert second.status is Status.AWAITING_APPROVAL
    assert [(each.by, each.void) for each in second.approvals] == [("ann", True), ("bob", False)]
    third = world.approve(payment)
    assert third.status is Status.PENDING
    assert [each.void for each in third.approvals] == [True, False, False]
    assert world.sweep() == 1


def test_other_changes_of_the_customer_void_nothing() -> None:
    world = World()
    payment = world.pay("10000")
    world.approve(payment)
    world.put("other", "55554444")
    customer = world.services.customers.get("ada")
    stored = customer.methods["wire"].destination
    assert world.services.methods.correct("ada", "wire", [stored], None, "name misspelt")
    assert world.approve(payment, BOB).status is Status.PENDING
    assert world.sweep() == 1


def test_details_that_change_before_it_has_left_send_it_back_for_approval() -> None:
    world = World()
    payment = world.pay(at=START + timedelta(days=5))
    approved = world.approve(payment)
    assert (approved.status, approved.due_at) == (Status.PENDING, START + timedelta(days=5))
    world.put("wire", "55554444")
    world.now = START + timedelta(days=5)
    assert world.sweep() == 0
    back = world.stored(payment)
    assert (back.status, back.history[-1].reference) == (Status.AWAITING_APPROVAL, APPROVALS_VOID)
    assert back.due_at == world.now + ANSWER_WITHIN
    assert [each.void for each in back.approvals] == [True]
    assert list(faults(back)) == []
    assert world.approve(payment).status is Status.PENDING
    assert world.sweep() == 1


def test_the_rest_of_a_group_leaves_without_the_one_that_goes_back() -> None:
    world = World()
    payment = world.approve(world.pay())
    small = world.pay("5")
    world.put("wire", "55554444")
    (group,) = world.services.dispatcher.group([payment, small])
    world.services.dispatcher.submit(group)
    assert len(world.wire.paid()) == 1
    assert world.stored(payment).status is Status.AWAITING_APPROVAL


def test_another_payee_after_a_failover_is_approved_anew() -> None:
    world = World(routes="wire; other")
    approved = world.approve(world.pay(method=None))
    sent = approved.moved(Status.SUBMITTING, world.now, Cause.DISPATCH, "b1", batch_id="b1")
    again = declined(world.store, world.services.routes, sent, world.now, "NO_WAY")
    assert world.store.change_payments([PaymentChange(approved, sent)]) == [True]
    assert world.store.change_payments([PaymentChange(sent, again)]) == [True]
    assert again.payment_method == "other"
    assert world.sweep() == 0
    assert world.stored(again).status is Status.AWAITING_APPROVAL
    world.approve(again)
    assert world.sweep() == 1


def test_approval_comes_first_and_then_the_schedule() -> None:
    world = World()
    at = START + timedelta(days=5)
    payment = world.approve(world.pay(at=at))
    wait = world.services.waiting.of(payment)
    assert wait is not None
    assert (wait.reason, payment.due_at) == (WaitingFor.SCHEDULE, at)
    assert world.sweep() == 0
    world.now = at
    assert world.sweep() == 1


def test_what_is_approved_after_its_time_leaves_at_once() -> None:
    world = World()
    payment = world.pay(at=START + timedelta(days=1))
    world.now = START + timedelta(days=2)
    assert world.sweep() == 0
    world.approve(payment)
    assert world.sweep() == 1


def test_details_that_have_changed_lately_hold_it_after_its_approval_too() -> None:
    world = World(hours=24)
    world.put("wire", "55554444")
    changed = world.now
    approved = world.approve(world.pay())
    assert approved.due_at == changed + timedelta(hours=24)
    wait = world.services.waiting.of(approved)
    assert wait is not None
    assert wait.reason is WaitingFor.HOLD
    assert world.sweep() == 0


@pytest.mark.parametrize("approvals", [0, 1])
def test_unanswered_for_thirty_days_it_is_rejected(approvals: int) -> None:
    world = World()
    payment = world.pay("10000")
    for by in (ANN, BOB)[:approvals]:
        world.approve(payment, by)
    world.now = payment.created_at + ANSWER_WITHIN - timedelta(minutes=2)
    world.sweep()
    assert world.stored(payment).status is Status.AWAITING_APPROVAL
    world.now += timedelta(minutes=2)
    assert world.sweep() == 0
    rejected = world.stored(payment)
    assert (rejected.status, rejected.reason, rejected.due_at) == ("rejected", "expired", None)
    assert rejected.history[-1] == (world.now, "rejected", "dispatch", "expired", "")
    assert list(faults(rejected)) == []


def test_an_approval_that_comes_with_the_end_of_the_thirty_days_is_not_lost() -> None:
    world = World()
    payment = world.pay()
    world.now = payment.created_at + ANSWER_WITHIN
    world.store.before_change = lambda: world.approve(payment)
    assert world.sweep() == 0
    assert world.stored(payment).status is Status.PENDING
    assert world.sweep() == 1


def test_a_hold_of_everything_keeps_no_answer_open() -> None:
    world = World()
    payment = world.pay()
    world.services.holds.hold_payment(payment.key, "a doubt", ANN)
    world.now = payment.created_at + ANSWER_WITHIN
    world.sweep()
    assert world.stored(payment).status is Status.REJECTED


def test_what_is_held_stays_held_when_it_is_approved() -> None:
    world = World()
    payment = world.pay()
    world.services.holds.hold_payment(payment.key, "a doubt", ANN)
    world.approve(payment)
    assert world.sweep() == 0
    world.services.holds.release_payment(payment.key, ANN)
    assert world.sweep() == 1


def test_a_time_boxed_run_ends_them_too() -> None:
    world = World()
    payment = world.pay()
    world.now = payment.created_at + ANSWER_WITHIN + timedelta(minutes=1)
    services = world.services
    run = TimeboxedRun(
        *(services.dispatcher, services.poller, services.sweeper, services.inbox),
        services.mailbox_collector,
        services.deliverer,
        seconds_left=lambda: 300.0,
        step_seconds=1,
    )
    assert run.submit_due([payment]) == []
    assert run.sweep() == 1
    assert world.stored(payment).status is Status.REJECTED


def test_those_that_wait_are_listed() -> None:
    world = World()
    first, second = world.pay(), world.pay()
    world.approve(world.pay())
    world.pay("5")
    office = build_backoffice(world.services, progress=lambda _: None)
    assert office.unapproved.list() == [first, second]
