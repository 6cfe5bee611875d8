"""Every engine: approvals are kept, and of decisions at once none is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from paymentapp.bootstrap import Services
from paymentapp.clock import utc_now
from paymentapp.errors import Conflict
from paymentapp.models.actors import Actor
from paymentapp.models.approvals import Approval, RequiredApproval, digests
from paymentapp.models.payments import Cause, Payment, Status
from paymentapp.services.payment_orders import PaymentOrder
from paymentapp.storage.base import Store
from paymentapp.storage.changes import PaymentChange
from tests.contract.test_store_races import at_once
from tests.support.ledger_provider import LedgerProvider
from tests.support.processes import a_process
from tests.support.records import NOW, a_payment, add_payment, later, usd

CALLERS = 8
ORDER = PaymentOrder("ada", "ada@example.com", usd("12.5"), "paypal")
APPROVERS = [Actor(f"a{number}", frozenset({f"a{number}"}), frozenset()) for number in range(8)]


def a_service(store: Store, rules: str) -> tuple[Services, Payment]:
    """Return a service, and a payment that its rule covers."""
    services = a_process(store, utc_now, LedgerProvider(), approvals=rules)
    services.customers.register("ada", "ada@example.com", {})
    return services, services.payments.request(ORDER).payment


def all_at_once(*calls: Callable[[], Payment]) -> list[Payment | None]:
    """Return what each call returned; None where it was refused."""

    def one(call: Callable[[], Payment]) -> Payment | None:
        try:
            return call()
        except Conflict:
            return None

    return at_once(one, calls)


def test_what_is_needed_and_given_is_kept_over_changes(store: Store) -> None:
    needed = RequiredApproval("USD 5..: 1", 1, digests(["payroll"]))
    payment = a_payment(status=Status.AWAITING_APPROVAL, approval=needed)
    add_payment(store, payment)
    approval = Approval(
        NOW, "Ada Lovelace", digests(["ada"]), "v1", 'a "note", and more', void=True
    )
    approved = payment.moved(
        Status.PENDING, later(1), Cause.PERSON, "approved", approvals=(approval,)
    )
    assert store.change_payments([PaymentChange(payment, approved)]) == [True]
    assert store.get_payment(payment.key) == approved


def test_of_many_approvals_at_once_none_is_lost(store: Store) -> None:
    services, payment = a_service(store, f"all: {CALLERS}")
    approve = services.approvals.approve
    answers = all_at_once(*(lambda by=by: approve(payment.key, by) for by in APPROVERS))
    stored = services.payments.get(payment.key)
    assert stored.status is Status.PENDING
    assert {each.by for each in stored.approvals} == {by.name for by in APPROVERS}
    assert [answer.status for answer in answers if answer].count(Status.PENDING) == 1


def test_one_approver_who_approves_many_times_at_once_counts_once(store: Store) -> None:
    services, payment = a_service(store, "all: 2")
    approve = services.approvals.approve
    all_at_once(*(lambda: approve(payment.key, APPROVERS[0]) for _ in range(CALLERS)))
    stored = services.payments.get(payment.key)
    assert (stored.status, len(stored.approvals)) == (Status.AWAITING_APPROVAL, 1)


@pytest.mark.parametrize("end", ["cancel", "reject"])
def test_of_an_approval_and_an_end_at_once_one_wins(store: Store, end: str) -> None:
    services, payment = a_service(store, "all: 1")
    approver, other = APPROVERS[:2]
    ends = {
        "cancel": lambda: services.payments.cancel(payment.key),
        "reject": lambda: services.approvals.reject(payment.key, other, "no"),
    }
    approved, ended = all_at_once(
        lambda: services.approvals.approve(payment.key, approver), ends[end]
    )
    stored = services.payments.get(payment.key)
    statuses = [line.status for line in stored.history[1:]]
    if approved is None:
        assert ended is not None
        assert statuses == [ended.status]
    elif end == "reject":
        assert (ended, statuses) == (None, [Status.PENDING])
    else:  # what is approved can be cancelled while it is pending
        assert statuses == [Status.PENDING, Status.CANCELLED]
