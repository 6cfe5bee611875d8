"""The plan `armed`: inert schedules are harmless, one is chosen, and armed in time or never."""

from __future__ import annotations

import pytest

from paymentapp.config import load_settings
from paymentapp.errors import Misconfigured, NotSent, OutcomeUnknown, SettingsError
from paymentapp.models.payments import Status
from paymentapp.providers.base import Accepted, NeedsReview, Refused
from paymentapp.providers.openach.settings import OpenAchSettings
from tests.support.openach_backend import NEVER, OpenAchBackend, openach_environ
from tests.unit.openach.support import OnePayment, one_payment

STEPS = ["profile", "account", "schedule"]


def schedules(backend: OpenAchBackend) -> list[object]:
    return [
        each["payment_schedule_remaining_occurrences"] for each in backend.ledger()["schedules"]
    ]


def loses(backend: OpenAchBackend, payment: OnePayment, step: str, fault: str) -> None:
    backend.change(faults_on=[step], **{fault: 1.0})
    with pytest.raises(OutcomeUnknown):
        payment.submit(backend.openach)
    backend.change(**NEVER)


def test_it_has_to_be_wanted() -> None:
    variables = load_settings(openach_environ(plan="armed")).variables
    with pytest.raises(SettingsError, match="PAYMENTAPP_OPENACH_UNSEEN"):
        variables.load(OpenAchSettings)


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
@pytest.mark.parametrize("step", STEPS)
def test_after_a_lost_answer_at_any_step_it_is_paid_once(
    armed: OpenAchBackend, step: str, fault: str
) -> None:
    payment = one_payment(armed)
    loses(armed, payment, step, fault)
    assert isinstance(payment.submit(armed.openach), Accepted)
    assert schedules(armed).count(1) == 1


def test_a_lost_answer_to_arming_is_settled_by_reading(armed: OpenAchBackend) -> None:
    payment = one_payment(armed)
    loses(armed, payment, "schedule", "drop_after")  # the inert one
    loses(armed, payment, "schedule", "drop_after")  # arming
    assert schedules(armed) == [1]
    assert isinstance(payment.submit(armed.openach), Accepted)
    assert armed.calls()["savePaymentSchedule"] == 2


def test_of_several_inert_schedules_one_is_armed_for_good(armed: OpenAchBackend) -> None:
    payment = one_payment(armed)
    loses(armed, payment, "schedule", "drop_after")
    [made] = armed.ledger()["schedules"]
    form = {key: str(text) for key, text in made.items() if key.startswith("payment_schedule_")}
    del form["payment_schedule_id"]
    for _ in range(3):
        armed.openach._api.save(
            "savePaymentSchedule", form | {"payment_schedule_remaining_occurrences": "0"}
        )
    assert len({str(payment.submit(armed.openach)) for _ in range(3)}) == 1
    assert sorted(map(str, schedules(armed))) == ["0", "0", "0", "1"]
    assert payment.report(armed.openach).status is Status.SUBMITTED


def test_it_is_never_armed_late(armed: OpenAchBackend) -> None:
    payment = one_payment(armed)
    loses(armed, payment, "schedule", "drop_after")
    armed.clock.pass_by(days=4)
    assert isinstance(payment.submit(armed.openach), NeedsReview)
    assert isinstance(payment.again().submit(armed.openach), Refused)
    assert schedules(armed) == [0]


def test_what_has_run_is_not_saved_again(armed: OpenAchBackend) -> None:
    payment = one_payment(armed)
    loses(armed, payment, "schedule", "drop_after")
    loses(armed, payment, "schedule", "drop_after")
    armed.clock.pass_by(days=4)
    assert armed.run() == 1
    assert isinstance(payment.submit(armed.openach), Accepted)
    assert armed.run() == 0
    assert len(armed.paid()) == 1


def test_a_server_that_takes_no_inert_schedule_refuses_unpaid(armed: OpenAchBackend) -> None:
    armed.change(inert="no")
    assert isinstance(one_payment(armed).submit(armed.openach), Refused)
    assert armed.paid() == []


def test_a_wrong_type_or_a_lost_look_up_arms_nothing(armed: OpenAchBackend) -> None:
    payment = one_payment(armed)
    armed.change(credit_status="disabled")
    with pytest.raises(Misconfigured):
        payment.submit(armed.openach)
    armed.change(credit_status="enabled", faults_on=["read"], drop_before=1.0)
    with pytest.raises(NotSent):
        payment.submit(armed.openach)
    assert schedules(armed) == []
