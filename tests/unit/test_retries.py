"""Retries: one open at a time, whatever comes between the link and the new payment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from paymentapp.clock import to_text
from paymentapp.errors import Conflict, KeyReused, NotAllowed, NotFound, StoreUnavailable
from paymentapp.models.actors import HOLD, Actor
from paymentapp.models.caller_texts import CallerTexts
from paymentapp.models.payments import RETRYABLE, Cause, Payment, PaymentKey, Status
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.changes import Acceptance, AcceptResult, PaymentChange
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process
from tests.support.records import add_payment, usd

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER = PaymentOrder("ada", "ada@example.com", usd("12.5"), "paypal")
PAYROLL = Actor("payroll", frozenset({"payroll"}), frozenset({"payments:write"}))
OTHER = Actor("till", frozenset({"till"}), frozenset({"payments:write"}))
GUARD = Actor("guard", frozenset({"guard"}), frozenset({"payments:write", HOLD}))


class BusyStore(MemoryStore):
    """A store that calls each hook once, before or after the write that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.before_link: Callable[[], object] = lambda: None
        self.before_payment: Callable[[], object] = lambda: None
        self.after_payment: Callable[[], object] = lambda: None

    def change_payments(self, changes: Sequence[PaymentChange]) -> list[bool]:
        if any(change.new.retried_by != change.old.retried_by for change in changes):
            hook, self.before_link = self.before_link, lambda: None
            hook()
        return super().change_payments(changes)

    def accept(self, acceptance: Acceptance) -> AcceptResult:
        before, self.before_payment = self.before_payment, lambda: None
        before()
        result = super().accept(acceptance)
        after, self.after_payment = self.after_payment, lambda: None
        after()
        return result


def crash() -> None:
    raise StoreUnavailable("crash")


