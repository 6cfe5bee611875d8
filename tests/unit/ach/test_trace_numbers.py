"""Trace numbers: assigned once, whichever process asks, and found by a return."""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from paymentapp.errors import Misconfigured, NotSent
from paymentapp.models.batches import Member
from paymentapp.models.money import Money
from paymentapp.models.provider_state import StateEntry
from paymentapp.models.revisions import new_revision
from paymentapp.providers.ach.trace_numbers import BLOCK, BLOCKS, KEPT, Traces
from tests.support.memory_store import MemoryStore
from tests.support.paypal_server import FakeClock

ODFI = "09100001"


def members(count: int) -> list[Member]:
    money = Money(Decimal("1.50"), "USD")
    return [
        Member(f"c{n}", "2026-03-02T14:00:00.000001Z", money, "a@example.com", f"k.{n}")
        for n in range(count)
    ]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def traces(store: MemoryStore, clock: FakeClock) -> Traces:
    return Traces(store, ODFI, clock)


def counter(store: MemoryStore, text: str) -> None:
    """Set the counter as a wrap, a restored backup or a mistake would leave it."""
    name = f"ach/traces/{ODFI}"
    old = store.get_state_entry(name)
    if old is None:
        store.add_state_entry(StateEntry(name, text, new_revision()))
    else:
        store.change_state_entry(old, old.changed(text))


def assigned(traces: Traces, batch_id: str, everyone: list[Member]) -> list[int]:
    """Assign blocks to a batch, as for a file."""
    blocks = traces.free(len(everyone))
    traces.assign(blocks, batch_id, everyone)
    return blocks


def test_numbers_are_the_odfis_and_ascend(traces: Traces) -> None:
    blocks = assigned(traces, "b1", members(250))
    numbers = [traces.trace(blocks[n // BLOCK], n % BLOCK) for n in range(250)]
    assert numbers[0] == "091000010000001"
    assert numbers == sorted(set(numbers))
    assert all(number.startswith(ODFI) and len(number) == 15 for number in numbers)


def test_each_number_leads_to_its_payment(traces: Traces) -> None:
    everyone = members(201)
    assigned(traces, "b0", members(1))
    blocks = assigned(traces, "b1", everyone)
    for position in (0, 99, 100, 200):
        number = traces.trace(blocks[position // BLOCK], position % BLOCK)
        found = traces.find(number)
        assert found is not None
        assert (found.batch_id, found.position, found.trace) == ("b1", position, number)
        assert found.item_id == everyone[position].item_id
        assert (found.money, found.destination) == (everyone[position].money, f"k.{position}")
        assert "k." not in repr(found)


@pytest.mark.parametrize(
    "trace",
    ["", "091000010000000", "091000010000102", "021000020000001", "09100001000000x", "0910000100"],
)
def test_any_other_number_leads_nowhere(traces: Traces, trace: str) -> None:
    assigned(traces, "b1", members(101))
    assert traces.find(trace) is None


def test_many_processes_get_no_number_twice(store: MemoryStore, clock: FakeClock) -> None:
    given: list[tuple[str, int]] = []

    def work(worker: int) -> None:
        own, dice = Traces(store, ODFI, clock), random.Random(worker)
        for turn in range(20):
            batch_id = f"b{worker}-{turn}"
            blocks = assigned(own, batch_id, members(dice.randint(1, 350)))
            given.extend((batch_id, block) for block in blocks)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({batch_id for batch_id, _ in given}) == 160
    assert set(Counter(block for _, block in given).values()) == {1}


def test_the_counter_wraps_and_numbers_still_ascend_in_a_file(
    traces: Traces, store: MemoryStore
) -> None:
    counter(store, str(BLOCKS - 1))
    blocks = assigned(traces, "b1", members(250))
    assert blocks == [0, 1, BLOCKS - 1]
    assert traces.trace(BLOCKS - 1, BLOCK - 1) == f"{ODFI}9999900"
    found = traces.find(traces.trace(BLOCKS - 1, 7))
    assert found is not None
    assert found.position == 207


@pytest.mark.parametrize("lost", ["0", "1", "99998"])
def test_a_counter_that_has_gone_back_gives_nothing_out_again(
    traces: Traces, store: MemoryStore, clock: FakeClock, lost: str
) -> None:
    first = [block for n in range(5) for block in assigned(traces, f"b{n}", members(150))]
    clock.pass_by(days=KEPT.days)
    counter(store, lost)
    again = [block for n in range(5) for block in assigned(traces, f"c{n}", members(150))]
    assert not set(first) & set(again)


def test_a_block_is_another_batchs_after_its_time(
    traces: Traces, store: MemoryStore, clock: FakeClock
) -> None:
    assert assigned(traces, "old", members(3)) == [0]
    clock.now += KEPT + timedelta(seconds=1)
    counter(store, "0")
    assert assigned(traces, "new", members(1)) == [0]
    found = traces.find(traces.trace(0, 0))
    assert found is not None
    assert found.batch_id == "new"
    assert traces.find(traces.trace(0, 1)) is None


def test_of_two_that_were_given_the_same_block_one_gets_it(
    traces: Traces, store: MemoryStore
) -> None:
    """Assign the same block twice, as after a backup was restored."""
    first = traces.free(1)
    counter(store, "0")
    assert traces.free(1) == first
    traces.assign(first, "b1", members(1))
    with pytest.raises(NotSent, match="TRACE_NUMBERS_TAKEN"):
        traces.assign(first, "b2", members(1))
    found = traces.find(traces.trace(first[0], 0))
    assert found is not None
    assert found.batch_id == "b1"


def test_where_no_number_is_free_a_person_is_needed(
    traces: Traces, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paymentapp.providers.ach.trace_numbers.BLOCKS", 3)
    assigned(traces, "b1", members(3 * BLOCK))
    with pytest.raises(Misconfigured, match="NO_TRACE_NUMBERS"):
        assigned(traces, "b2", members(1))
    clock.now += KEPT + timedelta(seconds=1)
    assert len(assigned(traces, "b2", members(1))) == 1
