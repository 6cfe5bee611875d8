"""Dispatch, step by step, over a real SQLite store and a provider with a ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from paymentapp.bootstrap import Services
from paymentapp.config import Settings
from paymentapp.errors import Conflict, Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.batches import Batch, BatchState, Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.providers.base import Refused
from paymentapp.services.dispatch.batching import member_of
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage import open_store
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process
from tests.support.records import add_claim

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class World:
    """One service with a clock that moves only when a test moves it."""

    store: Store
    provider: LedgerProvider
    now: datetime = START

    def __post_init__(self) -> None:
        services = self.another()
        self.customers = services.customers
        self.payments = services.payments
        self.dispatcher = services.dispatcher
        self.poller = services.poller

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def another(self) -> Services:
        """Build another process with nothing in memory."""
        return a_process(self.store, self.clock, self.provider, due_shards=2)

    def sweep(self, later: float = 2) -> None:
        """Sweep in another process, some seconds later."""
        self.now += timedelta(seconds=later)
        self.another().sweeper.run()
        self.now += timedelta(seconds=31)  # its lease runs out

    def pay(self, *emails: str) -> list[Payment]:
        payments = []
        for email in emails:
            customer_id = email.partition("@")[0]
            self.customers.register(customer_id, email, {})
            order = PaymentOrder(customer_id, email, Money(Decimal("12.50"), "USD"), "paypal")
            payments.append(self.payments.request(order).payment)
        return payments

    def status(self, payment: Payment) -> Status:
        return self.payments.get(payment.key).status

    def batch_of(self, payment: Payment) -> Batch:
        batch = self.store.get_batch(self.payments.get(payment.key).batch_id or "")
        assert batch is not None
        return batch


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = open_store(Settings(store=f"sqlite:///{tmp_path}/test.db"))
    store.create_tables()
    yield World(store, LedgerProvider())
    store.close()


def raising(error: BaseException) -> Callable[[Batch], None]:
    def fail(_batch: Batch) -> None:
        raise error

    return fail


def abort(world: World, batch_id: str | None) -> None:
    """Abort the batch from another process, while its maker is merely slow."""
    batch = world.store.get_batch(batch_id or "")
    assert batch is not None
    assert world.another().dispatcher.resume(batch).state is BatchState.ABORTED


def test_a_payment_is_prepared_frozen_sent_and_followed(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    assert batch.state is BatchState.ACCEPTED
    assert world.status(payment) is Status.SUBMITTING
    assert world.poller.follow(batch).state is BatchState.CLOSED
    settled = world.payments.get(payment.key)
    assert settled.status is Status.SUCCEEDED
    assert [move.status for move in settled.history] == [
        Status.PENDING,
        Status.SUBMITTING,
        Status.SUCCEEDED,
    ]
    assert settled.transaction_id == f"tx-{payment.payment_id}"
    assert [member.key for member in world.provider.paid()] == [payment.key]


def test_nothing_is_sent_before_the_freeze(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    seen: list[BatchState] = []

    def look(batch: Batch) -> None:
        stored = world.store.get_batch(batch.batch_id)
        assert stored is not None
        seen.append(stored.state)

    world.provider.before = look
    world.dispatcher.submit([payment])
    assert seen == [BatchState.FROZEN]


def test_two_dispatchers_with_the_same_payments_pay_once(world: World) -> None:
    payments = world.pay("ann@example.com", "bob@example.com", "cy@example.com")
    world.dispatcher.submit(payments[:2])
    batch = world.another().dispatcher.submit(payments)
    assert batch is not None
    assert batch.excluded == (0, 1)
    assert world.another().dispatcher.submit(payments) is None
    assert sorted(m.email for m in world.provider.paid()) == [p.email for p in payments]


@pytest.mark.parametrize("error", [OutcomeUnknown("TIMEOUT"), NotSent("BUSY"), Misconfigured("X")])
@pytest.mark.parametrize("acted", [True, False])
def test_an_unclear_answer_keeps_the_same_batch_and_fails_nobody(
    world: World, error: Exception, acted: bool
) -> None:
    (payment,) = world.pay("ann@example.com")
    fail = raising(error)
    if acted:
        world.provider.after = fail
    else:
        world.provider.before = fail
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    assert batch.state is BatchState.FROZEN
    assert world.status(payment) is Status.SUBMITTING
    assert world.dispatcher.group(world.pay("bob@example.com")) == []  # left alone meanwhile
    world.provider.before = world.provider.after = lambda _batch: None
    world.sweep(later=70)
    world.sweep(later=70)
    assert set(world.provider.calls[:2]) == {batch.batch_id}
    assert world.status(payment) is Status.SUCCEEDED
    assert [m.email for m in world.provider.paid()].count("ann@example.com") == 1


def test_a_crash_before_the_freeze_is_undone(world: World) -> None:
    payments = world.pay("ann@example.com", "bob@example.com")
    prepared = world.dispatcher._prepare(payments)
    assert prepared is not None
    world.sweep(later=61)
    assert [world.status(p) for p in payments] == [Status.PENDING] * 2
    world.sweep()
    world.sweep(later=61)
    assert [world.status(p) for p in payments] == [Status.SUCCEEDED] * 2
    assert world.provider.batches.keys().isdisjoint({prepared[0].batch_id})
    assert len(world.provider.paid()) == 2


def test_a_slow_maker_that_was_aborted_frees_what_it_stamped(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    real_change = world.store.change_payments

    def slow_change(changes: Sequence[PaymentChange]) -> list[bool]:
        world.store.change_payments = real_change
        abort(world, changes[0].new.batch_id)
        return real_change(changes)

    world.store.change_payments = slow_change
    world.dispatcher.submit([payment])
    assert world.provider.calls == []
    assert world.status(payment) is Status.PENDING
    world.sweep()
    world.sweep(later=61)
    assert world.status(payment) is Status.SUCCEEDED
    assert len(world.provider.paid()) == 1


def test_a_maker_that_stamped_after_the_abort_and_died_loses_nothing(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    real_change = world.store.change_payments

    def die_after(changes: Sequence[PaymentChange]) -> list[bool]:
        world.store.change_payments = real_change
        abort(world, changes[0].new.batch_id)
        real_change(changes)
        raise KeyboardInterrupt

    world.store.change_payments = die_after
    with pytest.raises(KeyboardInterrupt):
        world.dispatcher.submit([payment])
    assert world.status(payment) is Status.SUBMITTING
    for _ in range(4):
        world.sweep(later=600)
    assert world.status(payment) is Status.SUCCEEDED
    assert len(world.provider.paid()) == 1


def test_a_batch_aborted_after_days_is_still_searched_for_late_stamps(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    real_change = world.store.change_payments

    def sleep_and_die(changes: Sequence[PaymentChange]) -> list[bool]:
        world.store.change_payments = real_change
        world.now += timedelta(days=3)  # the machine slept, and others woke up first
        abort(world, changes[0].new.batch_id)
        real_change(changes)
        raise KeyboardInterrupt

    world.store.change_payments = sleep_and_die
    with pytest.raises(KeyboardInterrupt):
        world.dispatcher.submit([payment])
    assert world.status(payment) is Status.SUBMITTING
    for _ in range(4):
        world.sweep(later=7 * 3600)
    assert world.status(payment) is Status.SUCCEEDED
    assert len(world.provider.paid()) == 1


def test_a_maker_that_comes_back_after_its_batch_was_closed_frees_what_it_stamped(
    world: World,
) -> None:
    (payment,) = world.pay("ann@example.com")
    real_change = world.store.change_payments
    closed: list[Batch | None] = []

    def sleep(changes: Sequence[PaymentChange]) -> list[bool]:
        world.store.change_payments = real_change
        batch_id = changes[0].new.batch_id or ""
        world.now += timedelta(days=3)
        abort(world, batch_id)
        for _ in range(6):
            world.now += timedelta(hours=7)
            batch = world.store.get_batch(batch_id)
            assert batch is not None
            closed.append(world.another().dispatcher.resume(batch))
        return real_change(changes)

    world.store.change_payments = sleep
    world.dispatcher.submit([payment])
    assert closed[-1] is not None
    assert closed[-1].state is BatchState.CLOSED
    assert world.status(payment) is Status.PENDING


def test_a_crash_after_the_freeze_resumes_at_send(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    world.provider.before = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        world.dispatcher.submit([payment])
    world.provider.before = lambda _batch: None
    frozen = world.batch_of(payment)
    assert frozen.state is BatchState.FROZEN
    world.sweep(later=61)
    world.sweep(later=61)
    assert world.status(payment) is Status.SUCCEEDED
    assert set(world.provider.calls) == {frozen.batch_id}


def test_refused_members_fail_and_the_others_go_into_a_new_batch(world: World) -> None:
    payments = world.pay("ann@example.com", "bad@example.com", "cy@example.com")

    def refuse(members: Sequence[Member]) -> Refused | None:
        bad = [i for i, m in enumerate(members) if m.email == "bad@example.com"]
        return (
            Refused("VALIDATION_ERROR", dict.fromkeys(bad, "receiver is invalid")) if bad else None
        )

    world.provider.refuse = refuse
    batch = world.dispatcher.submit(payments)
    assert batch is not None
    assert batch.state is BatchState.CLOSED
    assert [world.status(p) for p in payments] == [Status.PENDING, Status.FAILED, Status.PENDING]
    assert world.payments.get(payments[1].key).reason == "receiver is invalid"
    world.sweep()
    world.sweep(later=61)
    assert world.status(payments[0]) is Status.SUCCEEDED
    assert len({*world.provider.calls}) == 2
    assert sorted(m.email for m in world.provider.paid()) == ["ann@example.com", "cy@example.com"]


def test_a_refusal_that_names_nobody_is_narrowed_down(world: World) -> None:
    payments = world.pay("ann@example.com", "bad@example.com", "cy@example.com")

    def refuse(members: Sequence[Member]) -> Refused | None:
        bad = any(m.email == "bad@example.com" for m in members)
        return Refused("SOMETHING_IN_IT") if bad else None

    world.provider.refuse = refuse
    world.dispatcher.submit(payments)
    assert {world.status(p) for p in payments} == {Status.PENDING}
    world.sweep()
    world.sweep(later=61)
    assert [world.status(p) for p in payments] == [
        Status.SUCCEEDED,
        Status.FAILED,
        Status.SUCCEEDED,
    ]
    assert world.payments.get(payments[1].key).reason == "SOMETHING_IN_IT"


def test_a_crash_while_members_are_let_go_is_finished_by_another(world: World) -> None:
    payments = world.pay("ann@example.com", "bad@example.com")
    world.provider.refuse = lambda members: Refused("NO", {1: "bad"}) if len(members) > 1 else None
    real = world.store.change_payments

    def die_in_letting_go(changes: Sequence[PaymentChange]) -> list[bool]:
        if changes[0].new.status is not Status.SUBMITTING:
            world.store.change_payments = real
            raise KeyboardInterrupt
        return real(changes)

    world.store.change_payments = die_in_letting_go
    with pytest.raises(KeyboardInterrupt):
        world.dispatcher.submit(payments)
    assert world.batch_of(payments[0]).state is BatchState.REFUSED
    world.sweep(later=61)
    assert [world.status(p) for p in payments] == [Status.PENDING, Status.FAILED]


def test_after_25_days_an_unknown_batch_is_parked_and_never_resent(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    world.provider.before = raising(OutcomeUnknown("TIMEOUT"))
    world.dispatcher.submit([payment])
    batch = world.batch_of(payment)
    calls = len(world.provider.calls)
    world.now += timedelta(days=25)
    world.sweep()
    assert len(world.provider.calls) == calls
    assert [b.batch_id for b in world.store.parked_batches()] == [batch.batch_id]
    assert world.status(payment) is Status.SUBMITTING
    world.sweep(later=86400)
    assert len(world.provider.calls) == calls


@pytest.mark.parametrize(
    ("looks", "state"), [(False, BatchState.PARKED), (True, BatchState.ACCEPTED)]
)
def test_a_provider_that_forgets_sooner_gets_it_no_more_sooner(
    world: World, looks: bool, state: BatchState
) -> None:
    """Park it sooner, unless the provider searches for the batch before it sends it again."""
    world.provider.forgets_batch_after = timedelta(hours=24)
    world.provider.looks_before_resending = looks
    (payment,) = world.pay("ann@example.com")
    world.provider.before = raising(OutcomeUnknown("TIMEOUT"))
    world.dispatcher.submit([payment])
    world.provider.before = lambda _batch: None
    batch = world.batch_of(payment)
    world.now += timedelta(hours=20)
    assert world.dispatcher.resume(batch).state is state


def test_the_first_look_shows_what_is_still_on_its_way_as_submitted(world: World) -> None:
    (payment,) = world.pay("slow@example.com")
    world.provider.status["slow@example.com"] = Status.SUBMITTED
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    assert world.poller.follow(batch).state is BatchState.ACCEPTED
    assert world.status(payment) is Status.SUBMITTED
    world.provider.status["slow@example.com"] = Status.SUCCEEDED
    world.sweep(later=120)
    assert world.status(payment) is Status.SUCCEEDED


def test_a_look_that_fails_still_shows_the_batch_as_submitted(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    world.provider.can_fetch = False
    world.poller.follow(batch)
    assert world.status(payment) is Status.SUBMITTED


def test_an_unknown_provider_status_is_kept_and_decides_nothing(world: World) -> None:
    (payment,) = world.pay("odd@example.com")
    world.provider.status["odd@example.com"] = None
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    world.poller.follow(batch)
    after = world.payments.get(payment.key)
    assert after.status is Status.SUBMITTED
    assert after.provider_status == "SOMETHING_NEW"
    assert world.poller.follow(world.batch_of(payment)).state is BatchState.ACCEPTED


def test_late_and_repeated_news_never_moves_a_payment_back(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    world.poller.follow(batch)
    world.provider.status["ann@example.com"] = Status.UNCLAIMED
    world.poller.follow(batch)
    assert world.status(payment) is Status.SUCCEEDED
    world.provider.status["ann@example.com"] = Status.RETURNED
    world.poller.follow(batch)
    assert world.status(payment) is Status.RETURNED


def test_a_pending_payment_is_cancelled_and_never_sent(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    assert world.payments.cancel(payment.key).status is Status.CANCELLED
    assert world.payments.cancel(payment.key).status is Status.CANCELLED
    assert world.dispatcher.submit([payment]) is None
    world.sweep()
    assert world.provider.calls == []


def test_a_payment_on_its_way_cannot_be_cancelled(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    world.dispatcher.submit([payment])
    with pytest.raises(Conflict):
        world.payments.cancel(payment.key)


def test_an_unclaimed_payment_is_taken_back_on_request(world: World) -> None:
    (payment,) = world.pay("none@example.com")
    world.provider.status["none@example.com"] = Status.UNCLAIMED
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    world.poller.follow(batch)
    asked = world.payments.cancel(payment.key)
    assert asked.status is Status.UNCLAIMED
    assert asked.cancel_requested
    world.sweep()
    assert world.status(payment) is Status.CANCELLED


def test_waiting_for_a_payment_that_is_taken_back_goes_on_until_it_is(world: World) -> None:
    (payment,) = world.pay("none@example.com")
    world.provider.status["none@example.com"] = Status.UNCLAIMED
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    world.poller.follow(batch)
    assert world.payments.wait(payment.key, 5).status is Status.UNCLAIMED  # at once
    world.payments.cancel(payment.key)
    sweeping = threading.Timer(0.2, world.sweep)
    sweeping.start()
    assert world.payments.wait(payment.key, 5).status is Status.CANCELLED
    sweeping.join()


def test_a_taken_back_payment_that_was_claimed_meanwhile_has_succeeded(world: World) -> None:
    (payment,) = world.pay("none@example.com")
    world.provider.status["none@example.com"] = Status.UNCLAIMED
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    world.poller.follow(batch)
    world.payments.cancel(payment.key)
    world.provider.can_cancel = False
    world.provider.status["none@example.com"] = Status.SUCCEEDED
    world.sweep()
    assert world.status(payment) is Status.SUCCEEDED


def test_a_payment_that_was_claimed_before_it_could_be_taken_back_may_still_return(
    world: World,
) -> None:
    (payment,) = world.pay("none@example.com")
    world.provider.status["none@example.com"] = Status.UNCLAIMED
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    world.poller.follow(batch)
    world.payments.cancel(payment.key)
    world.provider.status["none@example.com"] = Status.SUCCEEDED
    world.poller.follow(batch)
    assert world.status(payment) is Status.SUCCEEDED
    world.provider.status["none@example.com"] = Status.RETURNED
    world.poller.follow(batch)
    assert world.status(payment) is Status.RETURNED


def test_groups_are_of_one_currency_and_one_batch_size(world: World) -> None:
    world.provider.batch_size = 2
    payments = world.pay("a@example.com", "b@example.com", "c@example.com")
    world.customers.register("yen", "yen@example.com", {})
    order = PaymentOrder("yen", "yen@example.com", Money(Decimal(1000), "JPY"), "paypal")
    payments.append(world.payments.request(order).payment)
    groups = world.dispatcher.group(payments)
    assert [[p.customer_id for p in group] for group in groups] == [["a", "b"], ["c"], ["yen"]]


def test_the_sweep_fills_batches_while_more_is_waiting(world: World) -> None:
    world.provider.batch_size = 5
    payments = world.pay(*(f"u{n}@example.com" for n in range(52)))
    world.now += timedelta(seconds=2)
    sweep = world.another().sweeper
    while any(world.status(p) is Status.PENDING for p in payments):
        sweep.run()
    assert len(world.provider.calls) == 11
    assert len(world.provider.paid()) == 52


def test_one_process_sweeps_a_shard_at_a_time(world: World) -> None:
    world.pay("ann@example.com")
    world.now += timedelta(seconds=2)
    first, second = world.another().sweeper, world.another().sweeper
    assert len(first.find_due().groups) == 1
    assert second.find_due().groups == []
    first.release()
    world.now += timedelta(seconds=31)
    assert len(second.find_due().groups) == 1


def test_a_key_pays_once_even_where_a_crash_came_between_claim_and_payment(world: World) -> None:
    world.customers.register("ann", "ann@example.com", {})
    order = PaymentOrder("ann", "ann@example.com", Money(Decimal(1), "USD"), "paypal")
    claim = world.payments._record(order, sha256(b"key-1").hexdigest(), None)
    assert claim is not None
    add_claim(world.store, claim)  # with another payment than its own
    requested = world.payments.request(order, "key-1")
    assert not requested.replayed
    assert requested.payment.payment_id == claim.payment_id
    assert world.payments.request(order, "key-1").replayed


def test_two_payments_in_one_microsecond_get_ids_next_to_each_other(world: World) -> None:
    world.customers.register("ann", "ann@example.com", {})
    order = PaymentOrder("ann", "ann@example.com", Money(Decimal(1), "USD"), "paypal")
    world.payments = a_process(world.store, lambda: START, world.provider).payments
    made = [world.payments.request(order, key).payment for key in (None, "a", "b", None)]
    assert [p.payment_id[-4:-1] for p in made] == ["000", "001", "002", "003"]
    again = world.payments.request(order, "b")
    assert again.replayed
    assert again.payment.key == made[2].key
    assert world.payments.get(PaymentKey("ann", made[0].payment_id)) == made[0]


def test_an_unclaimed_payment_that_cannot_be_taken_back_now_is_asked_for_again(
    world: World,
) -> None:
    world.provider.status["ann@example.com"] = Status.UNCLAIMED
    (payment,) = world.pay("ann@example.com")
    world.sweep()
    world.sweep()
    world.payments.cancel(payment.key)
    world.provider.can_fetch = False
    sent, world.provider.batches = world.provider.batches, {}  # it knows no such item for now
    world.sweep()
    waiting = world.payments.get(payment.key)
    assert (waiting.status, waiting.is_to_be_taken_back) == (Status.UNCLAIMED, True)
    world.provider.batches, world.provider.can_fetch = sent, True
    world.sweep(later=60)
    assert world.status(payment) is Status.CANCELLED


def test_a_frozen_batch_that_another_process_sends_is_left_to_it(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    world.provider.before = raising(NotSent("DOWN"))
    world.dispatcher.submit([payment])
    stale = world.batch_of(payment)
    world.another().dispatcher.resume(stale)
    calls = len(world.provider.calls)
    assert world.another().dispatcher.resume(stale) == stale
    assert len(world.provider.calls) == calls


def test_a_fault_in_the_provider_s_code_leaves_the_outcome_unknown(world: World) -> None:
    (payment,) = world.pay("ann@example.com")
    world.provider.after = raising(ValueError("a bug, after the money was sent"))
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    assert (batch.state, batch.last_error) == (BatchState.FROZEN, "OutcomeUnknown: INTERNAL")
    world.provider.after = lambda _: None
    world.sweep(later=60)
    assert set(world.provider.calls) == {batch.batch_id}
    assert len(world.provider.paid()) == 1


def test_a_batch_that_waits_says_why_in_the_log_and_on_record(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    (payment,) = world.pay("ann@example.com")
    world.provider.before = raising(OutcomeUnknown("BUSINESS_ERROR", "no link " + "again " * 99))
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    assert batch.last_error is not None
    assert batch.last_error.startswith("OutcomeUnknown: BUSINESS_ERROR: no link again")
    assert len(batch.last_error) == 300
    assert f"batch {batch.batch_id} waits: OutcomeUnknown BUSINESS_ERROR: no link" in caplog.text


def test_a_payment_whose_provider_is_no_longer_there_waits(world: World) -> None:
    gone = replace(world.pay("ann@example.com")[0], payment_method="cheque")
    (other,) = world.pay("bob@example.com")
    assert world.dispatcher.group([gone, other]) == [[other]]


def test_a_member_that_is_not_on_record_is_told_of_and_holds_up_nobody(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Log it and go on: this happens after a restore of an older database."""
    (payment,) = world.pay("ann@example.com")
    batch = world.dispatcher.submit([payment])
    assert batch is not None
    lost = replace(payment, customer_id="lost")
    settlement = world.another().settlement
    members = [member_of(each, LedgerProvider()) for each in (lost, payment)]
    assert settlement.apply(batch, members, {}, Cause.POLL).size == 1  # the one that is on record
    assert world.status(payment) is Status.SUBMITTED
    assert "member missing or in another batch; skipped" in caplog.text
