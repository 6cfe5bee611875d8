"""PayPal Payouts: `tables` has what PayPal publishes, `answers` parses it, this module calls it.

The API: https://developer.paypal.com/api/payments.payouts-batch/v1/ (description version 1.9).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from urllib.parse import quote, urlsplit

from paymentapp.clock import Clock
from paymentapp.errors import NotPermitted, NotSent, OutcomeUnknown, ProviderError
from paymentapp.loopback import is_loopback
from paymentapp.models.batches import Batch, Member
from paymentapp.models.explanations import Explanation, find_explanation
from paymentapp.providers.base import (
    Accepted,
    Detail,
    Environment,
    Kit,
    Provider,
    Refused,
    RemittanceRules,
)
from paymentapp.providers.http import Answer, Http
from paymentapp.providers.json_answers import dig, elements
from paymentapp.providers.paypal.answers import (
    PAYOUTS,
    PayPalProblem,
    linked_batches,
    read_accepted,
    read_item,
    read_items,
    read_problem,
    read_refused,
    sender_batch_id,
    warn_of_unknown,
)
from paymentapp.providers.paypal.balances import BALANCES, PayPalBalances
from paymentapp.providers.paypal.certificates import Certificates
from paymentapp.providers.paypal.payees import PayPalPayees
from paymentapp.providers.paypal.recipients import Wallet
from paymentapp.providers.paypal.search import TRANSACTIONS, PayPalSearch
from paymentapp.providers.paypal.settings import PayPalSettings
from paymentapp.providers.paypal.tables import CANCEL_REFUSED, CURRENCIES, currencies_up_to
from paymentapp.providers.paypal.token import Token
from paymentapp.providers.paypal.webhooks import VERIFY, PayPalWebhooks
from paymentapp.providers.updates import ItemReport
from paymentapp.vault.sealing import Vault

log = logging.getLogger(__name__)

_ITEMS = "/v1/payments/payouts-item"
_MAX_ITEMS = 15_000  # create_payout_request.items, maxItems
_PAGE_SIZE = 1_000  # parameter page_size, maximum
_MAX_PAGES = 1_000  # parameter page, maximum


class PayPal(Provider):
    """Payments by PayPal Payouts. Any number of threads may share it."""

    name = "paypal"
    # "The API completes a payment only once for a sender_batch_id that is used within 30 days"
    # (sender_batch_header.sender_batch_id)
    forgets_batch_after: timedelta | None = timedelta(days=30)
    looks_before_resending = False
    returns_unclaimed_after: timedelta | None = timedelta(days=30)  # see tables.STATUS
    submits_per_second = 2  # PayPal allows a few hundred calls a minute, of both together
    polls_per_second = 3
    payees: PayPalPayees
    payee_rules: PayPalPayees
    event_sealing: PayPalPayees
    remittance: RemittanceRules | None = RemittanceRules()  # any description fits in a note
    transaction_search: PayPalSearch
    balances: PayPalBalances
    settings_class = PayPalSettings
    details: Sequence[Detail] = PayPalPayees.details
    example_details: Mapping[str, str] = {"email": "ada.l@example.com"}

    def __init__(self, settings: PayPalSettings, clock: Clock, vault: Vault | None = None) -> None:
        base = urlsplit(settings.base_url)
        netloc = base.netloc.rpartition("@")[2]
        self.batch_size = min(settings.batch_size, _MAX_ITEMS)
        self.currencies = currencies_up_to(settings.maximum)
        self.configured = settings.is_configured
        self.description, self.environment = _describe(base.hostname or "", netloc)
        self.payees = self.payee_rules = self.event_sealing = PayPalPayees(vault)
        self._note = settings.note
        self._language = settings.language
        self._subject = settings.email_subject
        self._clock = clock
        self._http = Http(
            settings.base_url,
            connections=settings.senders + 4,
            read_timeout=settings.provider_timeout,
        )
        self._token = Token(self._http, settings.client_id, settings.client_secret, clock)
        self._certificates = Certificates(
            settings.base_url, _names_of(netloc), settings.webhook_ca, clock
        )
        self.transaction_search = PayPalSearch(partial(self._report, TRANSACTIONS), self._page)
        self.balances = PayPalBalances(partial(self._report, BALANCES))
        self.webhooks = (
            PayPalWebhooks(settings, clock, self._certificates, self._ask_to_verify)
            if settings.webhook_id
            else None
        )

    @classmethod
    def build(cls, kit: Kit) -> PayPal:
        """Build PayPal from the settings. Raises SettingsError."""
        service = kit.settings
        settings = service.variables.load(
            PayPalSettings,
            batch_size=service.batch_size,
            senders=service.senders,
            provider_timeout=service.provider_timeout,
        )
        return cls(settings, kit.clock, kit.vault)

    def submit(self, batch: Batch, members: Sequence[Member]) -> Accepted | Refused:
        """Send a batch, with its id as PayPal's `sender_batch_id`.

        "PayPal does not process duplicate payouts": for 30 days it answers a repeated
        `sender_batch_id` with a link to the original, which is then adopted.
        """
        answer = self._call("POST", PAYOUTS, moves_money=True, body=self._payout(batch, members))
        if answer.ok:
            return read_accepted(batch, answer.json())
        problem = read_problem(answer, self._clock())
        if problem.is_about_batch_id:
            return self._adopt(batch, problem)
        kind = problem.kind(moves_money=True)
        if kind is not Refused:
            raise problem.error(kind)
        return read_refused(problem, members)

    def poll_calls(self, batch: Batch) -> int:
        """Return the number of the batch's pages."""
        return -(-batch.size // _PAGE_SIZE)

    def fetch(self, batch: Batch) -> list[ItemReport]:
        """Return PayPal's report of every item of an accepted batch, from all its pages.

        It moves nothing: any failure is NotSent, or Misconfigured where PayPal does not permit the
        call.
        """
        if batch.reference is None:
            raise NotSent("NO_REFERENCE", "the batch has not been accepted")
        reports: dict[str, ItemReport] = {}
        for number in range(1, _MAX_PAGES + 1):
            page = self._page(batch.reference, number, _PAGE_SIZE)
            found = read_items(page)
            fresh = found.keys() - reports.keys()
            reports |= found
            total = dig(page, "total_pages")
            items = len(elements(dig(page, "items")))
            last = number >= total if isinstance(total, int) else items < _PAGE_SIZE
            if last or not fresh:
                break
        warn_of_unknown(list(reports.values()))
        return list(reports.values())

    def cancel(self, provider_item_id: str) -> ItemReport:
        """Cancel an unclaimed item, and return its report, also where PayPal refuses to cancel it.

        https://developer.paypal.com/payouts/use-payouts/cancel-reverse-payouts
        """
        path = f"{_ITEMS}/{quote(provider_item_id, safe='')}"
        answer = self._call("POST", f"{path}/cancel", moves_money=True)
        if answer.ok:
            return self._item(answer.json(), OutcomeUnknown)
        problem = read_problem(answer, self._clock())
        if problem.name not in CANCEL_REFUSED or answer.status >= 500:
            raise problem.error(problem.kind(moves_money=True))
        return self._item(self._get(path), NotSent)

    @staticmethod
    def explain(text: str) -> Explanation | None:
        """Return what a reason or a status of PayPal's means, and what to do."""
        from paymentapp.providers.paypal.explanations import EXPLANATIONS

        return find_explanation(EXPLANATIONS, text)

    def check(self) -> None:
        """Obtain an access token. Raises where PayPal issues none."""
        self._token.get()

    def close(self) -> None:
        """Close connections."""
        self._certificates.close()
        self._http.close()

    def _ask_to_verify(self, body: bytes) -> Answer:
        return self._call("POST", VERIFY, moves_money=False, body=body)

    def _payout(self, batch: Batch, members: Sequence[Member]) -> bytes:
        """Return the body of a create call (`create_payout_request`)."""
        header = {
            "sender_batch_id": batch.batch_id,
            "recipient_type": "EMAIL",
            "email_subject": self._subject,
        }
        items = [self._payout_item(member) for member in members]
        payout = {"sender_batch_header": header, "items": items}
        return json.dumps(payout, separators=(",", ":")).encode()

    def _payout_item(self, member: Member) -> dict[str, object]:
        """Return one item (`payout_item`). Raises Misconfigured, NotSent: it cannot be opened."""
        to = self.payees.recipient(member.customer_id, member.payee)
        item: dict[str, object] = {
            "recipient_type": to.kind.value,
            "amount": {"currency": member.money.currency, "value": _value(member)},
            "receiver": to.receiver,
            "sender_item_id": member.item_id,  # maxLength 63
        }
        others = {
            # "up to 4000 ASCII characters and 1000 non-ASCII characters"
            "note": member.description or self._note,
            "recipient_wallet": "" if to.wallet is Wallet.PAYPAL else to.wallet.value,
            "notification_language": to.language or self._language,
        }
        return item | {name: text for name, text in others.items() if text}

    def _adopt(self, batch: Batch, problem: PayPalProblem) -> Accepted:
        """Return the batch that PayPal already has under this id.

        Anything uncertain stays unknown, because PayPal may have paid. Of the link only the id is
        used, and the batch under it must echo our `sender_batch_id`.
        """
        linked = linked_batches(problem)
        if len(linked) != 1:
            reason = "it links to several batches" if linked else "no link to the original"
            raise problem.error(OutcomeUnknown, reason)
        (reference,) = linked
        try:
            page = self._page(reference, 1, 1)
        except ProviderError as error:
            reason = f"the original {reference} could not be read: {error.code}"
            raise problem.error(OutcomeUnknown, reason) from error
        if sender_batch_id(page) != batch.batch_id:
            reason = f"the linked batch {reference} has another sender_batch_id"
            raise problem.error(OutcomeUnknown, reason)
        log.info("PayPal already has batch %s, as %s", batch.batch_id, reference)
        return Accepted(reference)

    def _page(self, reference: str, page: int, size: int) -> object:
        params = {"page": str(page), "page_size": str(size), "total_required": "true"}
        body = self._get(f"{PAYOUTS}/{quote(reference, safe='')}", params)
        if not isinstance(dig(body, "batch_header"), dict):
            raise NotSent("UNREADABLE_ANSWER", "no batch header")
        return body

    def _item(self, body: object, otherwise: type[NotSent] | type[OutcomeUnknown]) -> ItemReport:
        report = read_item(body)
        if report is None:
            raise otherwise("UNREADABLE_ANSWER", "no sender_item_id")
        warn_of_unknown([report])
        return report

    def _report(self, path: str, params: Mapping[str, str] | None = None) -> object:
        answer = self._call("GET", path, moves_money=False, params=params)
        if answer.ok:
            return answer.json()
        problem = read_problem(answer, self._clock())
        refused = answer.status == 403  # of this call alone: payouts are another permission
        raise problem.error(NotPermitted if refused else problem.kind(moves_money=False))

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> object:
        answer = self._call("GET", path, moves_money=False, params=params)
        if not answer.ok:
            problem = read_problem(answer, self._clock())
            raise problem.error(problem.kind(moves_money=False))
        return answer.json()

    def _call(
        self,
        method: str,
        path: str,
        *,
        moves_money: bool,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Make a call with a token, and once more with a new one after a 401, which did nothing.

        No PayPal-Request-Id is sent. PayPal answers a repeated one with "the latest status of the
        previous request" (https://developer.paypal.com/reference/guidelines/idempotency): a batch
        refused for lack of funds could be refused again, from memory, after the account was funded.
        Nor does it prevent a second batch on this API
        (https://github.com/paypal/PayPal-Java-SDK/issues/379); `sender_batch_id` does.
        """
        for _ in range(2):
            token = self._token.get()
            headers = {
                "Authorization": f"Bearer {token}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            }
            answer = self._http.call(
                method, path, moves_money=moves_money, headers=headers, params=params, body=body
            )
            if answer.status != 401:
                break
            self._token.drop(token)
        return answer


def _value(member: Member) -> str:
    """Return the amount with exactly its currency's decimals: "12.50", and "1250" for JPY.

    It is never rounded: an extra decimal is sent as it is, for PayPal to refuse.
    """
    rule = CURRENCIES.get(member.money.currency)
    places = max(rule.decimals if rule else 0, member.money.decimals)
    return f"{member.money.amount:.{places}f}"


def _names_of(netloc: str) -> frozenset[str]:
    """Return the names of the host that we call.

    PayPal's has two: `api-m.` is the one to call, and the links in its answers say `api.`.
    """
    first, _, domain = netloc.lower().partition(".")
    if first in {"api", "api-m"} and domain in {"paypal.com", "sandbox.paypal.com"}:
        return frozenset({f"api.{domain}", f"api-m.{domain}"})
    return frozenset({netloc.lower()})


def _describe(host: str, netloc: str) -> tuple[str, Environment]:
    if host in {"api-m.paypal.com", "api.paypal.com"}:
        return f"PayPal LIVE ({netloc})", Environment.LIVE
    if host.endswith(".sandbox.paypal.com"):
        return f"PayPal sandbox ({netloc})", Environment.TEST
    if is_loopback(host):
        return f"PayPal simulator ({netloc})", Environment.SIMULATED
    return f"PayPal at {netloc}", Environment.LIVE
