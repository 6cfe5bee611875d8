"""Reversals: what was paid by mistake is taken back once, in time, and what comes back is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from paymentapp.bootstrap_backoffice import build_backoffice
from paymentapp.errors import Conflict, NotSent, ProviderError
from paymentapp.models.batches import Batch
from paymentapp.models.payments import Payment, Status
from paymentapp.models.reversals import Reversal, ReversalOrder, ReversalReason, ReversalStep
from paymentapp.nacha import read
from paymentapp.services.backoffice.open_cases import OpenCase
from paymentapp.services.backoffice.reversals import PaymentReversals
from simulators.bank.books import BankCredit
from tests.support.ach_backend import ATTEMPT, ROUTING
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process
from tests.unit.ach.conftest import Company
from tests.unit.ach.test_mailbox import Service
from tests.unit.ach.test_upload import Process, Stopped, failing

ORDER = ReversalOrder(ReversalReason.DUPLICATE, "Grace Hopper", "paid twice by the old system")
GOOD, POOR = "1111222233", "DR0111112222"  # the second one's debits come back by R01


@pytest.fixture
def service(company: Company) -> Service:
    return Service(company, a_process(company.state, company.clock, company.ach))


def backoffice(service: Service) -> PaymentReversals:
    return build_backoffice(service.services, lambda _: None).reversals


def paid(service: Service, *accounts: str, **details: str) -> list[Payment]:
    """Return payments that the bank has."""
    payments = [service.pays(each, **details) for each in accounts]
    service.runs(hours=6)
    return [service.now(each) for each in payments]


def cases(service: Service) -> list[OpenCase]:
    return build_backoffice(service.services, lambda _: None).open_cases.cases()


def debits(company: Company) -> list[BankCredit]:
    """Return the debits that the bank has taken, and what is ready for it."""
    company.bank.work()
    return company.bank.books.debits()


def test_a_reversal_debits_what_was_paid_and_says_why(service: Service) -> None:
    [payment] = paid(service, GOOD)
    done = backoffice(service).send(payment.key, ORDER)
    assert (done.step, done.item_ids) == (ReversalStep.SENT, (payment.key.item_id,))
    [debit] = debits(service.company)
    [credit] = service.company.bank.books.credits()
    assert (debit.account, debit.cents) == (credit.account, credit.cents)
    assert debit.individual_id == credit.individual_id
    assert debit.description == "REVERSAL"
    assert debit.information == f"REVERSAL OF {credit.trace} DUPLICATE"
    shown = service.now(payment)
    assert (shown.status, shown.provider_status) == (Status.SUBMITTED, "REVERSAL_ORDERED")


@pytest.mark.parametrize("days", [0, 6])
def test_what_was_taken_back_is_returned_once_it_cannot_come_back(
    service: Service, days: int
) -> None:
    [payment] = paid(service, GOOD)
    for _ in range(days):
        service.runs(days=1)
    before = service.now(payment).status
    assert before is (Status.SUCCEEDED if days else Status.SUBMITTED)
    backoffice(service).send(payment.key, ORDER)
    seen = []
    for _ in range(7):
        service.runs(days=1)
        seen.append(service.now(payment).status)
    assert seen[0] in {Status.SUBMITTED, Status.SUCCEEDED}
    assert seen[-1] is Status.RETURNED
    shown = service.now(payment)
    assert (shown.reason, shown.provider_status) == (
        "REVERSED Taken back by a reversal",
        "REVERSED",
    )
    assert backoffice(service).pending() == []
    assert len(debits(service.company)) == 1


def test_an_order_that_is_repeated_debits_once(service: Service) -> None:
    [payment] = paid(service, GOOD)
    for _ in range(3):
        backoffice(service).send(payment.key, ORDER)
        service.runs()
    assert len(debits(service.company)) == 1
    [pending] = backoffice(service).pending()
    assert (pending.provider, pending.reversal.order) == ("ach", ORDER)


@pytest.mark.parametrize(("days", "taken"), [(0, True), (7, True), (8, False), (30, False)])
def test_five_banking_days_after_settlement_it_is_too_late(
    service: Service, days: int, taken: bool
) -> None:
    """It settled on Wednesday the 4th: the 11th is the last day on which a debit may settle."""
    [payment] = paid(service, GOOD)
    service.company.clock.pass_by(days=days)
    if taken:
        backoffice(service).send(payment.key, ORDER)
    else:
        with pytest.raises(Conflict, match="after 2026-03-11, five banking days later"):
            backoffice(service).send(payment.key, ORDER)
    assert len(debits(service.company)) == taken


def test_only_what_was_sent_and_has_not_come_back_is_taken_back(service: Service) -> None:
    waiting = service.pays(GOOD)
    with pytest.raises(Conflict, match="the payment is pending: there is nothing to take back"):
        backoffice(service).send(waiting.key, ORDER)
    [returned] = paid(service, "R03111222233")
    with pytest.raises(Conflict, match="the payment is returned"):
        backoffice(service).send(returned.key, ORDER)
    assert debits(service.company) == []


def test_a_provider_that_takes_nothing_back_says_so(company: Company) -> None:
    ledger = LedgerProvider()
    service = Service(company, a_process(company.state, company.clock, company.ach, ledger))
    service.services.customers.register("bob", "bob@example.com", {})
    order = service.order_again(service.pays(GOOD))
    order = order._replace(customer_id="bob", email="bob@example.com", payment_method="paypal")
    payment = service.services.payments.request(order).payment
    service.runs()
    with pytest.raises(Conflict, match="paypal takes nothing back"):
        backoffice(service).send(payment.key, ORDER)


def test_a_file_is_taken_back_whole_but_for_what_came_back(service: Service) -> None:
    first, back, third = paid(service, GOOD, "R03111222233", "3333444455")
    assert first.batch_id == back.batch_id == third.batch_id
    done = backoffice(service).send_batch(first.batch_id or "", ORDER)
    assert set(done.item_ids) == {first.key.item_id, third.key.item_id}
    assert Counter(each.account for each in debits(service.company)) == {
        GOOD: 1,
        "3333444455": 1,
    }


def test_one_payment_and_then_its_file_debit_each_once(service: Service) -> None:
    first, second = paid(service, GOOD, "2222333344")
    backoffice(service).send(second.key, ORDER)
    done = backoffice(service).send_batch(first.batch_id or "", ORDER)
    assert done.item_ids == (first.key.item_id,)
    assert Counter(each.account for each in debits(service.company)) == {GOOD: 1, "2222333344": 1}
    assert len(backoffice(service).pending()) == 2


def test_a_reversal_is_of_the_same_class_company_and_amount(company: Company) -> None:
    members = [
        company.member(GOOD, at=1, entry_description="PAYROLL"),
        company.member("2222333344", "5.00", at=2, entry_class="CCD", account_type="savings"),
    ]
    batch = company.paid(*members)
    company.ach.reversals.send(batch, None, ORDER)
    [path] = (company.folder / "outgoing").iterdir()
    found = read(path.read_bytes())
    assert found.findings == ()
    headers = [each.header for each in found.file.batches]
    assert [h and (h.sec_code, h.description.strip(), h.service_class) for h in headers] == [
        ("CCD", "REVERSAL", "225"),
        ("PPD", "REVERSAL", "225"),
    ]
    entries = [each.entries[0] for each in found.file.batches]
    assert [(e.transaction_code, e.amount) for e in entries] == [
        ("37", Decimal("5.00")),
        ("27", Decimal("12.34")),
    ]


def test_a_balanced_bank_gets_a_balanced_reversal(company: Company) -> None:
    ach = company.provider(offset_routing=ROUTING, offset_account="5550001")
    members = [company.member(GOOD)]
    batch = company.batch(*members)
    ach.submit(batch, members)
    company.bank.work()
    ach.reversals.send(batch, None, ORDER)
    [path] = (company.folder / "outgoing").iterdir()
    found = read(path.read_bytes())
    assert found.findings == ()
    [taken] = found.file.batches
    assert taken.header is not None
    assert taken.header.service_class == "200"
    assert [(e.transaction_code, e.account.strip()) for e in taken.entries] == [
        ("27", GOOD),
        ("22", "5550001"),
    ]


# What comes back of a reversal


def test_a_debit_that_comes_back_is_told_and_the_payment_stays(service: Service) -> None:
    [payment] = paid(service, POOR)
    backoffice(service).send(payment.key, ORDER)
    for _ in range(8):
        service.runs(days=1)
    assert service.now(payment).status is Status.SUCCEEDED
    assert backoffice(service).pending() == []
    [case] = cases(service)
    assert case.reason == (
        "the reversal of the payment came back: R01 Insufficient funds; `paymentapp reversals "
        "retry` debits once more"
    )
    assert case.details["entry of"] == payment.key.item_id
    assert POOR not in repr(case)


def test_a_lack_of_funds_is_tried_again_twice_and_says_so(service: Service) -> None:
    [payment] = paid(service, POOR)
    with pytest.raises(Conflict, match="nothing was taken back: send a reversal"):
        backoffice(service).retry(payment.key, ORDER)
    backoffice(service).send(payment.key, ORDER)
    for _ in range(2):
        backoffice(service).retry(payment.key, ORDER)  # before it is known to have come back
        service.runs(days=1)
        backoffice(service).retry(payment.key, ORDER)
    service.runs(days=1)
    with pytest.raises(Conflict, match="it was tried again 2 times"):
        backoffice(service).retry(payment.key, ORDER)
    words = [each.description for each in debits(service.company)]
    assert words == ["REVERSAL", "RETRY PYMT", "RETRY PYMT"]


def test_after_180_days_nothing_is_tried_again(service: Service) -> None:
    [payment] = paid(service, POOR)
    backoffice(service).send(payment.key, ORDER)
    service.runs(days=1)
    service.runs(days=183)
    with pytest.raises(Conflict, match="180 days after it settled"):
        backoffice(service).retry(payment.key, ORDER)


def test_another_reason_is_not_tried_again(service: Service) -> None:
    [payment] = paid(service, "DR0211112222")
    backoffice(service).send(payment.key, ORDER)
    service.runs(days=1)
    with pytest.raises(Conflict, match="it came back by R02 Account closed"):
        backoffice(service).retry(payment.key, ORDER)
    assert backoffice(service).send(payment.key, ORDER).returned == ("R02",)
    assert len(debits(service.company)) == 1


def test_what_was_tried_again_counts_as_taken_back(service: Service) -> None:
    [payment] = paid(service, POOR)
    backoffice(service).send(payment.key, ORDER)
    service.runs(days=1)
    service.company.bank._of_debit = lambda *_: None  # there is money now
    backoffice(service).retry(payment.key, ORDER)
    for _ in range(8):
        service.runs(days=1)
    assert service.now(payment).status is Status.RETURNED


def test_a_return_of_the_payment_is_not_one_of_its_reversal(service: Service) -> None:
    """Both come back under trace numbers of the bank's own: only their direction tells them."""
    payment = service.pays("TR0311112222")
    service.company.clock.pass_by(hours=6)
    for _ in range(3):
        service.services.sweeper.run()
        service.company.clock.pass_by(minutes=2)
    service.company.bank.take()
    service.company.bank._book_all()  # and it answers nothing yet
    done = backoffice(service).send(payment.key, ORDER)
    service.runs(days=1)
    shown = service.now(payment)
    assert (shown.status, shown.provider_status) == (Status.RETURNED, "R03")
    [case] = cases(service)
    assert case.reason.startswith("the reversal of the payment came back: R11")
    [reversal] = backoffice(service).of(payment.key)
    assert (reversal.reversal_id, reversal.returned) == (done.reversal_id, ("R11",))


