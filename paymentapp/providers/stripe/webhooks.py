"""Stripe's webhooks: told from anybody else's, and read.

https://docs.stripe.com/webhooks says how they are signed, https://docs.stripe.com/api/events/types
which there are, and https://docs.stripe.com/connect/webhooks whose.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from paymentapp.clock import EPOCH, Clock
from paymentapp.errors import NotGenuine
from paymentapp.providers.base import ItemReport, WebhookNews
from paymentapp.providers.json_answers import dig, matching, parse_event
from paymentapp.providers.stripe.answers import (
    Reference,
    read_payout,
    read_transfer,
)
from paymentapp.providers.stripe.outcome import as_it_stands, payout_status, reason_of
from paymentapp.providers.stripe.payees import Destination
from paymentapp.providers.stripe.settings import StripeSettings

HEADER = "stripe-signature"
# "Our libraries have a default tolerance of 5 minutes"; every repetition is signed anew.
TOLERANCE = timedelta(minutes=5)
_ID = re.compile(r"evt_[A-Za-z0-9_]{1,100}")
_KIND = re.compile(r"[a-z0-9_.]{1,100}")
_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{1,50}")
_TIME = re.compile(r"[0-9]{1,11}")


class StripeWebhooks:
    """The events of the endpoints that were registered for the platform's account and for those
    connected to it; each endpoint has a secret, and for a day another while it is rotated."""

    def __init__(self, settings: StripeSettings, clock: Clock) -> None:
        self._secrets = settings.webhook_secrets
        self._live = {"live": True, "test": False}.get(settings.mode)
        self._clock = clock

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Have the library check the signature, by any of the secrets; its age, by our clock."""
        header = headers.get(HEADER, "")
        if not any(_is_signed(header, body, secret) for secret in self._secrets):
            raise NotGenuine("the signature is not Stripe's")
        times = [part[2:] for part in header.split(",") if part.startswith("t=")]
        if len(times) != 1 or not _TIME.fullmatch(times[0]):
            raise NotGenuine("the signature has no time, or two")
        signed_at = EPOCH + timedelta(seconds=int(times[0]))
        if abs(self._clock() - signed_at) > TOLERANCE:
            raise NotGenuine("the time of the signature is too far off")

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Read an event (https://docs.stripe.com/api/events/object) with its object.

        "Both live and test mode events" of connected accounts come to an endpoint: those of the
        other mode are none of ours.
        """
        event = parse_event(body)
        event_id, kind = matching(_ID, dig(event, "id")), matching(_KIND, dig(event, "type"))
        if not event_id or not kind:
            raise NotGenuine("the event has no id or no type")
        nothing = WebhookNews(event_id, kind)
        if self._live is not None and dig(event, "livemode") is not self._live:
            return nothing
        about = dig(event, "data", "object")
        if kind.startswith("transfer."):
            return _of_transfer(nothing, about)
        if kind.startswith("payout."):
            return _of_payout(nothing, about, matching(_ACCOUNT, dig(event, "account")))
        return nothing


def _of_transfer(news: WebhookNews, about: object) -> WebhookNews:
    """A transfer of ours says so by its group and its metadata."""
    transfer = read_transfer(about)
    if transfer is None or not (transfer.batch_id and transfer.item_id):
        return news
    # Which payout followed it, the event does not say.
    item = replace(as_it_stands(transfer, None), provider_item_id=None)
    return replace(news, item=item, batch_id=transfer.batch_id, reference=transfer.transfer_id)


def _of_payout(news: WebhookNews, about: object, account: str) -> WebhookNews:
    """A payout of ours says so by its metadata, and Stripe says whose account it is of.

    One that failed is told as `returned`, which is never taken from an event: it is the occasion
    for a look, and that look takes the money back.
    """
    payout = read_payout(about)
    if payout is None or not (payout.batch_id and payout.item_id and account):
        return news
    item = ItemReport(
        item_id=payout.item_id,
        status=payout_status(payout.status),
        raw_status=f"payout_{payout.status}",
        provider_item_id=Reference(payout.transfer_id, payout.payout_id).text,
        transaction_id=payout.transfer_id or None,
        reason=reason_of(payout),
        money=payout.money,
        receiver=Destination(account, payout.payout).text,
    )
    return replace(news, item=item, batch_id=payout.batch_id, reference=payout.transfer_id)


def _is_signed(header: str, body: bytes, secret: str) -> bool:
    """Whether the library finds the secret's signature. Its own check of the time is by another
    clock than ours."""
    from stripe import SignatureVerificationError, WebhookSignature

    try:
        WebhookSignature.verify_header(body, header, secret, tolerance=None)
    except (SignatureVerificationError, ValueError, TypeError):
        return False
    return True
