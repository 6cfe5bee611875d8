"""Limits: rules of how much may be paid, their time windows, and what counts against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from paymentapp.clock import EPOCH
from paymentapp.errors import PaymentAppError
from paymentapp.models.money import Money

STEP = timedelta(minutes=15)  # of a rolling window
STEPS = 97  # that a rolling window covers: 96 are 24 hours, and the oldest one counts whole
_KEPT_STEPS = STEPS + 3  # the clocks of two processes differ
_KEPT_AFTER = timedelta(hours=1)  # a calendar window, for the same reason
_NOTHING = Decimal(0)


class LimitScope(StrEnum):
    """Whose payments a rule adds up."""

    ALL = "all"  # everybody's
    CLIENT = "client"  # those that one client has requested
    CUSTOMER = "customer"  # those to one customer
    PAYMENT = "payment"  # each payment by itself


class LimitWindow(StrEnum):
    """The time over which a rule adds payments up."""

    DAY = "day"  # a day of the UTC calendar
    MONTH = "month"  # a month of the UTC calendar
    ROLLING = "24h"  # any 24 hours, in steps of 15 minutes


class LimitRule(NamedTuple):
    """One rule: payments in its currency add up to at most `amount` in each window.

    `value` is the client or customer that the rule names; empty, where it applies to each one of
    them. `window` is None for a rule about single payments. With `ask`, a payment above the limit
    needs approval instead of being refused.
    """

    number: int
    scope: LimitScope
    value: str
    limit: Money
    window: LimitWindow | None
    ask: bool = False

    def __str__(self) -> str:
        """Return the rule as it is written in the setting."""
        whose = " ".join(filter(None, (self.scope.value, self.value)))
        per = f"/{self.window.value}" if self.window else ""
        return f"{whose} {self.limit.currency} {self.limit.amount}{per}{' ask' if self.ask else ''}"


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount to count in a slot of a counter, if the counter's window then holds the limit.

    `limit` is None where the amount is counted in any case. What is in slots before `keep_from`
    no longer matters to any payment. `rule` is the number of the rule that sets the limit.
    `is_sole_limit` is whether no payment is ever counted beyond it: the counter has no other limit,
    and this one is never waived.
    """

    counter: str
    slot: str
    amount: Decimal
    limit: Decimal | None = None
    rule: int = 0
    keep_from: str = ""
    is_sole_limit: bool = False

    @property
    def window(self) -> LimitWindow:
        """Return the counter's window."""
        return window_of(self.counter)

    def fits(self, slots: Mapping[str, Decimal]) -> bool:
        """Return whether the limit allows the amount, beside what is counted already."""
        return self.limit is None or used(self.window, slots, self.slot) + self.amount <= self.limit

    def counted(self, slots: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Return the counter's slots with the amount added, without those of no further use."""
        kept = {slot: amount for slot, amount in slots.items() if slot >= self.keep_from}
        return {**kept, self.slot: kept.get(self.slot, _NOTHING) + self.amount}

    def given_back(self, slots: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Return the counter's slots without the amount; a slot that is gone stays so."""
        left = max(slots.get(self.slot, _NOTHING) - self.amount, _NOTHING)
        others = {slot: amount for slot, amount in slots.items() if slot != self.slot}
        return {**others, self.slot: left} if left else others

    def __str__(self) -> str:
        """Return where the amount is counted, as a payment keeps it: see `charge_of`."""
        return f"{self.counter} {self.slot}"


class LimitReached(PaymentAppError):
    """A store has no room for a charge: nothing was written. `slots` is what is counted there."""

    def __init__(self, charge: Charge, slots: Mapping[str, Decimal]) -> None:
        super().__init__(f"the limit of {charge.counter} is reached")
        self.charge = charge
        self.slots = slots


class LimitExceeded(PaymentAppError):
    """A payment is above a limit.

    `remaining` is what is left of it. `resets_at` is when the same amount fits, if nothing else is
    requested; None for never.
    """

    def __init__(self, rule: LimitRule, remaining: Money, resets_at: datetime | None) -> None:
        super().__init__(f"The limit is {rule}; {remaining} is left.")
        self.rule = rule
        self.remaining = remaining
        self.resets_at = resets_at


def charge_of(text: str, amount: Decimal) -> Charge:
    """Return the charge of a text that `str` has made of one, without a limit."""
    counter, _, slot = text.rpartition(" ")
    return Charge(counter, slot, amount)


def counter_name(scope: LimitScope, value: str, currency: str, window: LimitWindow) -> str:
    """Return the name of the counter of one client, one customer or everybody.

    It depends on no amount and no order of rules, so that a change of a rule resets nothing.
    """
    return f"{scope.value}/{value}/{currency}/{window.value}"


def window_of(counter: str) -> LimitWindow:
    """Return the window of a counter, by its name."""
    return LimitWindow(counter.rpartition("/")[2])


def slot_of(window: LimitWindow, at: datetime) -> str:
    """Return the slot of a time; the slots of one window sort as the times do."""
    if window is LimitWindow.ROLLING:
        return _step_slot((at - EPOCH) // STEP)
    return at.astimezone(UTC).strftime("%Y-%m-%d" if window is LimitWindow.DAY else "%Y-%m")


def keep_from(window: LimitWindow, now: datetime) -> str:
    """Return the first slot that may matter to a payment at this time or later."""
    return slot_of(window, now - _KEPT_STEPS * STEP) if window is LimitWindow.ROLLING else ""


def slot_end(window: LimitWindow, slot: str) -> datetime:
    """Return when a slot ends: the day, the month or the step."""
    if window is LimitWindow.ROLLING:
        return EPOCH + (int(slot) + 1) * STEP
    if window is LimitWindow.DAY:
        return datetime.fromisoformat(slot).replace(tzinfo=UTC) + timedelta(days=1)
    first = datetime.fromisoformat(f"{slot}-01").replace(tzinfo=UTC)
    return (first + timedelta(days=31)).replace(day=1)


def still_counts(charge: Charge, at: datetime) -> bool:
    """Return whether an amount matters to any payment that is accepted at a time or later."""
    if charge.window is LimitWindow.ROLLING:
        return charge.slot >= keep_from(charge.window, at)
    return slot_end(charge.window, charge.slot) + _KEPT_AFTER > at


def used(window: LimitWindow, slots: Mapping[str, Decimal], slot: str) -> Decimal:
    """Return what is counted in the fullest window that contains a slot.

    For a rolling window these are those that end with the slot, or up to 24 hours later, where
    payments may be scheduled.
    """
    if window is not LimitWindow.ROLLING:
        return slots.get(slot, _NOTHING)
    first = int(slot)
    steps = {int(each): amount for each, amount in slots.items()}
    ends = {first, *(step for step in steps if first < step < first + STEPS)}
    return max(_ending_with(end, steps) for end in ends)


def frees_at(charge: Charge, slots: Mapping[str, Decimal]) -> datetime | None:
    """Return when the same amount fits, if nothing else is counted; None for never."""
    if charge.limit is None or charge.amount > charge.limit:
        return None
    if charge.window is not LimitWindow.ROLLING:
        return slot_end(charge.window, charge.slot)
    first = int(charge.slot)
    for step in range(first + 1, first + 2 * STEPS):
        if used(charge.window, slots, _step_slot(step)) + charge.amount <= charge.limit:
            return EPOCH + step * STEP
    return slot_end(charge.window, _step_slot(first + STEPS))


def oldest_leaves_at(slots: Mapping[str, Decimal], slot: str) -> datetime | None:
    """Return when the oldest amount of the rolling window up to a slot leaves it; None for none."""
    last = int(slot)
    counted = [int(each) for each, amount in slots.items() if amount and int(each) <= last]
    within = [step for step in counted if step > last - STEPS]
    return EPOCH + (min(within) + STEPS) * STEP if within else None


def _ending_with(end: int, steps: Mapping[int, Decimal]) -> Decimal:
    return sum((amount for step, amount in steps.items() if end - STEPS < step <= end), _NOTHING)


def _step_slot(step: int) -> str:
    return f"{step:08d}"