# Once, whatever stops or comes in between


def carried_out(company: Company, batch: Batch) -> Reversal:
    """Repeat the order by other processes until it is carried out, and let the bank take it."""
    for _ in range(10):
        try:
            done = Process(company).ach.reversals.send(batch, None, ORDER)
            break
        except ProviderError:
            company.clock.pass_by(seconds=ATTEMPT / 2 + 1)
    else:
        raise AssertionError("never carried out")
    company.bank.work()
    return done


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [Stopped, NotSent], ids=["crash", "error"])
def test_a_reversal_that_stops_at_any_step_debits_once(
    tmp_path: Path, error: type[BaseException], after: bool
) -> None:
    for at in range(60):
        company = Company(tmp_path / str(at))
        batch = company.paid(company.member(GOOD, at=1), company.member("2222333344", at=2))
        places = count()
        step = failing(at, error, after=after)

        def counted(what: str, act: Callable[[], Any], step: Any = step, n: Any = places) -> Any:
            next(n)
            return step(what, act)

        with suppress(Stopped, ProviderError, Exception):
            Process(company, counted).ach.reversals.send(batch, None, ORDER)
        with suppress(Conflict):  # the bank has taken it, and nobody has seen that
            assert carried_out(company, batch).step is ReversalStep.SENT
        taken = Counter(each.account for each in debits(company))
        assert taken == {GOOD: 1, "2222333344": 1}, at
        company.bank.close()
        if next(places) <= at:
            return
    raise AssertionError("it has more steps")


