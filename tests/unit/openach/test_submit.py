"""Submission to OpenACH: one profile for each payment, and what an answer is worth."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown
from paymentapp.models.batches import Member
from paymentapp.models.money import Money
from paymentapp.providers.base import Accepted, NeedsReview, Refused
from simulators.openach.settings import DEBIT_TYPE
from tests.support.openach_backend import NEVER, OpenAchBackend
from tests.unit.openach.support import OnePayment, one_payment


def lost(backend: OpenAchBackend, payment: OnePayment, fault: str = "drop_after") -> None:
    """Send a payment, and lose the answer; then end the fault."""
    backend.change(faults_on=["complete"], **{fault: 1.0})
    with pytest.raises(OutcomeUnknown):
        payment.submit(backend.openach)
    backend.change(**NEVER)


def schedules(backend: OpenAchBackend) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = backend.ledger()["schedules"]
    return found


def test_a_payment_is_one_profile_with_one_account_and_one_schedule(
    backend: OpenAchBackend,
) -> None:
    payment = one_payment(backend)
    outcome = payment.submit(backend.openach)
    [made] = schedules(backend)
    assert outcome == Accepted(made["payment_schedule_id"])
    assert made["payment_profile_external_id"] == payment.external_id
    assert made["external_account_country_code"] == "US"
    assert made["payment_schedule_amount"] == "12.50"
    dates = made["payment_schedule_next_date"], made["payment_schedule_end_date"]
    assert dates == ("2026-03-04", "2026-05-03")


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "html_before"])
def test_after_a_lost_answer_the_same_order_is_paid_once(
    backend: OpenAchBackend, fault: str
) -> None:
    payment = one_payment(backend)
    if fault == "html_before":
        backend.change(faults_on=["complete"], html_before=1.0)
        with pytest.raises(OutcomeUnknown, match="UNREADABLE_ANSWER"):
            payment.submit(backend.openach)
        backend.change(**NEVER)
    else:
        lost(backend, payment, fault)
    assert isinstance(payment.submit(backend.again()), Accepted)
    assert len(backend.paid()) == 1


@pytest.mark.parametrize("fault", ["html_after", "sql_after", "glued"])
def test_an_answer_that_says_nothing_is_settled_by_a_look_up(
    backend: OpenAchBackend, fault: str
) -> None:
    backend.change(faults_on=["complete"], **{fault: 1.0})
    assert isinstance(one_payment(backend).submit(backend.openach), Accepted)
    assert len(backend.paid()) == 1


def test_a_locked_database_is_unknown_and_its_text_is_told_to_nobody(
    backend: OpenAchBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    backend.change(faults_on=["complete"], sql_before=1.0)
    with pytest.raises(OutcomeUnknown) as raised:
        one_payment(backend).submit(backend.openach)
    assert "SQLSTATE" not in caplog.text + str(raised.value)


def test_settings_and_dates_that_change_do_not_change_the_order(backend: OpenAchBackend) -> None:
    backend.clock.pass_by(hours=16)  # half past eight in the evening, in New York
    payment = one_payment(backend)
    lost(backend, payment, "drop_before")
    backend.clock.pass_by(hours=11)  # the next day there
    other = backend.again(payment_type="another", id_prefix="other.")
    assert isinstance(payment.submit(other), Accepted)
    [made] = schedules(backend)
    assert made["payment_schedule_next_date"] == "2026-03-04"
    assert made["payment_profile_external_id"] == payment.external_id


def test_details_that_change_do_not_make_a_second_payment(backend: OpenAchBackend) -> None:
    payment = one_payment(backend)
    lost(backend, payment)
    corrected = payment._replace(member=payment.member._replace(destination=backend.succeeds()))
    assert isinstance(corrected.submit(backend.openach), Accepted)
    assert [paid.to for paid in backend.paid()] == [payment.member.payee]


def test_another_batch_of_the_same_payment_adopts_what_is_there(backend: OpenAchBackend) -> None:
    payment = one_payment(backend)
    lost(backend, payment)
    assert isinstance(payment.again().submit(backend.openach), Accepted)
    assert len(backend.paid()) == 1


def test_a_run_between_two_calls_changes_nothing(backend: OpenAchBackend) -> None:
    payment = one_payment(backend)
    lost(backend, payment)
    backend.change(faults_on=["read"], run_before=1.0)
    assert isinstance(payment.submit(backend.openach), Accepted)
    assert len(backend.paid()) == 1


def test_a_profile_that_was_deleted_after_its_run_is_not_sent_again(
    backend: OpenAchBackend,
) -> None:
    payment = one_payment(backend)
    lost(backend, payment)
    assert backend.run() == 1
    backend.control("DELETE", f"profiles/{payment.external_id}")
    backend.clock.pass_by(hours=13)
    outcome = payment.submit(backend.openach)
    assert isinstance(outcome, NeedsReview)
    assert payment.external_id in outcome.code
    assert len(backend.paid()) == 1


def test_what_no_run_could_take_any_more_is_not_sent(backend: OpenAchBackend) -> None:
    payment = one_payment(backend)
    lost(backend, payment, "drop_before")
    backend.clock.pass_by(days=59)
    assert isinstance(payment.submit(backend.openach), NeedsReview)  # an attempt is open
    outcome = payment.again().submit(backend.openach)  # an operator has said: not sent
    assert isinstance(outcome, Refused)
    assert outcome.code == "TOO_LATE"
    assert backend.paid() == []


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("payment_schedule_amount", "99.00", "amount"),
        ("payment_schedule_payment_type_id", DEBIT_TYPE, "payment type"),
        ("payment_schedule_next_date", "2026-04-04", "date"),
        ("payment_schedule_remaining_occurrences", "0", "remaining"),
        ("external_account_number", "987654321", "account number"),
        ("external_account_dfi_id", "091000019", "routing number"),
    ],
)
def test_what_is_there_and_is_not_ours_needs_review(
    backend: OpenAchBackend, name: str, value: str, word: str
) -> None:
    payment = one_payment(backend)
    lost(backend, payment, "drop_before")
    order = backend.openach._orders.of_item(payment.member.item_id)
    assert order is not None
    backend.openach._api.save("savePaymentProfileComplete", {**order.form, name: value})
    outcome = payment.submit(backend.openach)
    assert isinstance(outcome, NeedsReview)
    assert word in outcome.code
    assert "987654321" not in outcome.code


def test_a_second_schedule_needs_review(backend: OpenAchBackend) -> None:
    payment = one_payment(backend)
    lost(backend, payment)
    [made] = schedules(backend)
    form = {key: str(text) for key, text in made.items() if key.startswith("payment_schedule_")}
    del form["payment_schedule_id"]
    backend.openach._api.save("savePaymentSchedule", form)
    outcome = payment.submit(backend.openach)
    assert isinstance(outcome, NeedsReview)
    assert "2 schedules" in outcome.code


def test_a_refusal_counts_only_where_nothing_is_found(backend: OpenAchBackend) -> None:
    payment = one_payment(backend, backend.is_refused())
    outcome = payment.submit(backend.openach)
    assert outcome == Refused("REFUSED_FIELDS", {0: "REFUSED_FIELDS: external_account_holder"})
    backend.change(faults_on=["read"], drop_before=1.0)
    with pytest.raises((OutcomeUnknown, NotSent)):
        payment.submit(backend.openach)


def test_what_is_no_payment_of_dollars_to_an_account_is_refused_unsent(
    backend: OpenAchBackend,
) -> None:
    payment = one_payment(backend)
    for member in (
        payment.member._replace(money=Money(payment.member.money.amount, "EUR")),
        payment.member._replace(destination=None),
        one_payment(backend, amount="0.001").member,
    ):
        outcome = backend.openach.submit(payment.batch, [member])
        assert isinstance(outcome, Refused), member
    assert backend.calls().get("savePaymentProfileComplete", 0) == 0


def test_a_type_that_takes_money_or_is_disabled_or_gone_sends_nothing(
    backend: OpenAchBackend,
) -> None:
    backend.change(credit_status="disabled")
    with pytest.raises(Misconfigured, match="DISABLED"):
        one_payment(backend).submit(backend.openach)
    for wrong, code in ((DEBIT_TYPE, "NOT_A_CREDIT_TYPE"), ("gone", "NO_PAYMENT_TYPE")):
        provider = backend.again(payment_type=wrong)
        with pytest.raises(Misconfigured, match=code):
            provider.check()
        member: Member = one_payment(backend).member._replace(customer_id=f"of-{wrong}")
        with pytest.raises(Misconfigured, match=code):
            provider.submit(one_payment(backend).batch, [member])
    assert backend.paid() == []


def test_a_server_without_the_action_is_misconfigured(backend: OpenAchBackend) -> None:
    backend.change(complete="no")
    with pytest.raises(Misconfigured, match="NO_SUCH_ACTION"):
        one_payment(backend).submit(backend.openach)


# --- sessions


def test_a_session_that_has_ended_is_begun_anew_and_the_call_made_once_more(
    backend: OpenAchBackend,
) -> None:
    assert isinstance(one_payment(backend).submit(backend.openach), Accepted)
    backend.end_sessions()
    other = one_payment(backend)
    other = other._replace(member=other.member._replace(customer_id="bob"))
    assert isinstance(other.submit(backend.openach), Accepted)
    assert len(backend.paid()) == 2
    assert backend.calls()["connect"] == 2


def test_a_session_that_ends_in_mid_call_pays_once(backend: OpenAchBackend) -> None:
    backend.change(faults_on=["complete"], session_ended=0.5, fault_seed=1)
    payment = one_payment(backend)
    for _ in range(5):
        try:
            assert isinstance(payment.submit(backend.openach), Accepted)
        except NotSent:
            continue
    assert len(backend.paid()) == 1


def test_a_session_is_used_by_one_call_at_a_time_and_again(backend: OpenAchBackend) -> None:
    payment = one_payment(backend)
    payment.submit(backend.openach)
    for _ in range(3):
        payment.report(backend.openach)
    assert backend.calls()["connect"] == 1
