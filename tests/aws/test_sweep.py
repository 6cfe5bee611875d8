"""The scheduled sweep, which alone is enough for correctness."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from paymentapp.aws_lambda import run_sweep
from paymentapp.config import Settings
from paymentapp.errors import NotSent, OutcomeUnknown, StoreUnavailable
from paymentapp.models.batches import Batch
from paymentapp.models.payments import FINAL, Status
from tests.aws.conftest import Cloud
from tests.support.lambda_events import LambdaContext
from tests.support.ledger_provider import LedgerProvider


def sweep(cloud: Cloud, minutes: int = 1) -> None:
    for _ in range(minutes):
        cloud.now += timedelta(minutes=1)
        run_sweep(cloud.services, cloud.context)


def test_without_any_stream_all_are_paid_once_and_settled(cloud: Cloud) -> None:
    cloud.provider.batch_size = 5
    turns = count(1)

    def fails_at_times(_: Batch) -> None:
        if next(turns) % 3 == 0:
            raise OutcomeUnknown("TIMEOUT")

    cloud.provider.before = cloud.provider.after = fails_at_times
    payments = cloud.accept(*(f"u{number}" for number in range(52)))
    for _ in range(20):
        sweep(cloud)
    assert {cloud.status(payment) for payment in payments} == {Status.SUCCEEDED}
    assert len(cloud.provider.paid()) == 52


def test_one_sweep_does_all_that_is_due(cloud: Cloud) -> None:
    cloud.provider.batch_size = 2
    payments = cloud.accept(*(f"u{number}" for number in range(21)))
    sweep(cloud)
    assert len(cloud.provider.paid()) == len(payments)


def test_a_batch_that_a_function_left_is_carried_on(cloud: Cloud) -> None:
    """Resume a batch of a function that was cut off after the provider had paid."""
    (payment,) = cloud.accept("ann")

    def is_cut_off(_: Batch) -> None:
        raise SystemExit

    cloud.provider.after = is_cut_off
    with pytest.raises(SystemExit):
        cloud.services.dispatcher.submit([payment])
    cloud.provider.after = lambda _: None
    sweep(cloud, 2)
    assert cloud.status(payment) is Status.SUCCEEDED
    assert len(cloud.provider.paid()) == 1


def test_what_fails_is_tried_once_a_sweep_and_stops_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = Cloud(settings=Settings(follow_seconds=0, senders=4), provider=LedgerProvider(1))
    payments = cloud.accept("ann", "bob", "cy")
    submit = cloud.services.dispatcher.submit
    tries: list[str] = []

    def fails_for_bob(group: list[object]) -> object:
        tries.append(group[0].customer_id)  # type: ignore[attr-defined]
        if tries[-1] == "bob":
            raise StoreUnavailable("busy")
        return submit(group)  # type: ignore[arg-type]

    monkeypatch.setattr(cloud.services.dispatcher, "submit", fails_for_bob)
    sweep(cloud)
    assert sorted(tries) == ["ann", "bob", "cy"]
    assert cloud.status(payments[1]) is Status.PENDING
    monkeypatch.undo()
    sweep(cloud, 2)
    assert {cloud.status(payment) for payment in payments} <= FINAL


def test_it_ends_when_its_time_does(cloud: Cloud) -> None:
    """Begin no step that could be cut off."""
    cloud.provider.batch_size = 1
    cloud.accept(*(f"u{number}" for number in range(9)))
    left = count(100, -15)  # a look at the clock costs 15 s: three steps fit
    cloud.context = LambdaContext(lambda: float(next(left)))
    cloud.now += timedelta(minutes=1)
    run_sweep(cloud.services, cloud.context)
    assert 1 <= len(cloud.provider.paid()) < 9


def test_a_store_that_is_down_is_an_error_of_the_function(cloud: Cloud) -> None:
    """Raise, for the alarm on errors; the next minute tries again."""
    cloud.store.down = True
    with pytest.raises(StoreUnavailable):
        sweep(cloud)


def test_leases_are_given_back_for_whoever_comes_next(cloud: Cloud) -> None:
    sweep(cloud)
    (payment,) = cloud.accept("ann")
    cloud.now += timedelta(seconds=2)
    other = Cloud(store=cloud.store, provider=cloud.provider, now=cloud.now)
    run_sweep(other.services, other.context)
    assert len(cloud.provider.paid()) == 1
    assert cloud.status(payment) is Status.SUBMITTING


def test_a_provider_that_is_down_holds_payments_up_until_it_is_back(cloud: Cloud) -> None:
    def fails(_: Batch) -> None:
        raise NotSent("DOWN")

    cloud.provider.before = fails
    payments = cloud.accept("ann", "bob")
    sweep(cloud, 3)
    assert cloud.provider.paid() == []
    cloud.provider.before = lambda _: None
    sweep(cloud, 10)
    assert {cloud.status(payment) for payment in payments} == {Status.SUCCEEDED}
    assert len(cloud.provider.paid()) == 2


def test_mailboxes_are_looked_into(cloud: Cloud) -> None:
    looked: list[str] = []

    def collect(name: str) -> int:
        looked.append(name)
        return 0

    collector = cloud.services.mailbox_collector
    collector.due = lambda: ["bank"]
    collector.collect = collect
    sweep(cloud)
    assert looked == ["bank"]
