"""The list of open batches."""

from __future__ import annotations

import pytest

from paymentapp.errors import InsufficientFunds, NotFound, OutcomeUnknown
from paymentapp.models.batches import Batch
from paymentapp.services import open_batches
from paymentapp.services.open_batches import OpenBatches
from tests.support.ledger_books import Ledgered
from tests.support.memory_store import MemoryStore


@pytest.fixture
def service() -> Ledgered:
    return Ledgered(MemoryStore())


@pytest.fixture
def batches(service: Ledgered) -> OpenBatches:
    return service.office().open_batches


def unfunded(_: Batch) -> None:
    raise InsufficientFunds("NO_FUNDS")


def test_failing_batches_come_first_and_closed_ones_not_at_all(
    service: Ledgered, batches: OpenBatches
) -> None:
    service.settled("ann")
    waiting = service.send(service.pay("bob"))
    service.provider.before = unfunded
    failing = service.send(service.pay("cy", money="20.00 USD"))
    found = batches.list()
    assert [each.batch_id for each in found.batches] == [failing.batch_id, waiting.batch_id]
    assert found.complete
    assert [each.batch_id for each in batches.list(failing=True).batches] == [failing.batch_id]


def test_a_list_that_is_cut_says_so(
    service: Ledgered, batches: OpenBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_batches, "READ_MAX", 2)  # else 400 batches would have to be made
    for name in "ann", "bob", "cy":
        service.send(service.pay(name))
    found = batches.list()
    assert len(found.batches) == 2
    assert not found.complete


def test_a_batch_is_shown_with_a_page_of_its_members(
    service: Ledgered, batches: OpenBatches
) -> None:
    batch = service.send(service.pay("ann", "bob", "cy"))
    shown = batches.show(batch.batch_id, 0, 2)
    assert ([each.member.customer_id for each in shown.members], shown.after) == (["ann", "bob"], 2)
    assert (shown.payments, str(shown.total)) == (3, "37.5 USD")
    assert all(each.in_batch for each in shown.members)
    assert batches.show(batch.batch_id, 2, 2).after is None
    with pytest.raises(NotFound):
        batches.show("nothing", 0, 2)


def unknown(_: Batch) -> None:
    raise OutcomeUnknown("NO_ANSWER")


def test_parked_batches_are_listed_apart(service: Ledgered, batches: OpenBatches) -> None:
    assert batches.parked() == []
    service.provider.before = unknown
    batch, _ = service.park("ann")
    assert batches.parked() == [batch]
    assert batches.list().batches == []
