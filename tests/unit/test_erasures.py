"""Erasing customers: what is refused, races with payments, crashes, and what comes later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import ChangedSince, Conflict, NotFound, StoreUnavailable
from paymentapp.models.batches import BatchState
from paymentapp.models.customer_history import CustomerAction, CustomerHistoryEntry
from paymentapp.models.customers import Customer
from paymentapp.models.erasures import SETTLED_AFTER, Erasure
from paymentapp.models.holds import HoldScope
from paymentapp.models.payments import Cause, Payment, Status, code_of
from paymentapp.models.provider_events import ProviderEventState
from paymentapp.services.backoffice.payment_history import faults
from paymentapp.services.customers import CustomerPatch
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.payments import Requested
from tests.support.erasure_world import (
    DESK,
    NEW_EMAIL,
    SECRET,
    SHOP,
    TEXTS,
    ErasureWorld,
    stored_bytes,
)
from tests.support.failing_store import FailingStore
from tests.support.memory_store import MemoryStore
from tests.support.records import a_payment, later, stamped, usd


def has_secrets(world: ErasureWorld) -> bool:
    return SECRET.encode() in stored_bytes(world.store)


# What is refused


def test_an_open_payment_refuses_the_erasure_and_nothing_changes() -> None:
    world = ErasureWorld()
    payment = world.pay()
    before = world.services.customers.get("ada")
    with pytest.raises(Conflict, match=f"Payment {payment.payment_id} is pending"):
        world.erase()
    assert world.services.customers.get("ada") == before
    assert world.store.list_erasures() == []


def test_an_open_payment_is_found_behind_many_that_are_settled() -> None:
    world = ErasureWorld()
    world.services.customers.change("ada", CustomerPatch(NEW_EMAIL), by=DESK)
    first = world.pay("501")  # awaits approval
    for number in range(30):
        world.services.payments.cancel(world.pay("1", reference=f"r{number}").key, SHOP)
    with pytest.raises(Conflict, match=f"{first.payment_id} is awaiting_approval"):
        world.erase()


def test_another_version_is_refused() -> None:
    world = ErasureWorld()
    tag = world.services.customers.get("ada").version_tag
    world.services.customers.change("ada", CustomerPatch(NEW_EMAIL), by=DESK)
    with pytest.raises(ChangedSince):
        world.services.erasures.erase("ada", tag)
    world.services.erasures.erase("ada", world.services.customers.get("ada").version_tag)


def test_a_customer_is_erased_once_and_the_id_is_never_used_again() -> None:
    world = ErasureWorld()
    world.erase()
    with pytest.raises(NotFound):
        world.erase()
    with pytest.raises(Conflict, match="erased"):
        world.services.customers.register("ada", "new@example.com", {})
    with pytest.raises(NotFound):
        world.services.customers.change("ada", CustomerPatch(NEW_EMAIL), by=DESK)
    order = PaymentOrder("ada", "", usd("1"), "mail")
    with pytest.raises(NotFound):
        world.services.payments.request(order)
    assert [each.customer_id for each in world.services.customers.every()] == ["bob"]


def test_who_was_never_erased_has_no_erasure() -> None:
    with pytest.raises(NotFound, match="not erased"):
        ErasureWorld().services.erasures.pending("ada")


def test_a_change_at_the_same_time_wins_and_is_erased_too() -> None:
    class Busy(MemoryStore):
        """A store in which somebody changes Ada just before she is erased."""

        def erase_customer(
            self,
            old: Customer,
            tombstone: Customer,
            history: Sequence[CustomerHistoryEntry],
            erasure: Erasure,
        ) -> bool:
            if "erase_customer" not in self.calls:
                self._called("erase_customer")
                world.services.customers.change("ada", CustomerPatch(NEW_EMAIL), by=DESK)
            return super().erase_customer(old, tombstone, history, erasure)

    world = ErasureWorld(Busy())
    world.erase()
    actions = [each.action for each in world.store.customer_history("ada", 9)]
    assert actions == [
        CustomerAction.ERASED,
        CustomerAction.EMAIL_CHANGED,
        CustomerAction.REGISTERED,
    ]
    world.passes()
    assert not has_secrets(world)


# Races with payments


def accepted_late(world: ErasureWorld) -> Payment:
    """Accept a payment whose request has read Ada's record before she was erased."""
    service, store = world.services.payments, world.store
    order = PaymentOrder("ada", "ada.SECRET@example.com", usd("6"), "mail", texts=TEXTS)
    read = store.read_for_payment

    def read_first(customer_id: str, hashes: Sequence[str]) -> object:
        context = read(customer_id, hashes)
        world.erase()
        return context

    store.read_for_payment = read_first  # type: ignore[assignment]  # a race
    try:
        requested: Requested = service.request(order, "late", SHOP)
    finally:
        store.read_for_payment = read
    return requested.payment


