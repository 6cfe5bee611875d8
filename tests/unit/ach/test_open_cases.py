"""What a bank says and what cannot be applied: listed, counted, and recorded by an operator."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import Conflict, NotFound, NotPayable
from paymentapp.models.money import Money
from paymentapp.models.payments import Cause, Payment, PaymentKey, Status
from paymentapp.models.provider_events import EventResolution, ProviderEventState
from paymentapp.services.backoffice.open_cases import CaseResolution, OpenCases
from paymentapp.services.backoffice.period import Period
from tests.support.records import an_event
from tests.unit.ach.conftest import Company
from tests.unit.ach.test_mailbox import Service, returned, sent_back
from tests.unit.ach.test_mailbox import service as service  # a fixture

RETURNED, SUCCEEDED = EventResolution.RETURNED, EventResolution.SUCCEEDED
IGNORED = EventResolution.IGNORED


def cases(service: Service) -> OpenCases:
    return build_backoffice(service.services, print).open_cases


def word(resolution: EventResolution, payment: Payment | None = None, code: str = "R03") -> object:
    key = payment.key if payment else None
    return CaseResolution(resolution, "ann", "as the bank says", key, code)


def record(service: Service, case_id: str, *words: object) -> Payment | None:
    return cases(service).record(case_id, word(*words))  # type: ignore[arg-type]


def paid(service: Service, account: str = "1111222233") -> Payment:
    """Pay an account, and wait until the bank has taken the file."""
    payment = service.pays(account)
    service.runs(hours=6)
    return service.now(payment)


def unread(service: Service, name: str = "odd.ach") -> str:
    """Put a file there that nobody can read; return its id."""
    service.company.bank.send(name, b"Dear customer,\nR03 for all\n")
    service.runs(minutes=5)
    service.runs(minutes=5)
    return next(case.case_id for case in cases(service).cases())


def inbox_check(service: Service) -> str:
    """Return what /readyz says of the inbox."""
    return next(check.detail for check in service.services.health.checks() if check.name == "inbox")


def test_nothing_waits(service: Service) -> None:
    paid(service)
    assert cases(service).cases() == []
    assert inbox_check(service) == "nothing waits for an operator"


def test_an_event_of_a_provider_that_was_removed_since_is_found(service: Service) -> None:
    store = service.services.store
    event = store.add_provider_event(an_event(provider="stripe"))
    assert store.change_provider_event(
        event, event.changed(state=ProviderEventState.SET_ASIDE, attention_at=None)
    )
    [case] = cases(service).cases()
    assert cases(service).find(case.case_id) == case
    assert record(service, case.case_id, IGNORED) is None
    assert cases(service).cases() == []


def test_no_payment_succeeds_while_a_file_lies_unread(service: Service) -> None:
    payment = paid(service)
    unread(service)
    for _ in range(9):
        service.runs(days=1)
    assert service.now(payment).status is Status.SUBMITTED
    assert "1 waiting" in inbox_check(service)
    record(service, cases(service).cases()[0].case_id, IGNORED)
    service.runs(days=1)
    service.runs(days=1)
    assert service.now(payment).status is Status.SUCCEEDED
    assert cases(service).cases() == []
    assert list((service.company.folder / "incoming").glob("*.ach")) == []


def test_an_unread_file_is_a_difference_for_reconcile(service: Service) -> None:
    unread(service)
    run = build_backoffice(service.services, print).reconciliation
    now = service.company.clock()
    assert list(run.run(Period(now, now))) == []
    assert (run.tally.open_items, run.tally.left) == (1, 1)


def test_what_a_file_says_of_several_payments_is_recorded_one_by_one(service: Service) -> None:
    first, second = service.pays("1111222233"), service.pays("2222333344")
    service.runs(hours=6)
    case_id = unread(service)
    back = record(service, case_id, RETURNED, first)
    assert back is not None
    assert (back.status, back.reason) == (
        Status.RETURNED,
        "R03 No account/unable to locate account",
    )
    assert back.history[-1].cause is Cause.PERSON
    assert [case.case_id for case in cases(service).cases()] == [case_id]
    record(service, case_id, SUCCEEDED, second)
    record(service, case_id, IGNORED)
    service.runs(days=1)
    assert cases(service).cases() == []
    assert [service.now(each).status for each in (first, second)] == ["returned", "succeeded"]
    batch = service.company.state.get_batch(first.batch_id or back.batch_id or "")
    assert batch is not None
    assert {report.status for report in service.company.ach.fetch(batch)} == {
        Status.RETURNED,
        Status.SUCCEEDED,
    }


def test_an_entry_that_matches_nothing_is_listed_and_recorded(service: Service) -> None:
    payment = paid(service)
    addenda = replace(returned("R02"), original_trace="071000010000001")
    service.company.bank.send("r.ach", sent_back(service.company, addenda))
    service.runs(minutes=5)
    [case] = cases(service).cases()
    assert case.details["reason"] == "R02 Account closed"
    assert case.details["trace number"] == "071000010000001"
    moved = record(service, case.case_id, RETURNED, payment, "")
    assert moved is not None
    assert (moved.status, moved.reason) == (Status.RETURNED, "R02 Account closed")
    assert cases(service).cases() == []
    decided = cases(service).find(case.case_id).decision
    assert decided is not None
    assert (decided.person, decided.payment) == ("ann", payment.key)
    with pytest.raises(NotPayable, match="must not be used: R02"):
        service.services.payments.request(service.order_again(payment))


def test_a_decision_is_made_once(service: Service) -> None:
    paid(service)
    service.company.bank.send("r.ach", sent_back(service.company, returned("R03", "0" * 15)))
    service.runs(minutes=5)
    [case] = cases(service).cases()
    record(service, case.case_id, IGNORED)
    with pytest.raises(Conflict, match="not set aside, but ignored: ann recorded ignored"):
        record(service, case.case_id, IGNORED)


def test_what_cannot_be_is_not_recorded(service: Service) -> None:
    payment = paid(service)
    case_id = unread(service)
    with pytest.raises(NotFound, match="no unread file and no event"):
        record(service, "file-none", IGNORED)
    with pytest.raises(Conflict, match="record it as returned"):
        record(service, case_id, EventResolution.FAILED, payment)
    with pytest.raises(Conflict, match="needs the payment"):
        record(service, case_id, RETURNED)
    with pytest.raises(NotFound, match="no payment nobody"):
        record(service, case_id, RETURNED, replace(payment, customer_id="nobody"))
    waiting = service.pays("3333444455")
    with pytest.raises(Conflict, match="in no batch"):
        record(service, case_id, RETURNED, waiting)
    assert service.now(payment).status is Status.SUBMITTED


def test_another_amount_is_set_aside_and_shown(service: Service) -> None:
    payment = paid(service)
    data = sent_back(service.company, returned("R01"), amount="5.00")
    service.company.bank.send("r.ach", data)
    service.runs(minutes=5)
    [case] = cases(service).cases()
    assert case.payment == PaymentKey.of(payment.key.item_id)
    assert case.reason == "the amount or the currency is not the payment's"
    assert case.details["amount"] == str(Money(Decimal("5.00"), "USD"))
    assert cases(service).cases(everything=True) == [case]


def test_no_account_number_is_shown(company: Company, service: Service) -> None:
    paid(service, "9876501234567")
    company.bank.send("r.ach", sent_back(company, returned("R03", "0" * 15)))
    service.runs(minutes=5)
    unread(service)
    shown = repr(cases(service).cases())
    assert "9876501234567" not in shown
