"""Advice: why a payment waits, failed or came back, in plain words, and what can be done.

What a provider's code means is the provider's to say (`Provider.explain`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import to_text
from paymentapp.errors import InsufficientFunds, NotSent, OutcomeUnknown
from paymentapp.models.approvals import valid
from paymentapp.models.batches import Batch
from paymentapp.models.explanations import Explanation
from paymentapp.models.holds import Hold, HoldScope
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.registry import NAMES, provider_class
from paymentapp.services.dispatch.approved import APPROVALS_VOID, EXPIRED
from paymentapp.services.dispatch.parking import in_words, park_after
from paymentapp.services.retry_links import is_retried
from paymentapp.services.waiting import Wait, WaitingFor

_SOON = timedelta(minutes=1)  # a payment that is due leaves in less
_RETRIED = "It was retried: follow the payment that was made in its place."


class PaymentState(NamedTuple):
    """A payment, and what else says why it waits; None for what does not apply."""

    payment: Payment
    wait: Wait | None = None
    batch: Batch | None = None  # the present one
    hold: Hold | None = None  # that concerns it, the oldest of several
    retry: Payment | None = None  # the payment that retries it

    @property
    def provider(self) -> str:
        """Return the name of the provider by which it goes."""
        return self.payment.payment_method


class Advice(NamedTuple):
    """Why a payment waits or has not been paid, since when, and what to do: each a sentence."""

    title: str
    meaning: str
    steps: tuple[str, ...]
    since: datetime
    needs_person: bool = False  # whether it does not go on by itself


Rule = Callable[[PaymentState], Explanation]


def advice_on(state: PaymentState, now: datetime) -> Advice | None:
    """Return the advice on a payment; None for one that was paid."""
    payment, wait = state.payment, state.wait
    if payment.status is Status.SUCCEEDED:
        return None
    if wait is not None:
        meaning, steps = _WAITS[wait.reason](state)
        needs = wait.reason in _NEED_PERSON or _refuses_our_calls(state.batch)
        return Advice(_TITLES[wait.reason], meaning, steps, wait.since, needs)
    title, rule = _STATUSES[payment.status]
    meaning, steps = rule(state)
    if payment.status is Status.PENDING and payment.due_at and now - payment.due_at > _SOON:
        steps = ("See whether a process that dispatches is running: it is overdue.",)
    needs = payment.status in {Status.FAILED, Status.RETURNED} and not is_retried(
        payment, state.retry
    )
    return Advice(title, meaning, steps, payment.updated_at, needs)


def _scheduled(state: PaymentState) -> Explanation:
    at = state.payment.scheduled_at or state.payment.updated_at
    return Explanation(
        f"Its request asked for a later time: it leaves at {_minute(at)} at the soonest.",
        (
            "Nothing needs to be done.",
            "To pay at another time, cancel it and request it again.",
        ),
    )


def _for_approval(state: PaymentState) -> Explanation:
    payment = state.payment
    given, needed = len(valid(payment.approvals)), payment.approvals_needed
    meaning = f"The rule “{payment.approval_rule}” covers it: it has {given} of {needed} approvals."
    if payment.history[-1].reference == APPROVALS_VOID:
        meaning += " Earlier approvals do not count: the payee's details have changed since."
    maker = payment.created_by or "whoever requested it"
    steps = [f"Somebody other than {maker}, with the right payments:approve, decides."]
    if payment.due_at is not None:
        steps.append(f"Where nobody does until {_minute(payment.due_at)}, it is rejected.")
    return Explanation(meaning, tuple(steps))


_HELD = {
    HoldScope.ALL: "All payments are held",
    HoldScope.PROVIDER: "All payments by {value} are held",
    HoldScope.CUSTOMER: "All payments to this customer are held",
    HoldScope.PAYMENT: "This payment is held",
    HoldScope.BULK: "Its bulk run is held, with all payments of it,",
}


def _held(state: PaymentState) -> Explanation:
    hold = state.hold
    if hold is None:
        return _details_changed(state.payment)
    what = _HELD[hold.scope].format(value=hold.value)
    why = f": {hold.reason}" if hold.reason else ""
    own = hold.scope is HoldScope.PAYMENT
    release = "releases it" if own else "releases that hold, on the page Holds"
    return Explanation(
        f"{what} since {_minute(hold.created_at)}, by {hold.by or 'the service'}{why}.",
        (
            f"Once the reason is settled, somebody with the right payments:hold {release}.",
            "If it is not to be paid at all, cancel it.",
        ),
    )


def _details_changed(payment: Payment) -> Explanation:
    until = f" until {_minute(payment.due_at)}" if payment.due_at else ""
    return Explanation(
        f"The payee's details have changed lately, so that it is held{until}: time to notice a "
        "change that is not the payee's own.",
        (
            "Ask the payee, by a way of reaching them that you knew before, whether the change is "
            "theirs.",
            "If it is, nothing needs to be done. If it is not, cancel the payment and correct the "
            "details.",
        ),
    )


def _for_funds(state: PaymentState) -> Explanation:
    return Explanation(
        f"Our account at {state.provider} does not cover it. Nothing has been paid.",
        (
            f"Add funds in {state.payment.money.currency} to our account at {state.provider}.",
            f"Nothing else needs to be done: it is tried again by itself{_next(state.batch)}.",
            "Or cancel it, so that others are covered.",
        ),
    )


def _for_window(state: PaymentState) -> Explanation:
    at = state.payment.due_at or (state.batch.attention_at if state.batch else None)
    when = f" at {_minute(at)}" if at else " at the next such time"
    why = _explain(state.provider, state.batch.last_error if state.batch else None)
    meaning = why.meaning if why else f"{state.provider} takes payments at certain times only."
    return Explanation(meaning, (f"Nothing needs to be done: it goes on{when}.",))


def _for_provider(state: PaymentState) -> Explanation:
    batch, name = state.batch, state.provider
    error = (batch.last_error if batch else None) or "no answer"
    again = f"tried again by itself{_next(batch)}"
    if _is_of(batch, OutcomeUnknown):
        longest = in_words(park_after(provider_class(name) if name in NAMES else None))
        return Explanation(
            f"It is not known whether {name} has it: the last call ended with “{error}”. The same "
            "batch is sent under the same id, so that nobody is paid twice.",
            (
                f"Nothing needs to be done: it is {again}, and after {longest} a person is asked.",
                "Do not pay it in another way meanwhile: it may have arrived.",
            ),
        )
    if _refuses_our_calls(batch):
        return Explanation(
            f"{name} does not accept our calls: “{error}”. Nothing has been paid.",
            (
                f"Whoever runs the service looks at our account and its credentials at {name}.",
                f"Then nothing else needs to be done: it is {again}.",
            ),
        )
    return Explanation(
        f"{name} could not be reached, or asked us to wait: “{error}”. Nothing has been paid.",
        (f"Nothing needs to be done: it is {again}.",),
    )


def _for_person(state: PaymentState) -> Explanation:
    batch = state.batch
    order = batch.stop_order if batch else None
    if order is not None:
        why = f"{order.person} has stopped its batch: {order.note}"
    else:
        why = (batch.last_error if batch else None) or "its outcome stayed unknown"
        why = f"its batch is parked: {why}"
    return Explanation(
        f"Nobody knows whether {state.provider} has paid it, and it is not sent again: {why}.",
        (
            f"Look in the books of {state.provider} for the batch (the page Batches shows what is "
            "known).",
            "Record there whether the provider has it; then it goes on.",
            "Do not pay it in another way before that.",
        ),
    )


def _due(state: PaymentState) -> Explanation:
    tried = ", ".join(state.payment.tried_methods)
    before = f" {tried} did not take it, and did nothing." if tried else ""
    return Explanation(
        f"It is due, and goes to {state.provider} with the next batch.{before}",
        ("Nothing needs to be done: it leaves within seconds.",),
    )


def _sending(state: PaymentState) -> Explanation:
    return Explanation(
        f"It is being sent to {state.provider}.",
        ("Nothing needs to be done: the answer comes within minutes.",),
    )


def _sent(state: PaymentState) -> Explanation:
    if state.payment.cancel_requested:
        return Explanation(
            f"{state.provider} has it, and has been asked to stop it.",
            ("Nothing needs to be done: it is cancelled, or paid where that was too late.",),
        )
    return _of_provider(state.payment) or Explanation(
        f"{state.provider} has it, and has not reported an outcome yet.",
        ("Nothing needs to be done: the outcome is shown here once it is reported.",),
    )


def _unclaimed(state: PaymentState) -> Explanation:
    if state.payment.cancel_requested:
        return Explanation(
            f"The payee has not claimed it, and {state.provider} has been asked to take it back.",
            ("Nothing needs to be done: it is cancelled once the provider has done so.",),
        )
    return _of_provider(state.payment) or Explanation(
        f"{state.provider} holds it until the payee claims it.",
        ("Ask the payee to claim it, or cancel it to have the money back.",),
    )


def _failed(state: PaymentState) -> Explanation:
    found = _of_provider(state.payment) or _unpaid(state)
    if is_retried(state.payment, state.retry):
        return found._replace(steps=(_RETRIED,))
    return found


def _unpaid(state: PaymentState) -> Explanation:
    reason = state.payment.reason or state.payment.provider_status or "no reason is given"
    back = "The money came back" if state.payment.status is Status.RETURNED else "It was not paid"
    return Explanation(
        f"{back}. The reason on record: {reason}.",
        (
            f"Ask {state.provider} or the payee what that means, and settle it.",
            "Then retry the payment, or pay by another method.",
        ),
    )


def _rejected(state: PaymentState) -> Explanation:
    payment, last = state.payment, state.payment.history[-1]
    if payment.reason == EXPIRED:
        meaning = "Nobody approved it in time."
    else:
        why = f": {payment.reason}" if payment.reason else ""
        meaning = f"{last.by or 'Somebody'} did not approve it{why}."
    step = "If it is to be paid after all, retry it: the new payment needs approval again."
    if is_retried(payment, state.retry):
        step = _RETRIED
    return Explanation(f"{meaning} Nothing was paid.", (step,))


def _cancelled(state: PaymentState) -> Explanation:
    by = state.payment.history[-1].by
    return Explanation(
        f"It was cancelled{f' by {by}' if by else ''}: nothing was paid, or the money is back.",
        ("If it is to be paid after all, request it anew.",),
    )


_TITLES: Mapping[WaitingFor, str] = {
    WaitingFor.SCHEDULE: "Waits for its time",
    WaitingFor.APPROVAL: "Waits for approval",
    WaitingFor.HOLD: "Held",
    WaitingFor.FUNDS: "Waits for funds",
    WaitingFor.WINDOW: "Waits for its time",
    WaitingFor.PROVIDER: "Waits for the provider",
    WaitingFor.PERSON: "Waits for a decision",
}
_WAITS: Mapping[WaitingFor, Rule] = {
    WaitingFor.SCHEDULE: _scheduled,
    WaitingFor.APPROVAL: _for_approval,
    WaitingFor.HOLD: _held,
    WaitingFor.FUNDS: _for_funds,
    WaitingFor.WINDOW: _for_window,
    WaitingFor.PROVIDER: _for_provider,
    WaitingFor.PERSON: _for_person,
}
_NEED_PERSON = {WaitingFor.APPROVAL, WaitingFor.HOLD, WaitingFor.FUNDS, WaitingFor.PERSON}
_STATUSES: Mapping[Status, tuple[str, Rule]] = {
    Status.AWAITING_APPROVAL: ("Waits for approval", _for_approval),
    Status.PENDING: ("About to be sent", _due),
    Status.SUBMITTING: ("Being sent", _sending),
    Status.SUBMITTED: ("With the provider", _sent),
    Status.UNCLAIMED: ("Not claimed yet", _unclaimed),
    Status.FAILED: ("Not paid", _failed),
    Status.RETURNED: ("Came back", _failed),
    Status.CANCELLED: ("Cancelled", _cancelled),
    Status.REJECTED: ("Not approved", _rejected),
}


def _of_provider(payment: Payment) -> Explanation | None:
    """Return what the provider's reason means, or else its status."""
    method = payment.payment_method
    return _explain(method, payment.reason) or _explain(method, payment.provider_status)


def _explain(method: str, text: str | None) -> Explanation | None:
    return provider_class(method).explain(text) if text and method in NAMES else None


def _is_of(batch: Batch | None, kind: type[Exception]) -> bool:
    return batch is not None and (batch.failure or "").startswith(f"{kind.__name__}:")


def _refuses_our_calls(batch: Batch | None) -> bool:
    """Return whether only a change of the account or the settings lets the batch go on."""
    return bool(batch and batch.failure) and not (
        _is_of(batch, NotSent) or _is_of(batch, OutcomeUnknown) or _is_of(batch, InsufficientFunds)
    )


def _next(batch: Batch | None) -> str:
    at = batch.attention_at if batch else None
    return f", next at {_minute(at)}" if at else ""


def _minute(moment: datetime) -> str:
    """Return a time in UTC to the minute, as the pages show it."""
    return to_text(moment)[:16].replace("T", " ")
