"""The checks at the end of a run, by the providers' ledgers and not by the service's records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from paymentapp.models.batches import BatchState
from paymentapp.models.payments import FINAL, Payment, PaymentKey, Status
from tests.faults.simulation.clock import micros_of, moment
from tests.faults.simulation.ledger import REASONS, Item, Moved
from tests.faults.simulation.payment_methods import SETTLED_WITHIN

if TYPE_CHECKING:
    from tests.faults.simulation.clients import Intent
    from tests.faults.simulation.world import World


def judge(world: World) -> None:
    """Report every violated guarantee to the world's findings."""
    for intent in world.clients.intents:
        _accepted_is_there(world, intent)
    moved = world.methods.moved()
    for key, payment in world.tables.payments.items():
        _settled_as_the_ledger_says(world, key, payment, moved.get(key, []))
    _nothing_else_was_paid(world, moved)
    world.approvers.judge(moved)
    world.limits.judge(moved)
    world.webhooks.judge()
    world.bulk.judge()
    _retried_once(world, moved)
    _drained(world)
    if not world.findings.failures:
        _nobody_was_spared(world)


def _accepted_is_there(world: World, intent: Intent) -> None:
    """Check that each request made at most one payment, and exactly one if it was accepted."""

    def fail(check: str, message: str, key: PaymentKey | None) -> None:
        world.findings.fail(check, message, key, intent.name)

    if len(intent.made) > 1:
        fail("one key, two payments", f"made {intent.made}", intent.made[0])
    for key in intent.answers:
        payment = world.tables.payments.get(key)
        if payment is None:
            fail("lost", "accepted, and not on record", key)
        elif (payment.money, payment.email) != (intent.order.money, intent.order.email):
            fail("wrong order", f"on record is {payment.money} to {payment.email}", key)
    if len(dict.fromkeys(intent.answers)) > 1:
        fail("one key, two payments", f"was told of {intent.answers}", intent.answers[0])


def _retried_once(world: World, moved: Mapping[PaymentKey, Sequence[Moved]]) -> None:
    """Check by the ledgers that a payment and its retries were paid once at most, all together."""
    for intent in world.retriers.intents:
        for key in intent.answers:
            payment = world.tables.payments.get(key)
            if payment is None or payment.retry_of != intent.order.retry_of:
                world.findings.fail("lost", "a retry was accepted, and is not on record", key)
    paid: dict[PaymentKey, PaymentKey] = {}
    for key, each_moved in moved.items():
        root = key
        while (payment := world.tables.payments[root]).retry_of:
            root = PaymentKey(root.customer_id, payment.retry_of)
        if any(each.last() == "SUCCESS" for each in each_moved):
            if root in paid:
                words = f"paid as {paid[root].payment_id} and as {key.payment_id}"
                world.findings.fail("retried twice", words, root)
            paid[root] = key


def _settled_as_the_ledger_says(
    world: World, key: PaymentKey, payment: Payment, moved: Sequence[Moved]
) -> None:
    intent = world.clients.by_payment[key].name

    def fail(check: str, message: str) -> None:
        world.findings.fail(check, message, key, intent)

    if len(moved) > 1:
        where = ", ".join(f"{each.provider} {each.where}" for each in moved)
        fail("paid twice", f"{len(moved)} times in the books: {where}")
        return
    item = moved[0] if moved else None
    if world.clients.by_payment[key].told_cancelled and payment.status is not Status.CANCELLED:
        fail("cancelled", f"the caller heard that it is cancelled; it is {payment.status}")
    batch = world.tables.batches.get(payment.batch_id or "")
    parked = batch is not None and batch.state is BatchState.PARKED
    if payment.status not in FINAL:
        if not parked:
            state = batch.state if batch else "in no batch"
            fail("stuck", f"still {payment.status}, its batch is {state}")
        return
    wrong = _disagreement(world, payment, item)
    if wrong:
        fail(*wrong)
    elif not parked and not (batch and batch.decision):
        _in_time(world, key, payment, item)


