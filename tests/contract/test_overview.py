"""Every engine: the overview counts each open payment once, by what it waits for."""

from __future__ import annotations

from paymentapp.models.payments import Cause, Status
from paymentapp.services.overview import OPEN, Picture
from paymentapp.services.waiting import WaitingFor
from paymentapp.storage.base import Store
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process
from tests.support.records import NOW, a_hold, add_payment, later, usd
from tests.unit.test_outages import Outage
from tests.unit.test_reports import paid, requested


def picture(store: Store) -> Picture:
    return a_process(store, lambda: NOW, LedgerProvider()).overview.picture()


def test_an_account_without_payments_is_an_empty_picture(store: Store) -> None:
    found = picture(store)
    assert (found.groups, found.holds, found.parked, found.inbox) == ([], [], 0, 0)
    assert (found.payments, found.oldest) == (0, None)
    assert [(each.name, each.configured, each.outage) for each in found.providers] == [
        ("paypal", True, None)
    ]


def test_what_has_an_outcome_is_not_counted_and_the_rest_by_its_reason(store: Store) -> None:
    add_payment(store, paid(requested(0)))
    for second in (1, 2):
        add_payment(store, requested(second, money=usd("5")))
    submitted = requested(3).moved(Status.SUBMITTING, later(4), Cause.DISPATCH)
    add_payment(store, submitted.moved(Status.SUBMITTED, later(5), Cause.POLL))
    store.add_hold(a_hold())
    held, sent = picture(store).groups
    assert (held.status, held.waiting_for, held.payments) == (Status.PENDING, WaitingFor.HOLD, 2)
    assert held.oldest.created_at == later(1)
    assert str(held.totals[0].amount) == "10.00"
    assert (sent.status, sent.waiting_for, sent.payments) == (Status.SUBMITTED, None, 1)
    assert picture(store).oldest == later(1)


def test_the_open_statuses_are_those_without_an_outcome() -> None:
    assert [*OPEN] == [
        Status.AWAITING_APPROVAL,
        Status.PENDING,
        Status.SUBMITTING,
        Status.SUBMITTED,
        Status.UNCLAIMED,
    ]


def test_a_provider_whose_calls_fail_is_shown_with_the_last_error() -> None:
    outage = Outage()
    for _ in range(2):
        outage.watch()
    (provider,) = outage.services.overview.picture().providers
    assert provider.outage is not None
    assert "TIMEOUT" in provider.outage.reason
