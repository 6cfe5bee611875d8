"""Global Payouts: an outbound payment to a recipient's bank account or card.

The recipient and their payout method are made first, once; then the order is frozen, and sent with
the batch's id as its key. Design: docs/decisions/0071-global-payouts.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from paymentapp.clock import Clock
from paymentapp.errors import NotSent, OutcomeUnknown, ProviderError
from paymentapp.models.batches import UNKNOWN_ATTEMPT, Batch, Member
from paymentapp.models.money import Money
from paymentapp.models.payments import Payment, Status
from paymentapp.models.provider_state import ProviderState
from paymentapp.models.settled import NOT_SETTLED, Settled
from paymentapp.providers.base import Accepted, NeedsReview, Outcome, Refused
from paymentapp.providers.http import Http
from paymentapp.providers.store_errors import store_errors_as
from paymentapp.providers.stripe.answers import StripeProblem
from paymentapp.providers.stripe.global_answers import (
    PAYMENT_ID,
    OutboundPayment,
    PayoutMethod,
    v2_kind,
)
from paymentapp.providers.stripe.global_api import GlobalApi
from paymentapp.providers.stripe.global_orders import OutboundOrder, OutboundOrders
from paymentapp.providers.stripe.global_outcome import outbound_report
from paymentapp.providers.stripe.global_tables import (
    ELIGIBLE,
    NO_PAYOUT_METHOD,
    NOT_CANCELLED,
    NOT_PAYABLE,
    OUTBOUND_STATUS,
    PAYOUT_METHOD_ARCHIVED,
    PAYOUT_METHOD_COUNTRY,
    PAYOUT_METHOD_CURRENCY,
    PAYOUT_METHOD_NOT_READY,
    PAYOUT_METHOD_RESTRICTED,
    UNSENT,
    V2_REFUSALS,
)
from paymentapp.providers.stripe.recipient_book import KEY_TRUSTED, RecipientBook
from paymentapp.providers.stripe.recipients import (
    BankDetails,
    MadeRecipient,
    NewRecipient,
)
from paymentapp.providers.stripe.settings import StripeSettings
from paymentapp.providers.stripe.tables import CURRENCIES, REFUSALS
from paymentapp.providers.updates import ItemReport, WebhookNews

log = logging.getLogger(__name__)

NOT_FOUND = 404
_MARGIN = timedelta(hours=1)  # of the clocks of this service and Stripe, for a search


class Source(NamedTuple):
    """The financial account that payments are made from, and the currency drawn from it."""

    financial_account: str
    currency: str  # empty: each payment's own


class GlobalPayouts:
    """Payments to recipients. Any number of threads and processes may share it."""

    def __init__(
        self,
        api: GlobalApi,
        book: RecipientBook,
        orders: OutboundOrders,
        source: Source,
        clock: Clock,
    ) -> None:
        self._api = api
        self._book = book
        self._orders = orders
        self._source = source
        self._clock = clock

    def submit(
        self,
        batch: Batch,
        member: Member,
        recipient: NewRecipient | MadeRecipient,
        opened: Callable[[NewRecipient], BankDetails],
    ) -> Outcome:
        """Make the outbound payment of a batch, once, whatever becomes of calls.

        What is refused before the order is frozen was never sent.
        """
        with store_errors_as(NotSent):
            order = self._orders.find(batch.batch_id, member)
        if order is not None:
            return self._again(batch, order)
        ready = self._ready(member, recipient, opened)
        if isinstance(ready, Refused):
            return ready
        currency = self._source.currency or member.money.currency
        wanted = OutboundOrder(
            batch.batch_id, member, ready, self._source.financial_account, currency
        )
        with store_errors_as(NotSent):
            order, is_new = self._orders.freeze(wanted)
        return self._send(batch, order, is_first=is_new)

    def fetch(self, batch: Batch) -> ItemReport:
        """Report on the payment of an accepted batch. Raises NotSent where it is another's."""
        payment = self._read(batch.reference or "")
        if payment.batch_id != batch.batch_id:
            raise NotSent("ANOTHER_BATCH", "the payment under this reference is another batch's")
        return self.report(payment)

    def cancel(self, payment_id: str) -> ItemReport:
        """Cancel a payment that has not left, and report it; report alone where it is too late."""
        payment = self._read(payment_id)
        if payment.status != "processing" or not payment.cancelable:
            return self.report(payment)
        answer = self._api.cancel_payment(payment)
        if isinstance(answer, OutboundPayment):
            return self.report(answer)
        if answer.type in NOT_CANCELLED or answer.code in NOT_CANCELLED:
            return self.report(self._read(payment_id))
        raise answer.error(v2_kind(answer, moves_money=True))

    def report(self, payment: OutboundPayment) -> ItemReport:
        """Report what Stripe says of a payment. Raises NotSent where it has no item id of ours."""
        paid = OUTBOUND_STATUS.get(payment.status) is Status.SUCCEEDED
        return outbound_report(payment, self._settled(payment) if paid else NOT_SETTLED)

    def made(self, token: str) -> MadeRecipient | None:
        """Return the recipient that was made for a token. Raises NotSent."""
        return self._book.made(token)

    def available(self) -> Sequence[Money]:
        """Return what the financial account has. Raises NotSent, Misconfigured."""
        return self._api.available(self._source.financial_account)

    def between(self, start: datetime, end: datetime) -> Iterator[OutboundPayment]:
        """Yield all outbound payments that were made between two times, by any sender."""
        return self._api.payments_between(start, end)

    def updated(self, update: WebhookNews, payment_id: str) -> WebhookNews:
        """Return an event's update with the payment that it is about, as Stripe has it now.

        The update itself, where that is no payment of ours. Raises NotSent, Misconfigured.
        """
        payment = self.find(payment_id)
        if payment is None or not (payment.batch_id and payment.item_id):
            return update
        return replace(
            update,
            item=self.report(payment),
            batch_id=payment.batch_id,
            reference=payment.payment_id,
        )

    def may_recall(self, payment: Payment) -> bool:
        """Return whether a payment is an outbound one, as far as a report has said so."""
        return is_outbound(payment.provider_item_id or "")

    def find(self, payment_id: str) -> OutboundPayment | None:
        """Return a payment; None where there is none. Raises NotSent, Misconfigured."""
        answer = self._api.payment(payment_id)
        if isinstance(answer, OutboundPayment):
            return answer
        if answer.status == NOT_FOUND:
            return None
        raise answer.error(v2_kind(answer, moves_money=False))

    def _read(self, payment_id: str) -> OutboundPayment:
        payment = self.find(payment_id)
        if payment is None:
            raise NotSent("NO_SUCH_ID", "Stripe has no outbound payment of this id")
        return payment

    def _ready(
        self,
        member: Member,
        recipient: NewRecipient | MadeRecipient,
        opened: Callable[[NewRecipient], BankDetails],
    ) -> MadeRecipient | Refused:
        """Return the recipient with a payout method that takes the payment, made now or before."""
        rule = CURRENCIES.get(member.money.currency)
        if rule is None or member.money.decimals > rule.decimals:
            return _unsent(NOT_PAYABLE)
        made: MadeRecipient | Refused
        country = ""
        if isinstance(recipient, NewRecipient):
            bank = opened(recipient)
            country = bank.country
            made = self._book.make(recipient.token, bank)
        else:
            made = recipient
        if isinstance(made, Refused):
            return made
        code = self._method_problem(made, member.money.currency, country)
        return _unsent(code) if code else made

    def _method_problem(self, made: MadeRecipient, currency: str, country: str) -> str | None:
        """Return why a payout method cannot be paid to; None where it can."""
        method = self._api.method(made.method, made.recipient)
        if isinstance(method, StripeProblem):
            if method.status == NOT_FOUND:
                return NO_PAYOUT_METHOD
            raise method.error(v2_kind(method, moves_money=False))
        return _unfit(method, currency, country)

    def _again(self, batch: Batch, order: OutboundOrder) -> Outcome:
        """Send an order that may have been sent before; only look for it where its key is old.

        Lists lag, so that not to find it proves nothing: an operator decides.
        """
        begun = batch.frozen_at or batch.created_at
        if batch.open_attempt != UNKNOWN_ATTEMPT or self._clock() - begun < KEY_TRUSTED:
            return self._send(batch, order, is_first=False)
        since = begun - _MARGIN
        found = [
            payment
            for payment in self._api.payments_between(
                since, self._clock() + _MARGIN, order.receiver.recipient
            )
            if payment.batch_id == order.batch_id
        ]
        if len(found) == 1 and _is_as_ordered(found[0], order):
            log.info("Stripe already has batch %s, as %s", batch.batch_id, found[0].payment_id)
            return Accepted(found[0].payment_id)
        if found:
            return NeedsReview(f"{len(found)} outbound payments have this batch's id, or differ")
        return NeedsReview("no outbound payment is found, and it is too late to send it again")

    def _send(self, batch: Batch, order: OutboundOrder, *, is_first: bool) -> Outcome:
        """Send an order. A refusal counts where no earlier call can still succeed.

        Stripe keeps no refusal under a key: an earlier call that is still under way may be carried
        out once the reason has passed.
        """
        answer = self._api.create_payment(order)
        if isinstance(answer, OutboundPayment):
            if not _is_as_ordered(answer, order):
                return NeedsReview(f"{answer.payment_id} has this batch's id, but other content")
            return Accepted(answer.payment_id)
        kind = v2_kind(answer, moves_money=True)
        if kind is not Refused:
            raise answer.error(kind)
        if not is_first and batch.open_attempt == UNKNOWN_ATTEMPT:
            raise answer.error(OutcomeUnknown)
        code = answer.type if answer.type in V2_REFUSALS else answer.code
        log.warning("batch %s refused by Stripe: %s", batch.batch_id, code)
        return Refused(code, {0: f"{code}: {V2_REFUSALS.get(code) or REFUSALS[code]}"})

    def _settled(self, payment: OutboundPayment) -> Settled:
        """Return when the money left, the conversion, and what Stripe took, where it shows it."""
        try:
            fee = self._api.fee(payment)
        except ProviderError as error:
            log.warning("payment %s: its fee was not read: %s", payment.item_id, error.code)
            fee = None
        return Settled(payment.posted_at, fee, payment.exchange)


