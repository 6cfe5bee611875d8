"""Verification and parsing of Stripe's webhooks.

Signatures: https://docs.stripe.com/webhooks; event types: https://docs.stripe.com/api/events/types;
events of connected accounts: https://docs.stripe.com/connect/webhooks
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

from paymentapp.clock import EPOCH, Clock
from paymentapp.errors import NotGenuine
from paymentapp.models.payments import Status
from paymentapp.models.settled import NOT_SETTLED, Settled
from paymentapp.providers.json_answers import dig, matching, parse_event
from paymentapp.providers.stripe.answers import (
    Payout,
    Reference,
    Transfer,
    read_payout,
    read_transfer,
)
from paymentapp.providers.stripe.global_answers import PAYMENT_ID
from paymentapp.providers.stripe.outcome import current_report, payout_status, reason_of
from paymentapp.providers.stripe.payees import Destination
from paymentapp.providers.stripe.settings import StripeSettings
from paymentapp.providers.updates import ItemReport, WebhookNews

HEADER = "stripe-signature"
# "Our libraries have a default tolerance of 5 minutes"; every redelivery is signed anew.
TOLERANCE = timedelta(minutes=5)
_ID = re.compile(r"evt_[A-Za-z0-9_]{1,100}")
_KIND = re.compile(r"[a-z0-9_.]{1,100}")
_VERSION = re.compile(r"[0-9a-z.-]{1,40}")
# The object tells which of both it is: up to 2017 payouts came as `transfer.*` as well, and an
# endpoint keeps the API version that it was made with (docs.stripe.com/transfer-payout-split).
_ABOUT_OUTBOUND = "v2.money_management.outbound_payment."
_ABOUT_MONEY = ("transfer.", "payout.")
_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{1,50}")
_TIME = re.compile(r"[0-9]{1,11}")


class StripeWebhooks:
    """Events of the registered endpoints: the platform account's and the connected accounts'.

    Each endpoint has a secret, and a second one for a day while it is rotated.
    """

    def __init__(
        self,
        settings: StripeSettings,
        clock: Clock,
        look_up: Callable[[WebhookNews, str], WebhookNews] | None = None,
    ) -> None:
        """`look_up` completes the update of an event by the payment of an id, which it fetches."""
        self._look_up = look_up
        self._secrets = settings.webhook_secrets
        self._live = {"live": True, "test": False}.get(settings.mode)
        self._clock = clock

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Verify the signature with the library, by any of the secrets; its age by our clock."""
        header = headers.get(HEADER, "")
        if not any(_is_signed(header, body, secret) for secret in self._secrets):
            raise NotGenuine("the signature is not Stripe's")
        times = [part[2:] for part in header.split(",") if part.startswith("t=")]
        if len(times) != 1 or not _TIME.fullmatch(times[0]):
            raise NotGenuine("the signature does not have exactly one time")
        signed_at = EPOCH + timedelta(seconds=int(times[0]))
        if abs(self._clock() - signed_at) > TOLERANCE:
            raise NotGenuine("the time of the signature is too far from now")

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Parse an event (https://docs.stripe.com/api/events/object) with its object.

        One about a transfer or a payout that cannot be read is a problem: it may be ours.

        "Both live and test mode events" of connected accounts come to an endpoint: those of the
        other mode do not concern us.
        """
        event = parse_event(body)
        event_id, kind = matching(_ID, dig(event, "id")), matching(_KIND, dig(event, "type"))
        if not event_id or not kind:
            raise NotGenuine("the event has no id or no type")
        nothing = WebhookNews(event_id, kind)
        if self._live is not None and dig(event, "livemode") is not self._live:
            return nothing
        if kind.startswith(_ABOUT_OUTBOUND):
            return self._of_outbound(nothing, event)
        if not kind.startswith(_ABOUT_MONEY):
            return nothing
        about = dig(event, "data", "object")
        transfer, payout = read_transfer(about), read_payout(about)
        if transfer is not None:
            return _of_transfer(nothing, transfer)
        if payout is not None:
            return _of_payout(nothing, payout, matching(_ACCOUNT, dig(event, "account")))
        version = matching(_VERSION, dig(event, "api_version")) or "unknown"
        return replace(nothing, problem=f"{kind} without a readable object, API version {version}")

    def _of_outbound(self, news: WebhookNews, event: object) -> WebhookNews:
        """Return an update that the inbox has to look up: a thin event has nothing but an id.

        https://docs.stripe.com/event-destinations#thin-payload
        """
        if self._look_up is None:
            return news  # recipients are not paid from here
        payment_id = matching(PAYMENT_ID, dig(event, "related_object", "id"))
        if not payment_id:
            return replace(news, problem=f"{news.kind} without the id of a payment")
        return replace(news, look_up=partial(self._look_up, news, payment_id))


def _of_transfer(news: WebhookNews, transfer: Transfer) -> WebhookNews:
    """Add the transfer's report, where its group and metadata name a payment of ours."""
    if not (transfer.batch_id and transfer.item_id):
        return news
    # The event does not name the payout that followed.
    item = replace(current_report(transfer, None), provider_item_id=None)
    return replace(news, item=item, batch_id=transfer.batch_id, reference=transfer.transfer_id)


def _of_payout(news: WebhookNews, payout: Payout, account: str) -> WebhookNews:
    """Add the payout's report, where its metadata names a payment of ours.

    A failed one is reported as `returned`, a status that is never taken from an event: the event
    triggers a poll, which reverses the transfer.
    """
    if not (payout.batch_id and payout.item_id and account):
        return news
    status = payout_status(payout.status)
    paid = status is Status.SUCCEEDED
    item = ItemReport(
        item_id=payout.item_id,
        status=status,
        raw_status=f"payout_{payout.status}",
        provider_item_id=Reference(payout.transfer_id, payout.payout_id).text,
        transaction_id=payout.transfer_id or None,
        reason=reason_of(payout),
        money=payout.money,
        receiver=Destination(account, payout.payout).text,
        settled=Settled(payout.arrives_at) if paid else NOT_SETTLED,
    )
    return replace(news, item=item, batch_id=payout.batch_id, reference=payout.transfer_id)


def _is_signed(header: str, body: bytes, secret: str) -> bool:
    """Return whether the library finds the secret's signature; its check of the age is not used.

    The library's clock is not ours.
    """
    from stripe import SignatureVerificationError, WebhookSignature

    try:
        WebhookSignature.verify_header(body, header, secret, tolerance=None)
    except (SignatureVerificationError, ValueError, TypeError):
        return False
    return True