@dataclass
class World:
    """A service with a clock that moves by a microsecond with each look."""

    now: datetime = START
    store: BusyStore = field(default_factory=BusyStore)
    provider: LedgerProvider = field(default_factory=LedgerProvider)
    worker: StillWorker = field(default_factory=StillWorker)

    def __post_init__(self) -> None:
        self.services = a_process(self.store, self.clock, self.provider, worker=self.worker)
        self.services.customers.register("ada", "ada@example.com", {})

    def clock(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pay(self, by: Actor = PAYROLL) -> Payment:
        return self.services.payments.request(ORDER, by=by).payment

    def ends(self, payment: Payment, status: Status) -> Payment:
        """Have the provider report how a payment ended."""
        sent = payment.moved(Status.SUBMITTING, self.now, Cause.DISPATCH, "b", due_at=None)
        ended = sent.moved(status, self.now, Cause.POLL, "NO_LUCK", reason="NO_LUCK")
        assert self.store.change_payments([PaymentChange(payment, ended)]) == [True]
        return ended

    def failed(self) -> Payment:
        return self.ends(self.pay(), Status.FAILED)

    def retry(self, payment: Payment, key: str | None = None, by: Actor = PAYROLL) -> Payment:
        return self.services.retries.retry(payment.key, None, key, by).payment

    def stored(self, payment: Payment) -> Payment:
        return self.services.payments.get(payment.key)

    def retries(self, payment: Payment) -> list[Payment]:
        found = self.store.scan_payments(START, self.now + timedelta(1))
        return [each for each in found if each.retry_of == payment.payment_id]


@pytest.mark.parametrize("status", [Status.FAILED, Status.RETURNED])
def test_a_retry_is_a_new_payment_and_both_name_each_other(status: Status) -> None:
    world = World()
    original = world.ends(world.pay(), status)
    retry = world.retry(original)
    assert (retry.money, retry.email, retry.status) == (ORDER.money, ORDER.email, Status.PENDING)
    assert (retry.retry_of, retry.created_by) == (original.payment_id, "payroll")
    assert world.stored(original) == replace(
        original, retried_by=retry.payment_id, revision=world.stored(original).revision
    )
    assert world.worker.woken[-1] == retry


def test_a_retry_has_the_callers_texts_of_its_original() -> None:
    world = World()
    texts = CallerTexts("invoice-1007", "For June", (("team", "b"),))
    original = world.services.payments.request(ORDER._replace(texts=texts), by=PAYROLL).payment
    assert world.retry(world.ends(original, Status.FAILED)).texts == texts


@pytest.mark.parametrize("status", [s for s in Status if s not in RETRYABLE])
def test_what_may_still_be_paid_or_was_paid_or_cancelled_is_not_retried(status: Status) -> None:
    world = World()
    payment = world.pay()
    stored = replace(payment, status=status, revision="2")
    assert world.store.change_payments([PaymentChange(payment, stored)]) == [True]
    with pytest.raises(
        Conflict, match=f"failed, was returned or was rejected.*this one is {status}"
    ):
        world.retry(payment)
    assert world.retries(payment) == []


@pytest.mark.parametrize("status", [Status.PENDING, Status.SUCCEEDED])
def test_an_open_or_successful_retry_is_the_only_one(status: Status) -> None:
    world = World()
    original = world.failed()
    retry = world.retry(original)
    if status is not Status.PENDING:
        world.ends(retry, status)
    with pytest.raises(Conflict, match=f"retried by payment {retry.payment_id}, which is {status}"):
        world.retry(original)
    assert len(world.retries(original)) == 1


@pytest.mark.parametrize("status", [Status.FAILED, Status.RETURNED])
def test_a_retry_that_failed_too_is_retried_itself(status: Status) -> None:
    world = World()
    original = world.failed()
    retry = world.ends(world.retry(original), status)
    with pytest.raises(Conflict, match="retry that one"):
        world.retry(original)
    assert world.retry(retry).retry_of == retry.payment_id


def test_a_retry_that_was_cancelled_is_replaced() -> None:
    world = World()
    original = world.failed()
    first = world.retry(original)
    world.services.payments.cancel(first.key, PAYROLL)
    second = world.retry(original)
    assert world.stored(original).retried_by == second.payment_id != first.payment_id
    with pytest.raises(Conflict):
        world.retry(original)


@pytest.mark.parametrize("key", [None, "k1"])
@pytest.mark.parametrize("place", ["before_link", "before_payment", "after_payment"])
def test_a_crash_at_any_point_is_completed_by_repeating_the_retry(
    key: str | None, place: str
) -> None:
    world = World()
    original = world.failed()
    setattr(world.store, place, crash)
    with pytest.raises(StoreUnavailable):
        world.retry(original, key)
    fixed = world.stored(original).retried_by
    if place == "after_payment" and key is None:
        with pytest.raises(Conflict, match="retried by payment"):
            world.retry(original)
    else:
        retry = world.retry(original, key)
        assert fixed in {None, retry.payment_id}
    (retry,) = world.retries(original)
    assert world.stored(original).retried_by == retry.payment_id


@pytest.mark.parametrize("place", ["before_link", "before_payment"])
@pytest.mark.parametrize("keys", [(None, None), ("k1", "k2"), ("k1", None), (None, "k2")])
def test_of_two_retries_at_once_one_wins(place: str, keys: tuple[str | None, str | None]) -> None:
    """Let the second come in between; what the first would have made is refused."""
    world = World()
    original = world.failed()
    won: list[Payment] = []
    setattr(world.store, place, lambda: won.append(world.retry(original, keys[1])))
    with pytest.raises(Conflict, match="retried by payment"):
        world.retry(original, keys[0])
    assert world.retries(original) == won
    assert world.stored(original).retried_by == won[0].payment_id


@pytest.mark.parametrize("place", ["before_link", "before_payment"])
def test_two_retries_with_one_key_at_once_get_the_same_payment(place: str) -> None:
    world = World()
    original = world.failed()
    made: list[Payment] = []
    setattr(world.store, place, lambda: made.append(world.retry(original, "k1")))
    assert world.retry(original, "k1") == made[0]
    assert world.retries(original) == made


def test_after_a_crash_another_request_completes_the_very_retry_that_was_begun() -> None:
    world = World()
    original = world.failed()
    world.store.before_payment = crash
    with pytest.raises(StoreUnavailable):
        world.retry(original, "k1")
    fixed = world.stored(original).retried_by
    assert world.retry(original, "k2").payment_id == fixed
    with pytest.raises(Conflict):
        world.retry(original, "k1")
    assert world.retry(original, "k2").payment_id == fixed
    assert len(world.retries(original)) == 1


def test_a_stalled_request_adds_nothing_after_its_retry_was_made_and_cancelled_by_others() -> None:
    world = World()
    original = world.failed()

    def others() -> None:
        world.services.payments.cancel(world.retry(original, "k2").key, PAYROLL)
        world.retry(original, "k3")

    world.store.before_payment = others
    with pytest.raises(Conflict):
        world.retry(original, "k1")
    assert [retry.status for retry in world.retries(original)] == ["cancelled", "pending"]


@pytest.mark.parametrize("key", [None, "k1"])
def test_a_retry_whose_id_another_payment_has_takes_the_next_one(key: str | None) -> None:
    world = World()
    original = world.failed()

    def taken() -> None:
        payment_id = world.stored(original).retried_by
        assert payment_id
        stranger = replace(original, payment_id=payment_id, request_id="x", revision="x")
        add_payment(world.store, stranger)

    world.store.before_payment = taken
    retry = world.retry(original, key)
    assert world.stored(original).retried_by == retry.payment_id
    assert world.retries(original) == [retry]
    if key:
        assert world.retry(original, key) == retry


def test_the_same_key_finds_the_retry_whatever_has_become_of_it() -> None:
    world = World()
    original = world.failed()
    retry = world.retry(original, "k1")
    assert world.services.retries.retry(original.key, None, "k1", PAYROLL).replayed
    cancelled = world.services.payments.cancel(retry.key, PAYROLL)
    assert world.retry(original, "k1") == cancelled


def test_a_key_of_a_retry_is_no_key_of_another_request() -> None:
    world = World()
    original, other = world.failed(), world.failed()
    world.retry(original, "k1")
    with pytest.raises(KeyReused):
        world.retry(other, "k1")
    with pytest.raises(KeyReused):
        world.services.payments.request(ORDER, "k1", PAYROLL)


def test_it_goes_to_the_customers_current_details_and_a_repeat_finds_it_all_the_same() -> None:
    world = World()
    original = world.failed()
    customer = world.services.customers.get("ada")
    for key, email in (("k1", "countess@example.com"), ("k1", "ada@example.org")):
        changed = replace(customer, email=email, revision=email)
        assert world.store.change_customer(customer, changed)
        customer = changed
        assert world.retry(original, key).email == "countess@example.com"


def test_a_client_retries_its_own_payments_and_others_with_the_right_to_hold() -> None:
    world = World()
    original = world.failed()
    with pytest.raises(NotAllowed, match="may be retried"):
        world.retry(original, by=OTHER)
    assert world.retry(original, by=GUARD).created_by == "guard"


def test_what_is_not_on_record_is_not_retried() -> None:
    world = World()
    with pytest.raises(NotFound):
        world.services.retries.retry(PaymentKey("ada", to_text(START)))


def test_the_link_checks_what_it_changes() -> None:
    """Whoever asked: the service checks before, and the link with the record that it replaces."""
    world = World()
    open_payment = world.pay()
    order = ORDER._replace(retry_of=open_payment.payment_id)
    with pytest.raises(Conflict, match="this one is pending"):
        world.services.payments.request(order)
    assert world.stored(open_payment) == open_payment
    assert world.retries(open_payment) == []


def test_a_link_that_is_there_is_not_written_again() -> None:
    world = World()
    original = world.failed()
    world.store.before_payment = crash
    with pytest.raises(StoreUnavailable):
        world.retry(original, "k1")
    linked = world.stored(original)
    world.retry(original, "k1")
    assert world.stored(original) == linked