def is_outbound(reference: str) -> bool:
    """Return whether a reference is the id of an outbound payment."""
    return PAYMENT_ID.fullmatch(reference) is not None


def open_global_payouts(
    settings: StripeSettings, http: Http, clock: Clock, state: ProviderState
) -> GlobalPayouts | None:
    """Return Global Payouts; None where the settings name no financial account."""
    if not settings.financial_account:
        return None
    api = GlobalApi(settings, http, clock)
    source = Source(settings.financial_account, settings.financial_currency)
    book = RecipientBook(api, state, clock)
    return GlobalPayouts(api, book, OutboundOrders(state), source, clock)


def _unfit(method: PayoutMethod, currency: str, country: str) -> str | None:
    """Return why a payout method does not take a payment; None where it does."""
    if method.archived:
        return PAYOUT_METHOD_ARCHIVED
    if method.restricted:
        return PAYOUT_METHOD_RESTRICTED
    if method.payments != ELIGIBLE:
        return PAYOUT_METHOD_NOT_READY
    if method.currencies and currency not in method.currencies:
        return PAYOUT_METHOD_CURRENCY
    return PAYOUT_METHOD_COUNTRY if country and country != (method.country or country) else None


def _unsent(code: str) -> Refused:
    return Refused(code, {0: f"{code}: {UNSENT[code]}"})


def _is_as_ordered(payment: OutboundPayment, order: OutboundOrder) -> bool:
    """Return whether a payment has the amount and the payee of an order."""
    to = payment.receiver
    same_payee = to.recipient == order.receiver.recipient
    return same_payee and payment.money == order.money and to.method in {order.receiver.method, ""}
