"""Every loop of the worker goes on after any error of any call that it makes to the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import pytest

from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import Batch, Member
from tests.support.worker_world import WorkerWorld, until

LOOPS = {
    "sweeper": ("get_lease", "hold_lease", "due_payments", "due_batches", "due_events"),
    "gatherer": ("list_holds",),
    "sender": ("list_holds", "add_batch", "change_payments", "change_batch"),
    "poller": (
        *("get_batch", "get_members", "get_payments", "change_payments", "change_batch"),
        *("hold_lease", "add_event"),  # it collects from the mailboxes as well
        # and looks at the funds
        *("get_note", "due_payments", "due_batches", "parked_batches", "change_note"),
        *("publish_events", "delete_expired", "list_erasures"),
    ),
    "applier": ("change_event",),
    "webhooks": ("list_webhook_endpoints",),
    "bulk": ("due_bulk_runs",),
}
CALLS = [f"{loop} {call}" for loop, calls in LOOPS.items() for call in calls]
TAKEN = "sender erase_members"  # only where another process has taken a payment meanwhile
HOLDS = "sweeper list_holds"  # only while payments are due that no wake-up has told of
ERRORS: dict[str, Callable[[], Exception]] = {
    "store unavailable": lambda: StoreUnavailable("for the test"),
    "another error": lambda: ValueError("for the test"),
}


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_of_the_store_that_fails_once_ends_no_loop(call: str, error: str) -> None:
    world = WorkerWorld()
    with world.running():
        until(world.is_quiet)
        world.store.planned[call] = ERRORS[error]()
        world.mailbox.full = True
        world.pay(world.process)
        world.tell(1)
        until(lambda: world.store.failed == [call])
        world.pay(world.process)  # grouped and sent at once
        world.pay(world.web)  # found by the sweep alone
        world.tell(2)
        until(world.is_quiet)
    assert len(world.provider.paid()) == 3


@pytest.mark.parametrize("error", ERRORS)
def test_holds_that_the_sweep_cannot_read_once_end_no_loop(error: str) -> None:
    world = WorkerWorld()
    with world.running():
        until(world.is_quiet)
        world.store.planned[HOLDS] = ERRORS[error]()
        world.pay(world.web)
        until(lambda: world.store.failed == [HOLDS])
        until(world.is_quiet)
    assert len(world.provider.paid()) == 1


@pytest.mark.parametrize("error", ERRORS)
def test_payments_that_another_process_has_taken_end_no_loop(
    error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = WorkerWorld()
    add_batch = world.store.add_batch

    def add_late(batch: Batch, members: Sequence[Member]) -> None:
        """Let the other process send the payments before this one stamps them."""
        add_batch(batch, members)
        monkeypatch.undo()
        payments = world.store.get_payments([each.key for each in members])
        world.web.dispatcher.submit(list(payments.values()))

    monkeypatch.setattr(world.store, "add_batch", add_late)
    world.store.planned[TAKEN] = ERRORS[error]()
    with world.running():
        world.pay(world.process)
        until(lambda: world.store.failed == [TAKEN])
        world.pay(world.process)
        until(world.is_quiet)
    assert len(world.provider.paid()) == 2


def test_no_call_of_a_loop_is_left_out() -> None:
    world = WorkerWorld()
    with world.running():
        world.mailbox.full = True
        world.tell(1)
        world.pay(world.process)
        world.pay(world.web)
        until(world.is_quiet)
    assert {call for call in world.store.by_loop if not call.startswith("MainThread")} <= {
        *CALLS,
        HOLDS,
        TAKEN,
        "poller add_note",  # the first time that it looks at the funds, instead of change_note
    }


def test_publishing_events_that_takes_long_holds_up_no_payment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = WorkerWorld()
    begun, end = threading.Event(), threading.Event()

    def publish(_now: datetime) -> None:
        begun.set()
        end.wait(30)

    monkeypatch.setattr(world.store, "publish_events", publish)
    with world.running():
        try:
            until(begun.is_set)
            world.pay(world.web)  # found by the sweep alone
            until(lambda: len(world.provider.paid()) == 1)
        finally:
            end.set()
