"""Another route for a payment: only where its provider has certainly done nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import Conflict, NotSent, OutcomeUnknown, ProviderError
from paymentapp.models.batches import BatchState, Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.base import Accepted, NeedsReview, Postponed, Refused
from paymentapp.services.backoffice.parked_batches import LONGEST_CALL, OperatorNote
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.changes import PaymentChange
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.payment_methods import ledger
from tests.support.processes import a_process
from tests.support.records import a_payment


@dataclass
class World:
    """A service with two payment methods, by the rules "paypal; gift"."""

    now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    store: MemoryStore = field(default_factory=MemoryStore)
    first: LedgerProvider = field(default_factory=lambda: ledger("paypal"))
    second: LedgerProvider = field(default_factory=lambda: ledger("gift"))

    def __post_init__(self) -> None:
        self.services = a_process(
            self.store, self.clock, self.first, self.second, routes="paypal; gift", due_shards=1
        )
        self.services.customers.register("ada", "ada@example.com", {})

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pay(self, method: str | None = None) -> Payment:
        order = PaymentOrder("ada", "ada@example.com", Money(Decimal(5), "USD"), method)
        return self.services.payments.request(order).payment

    def sweep(self, times: int = 3) -> None:
        for _ in range(times):
            self.now += timedelta(seconds=40)
            self.services.sweeper.run()

    def stored(self, payment: Payment) -> Payment:
        return self.services.payments.get(payment.key)


def declines(members: Sequence[Member]) -> Refused:
    return Refused("VALIDATION_ERROR", dict.fromkeys(range(len(members)), "RECEIVER_UNSUPPORTED"))


def test_what_one_provider_declines_another_pays() -> None:
    world = World()
    world.first.refuse = declines
    payment = world.pay()
    assert payment.route == "rule 1"
    world.sweep()
    paid = world.stored(payment)
    assert (paid.payment_method, paid.status) == ("gift", Status.SUCCEEDED)
    assert paid.route == "rule 2; paypal did nothing"
    assert paid.tried_methods == ("paypal",)
    assert [move.reference for move in paid.history if move.status is Status.PENDING] == [
        "",
        "RECEIVER_UNSUPPORTED",
    ]
    assert (len(world.first.paid()), len(world.second.paid())) == (0, 1)


def test_where_all_decline_the_payment_has_failed() -> None:
    world = World()
    world.first.refuse = world.second.refuse = declines
    payment = world.pay()
    world.sweep(5)
    assert world.stored(payment).status is Status.FAILED
    assert world.stored(payment).reason == "RECEIVER_UNSUPPORTED"
    assert len(world.second.calls) == 1


def test_a_payment_whose_method_was_asked_for_fails() -> None:
    world = World()
    world.first.refuse = declines
    payment = world.pay("paypal")
    world.sweep()
    assert world.stored(payment).status is Status.FAILED
    assert not world.second.calls


@pytest.mark.parametrize("error", [OutcomeUnknown("TIMEOUT"), NotSent("UNREACHABLE")])
def test_what_is_unknown_or_waits_goes_no_other_way(error: ProviderError) -> None:
    """Keep the route even after NotSent: another attempt under the same id may be in progress."""
    world = World()

    def fail(_: object) -> None:
        raise error

    world.first.before = fail
    payment = world.pay()
    world.sweep(20)
    assert world.stored(payment).status is Status.SUBMITTING
    assert world.stored(payment).payment_method == "paypal"
    assert not world.second.calls


def test_an_item_that_fails_later_goes_no_other_way() -> None:
    world = World()
    world.first.status["ada@example.com"] = Status.FAILED
    payment = world.pay()
    world.sweep()
    assert world.stored(payment).status is Status.FAILED
    assert not world.second.calls


def test_a_doubtful_batch_is_parked_at_once_and_never_sent_again() -> None:
    world = World()

    def doubt(*_: object) -> Accepted | Refused | NeedsReview:
        world.first.calls.append("doubted")
        return NeedsReview("UPLOAD_UNCERTAIN")

    world.first.submit = doubt  # type: ignore[assignment]
    payment = world.pay()
    world.sweep(5)
    assert world.first.calls == ["doubted"]
    (batch,) = world.store.parked_batches()
    assert batch.state is BatchState.PARKED
    assert batch.last_error == "UPLOAD_UNCERTAIN"
    assert batch.parked_at is not None
    assert world.stored(payment).status is Status.SUBMITTING
    assert not world.second.calls


def test_a_postponed_batch_waits_for_its_time_and_nothing_else_does() -> None:
    world = World()
    pays, until = world.first.submit, world.now + timedelta(days=3)
    world.first.submit = lambda *_: Postponed("PRENOTE", until)  # type: ignore[assignment]
    payment = world.pay()
    world.sweep(3)
    assert world.stored(payment).status is Status.SUBMITTING
    assert not world.services.dispatcher.failing.causes()
    world.first.submit = pays
    second = world.pay()
    world.sweep(3)
    assert world.stored(second).status is Status.SUCCEEDED
    assert world.stored(payment).status is Status.SUBMITTING
    world.now = until
    world.sweep(3)
    assert world.stored(payment).status is Status.SUCCEEDED


@dataclass
class Alternating:
    """A key for every other payment."""

    keys: Iterator[str]

    def key(self, _payment: Payment) -> str:
        return next(self.keys)


def test_payments_of_two_keys_go_in_two_batches() -> None:
    world = World()
    world.first.batch_key = Alternating(iter("abab"))
    for _ in range(4):
        world.pay()
    world.sweep()
    assert sorted(map(len, world.first.batches.values())) == [2, 2]


def test_a_payment_that_may_have_left_keeps_its_way() -> None:
    payment = a_payment(status=Status.SUBMITTING)
    by_another = payment.changed(payment_method="gift")
    to_another = payment.changed(destination="elsewhere")
    for changed in (by_another, to_another):
        with pytest.raises(
            ValueError, match="only a pending payment may change its method or destination"
        ):
            PaymentChange(payment, changed)


def test_a_person_releases_a_doubtful_batch_once_no_call_can_be_on_its_way() -> None:
    world = World()

    def doubt(*_: object) -> NeedsReview:
        return NeedsReview("UPLOAD_UNCERTAIN")

    pays = world.first.submit
    world.first.submit = doubt  # type: ignore[assignment]
    payment = world.pay()
    world.sweep(1)
    (batch,) = world.store.parked_batches()
    parked = build_backoffice(world.services, print).parked
    word = OperatorNote("ann", "the bank's list has no such file")
    with pytest.raises(Conflict, match="may not be in the books before"):
        parked.not_sent(batch.batch_id, word)
    world.now += LONGEST_CALL + timedelta(minutes=6)
    world.first.submit = pays
    parked.not_sent(batch.batch_id, word)
    world.sweep()
    assert world.stored(payment).status is Status.SUCCEEDED
    assert len(world.first.paid()) == 1
