"""Why a payment that is not due yet waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from paymentapp.bootstrap import Services
from paymentapp.errors import StoreUnavailable
from paymentapp.models.holds import Hold
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.services.waiting import Wait, WaitingFor
from tests.support.ledger_provider import LedgerProvider
from tests.support.memory_store import MemoryStore
from tests.support.processes import StillWorker, a_process
from tests.support.records import usd

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE_DAY = timedelta(days=1)


def service(**settings: Any) -> Services:
    here = a_process(
        MemoryStore(), lambda: START, LedgerProvider(), worker=StillWorker(), **settings
    )
    here.customers.register("ada", "ada@example.com", {})
    return here


def pay(here: Services, amount: Money, scheduled_at: datetime | None = None) -> Payment:
    order = PaymentOrder("ada", "ada@example.com", amount, "paypal", scheduled_at)
    return here.payments.request(order).payment


def test_a_scheduled_payment_waits_for_its_time() -> None:
    here = service()
    payment = pay(here, usd("5"), START + ONE_DAY)
    assert here.waiting.of(payment) == Wait(WaitingFor.SCHEDULE, START)


def test_a_payment_to_details_that_have_just_changed_is_held() -> None:
    here = service(payee_change_hold_hours=2)
    payment = pay(here, usd("5"))
    assert here.waiting.of(payment) == Wait(WaitingFor.HOLD, START)


def test_a_payment_that_is_due_waits_for_nothing() -> None:
    here = service()
    assert here.waiting.of(pay(here, usd("5"))) is None


class BlindStore(MemoryStore):
    """A store that cannot list holds."""

    def list_holds(self) -> list[Hold]:
        raise StoreUnavailable("down")


def test_a_payment_that_awaits_approval_says_so_even_where_holds_cannot_be_read() -> None:
    here = a_process(
        BlindStore(), lambda: START, LedgerProvider(), worker=StillWorker(), approvals="USD 9..: 1"
    )
    here.customers.register("ada", "ada@example.com", {})
    payments = [pay(here, usd("9")), pay(here, usd("5"))]
    assert here.waiting.of_all(payments) == [Wait(WaitingFor.APPROVAL, START), None]