def test_a_payment_that_is_accepted_in_a_race_is_paid_as_accepted_and_then_erased() -> None:
    world = ErasureWorld()
    payment = accepted_late(world)
    world.passes(5)
    erasure = world.services.erasures.pending("ada")
    assert erasure is not None
    assert (erasure.waiting, erasure.waits_for) == (
        1,
        f"payment {payment.payment_id} is pending",
    )
    world.sweep()
    assert [member.email for member in world.mail.paid()] == ["ada.SECRET@example.com"]
    world.passes(60)
    assert world.is_complete
    assert world.stored(payment).status is Status.SUCCEEDED
    assert not has_secrets(world)


def test_an_erasure_is_not_complete_while_a_request_may_live() -> None:
    world = ErasureWorld()
    world.erase()
    world.passes(int(SETTLED_AFTER / timedelta(minutes=1)) - 1)
    assert not world.is_complete
    world.passes(5)
    assert world.is_complete


def test_members_stay_while_their_batch_may_be_sent_again() -> None:
    world = ErasureWorld()
    payment = world.pay_and_settle("5")
    batch = world.store.get_batch(payment.batch_id or "")
    assert batch is not None
    parked = batch.changed(state=BatchState.PARKED)
    assert world.store.change_batch(batch, parked)
    world.erase()
    world.passes()
    erasure = world.services.erasures.pending("ada")
    assert erasure is not None
    assert erasure.waits_for == f"batch {batch.batch_id} is parked"
    assert world.store.get_members(batch)[0].email == "ada.SECRET@example.com"
    assert world.store.change_batch(parked, parked.changed(state=BatchState.CLOSED))
    world.passes(90)
    assert world.is_complete
    assert not has_secrets(world)


def test_an_event_that_is_set_aside_keeps_the_erasure_pending() -> None:
    world = ErasureWorld()
    payment = world.pay_and_settle("5")
    event = world.tell(payment, Status.RETURNED, receiver="other.SECRET@example.com")
    assert event.state is ProviderEventState.SET_ASIDE
    world.erase()
    world.passes()
    erasure = world.services.erasures.pending("ada")
    assert erasure is not None
    assert erasure.waits_for == f"mail event {event.event_id} is set-aside"
    assert world.store.change_provider_event(
        event, event.done(ProviderEventState.IGNORED, None, None)
    )
    world.passes(90)
    assert world.is_complete
    assert not has_secrets(world)


# Crashes

_CALLS = [
    *("list_erasures", "customer_history", "change_history_entry", "list_holds", "released_holds"),
    *("erase_hold", "list_payments", "get_batch", "get_members", "change_batch", "erase_members"),
    *("erase_payments", "events_set_aside", "due_events", "purge", "change_erasure", "end_erasure"),
]


def test_an_erasure_whose_step_fails_holds_up_no_other() -> None:
    store = FailingStore()
    world = ErasureWorld(store)
    world.live()
    world.erase()
    world.services.erasures.erase("bob")
    real = store.customer_history

    def broken(customer_id: str, limit: int, before: int | None = None) -> object:
        if customer_id == "ada":
            raise StoreUnavailable("a stored line cannot be read by this version")
        return real(customer_id, limit, before)

    store.customer_history = broken  # type: ignore[assignment]  # for one customer
    world.passes()
    assert [each.customer_id for each in store.list_erasures()] == ["ada"]


@pytest.mark.parametrize("call", _CALLS)
def test_a_call_that_fails_once_leaves_nothing_behind(call: str) -> None:
    store = FailingStore()
    world = ErasureWorld(store)
    world.live()
    world.erase()
    store.planned[call] = StoreUnavailable("for the test")
    for _ in range(3):
        try:
            world.passes()
        except StoreUnavailable:
            continue
    assert store.failed == [call]
    assert world.is_complete
    assert not has_secrets(world)


def test_two_processes_erase_side_by_side() -> None:
    world = ErasureWorld()
    world.live()
    world.erase()
    first, second = world.services.erasures, world.another().erasures
    for _ in range(40):
        erasure = world.store.get_erasure("ada")
        if erasure is not None and erasure.next_at <= world.now:
            first.step(erasure)
            second.step(erasure)
        world.now += timedelta(minutes=1)
    assert world.is_complete
    assert not has_secrets(world)


# What comes later


def erased_payment(world: ErasureWorld) -> Payment:
    payment = world.pay_and_settle("5")
    world.erase()
    world.passes()
    assert world.is_complete
    return world.stored(payment)


