"""Why a payment waits, and since when: from its record, its batch and the holds in force."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import StoreUnavailable
from paymentapp.models.batches import NO_FUNDS, TAKEN_APART, Batch, BatchState
from paymentapp.models.holds import HoldsInForce
from paymentapp.models.payments import Payment, Status
from paymentapp.services.holds import Holds
from paymentapp.services.routing import DETAILS_CHANGED
from paymentapp.services.schedules import is_later
from paymentapp.storage.base import Store

log = logging.getLogger(__name__)

_NOT_SHOWN = "why payments wait is not shown: %s"
_SENT_SOON = {Status.PENDING, Status.SUBMITTING}
_CLOCK_SKEW = timedelta(seconds=5)  # what is due by another host's clock does not wait


class WaitingFor(StrEnum):
    """What a payment waits for."""

    SCHEDULE = "schedule"  # its request named a later time
    APPROVAL = "approval"  # a rule covers it, and not enough people have approved it
    HOLD = "hold"  # somebody holds it, or its payee's details have changed lately
    FUNDS = "funds"  # its provider's account does not cover it
    WINDOW = "window"  # its provider takes payments at certain times only
    PROVIDER = "provider"  # its batch was sent, or is to be sent again, and has no outcome
    PERSON = "person"  # its batch is parked: an operator decides


class Wait(NamedTuple):
    """What a payment waits for, and since when."""

    reason: WaitingFor
    since: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Tells why payments wait. Each rule returns None where it does not apply."""

    store: Store
    holds: Holds
    clock: Clock

    def of(self, payment: Payment) -> Wait | None:
        """Return why a payment waits; None where it does not, or where that cannot be read."""
        if payment.status is not Status.PENDING:
            return self.of_all([payment])[0]
        try:
            in_force = self.holds.in_force()
        except StoreUnavailable as error:
            log.warning(_NOT_SHOWN, error)
            return None
        return _wait(payment, {}, in_force, self.clock())

    def of_all(self, payments: Sequence[Payment]) -> list[Wait | None]:
        """Return the same for many; the batch of several is read once."""
        approvals = list(map(_for_approval, payments))
        early = [each for each in payments if each.status in _SENT_SOON]
        if not early:
            return approvals
        try:
            in_force = self.holds.in_force()
            batches = self._batches(early)
        except StoreUnavailable as error:
            log.warning(_NOT_SHOWN, error)
            return approvals
        now = self.clock()
        waits = (_wait(payment, batches, in_force, now) for payment in payments)
        return [found or wait for found, wait in zip(approvals, waits, strict=True)]

    def _batches(self, payments: Sequence[Payment]) -> dict[str, Batch | None]:
        ids = {payment.batch_id for payment in payments if payment.batch_id}
        return {batch_id: self.store.get_batch(batch_id) for batch_id in ids}


def _for_approval(payment: Payment) -> Wait | None:
    if payment.status is not Status.AWAITING_APPROVAL:
        return None
    return Wait(WaitingFor.APPROVAL, payment.updated_at)


def _wait(
    payment: Payment,
    batches: Mapping[str, Batch | None],
    in_force: HoldsInForce,
    now: datetime,
) -> Wait | None:
    if payment.status is Status.PENDING:
        return _held(payment, in_force) or _before_its_time(payment, now) or _taken_apart(payment)
    batch = batches.get(payment.batch_id or "")
    if payment.status is not Status.SUBMITTING or batch is None:
        return None
    if batch.state is BatchState.PARKED:
        return Wait(WaitingFor.PERSON, batch.parked_at or payment.updated_at)
    if batch.state is not BatchState.FROZEN:
        return None
    return _held(payment, in_force) or _unanswered(batch)


def _held(payment: Payment, in_force: HoldsInForce) -> Wait | None:
    hold = in_force.on(payment.payment_method, payment.key, payment.bulk_id)
    if hold is None:
        return None
    return Wait(WaitingFor.HOLD, max(hold.created_at, payment.created_at))


def _before_its_time(payment: Payment, now: datetime) -> Wait | None:
    if is_later(payment, now):
        return Wait(WaitingFor.SCHEDULE, payment.updated_at)
    if payment.due_at is None or payment.due_at <= now + _CLOCK_SKEW:
        return None
    changed = DETAILS_CHANGED in payment.history[-1].reference
    return Wait(WaitingFor.HOLD if changed else WaitingFor.WINDOW, payment.updated_at)


def _taken_apart(payment: Payment) -> Wait | None:
    """Return the wait of a payment that is due, and whose batch the funds did not cover."""
    if not payment.history[-1].reference.endswith(f"{TAKEN_APART}{NO_FUNDS}"):
        return None
    return Wait(WaitingFor.FUNDS, payment.updated_at)


def _unanswered(batch: Batch) -> Wait | None:
    """Return the wait of a frozen batch; an attempt that was postponed is not counted as one."""
    if batch.frozen_at is None or not (batch.attempts or batch.last_error):
        return None  # its first attempt goes on
    if batch.lacks_funds:
        return Wait(WaitingFor.FUNDS, batch.frozen_at)
    reason = WaitingFor.PROVIDER if batch.attempts else WaitingFor.WINDOW
    return Wait(reason, batch.frozen_at)
