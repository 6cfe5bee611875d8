"""The dispatcher behind the stream of Disbursements."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from paymentapp.aws_lambda import run_sweep, submit_records
from paymentapp.errors import NotSent, StoreUnavailable
from paymentapp.models.payments import Status
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.codec.payments import payment_record
from paymentapp.storage.dynamodb.attribute_values import to_item
from tests.aws.conftest import Cloud
from tests.support.lambda_events import LambdaContext, stream_event, stream_record
from tests.support.records import usd

NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}


def test_what_the_stream_tells_of_leaves_in_one_batch(cloud: Cloud) -> None:
    payments = cloud.accept("ann", "bob", "cy")
    assert submit_records(cloud.services, stream_event(*payments), cloud.context) == NO_FAILURES
    assert len(cloud.provider.calls) == 1
    assert {member.customer_id for member in cloud.provider.paid()} == {"ann", "bob", "cy"}
    assert cloud.status(payments[0]) is Status.SUBMITTING


def test_told_again_nobody_is_paid_again(cloud: Cloud) -> None:
    """Repeat the records: a stream delivers at least once, and a function may be cut off."""
    payments = cloud.accept("ann", "bob")
    for _ in range(3):
        assert submit_records(cloud.services, stream_event(*payments), cloud.context) == NO_FAILURES
    assert len(cloud.provider.paid()) == 2


def test_two_images_of_a_payment_are_one_payment(cloud: Cloud) -> None:
    (payment,) = cloud.accept("ann")
    submit_records(cloud.services, stream_event(payment, payment), cloud.context)
    assert len(cloud.provider.paid()) == 1


def test_what_is_not_due_is_left_alone(cloud: Cloud) -> None:
    (settled, later, removed) = cloud.accept("ann", "bob", "cy")
    event = stream_event(
        replace(settled, due_at=None), replace(later, due_at=cloud.now + timedelta(seconds=30))
    )
    event["Records"] += stream_event(removed, kind="REMOVE")["Records"]
    assert submit_records(cloud.services, event, cloud.context) == NO_FAILURES
    assert cloud.provider.calls == []


def test_a_host_whose_clock_is_behind_waits_for_no_sweep(cloud: Cloud) -> None:
    payments = cloud.accept("ann")
    cloud.now -= timedelta(seconds=3)
    submit_records(cloud.services, stream_event(*payments), cloud.context)
    assert len(cloud.provider.paid()) == 1


@pytest.mark.parametrize(
    "image",
    [
        {"status": {"S": "a later version's"}},
        {"amount": {"S": "much"}},
        {"history": {"L": [{"M": {}}]}},
        {"due_shard": {}},
        {"amount": {"N": "1e"}},
    ],
)
def test_a_record_that_cannot_be_read_stands_in_nobodys_way(
    cloud: Cloud, image: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    strange, fine = cloud.accept("ann", "bob")
    event = {
        "Records": [
            stream_record("1", to_item(payment_record(strange)) | image),
            stream_event(fine)["Records"][0] | {"eventName": "MODIFY"},
        ]
    }
    assert submit_records(cloud.services, event, cloud.context) == NO_FAILURES
    assert [member.customer_id for member in cloud.provider.paid()] == ["bob"]
    assert "the sweep processes" in caplog.text
    assert "ann" not in caplog.text


def test_a_store_that_failed_before_anything_was_done_is_worth_another_try(cloud: Cloud) -> None:
    payments = cloud.accept("ann", "bob")
    cloud.store.down = True
    answer = submit_records(cloud.services, stream_event(*payments), cloud.context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}
    cloud.store.down = False
    assert submit_records(cloud.services, stream_event(*payments), cloud.context) == NO_FAILURES
    assert len(cloud.provider.paid()) == 2


def test_a_store_that_failed_later_is_left_to_the_sweep(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Report no failure: the members are stamped, so the same records would find nothing to do."""
    payments = cloud.accept("ann")

    def fails(*_: object) -> bool:
        raise StoreUnavailable("a lost answer")

    monkeypatch.setattr(cloud.store, "change_batch", fails)
    assert submit_records(cloud.services, stream_event(*payments), cloud.context) == NO_FAILURES


def test_a_provider_that_fails_is_left_to_the_sweep(cloud: Cloud) -> None:
    def fails(_: object) -> None:
        raise NotSent("DOWN")

    cloud.provider.before = fails
    payments = cloud.accept("ann")
    assert submit_records(cloud.services, stream_event(*payments), cloud.context) == NO_FAILURES


def test_our_own_mistake_is_logged_and_holds_up_no_shard(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> list[Any]:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(cloud.services.dispatcher, "group", fails)
    payments = cloud.accept("ann")
    assert submit_records(cloud.services, stream_event(*payments), cloud.context) == NO_FAILURES
    assert "the sweep processes" in caplog.text


def test_a_payment_that_was_freed_leaves_again_at_once(cloud: Cloud) -> None:
    """Treat a change that makes a payment due like a new payment."""
    (payment,) = cloud.accept("ann")
    submit_records(cloud.services, stream_event(payment, kind="MODIFY"), cloud.context)
    assert len(cloud.provider.paid()) == 1


def test_an_unclaimed_payment_is_taken_back(cloud: Cloud) -> None:
    (payment,) = cloud.accept("ann")
    cloud.provider.status["ann@example.com"] = Status.UNCLAIMED
    submit_records(cloud.services, stream_event(payment), cloud.context)
    batch = cloud.store.get_batch(cloud.stored(payment).batch_id or "")
    assert batch is not None
    cloud.services.poller.follow(batch)
    wanted = cloud.services.payments.cancel(payment.key)
    submit_records(cloud.services, stream_event(wanted, kind="MODIFY"), cloud.context)
    assert cloud.status(payment) is Status.CANCELLED


def test_a_step_is_not_begun_when_time_is_short(cloud: Cloud) -> None:
    """Begin the first step only: otherwise a too low time limit would stop all payments."""
    cloud.provider.batch_size = 1
    payments = cloud.accept("ann", "bob")
    cloud.context = LambdaContext(lambda: 5.0)
    assert submit_records(cloud.services, stream_event(*payments), cloud.context) == NO_FAILURES
    assert len(cloud.provider.paid()) == 1


def test_a_scheduled_payment_does_not_leave_early_and_the_sweep_sends_it(cloud: Cloud) -> None:
    """Not even within the tolerance between two clocks."""
    at = cloud.now + timedelta(seconds=4)
    cloud.services.customers.register("ann", "ann@example.com", {})
    order = PaymentOrder("ann", "ann@example.com", usd("12.5"), "paypal", at)
    payment = cloud.services.payments.request(order).payment
    event = stream_event(payment)
    assert submit_records(cloud.services, event, cloud.context) == NO_FAILURES
    run_sweep(cloud.services, cloud.context)
    assert cloud.provider.calls == []
    cloud.now = at + timedelta(seconds=1)
    run_sweep(cloud.services, cloud.context)
    assert len(cloud.provider.paid()) == 1
