"""A payment through OpenACH in the whole service, and what an operator records of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from paymentapp.bootstrap import Services
from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import Conflict, NotFound
from paymentapp.models.batches import BatchState
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.models.provider_events import EventResolution
from paymentapp.services.backoffice.open_cases import CaseResolution, OpenCases
from paymentapp.services.payment_orders import PaymentOrder
from tests.support.ach_backend import bank_account
from tests.support.openach_backend import NEVER, OpenAchBackend
from tests.support.processes import a_process


@dataclass
class OpenAchService:
    """The whole service, with a simulated OpenACH."""

    backend: OpenAchBackend
    services: Services

    def pays(self, account: str = "1111222233", **details: str) -> Payment:
        self.services.customers.register("ada", "ada@example.com", {})
        self.services.methods.put("ada", "openach", bank_account(account, **details), None)
        money = Money(Decimal("12.34"), "USD")
        order = PaymentOrder("ada", "ada@example.com", money, "openach")
        return self.services.payments.request(order).payment

    def runs(self, **passes: float) -> None:
        self.backend.clock.pass_by(**passes)
        for _ in range(3):
            self.services.sweeper.run()
            self.backend.clock.pass_by(minutes=2)

    def now(self, payment: Payment) -> Payment:
        return self.services.payments.get(payment.key)

    @property
    def cases(self) -> OpenCases:
        return build_backoffice(self.services, print).open_cases


@pytest.fixture
def service(backend: OpenAchBackend) -> OpenAchService:
    return OpenAchService(backend, a_process(backend.state, backend.clock, backend.provider))


def word(
    resolution: EventResolution, key: PaymentKey | None, code: str | None = None
) -> CaseResolution:
    return CaseResolution(resolution, "ann", "as the statement says", key, code)


def test_a_payment_is_submitted_entered_and_succeeds_after_the_hold(
    service: OpenAchService,
) -> None:
    payment = service.pays()
    service.runs()
    assert service.now(payment).status is Status.SUBMITTED
    assert service.backend.run() == 1
    for _ in range(14):
        service.runs(days=1)
    done = service.now(payment)
    assert (done.status, done.provider_status) == (Status.SUCCEEDED, "NOT_RETURNED_IN_TIME")
    assert done.transaction_id


def test_a_return_is_recorded_without_a_case_and_blocks_the_account(
    service: OpenAchService,
) -> None:
    payment = service.pays()
    service.runs()
    service.backend.run()
    for _ in range(14):
        service.runs(days=1)
    moved = service.cases.record_payment(word(EventResolution.RETURNED, payment.key, "R03"))
    assert moved.status is Status.RETURNED
    assert moved.history[-1].cause is Cause.PERSON
    assert not service.services.methods.get("ada", "openach").usable
    again = service.cases.record_payment(word(EventResolution.RETURNED, payment.key, "R03"))
    assert (again.status, len(again.history)) == (moved.status, len(moved.history))
    assert service.cases.cases() == []


def test_what_cannot_be_recorded_without_a_case_is_refused(service: OpenAchService) -> None:
    payment = service.pays()
    with pytest.raises(Conflict):
        service.cases.record_payment(word(EventResolution.IGNORED, None))
    with pytest.raises(Conflict):  # it is in no batch yet
        service.cases.record_payment(word(EventResolution.RETURNED, payment.key))
    nobody = PaymentKey("nobody", payment.payment_id)
    with pytest.raises(NotFound):
        service.cases.record_payment(word(EventResolution.RETURNED, nobody))


def test_what_neither_call_nor_look_up_settles_is_parked_with_its_evidence(
    service: OpenAchService,
) -> None:
    payment = service.pays()
    service.backend.change(faults_on=["complete", "read"], drop_after=1.0)
    service.runs()
    service.backend.run()
    external_id = f"paymentapp.{payment.key.item_id}"
    service.backend.control("DELETE", f"profiles/{external_id}")
    service.backend.change(**NEVER)
    for _ in range(3):
        service.runs(hours=13)
    batch = service.services.store.get_batch(service.now(payment).batch_id or "")
    assert batch is not None
    assert batch.state is BatchState.PARKED
    assert external_id in (batch.last_error or "")
    assert len(service.backend.paid()) == 1


def test_a_refused_payment_fails_with_the_fields_at_fault(service: OpenAchService) -> None:
    payment = service.pays(holder="Refused Example")
    service.runs()
    failed = service.now(payment)
    assert (failed.status, failed.reason) == (
        Status.FAILED,
        "REFUSED_FIELDS: external_account_holder",
    )
