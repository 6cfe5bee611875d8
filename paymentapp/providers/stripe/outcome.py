"""Outcome of a transfer and its payout, and the reversal of money that did not arrive."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from paymentapp.clock import Clock
from paymentapp.errors import NotSent
from paymentapp.models.payments import Status
from paymentapp.models.settled import NOT_SETTLED, Settled
from paymentapp.providers.stripe.answers import Payout, Reference, StripeProblem, Transfer
from paymentapp.providers.stripe.api import StripeApi
from paymentapp.providers.stripe.payees import NO_PAYOUT
from paymentapp.providers.stripe.tables import FAILURES, NOT_PAID_OUT, PAYOUT_STATUS
from paymentapp.providers.updates import ItemReport

log = logging.getLogger(__name__)

# How long after its batch was accepted a payout that Stripe refused may still be made, by a call
# that was still in flight. Only afterwards is the transfer reversed for lack of a payout.
IN_FLIGHT_LIMIT = timedelta(minutes=15)
_TEMPORARY = frozenset({401, 403, 409, 429})  # of a reversal: says nothing about the transfer


class Outcomes:
    """Determines what became of a transfer.

    It reverses one whose payout failed or was not begun: only then the money is back, and the
    payment may be reported as returned.
    """

    def __init__(self, api: StripeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    def read(
        self, reference: Reference, batch_id: str | None = None
    ) -> tuple[Transfer, Payout | None]:
        """Return the transfer with its payout.

        Raises NotSent, also where the transfer is not that batch's, and Misconfigured.
        """
        transfer = self._api.transfer(reference.transfer_id)
        if isinstance(transfer, StripeProblem):
            raise transfer.error(transfer.kind(moves_money=False))
        if batch_id not in {None, transfer.batch_id}:
            raise NotSent("ANOTHER_BATCH", "the transfer under this reference is another batch's")
        if not transfer.item_id:
            raise NotSent("UNREADABLE_ANSWER", "a transfer without our item id")
        if transfer.destination.payout == NO_PAYOUT:
            return transfer, None
        if reference.payout_id is None:
            return transfer, self._api.payout_of(transfer)
        payout = self._api.payout(reference.payout_id, transfer.destination.account)
        if isinstance(payout, StripeProblem):
            raise payout.error(payout.kind(moves_money=False))
        return transfer, payout

    def settle(
        self, reference: Reference, batch_id: str | None = None, accepted_at: datetime | None = None
    ) -> ItemReport:
        """Report the payment, after reversing the transfer where the money did not arrive.

        Without `accepted_at`, a missing payout is still waited for.
        """
        transfer, payout = self.read(reference, batch_id)
        reason = _reason(payout, reference)
        if transfer.is_reversed or not _is_stranded(transfer, payout):
            return current_report(transfer, payout, reason)
        waits = accepted_at is None or self._clock() - accepted_at < IN_FLIGHT_LIMIT
        if payout is None and waits:
            return _report(transfer, None, Status.SUBMITTED, "payout_refused", reason)
        return self._take_back(transfer, payout, reason or "no payout was made")

    def _take_back(self, transfer: Transfer, payout: Payout | None, reason: str) -> ItemReport:
        """Reverse the transfer; until that is done, report nothing that others would act on.

        Raises what may pass by itself, for the next poll to retry.
        """
        problem = self._reverse(transfer)
        if problem is None:
            log.warning("batch %s not paid out: %s; transfer reversed", transfer.batch_id, reason)
            return _report(transfer, payout, Status.RETURNED, "reversed", reason)
        fresh = self._api.transfer(transfer.transfer_id)
        if isinstance(fresh, Transfer) and fresh.is_reversed:
            return _report(fresh, payout, Status.RETURNED, "reversed", reason)
        if problem.status in _TEMPORARY or problem.status >= 500:
            raise problem.error(problem.kind(moves_money=True))
        raw = f"payout_{payout.status if payout else 'refused'}_not_reversed"
        log.error(
            "batch %s: the payout did not arrive (%s) and transfer %s could not be reversed: %s; "
            "the money is in the connected account, and an operator has to recover it",
            *(transfer.batch_id, reason, transfer.transfer_id, problem.code),
        )
        return _report(transfer, payout, None, raw, f"{reason}; not reversed: {problem.code}")

    def _reverse(self, transfer: Transfer) -> StripeProblem | None:
        """Reverse the transfer; where a stored refusal is replayed, retry under a key of the hour.

        Stripe stores a refusal for a day. A reversal cannot take more than is left of its transfer.
        """
        key = f"{transfer.batch_id}-reversal"
        problem = self._api.reverse(transfer, key)
        if problem is None or not problem.replayed:
            return problem
        return self._api.reverse(transfer, f"{key}-{self._clock():%Y%m%dT%H}")


def current_report(
    transfer: Transfer, payout: Payout | None, reason: str | None = None
) -> ItemReport:
    """Report what Stripe says of a payment, without acting on it."""
    if transfer.is_reversed:
        reason = reason or "the transfer was reversed"
        return _report(transfer, payout, Status.RETURNED, transfer.status, reason)
    if transfer.amount_reversed:
        log.error("transfer %s was reversed in part, by hand", transfer.transfer_id)
        return _report(transfer, payout, None, transfer.status)
    if payout is not None:
        status = payout_status(payout.status)
        return _report(transfer, payout, status, f"payout_{payout.status}", reason)
    no_more = transfer.destination.payout == NO_PAYOUT
    status = Status.SUCCEEDED if no_more else Status.SUBMITTED
    return _report(transfer, None, status, transfer.status)


def payout_status(raw: str) -> Status | None:
    """Return the status from the table; None, and log a warning, for an unknown one."""
    if raw not in PAYOUT_STATUS:
        log.warning("Stripe reported a payout status that the table does not know: %s", raw)
    return PAYOUT_STATUS.get(raw)


def _is_stranded(transfer: Transfer, payout: Payout | None) -> bool:
    """Return whether the money was to leave the connected account, and did not."""
    if payout is None:
        return transfer.destination.payout != NO_PAYOUT
    return PAYOUT_STATUS.get(payout.status) is Status.RETURNED


def _reason(payout: Payout | None, reference: Reference) -> str | None:
    """Return "CODE: words" for a payout that failed or was refused; None for any other."""
    if payout is not None:
        return reason_of(payout)
    code = reference.refusal
    words = NOT_PAID_OUT.get(code) if code else None
    return f"{code}: {words}" if words else code


def reason_of(payout: Payout) -> str | None:
    """Return "CODE: words" for a payout that failed; None for any other."""
    if PAYOUT_STATUS.get(payout.status) is not Status.RETURNED:
        return None
    code = payout.failure_code or payout.status
    return f"{code}: {FAILURES[code]}" if code in FAILURES else f"payout {code}"


def _report(
    transfer: Transfer,
    payout: Payout | None,
    status: Status | None,
    raw_status: str,
    reason: str | None = None,
) -> ItemReport:
    where = Reference(transfer.transfer_id, payout.payout_id if payout else "")
    return ItemReport(
        item_id=transfer.item_id,
        status=status,
        raw_status=raw_status,
        provider_item_id=where.text,
        transaction_id=transfer.transfer_id,
        reason=reason,
        money=transfer.money,
        receiver=transfer.destination.text,
        settled=_settled(transfer, payout) if status is Status.SUCCEEDED else NOT_SETTLED,
    )


def _settled(transfer: Transfer, payout: Payout | None) -> Settled:
    """Return when the money arrived, and what the transfer cost this account.

    A payout's `arrival_date` is the day on which Stripe expects it at the bank; its fee is the
    connected account's.
    """
    at = transfer.created if payout is None else payout.arrives_at
    return Settled(at, transfer.fee, transfer.exchange)
