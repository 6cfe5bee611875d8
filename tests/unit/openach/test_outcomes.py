"""What becomes of payments at OpenACH: what it shows, what time shows, what operators record."""

from __future__ import annotations

import logging

import pytest

from paymentapp.errors import Conflict, NotGenuine
from paymentapp.models.payments import Status
from paymentapp.providers.base import Accepted
from tests.support.openach_backend import OpenAchBackend, recorded_payment
from tests.unit.openach.support import OnePayment, one_payment

STATUSES = ("payment_profile_status", "external_account_status", "payment_schedule_status")


def accepted(backend: OpenAchBackend, to: str | None = None) -> OnePayment:
    payment = one_payment(backend, to)
    assert isinstance(payment.submit(backend.openach), Accepted)
    return payment


def status(backend: OpenAchBackend, payment: OnePayment) -> tuple[Status | None, str]:
    report = payment.report(backend.openach)
    return report.status, report.raw_status


def test_an_entry_is_no_success_before_the_hold_is_over(backend: OpenAchBackend) -> None:
    payment = accepted(backend)
    assert status(backend, payment) == (Status.SUBMITTED, "SCHEDULED")
    backend.run()
    assert status(backend, payment) == (Status.SUBMITTED, "ENTERED")
    # Sunday 1 March, entry of the 4th, five banking days: until the end of the 11th, New York.
    backend.clock.pass_by(days=10)
    assert status(backend, payment) == (Status.SUBMITTED, "ENTERED")
    backend.clock.pass_by(days=1)
    assert status(backend, payment) == (Status.SUCCEEDED, "NOT_RETURNED_IN_TIME")


def test_the_hold_begins_when_the_entry_is_seen(backend: OpenAchBackend) -> None:
    payment = accepted(backend)
    backend.run()
    backend.clock.pass_by(days=30)
    assert status(backend, payment) == (Status.SUBMITTED, "ENTERED")


def test_a_profile_that_is_deleted_after_its_entry_was_seen_is_paid_all_the_same(
    backend: OpenAchBackend,
) -> None:
    payment = accepted(backend)
    backend.run()
    assert status(backend, payment) == (Status.SUBMITTED, "ENTERED")
    backend.control("DELETE", f"profiles/{payment.external_id}")
    assert status(backend, payment) == (Status.SUBMITTED, "ENTERED")
    backend.clock.pass_by(days=20)
    assert status(backend, payment) == (Status.SUCCEEDED, "NOT_RETURNED_IN_TIME")


def test_what_is_deleted_before_is_neither_paid_nor_failed(
    backend: OpenAchBackend, caplog: pytest.LogCaptureFixture
) -> None:
    payment = accepted(backend)
    backend.control("DELETE", f"profiles/{payment.external_id}")
    for _ in range(3):
        assert status(backend, payment) == (None, "DELETED")
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(errors) == 1


@pytest.mark.parametrize("name", STATUSES)
def test_what_is_not_enabled_waits_for_an_operator(backend: OpenAchBackend, name: str) -> None:
    payment = accepted(backend)
    backend.control("PUT", f"profiles/{payment.external_id}", {name: "suspended"})
    assert backend.run() == 0
    assert status(backend, payment) == (None, "SUSPENDED")
    backend.control("PUT", f"profiles/{payment.external_id}", {name: "enabled"})
    assert status(backend, payment) == (Status.SUBMITTED, "SCHEDULED")


def test_what_no_run_has_taken_is_missed(backend: OpenAchBackend) -> None:
    payment = accepted(backend, backend.waits())
    backend.clock.pass_by(days=60)
    backend.run()
    assert status(backend, payment) == (Status.SUBMITTED, "SCHEDULED")
    backend.clock.pass_by(days=1)
    assert status(backend, payment) == (None, "MISSED")


def test_an_amount_may_be_a_number(backend: OpenAchBackend) -> None:
    backend.change(amounts="number")
    payment = accepted(backend)
    assert payment.report(backend.openach).money == payment.member.money


def test_a_return_that_an_operator_records_is_reported_from_then_on(
    backend: OpenAchBackend,
) -> None:
    payment = accepted(backend)
    recorded = backend.openach.mailbox.record(
        recorded_payment(payment.member.item_id), Status.RETURNED, "R03"
    )
    assert recorded.reason is not None
    assert recorded.reason.startswith("R03 ")
    assert recorded.blocked is not None  # no payment goes to this account again
    for _ in range(2):
        assert status(backend, payment) == (Status.RETURNED, "R03")


def test_a_return_stands_against_a_later_word(backend: OpenAchBackend) -> None:
    payment = accepted(backend)
    item_id = payment.member.item_id
    backend.record(item_id, Status.SUCCEEDED, "RECORDED")
    assert status(backend, payment) == (Status.SUCCEEDED, "CONFIRMED")
    backend.record(item_id, Status.RETURNED, "R02")
    with pytest.raises(Conflict):
        backend.record(item_id, Status.SUCCEEDED, "RECORDED")


def test_nothing_is_collected_and_nothing_can_be_read(backend: OpenAchBackend) -> None:
    mailbox = backend.openach.mailbox
    assert list(mailbox.collect()) == []
    assert mailbox.unread() == []
    assert not mailbox.set_aside("any", "note")
    with pytest.raises(NotGenuine):
        mailbox.parse_webhook(b"{}")
