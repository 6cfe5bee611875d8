"""The plan `armed`, for a server without `savePaymentProfileComplete`: inert first, then armed.

Profile and account may be saved again: a second one is refused. A schedule may not, so that it is
made inert, as often as it takes, one of them is chosen for good, and that one is armed by an
update. Arming twice is harmless until the nightly run has made its entry; afterwards it pays again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from paymentapp.clock import Clock
from paymentapp.errors import NotSent, OutcomeUnknown
from paymentapp.models.batches import UNKNOWN_ATTEMPT, Batch
from paymentapp.models.provider_state import ProviderState, StateEntry
from paymentapp.providers.base import Accepted, NeedsReview, Outcome, Refused
from paymentapp.providers.effects import effects_possible
from paymentapp.providers.openach.api import OpenAchApi
from paymentapp.providers.openach.orders import OpenAchOrder, local_date
from paymentapp.providers.openach.records import (
    INERT,
    MADE,
    WAITING,
    Found,
    Records,
    Schedule,
    differences,
)
from paymentapp.providers.openach.tables import ARMED_UNTIL, OpenAchError
from paymentapp.providers.store_errors import store_errors_as

TOO_LATE = "TOO_LATE"
_REMAINING = "payment_schedule_remaining_occurrences"
_LIVE = {WAITING, MADE}


@dataclass(frozen=True, slots=True)
class ArmedPlan:
    """Makes a payment in steps, each of which may be repeated."""

    api: OpenAchApi
    records: Records
    state: ProviderState
    clock: Clock

    def submit(self, batch: Batch, order: OpenAchOrder, check_type: Callable[[], None]) -> Outcome:
        """Go on with whatever step is next; return the outcome once the schedule is armed."""
        found = self.records.find(order.external_id)
        if found is not None and any(each.remaining not in {INERT} for each in found.schedules):
            return self._judged(order, found)
        if self._is_late(order):
            return too_late(batch, order)
        check_type()
        with effects_possible():
            return self._go_on(order, found)

    def chosen(self, order: OpenAchOrder, found: Found) -> Found:
        """Return what was found without the schedules that never run, and were not chosen."""
        chosen = self._chosen_id(order)
        kept = [s for s in found.schedules if s.remaining != INERT or s.schedule_id == chosen]
        account = self.records.account(kept[0].account_id) if len(kept) == 1 else None
        return found._replace(schedules=kept, account=account)

    def _judged(self, order: OpenAchOrder, found: Found) -> Accepted | NeedsReview:
        """Return what is armed, if it is the one that was chosen, and what was ordered."""
        live = self.chosen(order, found)
        wrong = differences(order, live)
        chosen = self._chosen_id(order)
        if not wrong and live.schedules[0].schedule_id != chosen:
            wrong = ["another schedule is armed"]
        if wrong:
            return NeedsReview(f"profile {found.profile_id} differs: {', '.join(wrong)}")
        return Accepted(live.schedules[0].schedule_id)

    def _go_on(self, order: OpenAchOrder, found: Found | None) -> Outcome:
        if found is None:
            refused = self._save("savePaymentProfile", order.part("payment_profile_"))
            if refused:
                return refused
            found = self._found(order)
        account_id = self._account(order, found)
        if not isinstance(account_id, str):
            return account_id
        schedule = self._inert(order, found, account_id)
        if not isinstance(schedule, Schedule):
            return schedule
        return self._arm(order, schedule)

    def _account(self, order: OpenAchOrder, found: Found) -> str | Refused | NeedsReview:
        """Return the id of the payment's account, made now or before."""
        ids = self.records.account_ids(found.profile_id)
        if not ids:
            owner = {"external_account_payment_profile_id": found.profile_id}
            refused = self._save("saveExternalAccount", order.part("external_account_") | owner)
            if refused:
                return refused
            ids = self.records.account_ids(found.profile_id)
        if not ids:
            raise NotSent("NOT_FOUND", "the account is not listed yet")
        if len(ids) != 1:
            return NeedsReview(f"profile {found.profile_id} has {len(ids)} accounts")
        return ids[0]

    def _inert(
        self, order: OpenAchOrder, found: Found, account_id: str
    ) -> Schedule | Accepted | Refused | NeedsReview:
        """Return the schedule to arm: one is chosen for good, among those that never run."""
        schedules = found.schedules
        if not schedules:
            form = self._form(order, account_id) | {_REMAINING: "0"}
            refused = self._save("savePaymentSchedule", form)
            if refused:
                return refused
            schedules = self.records.schedules(found.profile_id)
        if not schedules:
            raise NotSent("NOT_FOUND", "the schedule is not listed yet")
        with store_errors_as(NotSent):
            first = StateEntry.new(_name(order), schedules[0].schedule_id)
            chosen = self.state.add_state_entry(first).text
        schedule = next((each for each in schedules if each.schedule_id == chosen), None)
        if schedule is not None and schedule.remaining in _LIVE:  # by another process, meanwhile
            return self._judged(order, self._found(order))
        if schedule is None or schedule.remaining != INERT or schedule.account_id != account_id:
            return NeedsReview(f"schedule {chosen} is not as it was made")
        return schedule

    def _arm(self, order: OpenAchOrder, schedule: Schedule) -> Outcome:
        """Arm a schedule, and read it. The time is looked at last: every call before takes some."""
        if self._is_late(order):
            return NeedsReview(f"schedule {schedule.schedule_id} is not armed: too late")
        form = self._form(order, schedule.account_id)
        self.api.save("savePaymentSchedule", form | {"payment_schedule_id": schedule.schedule_id})
        found = self._found(order)
        if not any(each.remaining in _LIVE for each in found.schedules):
            raise OutcomeUnknown("NOT_ARMED", "the schedule is as it was")
        return self._judged(order, found)

    def _save(self, action: str, form: Mapping[str, str]) -> Refused | None:
        """Save a record that moves nothing; None where it, or one like it, may be there now."""
        answer = self.api.save(action, form)
        problem = answer.problem if answer is not None else None
        if problem is not None and problem.error is OpenAchError.REFUSED_FIELDS:
            return Refused(OpenAchError.REFUSED_FIELDS, {0: problem.code})
        return None

    def _found(self, order: OpenAchOrder) -> Found:
        found = self.records.find(order.external_id)
        if found is None:
            raise NotSent("NOT_FOUND", "the profile is not there yet")
        return found

    def _form(self, order: OpenAchOrder, account_id: str) -> dict[str, str]:
        account = {"payment_schedule_external_account_id": account_id}
        return order.part("payment_schedule_") | account

    def _chosen_id(self, order: OpenAchOrder) -> str:
        with store_errors_as(NotSent):
            stored = self.state.get_state_entry(_name(order))
        return stored.text if stored else ""

    def _is_late(self, order: OpenAchOrder) -> bool:
        return local_date(self.clock()) > order.next_date - ARMED_UNTIL


def too_late(batch: Batch, order: OpenAchOrder) -> NeedsReview | Refused:
    """Return the outcome of an order that is not there, and whose time is over.

    While an attempt of the batch is open, it may still arrive. Else nothing was sent, or an
    operator has said so of an earlier batch: the payment fails, and can be retried under a key of
    its own.
    """
    if batch.open_attempt == UNKNOWN_ATTEMPT:
        return NeedsReview(f"{order.external_id} is not there: too late for its dates")
    return Refused(TOO_LATE, {0: f"{TOO_LATE}: nothing was made of it in time"})


def _name(order: OpenAchOrder) -> str:
    return f"openach/schedule/{order.item_id}"
