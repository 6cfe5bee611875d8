"""Payments that came back for lack of funds: tried again twice, in time, and marked as such."""

from __future__ import annotations

import pytest

from paymentapp.errors import Conflict
from paymentapp.models.payments import Payment, Status
from tests.support.ach_backend import bank_account
from tests.support.processes import a_process
from tests.unit.ach.conftest import Company
from tests.unit.ach.test_mailbox import Service


@pytest.fixture
def service(company: Company) -> Service:
    return Service(company, a_process(company.state, company.clock, company.ach))


def returned(service: Service, account: str) -> Payment:
    """Return a payment that the bank has returned."""
    payment = service.pays(account, entry_description="PAYROLL")
    service.runs(hours=6)
    return service.now(payment)


def again(service: Service, payment: Payment, method: str | None = None) -> Payment:
    """Retry a payment, and let the bank return that too."""
    retry = service.services.retries.retry(payment.key, method).payment
    service.runs(hours=30)
    return service.now(retry)


def descriptions(service: Service) -> list[str]:
    return [each.description for each in service.company.bank.books.credits()]


@pytest.mark.parametrize("code", ["R01", "R09"])
def test_a_lack_of_funds_is_tried_again_twice_and_says_so(service: Service, code: str) -> None:
    first = returned(service, f"{code}11112222")
    assert first.status is Status.RETURNED
    second = again(service, first)
    third = again(service, second)
    assert descriptions(service) == ["PAYROLL", "RETRY PYMT", "RETRY PYMT"]
    assert third.status is Status.RETURNED
    with pytest.raises(Conflict, match="It came back for lack of funds 3 times, which is final"):
        service.services.retries.retry(third.key)
    assert len(descriptions(service)) == 3


def test_after_180_days_it_is_not_tried_again(service: Service) -> None:
    first = returned(service, "R0111112222")
    service.company.clock.pass_by(days=181)
    with pytest.raises(Conflict, match="It was first sent more than 180 days ago"):
        service.services.retries.retry(first.key)


def test_another_reason_is_a_payment_like_any_other(service: Service) -> None:
    first = returned(service, "R0311112222")
    account = bank_account("1111222233", entry_description="PAYROLL")
    service.services.methods.put(first.customer_id, "ach", account, None)
    retry = again(service, first)
    assert retry.texts.options == ()
    assert descriptions(service) == ["PAYROLL", "PAYROLL"]


def test_what_the_service_says_itself_is_not_shown(service: Service) -> None:
    retry = again(service, returned(service, "R0111112222"))
    assert dict(retry.texts.options) == {"_tried_again": "1"}
    assert retry.texts.shown_options == {}
