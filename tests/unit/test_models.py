"""The models refuse inexact money, illegal transitions, and addresses in a text."""

from __future__ import annotations

from typing import Any

import pytest

from paymentapp.models.approvals import (
    Approval,
    RequiredApproval,
    digests,
    valid,
    with_voids,
)
from paymentapp.models.batches import Member
from paymentapp.models.money import Money
from paymentapp.models.payments import FINAL, Cause, Payment, Status, can_transition
from tests.support.records import a_payment, later, stamped, usd


@pytest.mark.parametrize("amount", [12.5, 12, "12.50"])
def test_an_amount_is_a_decimal_and_nothing_else(amount: Any) -> None:
    with pytest.raises(TypeError, match="an amount must be a Decimal"):
        Money(amount, "USD")


@pytest.mark.parametrize("status", [Status.PENDING, Status.SUBMITTED, Status.FAILED])
def test_a_payment_that_has_succeeded_can_only_be_returned(status: Status) -> None:
    succeeded = _moved(a_payment(), Status.SUCCEEDED)
    with pytest.raises(ValueError, match=f"cannot go from succeeded to {status}"):
        _moved(succeeded, status)
    assert _moved(succeeded, Status.RETURNED).status is Status.RETURNED


@pytest.mark.parametrize("status", [Status.PENDING, Status.CANCELLED, Status.REJECTED])
def test_what_awaits_approval_is_approved_cancelled_or_rejected(status: Status) -> None:
    assert _moved(_awaiting(), status).status is status


def test_what_awaits_approval_enters_no_batch() -> None:
    with pytest.raises(ValueError, match="cannot go from awaiting_approval to submitting"):
        _moved(_awaiting(), Status.SUBMITTING)


@pytest.mark.parametrize(
    "status", [s for s in Status if s not in {Status.AWAITING_APPROVAL, Status.REJECTED}]
)
def test_nothing_but_what_awaits_approval_is_rejected(status: Status) -> None:
    with pytest.raises(ValueError, match=f"cannot go from {status} to rejected"):
        _moved(a_payment(status=status), Status.REJECTED)


def test_a_pending_payment_goes_back_for_approval_and_one_in_a_batch_does_not() -> None:
    back = _moved(a_payment(), Status.AWAITING_APPROVAL)
    assert _moved(back, Status.PENDING).status is Status.PENDING
    with pytest.raises(ValueError, match="cannot go from submitting to awaiting_approval"):
        _moved(stamped(a_payment()), Status.AWAITING_APPROVAL)


@pytest.mark.parametrize("status", sorted(FINAL - {Status.SUCCEEDED}))
def test_what_is_at_its_end_stays_there(status: Status) -> None:
    assert not any(can_transition(status, other) for other in Status)


@pytest.mark.parametrize(
    ("given", "approved"),
    [
        ([], False),
        ([{"a"}], False),
        ([{"a"}, {"b"}], True),
        ([{"a"}, {"a", "b"}], False),  # the same person by another way in
        ([{"a"}, {"a", "b"}, {"b"}], True),
    ],
)
def test_as_many_different_approvers_approve_as_the_rule_wants(
    given: list[set[str]], approved: bool
) -> None:
    payment = a_payment(
        approval=RequiredApproval("USD 5..: 2", 2), approvals=tuple(map(_approval, given))
    )
    assert payment.is_approved is approved


def test_an_approval_is_void_for_another_version_of_the_payee_and_stays_void() -> None:
    approvals = (_approval({"a"}), _approval({"b"})._replace(payee_version="v2"))
    changed = with_voids(approvals, "v2")
    assert [each.void for each in changed] == [True, False]
    assert [each.void for each in with_voids(changed, "v1")] == [True, True]
    assert valid(changed) == [changed[1]]


def test_identities_are_compared_by_their_digests() -> None:
    first, second = digests(["ada@example.com", "payroll"]), digests(["Payroll"])
    assert first & second == second
    assert not any("ada" in each for each in first)
    assert {len(each) for each in first} == {12}


def test_the_text_of_a_member_names_no_address() -> None:
    member = Member("ada", "2026-03-01T12:00:00Z", usd("5"), "ada@example.com", "k.sealed")
    assert repr(member) == "Member(ada 2026-03-01T12:00:00Z 5 USD)"


def _awaiting() -> Payment:
    return a_payment(status=Status.AWAITING_APPROVAL)


def _approval(identities: set[str]) -> Approval:
    return Approval(later(1), "somebody", frozenset(identities), "v1")


def _moved(payment: Payment, status: Status) -> Payment:
    return payment.moved(status, later(1), Cause.POLL)
