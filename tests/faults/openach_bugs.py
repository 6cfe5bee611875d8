"""Seeded bugs of OpenACH, each a variant of one step of its provider."""

from __future__ import annotations

from typing import Any

from paymentapp.errors import NotSent, OutcomeUnknown
from paymentapp.providers.base import Accepted, Refused
from paymentapp.providers.openach.armed import ArmedPlan
from paymentapp.providers.openach.orders import OpenAchOrder
from paymentapp.providers.openach.provider import OpenAch
from paymentapp.providers.openach.records import Found, Schedule

_REMAINING = "payment_schedule_remaining_occurrences"


class FreshExternalId(OpenAch):
    """Sends every attempt under an external id of its own."""

    def _send(self, order: OpenAchOrder) -> Any:
        name = "payment_profile_external_id"
        fresh = {name: f"{order.external_id}.{self._clock():%d%H%M%S}"}
        return super()._send(order._replace(form={**order.form, **fresh}))


class NotFoundIsFailed(OpenAch):
    """Takes a profile that is not found after an attempt for one that never will be there."""

    def _must_not_resend(self, *_: object) -> bool:
        raise _NothingThere

    def submit(self, batch: Any, members: Any) -> Any:
        try:
            return super().submit(batch, members)
        except _NothingThere:
            return Refused("NOT_FOUND", {0: "NOT_FOUND: no such profile"})


class _NothingThere(Exception):
    """No profile was found."""


class SavesAgain(OpenAch):
    """Saves the schedule again where it finds one, to be sure."""

    def _judged(self, order: OpenAchOrder, found: Found) -> Any:
        outcome = super()._judged(order, found)
        if isinstance(outcome, Accepted):
            (schedule,) = found.schedules
            own = {
                "payment_schedule_id": schedule.schedule_id,
                "payment_schedule_external_account_id": schedule.account_id,
            }
            self._api.save("savePaymentSchedule", order.part("payment_schedule_") | own)
        return outcome


class LostIsNotSent(OpenAch):
    """Takes a lost answer for a call that did nothing."""

    def _send(self, order: OpenAchOrder) -> Any:
        try:
            return super()._send(order)
        except OutcomeUnknown as error:
            raise NotSent(error.code) from error


class _AnotherPlan(OpenAch):
    """OpenACH with a plan `armed` that has a bug."""

    plan_class: type[ArmedPlan]

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        assert self._armed is not None
        self._armed = self.plan_class(
            self._api, self._records, self._armed.state, self._armed.clock
        )


class ArmsAgain(_AnotherPlan):
    """Arms the schedule it finds, whatever was made of it."""

    class _Plan(ArmedPlan):
        def _judged(self, order: OpenAchOrder, found: Found) -> Any:
            outcome = super()._judged(order, found)
            if isinstance(outcome, Accepted):
                (schedule,) = found.schedules
                form = self._form(order, schedule.account_id)
                own = {"payment_schedule_id": schedule.schedule_id}
                self.api.save("savePaymentSchedule", form | own)
            return outcome

    plan_class = _Plan


class MakesAnother(_AnotherPlan):
    """Makes and arms another schedule in each attempt."""

    class _Plan(ArmedPlan):
        def submit(self, _: Any, order: OpenAchOrder, check_type: Any) -> Any:
            check_type()
            return self._go_on(order, self.records.find(order.external_id))

        def _inert(self, order: OpenAchOrder, found: Found, account_id: str) -> Any:
            form = self._form(order, account_id)
            self.api.save("savePaymentSchedule", form | {_REMAINING: "0"})
            made = self.records.schedules(found.profile_id)
            return next((each for each in made if each.remaining == 0), made[0])

        def _arm(self, order: OpenAchOrder, schedule: Schedule) -> Any:
            form = self._form(order, schedule.account_id)
            own = {"payment_schedule_id": schedule.schedule_id}
            self.api.save("savePaymentSchedule", form | own)
            return Accepted(schedule.schedule_id)

    plan_class = _Plan