def test_two_operators_at_once_debit_once(tmp_path: Path) -> None:
    for at in range(60):
        company = Company(tmp_path / str(at))
        batch = company.paid(company.member(GOOD))
        places = count()

        def between(
            what: str,  # noqa: ARG001
            act: Callable[[], Any],
            here: Company = company,
            paid: Batch = batch,
            at: int = at,
            n: Any = places,
        ) -> Any:
            if next(n) == at:
                with suppress(ProviderError, Conflict):
                    Process(here).ach.reversals.send(paid, None, ORDER)
            return act()

        with suppress(ProviderError, Conflict):
            Process(company, between).ach.reversals.send(batch, None, ORDER)
        with suppress(Conflict):
            carried_out(company, batch)
        assert len(debits(company)) == 1, at
        company.bank.close()
        if next(places) <= at:
            return
    raise AssertionError("it has more steps")


def test_a_file_in_doubt_is_settled_once_the_bank_has_confirmed_it(
    company: Company, service: Service
) -> None:
    [payment] = paid(service, GOOD)
    batch = service.services.store.get_batch(payment.batch_id or "")
    assert batch is not None

    def lost(what: str, act: Callable[[], Any]) -> Any:
        """Let the bank take the file before anybody sees that it is there."""
        done = act()
        if what == "rename":
            company.bank.work()
            raise Stopped
        return done

    with suppress(Stopped):
        Process(company, lost).ach.reversals.send(batch, payment.key.item_id, ORDER)
    company.clock.pass_by(seconds=ATTEMPT + 1)
    with pytest.raises(Conflict, match="ask the bank whether it has the file"):
        backoffice(service).send(payment.key, ORDER)
    [pending] = backoffice(service).pending()
    assert pending.reversal.step is ReversalStep.DOUBTFUL
    done = backoffice(service).confirm(pending.reversal.reversal_id, "Grace", "the bank says so")
    assert done.step is ReversalStep.SENT
    with pytest.raises(Conflict, match="there is no doubt"):
        backoffice(service).confirm(done.reversal_id, "Grace", "again")
    for _ in range(8):
        service.runs(days=1)
    assert service.now(payment).status is Status.RETURNED
    assert len(debits(company)) == 1
    [shown] = backoffice(service).of(payment.key)
    assert (shown.reversal_id, shown.order) == (done.reversal_id, ORDER)


def test_the_number_of_payments_is_that_of_one_order(company: Company) -> None:
    """An order of a batch that is larger than a block of trace numbers is one file."""
    members = [company.member(f"{n:010d}77", "1.00", at=n) for n in range(1, 121)]
    batch = company.paid(*members)
    done = company.ach.reversals.send(batch, None, replace_note(ORDER, "whole"))
    assert len(done.item_ids) == 120
    assert len(debits(company)) == 120


def replace_note(order: ReversalOrder, note: str) -> ReversalOrder:
    return order._replace(note=note)


def test_a_batch_without_a_file_is_refused(company: Company) -> None:
    batch = replace(company.batch(company.member(GOOD)), batch_id="never-sent")
    with pytest.raises(Conflict, match="nothing was sent"):
        company.ach.reversals.send(batch, None, ORDER)
