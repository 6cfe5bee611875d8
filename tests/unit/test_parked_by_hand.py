"""`do not send again`: an operator parks a batch that may have been sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import Conflict, NotFound, NotSent
from paymentapp.models.batches import BatchState
from paymentapp.models.payments import Status
from paymentapp.services.backoffice.parked_batches import OperatorNote, ParkedBatches
from paymentapp.services.waiting import WaitingFor
from tests.unit.test_attempts import NO_ANSWER, World

GRACE = OperatorNote("Grace H.", "the amounts are wrong")


@pytest.fixture
def world() -> World:
    return World()


def office(world: World) -> ParkedBatches:
    return build_backoffice(world.here, lambda _words: None, lambda _seconds: None).parked


def test_a_batch_that_may_have_been_sent_is_parked_at_once(world: World) -> None:
    ann = world.pay("ann")
    world.says(NO_ANSWER)
    batch = world.send(ann)
    parked = office(world).park(batch.batch_id, GRACE)
    assert (parked.state, parked.parked_at) == (BatchState.PARKED, world.now)
    assert parked.stop_order == (world.now, *GRACE)
    assert parked.last_error == batch.last_error
    assert world.dispatcher.resume(batch) == batch  # who would send it again has lost
    assert len(world.provider.calls) == 1
    wait = world.here.waiting.of(world.here.payments.get(ann.key))
    assert wait == (WaitingFor.PERSON, world.now)
    assert [case.batch for case in office(world).cases()] == [parked]


def test_it_is_resolved_as_other_parked_batches_are(world: World) -> None:
    ann = world.pay("ann")
    world.says(NO_ANSWER)
    batch = world.send(ann)
    office(world).park(batch.batch_id, GRACE)
    with pytest.raises(Conflict, match="may not be in the books"):
        office(world).not_sent(batch.batch_id, GRACE)
    world.now += timedelta(hours=1)
    office(world).not_sent(batch.batch_id, GRACE)
    cancelled = world.here.payments.cancel(ann.key)
    assert (cancelled.status, world.stored(batch).stop_order) == (
        Status.CANCELLED,
        (world.now - timedelta(hours=1), *GRACE),
    )


def test_a_call_that_is_accepted_meanwhile_is_on_record_and_contradicts_not_sent(
    world: World,
) -> None:
    world.says(None, lambda: office(world).park(world.provider.calls[-1], GRACE))
    batch = world.send(world.pay("ann"))
    assert (batch.state, batch.last_error) == (
        BatchState.PARKED,
        f"accepted as ref-{batch.batch_id}",
    )
    world.now += timedelta(hours=1)
    with pytest.raises(Conflict, match="the provider has it: accepted as ref-"):
        office(world).not_sent(batch.batch_id, GRACE)
    reference = f"ref-{batch.batch_id}"
    followed = office(world).accept(batch.batch_id, reference, GRACE, confirmed=True)
    assert followed.state is BatchState.CLOSED


def test_what_was_certainly_not_sent_is_not_parked(world: World) -> None:
    world.says(NotSent("BUSY"))
    batch = world.send()
    with pytest.raises(Conflict, match="certainly not sent: cancel its payments, or hold them"):
        office(world).park(batch.batch_id, GRACE)


def test_what_is_not_going_to_be_sent_is_not_parked(world: World) -> None:
    batch = world.send()
    with pytest.raises(Conflict, match="is accepted: it is not going to be sent"):
        office(world).park(batch.batch_id, GRACE)
    with pytest.raises(NotFound):
        office(world).park("none", GRACE)


def test_a_batch_is_parked_by_one_of_two(world: World) -> None:
    world.says(NO_ANSWER)
    batch = world.send()
    get_batch = world.store.get_batch
    world.store.get_batch = lambda batch_id: batch if batch_id else None
    first = office(world).park(batch.batch_id, GRACE)
    world.store.get_batch = get_batch
    with pytest.raises(Conflict, match="is parked"):
        office(world).park(batch.batch_id, OperatorNote("Eve", "me too"))
    assert world.stored(batch) == first