def test_a_report_of_an_erased_payment_applies_by_its_item() -> None:
    world = ErasureWorld()
    payment = erased_payment(world)
    world.mail.status["ada.SECRET@example.com"] = Status.RETURNED
    event = world.tell(payment, Status.RETURNED)
    assert event.state is ProviderEventState.APPLIED
    assert world.stored(payment).status is Status.RETURNED
    assert world.stored(payment).is_erased
    assert not has_secrets(world)


def test_another_amount_of_an_erased_payment_is_still_set_aside() -> None:
    world = ErasureWorld()
    payment = erased_payment(world)
    event = world.tell(replace(payment, money=usd("6")), Status.RETURNED)
    assert event.state is ProviderEventState.SET_ASIDE


def test_a_poll_of_a_batch_applies_to_an_erased_payment() -> None:
    world = ErasureWorld()
    payment = erased_payment(world)
    batch = world.store.get_batch(payment.batch_id or "")
    assert batch is not None
    world.mail.status["ada.SECRET@example.com"] = Status.RETURNED
    world.services.poller.poll(batch)
    assert world.stored(payment).status is Status.RETURNED


def test_an_erased_payment_is_found_by_its_key_and_not_retried() -> None:
    world = ErasureWorld()
    payment = erased_payment(world)
    order = PaymentOrder("ada", "ada.SECRET@example.com", usd("5"), "mail", texts=TEXTS)
    again = order._replace(texts=TEXTS._replace(reference="5 SECRET"), allow_duplicate=True)
    replayed = world.services.payments.request(again, "key 5", SHOP)
    assert (replayed.replayed, replayed.payment) == (True, payment)
    world.mail.status["ada.SECRET@example.com"] = Status.RETURNED
    world.tell(payment, Status.RETURNED)
    with pytest.raises(NotFound):
        world.services.retries.retry(payment.key, by=SHOP)


def test_the_audit_finds_no_fault_in_erased_payments() -> None:
    world = ErasureWorld()
    world.live()
    world.erase()
    world.passes()
    assert [fault for payment in world.payments() for fault in faults(payment)] == []


def test_an_erased_failure_whose_reason_has_no_code_is_no_fault() -> None:
    sent = stamped(a_payment())
    failed = sent.moved(Status.FAILED, later(2), Cause.POLL, "she left", reason="she left")
    assert failed.erased(later(3)).reason is None
    assert list(faults(failed.erased(later(3)))) == []


def test_events_of_an_erased_customer_have_nothing_personal() -> None:
    world = ErasureWorld()
    world.live()
    world.erase()
    world.passes()
    shown = world.services.events.page(None, 100).events
    assert any(each.type == "customer.payee_changed" for each in shown)
    assert SECRET not in repr([(each.data, getattr(each.data, "payment", None)) for each in shown])


def test_an_erased_customer_is_not_held() -> None:
    world = ErasureWorld()
    world.erase()
    with pytest.raises(Exception, match="There is no such customer"):
        world.services.holds.place(HoldScope.CUSTOMER, "ada", "why", DESK)


def test_the_search_finds_what_earlier_versions_have_kept() -> None:
    world = ErasureWorld()
    payment = world.pay_and_settle("5")
    event = world.tell(payment, Status.SUCCEEDED, "ada.SECRET@example.com")
    kept = event.changed(body=f"{payment.key.item_id} ada.SECRET@example.com", digest=None)
    assert world.store.change_provider_event(event, kept)
    world.erase()
    world.passes()
    assert has_secrets(world)
    search = build_backoffice(world.services, lambda _: None).erasure_search
    assert search.remove("ada") == 1
    assert not has_secrets(world)


def test_candidates_that_another_batch_took_are_forgotten() -> None:
    world = ErasureWorld()
    payment = world.pay()
    assert world.services.dispatcher.submit([payment]) is not None
    assert world.another().dispatcher.submit([payment]) is None
    (lost,) = [
        batch
        for batch in world.store.scan_batches(world.now - timedelta(days=1), world.now)
        if batch.batch_id != world.stored(payment).batch_id
    ]
    assert world.store.get_members(lost)[0].is_erased


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("R02 Account closed", "R02"),
        ("account_closed: The account has been closed", "account_closed"),
        ("RECEIVER_UNREGISTERED", "RECEIVER_UNREGISTERED"),
        ("ada@example.com", ""),
        ("Ada has left", ""),
        ("", ""),
    ],
)
def test_of_a_reason_only_the_code_stays(reason: str, code: str) -> None:
    assert code_of(reason) == code
