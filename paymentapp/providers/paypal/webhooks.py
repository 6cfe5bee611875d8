"""Verification and parsing of PayPal's webhooks.

Signatures: https://developer.paypal.com/api/rest/webhooks/rest/; event types:
https://developer.paypal.com/api/rest/webhooks/event-names/#payouts
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from paymentapp.clock import Clock, from_text
from paymentapp.errors import NotGenuine, NotSent
from paymentapp.providers.http import Answer
from paymentapp.providers.json_answers import dig, matching, parse_event
from paymentapp.providers.paypal.answers import (
    read_item,
    read_problem,
    sender_batch_id,
    warn_of_unknown,
)
from paymentapp.providers.paypal.certificates import Certificates
from paymentapp.providers.paypal.settings import PayPalSettings
from paymentapp.providers.updates import ItemReport, WebhookNews

VERIFY = "/v1/notifications/verify-webhook-signature"
ALGORITHM = "SHA256withRSA"
# "If your app responds with any other status code, PayPal tries to resend the notification
# message 25 times over the course of 3 days"
MAX_AGE = timedelta(days=4)
MAX_CLOCK_SKEW = timedelta(minutes=5)
MAX_CALLS = 2  # verify calls at a time; anybody can cause one, and must not occupy every thread
_ITEM = "PAYMENT.PAYOUTS-ITEM."
_BATCH = "PAYMENT.PAYOUTSBATCH."
_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class _Transmission:
    """The headers of one delivery.

    Names and lengths are those of the verify call (`verify_webhook_signature`).
    """

    auth_algo: str
    cert_url: str
    transmission_id: str
    transmission_sig: str
    transmission_time: str


# Each field's header, and the pattern that it must match.
_HEADERS: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "auth_algo": ("paypal-auth-algo", re.compile(r"[A-Za-z0-9]{1,100}")),
    "cert_url": ("paypal-cert-url", re.compile(r"[!-~]{1,500}")),
    "transmission_id": ("paypal-transmission-id", re.compile(r"[A-Za-z0-9-]{1,50}")),
    "transmission_sig": ("paypal-transmission-sig", re.compile(r"[A-Za-z0-9+/=]{1,1000}")),
    "transmission_time": ("paypal-transmission-time", re.compile(r"[0-9A-Za-z:.+-]{1,100}")),
}


class PayPalWebhooks:
    """Events of one webhook, registered with PayPal under its id."""

    def __init__(
        self,
        settings: PayPalSettings,
        clock: Clock,
        certificates: Certificates,
        ask: Callable[[bytes], Answer],
    ) -> None:
        """Take `ask`, which makes the verify call with a body as it is."""
        self._id = settings.webhook_id
        self._by_paypal = settings.webhook_verify == "paypal"
        self._clock = clock
        self._certificates = certificates
        self._ask = ask
        self._calls = threading.BoundedSemaphore(MAX_CALLS)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Verify the signature here, or have PayPal verify it, according to the settings.

        The signed text includes the body only as its CRC-32. Whoever has the headers of a delivery
        can construct other bodies for them: they are as secret as a key, and never logged.
        """
        transmission = _read_headers(headers)
        if transmission.auth_algo != ALGORITHM:
            raise NotGenuine("the algorithm is not the one that PayPal signs with")
        self._check_time(transmission)
        if self._by_paypal:
            self._verify_by_paypal(transmission, body)
        else:
            self._verify_here(transmission, body)

    def parse_webhook(self, body: bytes) -> WebhookNews:
        """Parse an event (`event`) with its resource (`payout_batch_items` or `payout_header`)."""
        event = parse_event(body)
        event_id, kind = matching(_ID, dig(event, "id")), matching(_ID, dig(event, "event_type"))
        if not event_id or not kind:
            raise NotGenuine("the event has no id or no type")
        resource = dig(event, "resource")
        if kind.startswith(_ITEM):
            return WebhookNews(
                event_id,
                kind,
                item=_read_report(resource),
                batch_id=matching(_ID, dig(resource, "sender_batch_id")) or None,
                reference=matching(_ID, dig(resource, "payout_batch_id")) or None,
            )
        if kind.startswith(_BATCH):
            return WebhookNews(
                event_id,
                kind,
                batch_id=matching(_ID, sender_batch_id(resource)) or None,
                reference=matching(_ID, dig(resource, "batch_header", "payout_batch_id")) or None,
            )
        return WebhookNews(event_id, kind)

    def _check_time(self, transmission: _Transmission) -> None:
        try:
            age = self._clock() - from_text(transmission.transmission_time)
        except (ValueError, OverflowError):
            raise NotGenuine("the transmission time cannot be parsed") from None
        if not -MAX_CLOCK_SKEW <= age <= MAX_AGE:
            raise NotGenuine("the transmission time is too far from now")

    def _verify_here(self, transmission: _Transmission, body: bytes) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        key = self._certificates.key(transmission.cert_url)
        try:
            signature = base64.b64decode(transmission.transmission_sig, validate=True)
            key.verify(signature, self._signed_text(transmission, body), PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error):
            raise NotGenuine("the signature is not PayPal's") from None

    def _signed_text(self, transmission: _Transmission, body: bytes) -> bytes:
        parts = (
            transmission.transmission_id,
            transmission.transmission_time,
            self._id,
            str(zlib.crc32(body)),
        )
        return "|".join(parts).encode()

    def _verify_by_paypal(self, transmission: _Transmission, body: bytes) -> None:
        """Have PayPal verify the event, passed on byte for byte.

        Encoded anew, it would have another checksum.
        https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post
        """
        parse_event(body)  # one object and nothing after it: else it could add members to the call
        fields = {name: getattr(transmission, name) for name in _HEADERS} | {"webhook_id": self._id}
        call = json.dumps(fields).removesuffix("}").encode() + b', "webhook_event": ' + body + b"}"
        answer = self._answer(call)
        status = dig(answer.json(), "verification_status") if answer.ok else None
        if status == "SUCCESS":
            return
        if status == "FAILURE" or answer.status in {400, 422}:
            raise NotGenuine("PayPal does not confirm the signature")
        if answer.ok:
            raise NotSent("UNREADABLE_ANSWER", "no verification_status")
        problem = read_problem(answer, self._clock())
        raise problem.error(problem.kind(moves_money=False))

    def _answer(self, call: bytes) -> Answer:
        if not self._calls.acquire(blocking=False):
            raise NotSent("BUSY", "other webhooks are being verified")
        try:
            return self._ask(call)
        finally:
            self._calls.release()


def _read_headers(headers: Mapping[str, str]) -> _Transmission:
    found = {}
    for name, (header, form) in _HEADERS.items():
        value = headers.get(header, "")
        if not form.fullmatch(value):
            raise NotGenuine(f"the header {header} is missing or malformed")
        found[name] = value
    return _Transmission(**found)


def _read_report(resource: object) -> ItemReport | None:
    """Return the item's report; None where the item is not ours, or has no status."""
    report = read_item(resource)
    if report is None or not report.raw_status:
        return None
    warn_of_unknown([report])
    return report
