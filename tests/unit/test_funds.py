"""Lack of funds: small payments do not wait behind large ones, and the work is bounded."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from paymentapp.errors import InsufficientFunds, OutcomeUnknown
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.base import Accepted, Refused
from paymentapp.services.dispatch.funds import Shortages, largest_half, total_of
from paymentapp.services.waiting import WaitingFor
from tests.support.ledger_provider import LedgerProvider
from tests.support.records import usd
from tests.unit.test_attempts import NO_ANSWER, World


class Purse(LedgerProvider):
    """A provider that pays from a balance in US dollars."""

    def __init__(self) -> None:
        super().__init__()
        self.balance = Decimal(0)

    def submit(self, batch: Batch, members: Sequence[Member]) -> Accepted | Refused:
        total = total_of(members)
        known = batch.batch_id in self.batches
        if total.currency == "USD" and not known and total.amount > self.balance:
            self.calls.append(batch.batch_id)
            raise InsufficientFunds("INSUFFICIENT_FUNDS")
        outcome = super().submit(batch, members)
        self.balance -= 0 if known or total.currency != "USD" else total.amount
        return outcome


class Poor(World):
    """A world whose provider has no money at first; one process sweeps it all."""

    def __init__(self) -> None:
        self.purse = Purse()
        super().__init__(self.purse)

    def sweep(self, times: int = 1) -> None:
        for _ in range(times):
            self.later(1.5)
            self.here.sweeper.run()

    def status(self, payment: Payment) -> Status:
        return self.here.payments.get(payment.key).status

    def waits_for(self, payment: Payment) -> WaitingFor | None:
        wait = self.here.waiting.of(self.here.payments.get(payment.key))
        return wait.reason if wait else None


@pytest.fixture
def world() -> Poor:
    return Poor()


def test_two_payments_of_3_do_not_wait_behind_one_of_6000(world: Poor) -> None:
    large, *small = world.pay("ann", "6000"), world.pay("bob", "3"), world.pay("cy", "3")
    world.purse.balance = Decimal(10)
    world.sweep(25)
    assert [world.status(each) for each in small] == [Status.SUCCEEDED] * 2
    assert (world.status(large), world.waits_for(large)) == (Status.SUBMITTING, WaitingFor.FUNDS)
    late = world.pay("dan", "4")
    world.sweep(25)
    assert world.status(late) is Status.SUCCEEDED
    assert world.here.payments.cancel(large.key).status is Status.CANCELLED


def test_a_large_payment_goes_once_there_are_funds(world: Poor) -> None:
    large, small = world.pay("ann", "6000"), world.pay("bob", "3")
    world.sweep(4)
    world.purse.balance = Decimal(7000)
    world.sweep(40)
    assert [world.status(each) for each in (large, small)] == [Status.SUCCEEDED] * 2
    assert world.here.dispatcher.failing.causes() == {}


def test_each_says_that_it_waits_for_funds(world: Poor) -> None:
    payments = [world.pay("ann", "6000"), world.pay("bob", "3")]
    batch = world.send(*payments)
    assert (batch.state, batch.last_error) == (BatchState.ABORTED, "taken apart: no funds")
    assert [world.waits_for(each) for each in payments] == [WaitingFor.FUNDS] * 2
    world.sweep(3)
    assert [world.waits_for(each) for each in payments] == [WaitingFor.FUNDS] * 2
    history = world.here.payments.get(payments[0].key).history
    assert history[2].reference == f"{batch.batch_id} taken apart: no funds"


def test_other_currencies_and_smaller_amounts_go_on(world: Poor) -> None:
    world.send(world.pay("ann", "50"))
    assert not world.dispatcher.failing.is_open("paypal")
    larger, smaller = world.pay("bob", "50"), world.pay("cy", "49")
    euros = world.pay("dan", "90", "EUR")
    groups = world.dispatcher.group([larger, smaller, euros])
    assert [payment for group in groups for payment in group] == [smaller, euros]


def test_without_funds_the_work_is_bounded(world: Poor) -> None:
    """With 300 payments waiting: by halves down to one, which is then tried for all of them."""
    payments = [world.pay(f"c{n}", "10") for n in range(300)]
    world.sweep(80)
    assert len(world.purse.calls) < 30
    for payment in payments:
        assert len(world.here.payments.get(payment.key).history) <= 20
    before = len(world.purse.calls)
    world.sweep(80)  # two minutes
    assert len(world.purse.calls) - before < 10
    world.purse.balance = Decimal(3000)
    world.sweep(120)
    assert {world.status(each) for each in payments} == {Status.SUCCEEDED}


def test_after_an_unknown_attempt_a_batch_without_funds_stays_whole(world: Poor) -> None:
    payments = [world.pay("ann", "6000"), world.pay("bob", "3")]
    world.purse.balance = Decimal(9000)
    world.says(NO_ANSWER)
    batch = world.send(*payments)
    world.says(None)
    world.purse.balance = Decimal(10)
    world.later(60)
    again = world.dispatcher.resume(batch)
    assert (again.state, again.lacks_funds) == (BatchState.FROZEN, True)
    assert world.waits_for(payments[1]) is WaitingFor.FUNDS


def test_a_batch_that_another_process_has_claimed_stays_whole(world: Poor) -> None:
    ann, bob = world.pay("ann", "6000"), world.pay("bob", "3")

    def submit(batch: Batch, members: Sequence[Member]) -> Accepted | Refused:
        assert len(members) == 2
        world.purse.submit = submits
        world.says(OutcomeUnknown("TIMEOUT"))
        world.purse.balance = Decimal(9000)
        world.there.dispatcher.resume(world.stored(batch))
        raise InsufficientFunds("INSUFFICIENT_FUNDS")

    submits, world.purse.submit = world.purse.submit, submit
    batch = world.send(ann, bob)
    assert (batch.state, batch.certainly_unsent) == (BatchState.FROZEN, False)


def test_a_larger_batch_is_not_tried_while_a_smaller_one_is_refused(world: Poor) -> None:
    small, large = world.send(world.pay("ann", "3")), world.pay("bob", "6000")
    world.dispatcher.failing.shortages.paid("paypal", usd("3"))
    large_batch = world.send(large)
    world.dispatcher.resume(small)
    calls = len(world.purse.calls)
    later = world.dispatcher.resume(large_batch)
    assert (len(world.purse.calls), later.certainly_unsent) == (calls, True)
    assert later.attention_at is not None
    assert later.attention_at > world.now


@pytest.mark.parametrize(
    ("amounts", "alone"),
    [
        ("6000 3 3", {0}),
        ("5 5", {0}),
        ("1 1 1 1", {0, 1}),
        ("1 2 3 4", {2, 3}),
        ("0.01 0.01 0.01", {0, 1}),
    ],
)
def test_the_largest_go_alone(amounts: str, alone: set[int]) -> None:
    members = [Member("ann", str(n), usd(each), "") for n, each in enumerate(amounts.split())]
    assert largest_half(members, ()) == alone
    assert len(largest_half(members, ())) < len(members)


def test_what_another_batch_has_does_not_count() -> None:
    members = [Member("ann", str(n), usd(each), "") for n, each in enumerate(("9", "5", "3"))]
    assert largest_half(members, (0,)) == {1}


def test_a_shortage_ends_by_a_payment_that_large_or_by_time() -> None:
    world = World()
    shortages = Shortages(lambda: world.now)
    shortages.refused("paypal", usd("50"), "NO")
    shortages.refused("paypal", usd("90"), "NO")
    assert shortages.least("paypal", "USD") == 50
    shortages.paid("paypal", usd("49"))
    assert shortages.known("paypal")
    shortages.paid("paypal", usd("50"))
    assert not shortages.known("paypal")
    shortages.refused("paypal", usd("90"), "NO")
    world.later(60)
    assert shortages.causes() == {}