def _disagreement(world: World, payment: Payment, item: Moved | None) -> tuple[str, str] | None:
    """Return how a final status contradicts the ledger: the guarantee and a description."""
    truth = item.last() if item else "not there"
    words = f"says {payment.status}; in the ledger it is {truth}"
    match payment.status:
        case Status.SUCCEEDED:
            unheard = item is not None and truth not in item.heard and item.was("SUCCESS")
            right = truth == "SUCCESS" or (truth in ("RETURNED", "STRANDED") and unheard)
            return None if right else ("not as the ledger", words)
        case Status.FAILED:
            refused = item is None and world.methods.is_declined(payment)
            return None if refused or truth == "FAILED" else ("failed without a verdict", words)
        case Status.RETURNED:
            return None if truth == "RETURNED" else ("not as the ledger", words)
        case Status.REJECTED:
            return None if item is None else ("rejected and paid", words)
        case Status.CANCELLED:
            return None if item is None or truth == "RETURNED" else ("cancelled and paid", words)
    return None


def _in_time(world: World, key: PaymentKey, payment: Payment, item: Moved | None) -> None:
    made = world.clients.made_at[key]
    due = micros_of(payment.scheduled_at) if payment.scheduled_at else 0
    answered = world.approvers.answered_at.get(key, 0)
    since = max(world.last_fault_at, made, due, answered, item.final_at() if item else 0)
    settled = world.tables.settled_at[key]
    if settled - since > SETTLED_WITHIN[world.methods.scene]:
        words = f"{payment.status} only at {moment(settled)}, since {moment(since)} it could be"
        world.findings.fail("late", words, key, world.clients.by_payment[key].name)


def held_is_shown(world: World, item: Item, since: int) -> None:
    """Report a payment that does not say that its provider holds it, and why.

    Only where the last fault is so long ago that a poll must have come since.
    """
    now, key = world.time.micros(), item.member.key
    quiet = now - max(since, world.last_fault_at) > SETTLED_WITHIN["paypal"]
    payment = world.tables.payments.get(key)
    if world.faults.on or not quiet or payment is None or item.raw_status(now) != "ONHOLD":
        return
    if payment.status is not Status.SUBMITTED:
        return  # parked, or cancelled: the end judges it
    shown = (payment.provider_status, payment.reason)
    if shown != ("ONHOLD", REASONS["ONHOLD"]):
        words = f"held since {moment(since)}, and shows {shown}"
        world.findings.fail("hold not shown", words, key, world.clients.by_payment[key].name)


def _nothing_else_was_paid(world: World, moved: Mapping[PaymentKey, Sequence[Moved]]) -> None:
    for key, each_moved in moved.items():
        intent = world.clients.by_payment.get(key)
        if intent is None:
            world.findings.fail("paid unasked", "nobody had asked for it", key)
            continue
        payment = world.tables.payments[key]
        known = (payment.customer_id, payment.payment_method, payment.destination)
        if payment.destination is not None and known not in world.tables.destinations:
            world.findings.fail("wrong order", "a destination that was never set", key, intent.name)
        for each in each_moved:
            asked = (payment.payment_method, intent.order.money, world.methods.payee(payment))
            if (each.provider, each.money, each.payee) != asked:
                words = f"paid {each.money} to {each.payee} by {each.provider}, ordered was {asked}"
                world.findings.fail("wrong order", words, key, intent.name)


def _nobody_was_spared(world: World) -> None:
    """Check that every payment met at least one fault.

    A request that a limit has refused after its key was bound is answered with 503 for a minute;
    its caller may give up by then.
    """
    for intent in world.clients.intents:
        put_off = world.limits.are_set and not intent.made
        if not intent.faults and not put_off:
            key = intent.made[0] if intent.made else None
            world.findings.fail("untouched", "no fault met it", key, intent.name)


def _drained(world: World) -> None:
    for payment in world.tables.payments.values():
        if payment.due_at is not None:
            world.findings.fail("not drained", f"due at {payment.due_at}", payment.key)
    for batch in world.tables.batches.values():
        if batch.attention_at is not None:
            key = world.tables.members[batch.batch_id][0].key
            words = f"batch {batch.batch_id} ({batch.state}) wants attention"
            world.findings.fail("not drained", words, key)
