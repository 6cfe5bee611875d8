"""Calls of Stripe's API version 2: recipients, payout methods and outbound payments.

Every call that makes something carries an idempotency key of ours. A repeated call under a key
"doesn't repeat successful operations", and carries a failed one out anew:
https://docs.stripe.com/api-v2-overview#idempotency
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from paymentapp.clock import to_text
from paymentapp.errors import NotSent, OutcomeUnknown
from paymentapp.models.money import Money
from paymentapp.providers.json_answers import as_text, dig
from paymentapp.providers.stripe.answers import StripeProblem, smallest_units
from paymentapp.providers.stripe.calls import (
    MOST_PAGES,
    PAGE_SIZE,
    Response,
    StripeCalls,
    in_path,
)
from paymentapp.providers.stripe.global_answers import (
    OutboundPayment,
    PayoutMethod,
    fee_of,
    read_account_id,
    read_available,
    read_method,
    read_outbound,
    v2_kind,
)
from paymentapp.providers.stripe.global_orders import OutboundOrder
from paymentapp.providers.stripe.recipients import BankDetails

if TYPE_CHECKING:
    import stripe
    from stripe import StripeObject
    from stripe.v2.money_management import OutboundPaymentService

_UNREADABLE = "UNREADABLE_ANSWER"
_ITEMS = "/v2/"  # what the path of every page begins with


class GlobalApi(StripeCalls):
    """Calls for one account. Any number of threads may share it."""

    def create_recipient(self, bank: BankDetails, token: str) -> str | StripeProblem:
        """Create a recipient; return their id.

        https://docs.stripe.com/global-payouts/api-recipient-creation
        """
        params: Any = {
            "contact_email": bank.email,
            "display_name": bank.name,
            "identity": _identity(bank),
            "configuration": {
                "recipient": {"capabilities": {"bank_accounts": {"local": {"requested": True}}}}
            },
            "metadata": {"recipient": token},
        }
        answer = self._make(
            lambda client: client.v2.core.accounts.create(
                params, {"idempotency_key": f"{token}-recipient"}
            )
        )
        if isinstance(answer, StripeProblem):
            return answer
        recipient = read_account_id(answer.body)
        if not recipient:
            raise NotSent(_UNREADABLE, "no recipient")
        return recipient

    def create_method(self, bank: BankDetails, recipient: str, token: str) -> str | StripeProblem:
        """Set a recipient's bank account up for payments; return the payout method's id.

        https://docs.stripe.com/api/v2/money-management/outbound-setup-intents/create
        """
        optional = {
            "routing_number": bank.routing_number,
            "branch_number": bank.branch_number,
            "swift_code": bank.swift_code,
            "bank_account_type": bank.account_type,
        }
        account = {
            "account_number": bank.account_number,
            "country": bank.country,
            "currency": bank.currency.lower(),
            **{name: value for name, value in optional.items() if value},
        }
        params: Any = {
            "usage_intent": "payment",
            "payout_method_data": {"type": "bank_account", "bank_account": account},
        }
        options: Any = {"idempotency_key": f"{token}-method", "stripe_context": recipient}
        answer = self._make(
            lambda client: client.v2.money_management.outbound_setup_intents.create(params, options)
        )
        if isinstance(answer, StripeProblem):
            return answer
        method = read_method(dig(answer.body, "payout_method"))
        if method is None:
            raise NotSent(_UNREADABLE, "no payout method")
        return method.method_id

    def method(self, method_id: str, recipient: str) -> PayoutMethod | StripeProblem:
        """Retrieve a payout method of a recipient."""
        path, options = in_path(method_id), _for(recipient)
        answer = self._get(
            lambda client: client.v2.money_management.payout_methods.retrieve(path, {}, options)
        )
        if isinstance(answer, StripeProblem):
            return answer
        method = read_method(answer.body)
        if method is None:
            raise NotSent(_UNREADABLE, "no payout method")
        return method

    def recipient_of(self, token: str) -> str | None:
        """Return the recipient that was made for a token, searched for among all of them."""
        params: Any = {"applied_configurations": ["recipient"], "limit": PAGE_SIZE}
        for body in self._pages(lambda client: client.v2.core.accounts.list(params)):
            if dig(body, "metadata", "recipient") == token:
                return read_account_id(body) or None
        return None

    def methods_of(self, recipient: str) -> list[PayoutMethod]:
        """Return the payout methods of a recipient."""
        params: Any = {"limit": PAGE_SIZE}
        pages = self._pages(
            lambda client: client.v2.money_management.payout_methods.list(params, _for(recipient)),
            recipient,
        )
        return [method for method in map(read_method, pages) if method is not None]

    def create_payment(self, order: OutboundOrder) -> OutboundPayment | StripeProblem:
        """Create an outbound payment.

        https://docs.stripe.com/api/v2/money-management/outbound-payments/create
        """
        currency = order.money.currency.lower()
        params: Any = {
            "from": {
                "financial_account": order.financial_account,
                "currency": order.from_currency.lower(),
            },
            "to": {
                "recipient": order.receiver.recipient,
                "payout_method": order.receiver.method,
                "currency": currency,
            },
            "amount": {"value": smallest_units(order.money), "currency": currency},
            "metadata": dict(order.metadata),
            **order.described,
        }
        answer = self._call(
            lambda client: _payments(client).create(params, {"idempotency_key": order.key}),
            moves_money=True,
        )
        if isinstance(answer, StripeProblem):
            return answer
        payment = read_outbound(answer.body)
        if payment is None or payment.batch_id != order.batch_id:
            raise OutcomeUnknown(_UNREADABLE, "no outbound payment of this batch")
        return payment

    def cancel_payment(self, payment: OutboundPayment) -> OutboundPayment | StripeProblem:
        """Cancel an outbound payment.

        https://docs.stripe.com/api/v2/money-management/outbound-payments/cancel
        """
        answer = self._call(
            lambda client: _payments(client).cancel(
                payment.payment_id, {}, {"idempotency_key": f"{payment.batch_id}-cancel"}
            ),
            moves_money=True,
        )
        if isinstance(answer, StripeProblem):
            return answer
        cancelled = read_outbound(answer.body)
        if cancelled is None:
            raise OutcomeUnknown(_UNREADABLE, "no outbound payment")
        return cancelled

    def payment(self, payment_id: str) -> OutboundPayment | StripeProblem:
        """Retrieve an outbound payment; a problem with 404 if there is none."""
        path = in_path(payment_id)
        answer = self._get(
            lambda client: client.v2.money_management.outbound_payments.retrieve(path)
        )
        if isinstance(answer, StripeProblem):
            return answer
        payment = read_outbound(answer.body)
        if payment is None:
            raise NotSent(_UNREADABLE, "no outbound payment")
        return payment

    def payments_between(
        self, start: datetime, end: datetime, recipient: str = ""
    ) -> Iterator[OutboundPayment]:
        """Yield the outbound payments that were made between two times, perhaps to one recipient.

        "Lists are eventually consistent": the newest may be missing.
        """
        last = end.replace(microsecond=0) + timedelta(seconds=1)
        params: Any = {
            "created": {"gte": to_text(start.replace(microsecond=0)), "lte": to_text(last)},
            "limit": PAGE_SIZE,
            **({"recipient": recipient} if recipient else {}),
        }
        pages = self._pages(
            lambda client: client.v2.money_management.outbound_payments.list(params)
        )
        for body in pages:
            payment = read_outbound(body)
            if payment is None:
                raise NotSent(_UNREADABLE, "an outbound payment without an id or an amount")
            yield payment

    def fee(self, payment: OutboundPayment) -> Money | None:
        """Return what Stripe took for a payment, where its transactions show it."""
        params: Any = {"flow": payment.payment_id, "limit": PAGE_SIZE}
        pages = self._pages(lambda client: client.v2.money_management.transactions.list(params))
        return fee_of(pages, payment.payment_id)

    def available(self, financial_account: str) -> list[Money]:
        """Return what a financial account has, in each currency."""
        path = in_path(financial_account)
        answer = self._get(
            lambda client: client.v2.money_management.financial_accounts.retrieve(path)
        )
        if isinstance(answer, StripeProblem):
            raise answer.error(v2_kind(answer, moves_money=False))
        found = read_available(answer.body)
        if found is None:
            raise NotSent(_UNREADABLE, "no financial account")
        return found

    def _make(self, ask: Callable[[Any], StripeObject]) -> Response | StripeProblem:
        """Make something by which no money moves. Raises NotSent where no answer came."""
        try:
            return self._call(ask, moves_money=False)
        except OutcomeUnknown as error:
            raise NotSent(error.code, "the same call is made again", error.retry_after) from error

    def _pages(self, ask: Callable[[Any], StripeObject], context: str = "") -> Iterator[object]:
        """Yield all elements of a list. Raises where a page is missing."""
        seen = set()
        for _ in range(MOST_PAGES):
            answer = self._get(ask)
            if isinstance(answer, StripeProblem):
                raise answer.error(v2_kind(answer, moves_money=False))
            elements = dig(answer.body, "data")
            if not isinstance(elements, list):
                raise NotSent(_UNREADABLE, "no list")
            yield from elements
            following = as_text(dig(answer.body, "next_page_url"))
            if following is None:
                return
            parts = urlsplit(following)
            if following in seen or not parts.path.startswith(_ITEMS):
                raise NotSent(_UNREADABLE, "a list without an end")
            seen.add(following)
            ask = _following(f"{parts.path}?{parts.query}", context)
        raise NotSent(_UNREADABLE, "a list without an end")


def _following(path: str, context: str) -> Callable[[Any], StripeObject]:
    """Return the call for a page by its path, whatever host its URL names."""
    named = {"stripe_context": context} if context else {}

    def ask(client: Any) -> StripeObject:
        answer = client.raw_request("get", path, **named)
        made: StripeObject = client.deserialize(answer, api_mode="V2")
        return made

    return ask


def _payments(client: stripe.StripeClient) -> OutboundPaymentService:
    return client.v2.money_management.outbound_payments


def _for(recipient: str) -> Any:
    """Return the options of a call about what is a recipient's."""
    return {"stripe_context": recipient}


def _identity(bank: BankDetails) -> dict[str, Any]:
    """Return who a recipient is: a company by its name, or a person by theirs."""
    if bank.company:
        about = {"business_details": {"registered_name": bank.company}}
        return {"country": bank.country, "entity_type": "company", **about}
    person = {"given_name": bank.given_name, "surname": bank.surname}
    return {"country": bank.country, "entity_type": "individual", "individual": person}
