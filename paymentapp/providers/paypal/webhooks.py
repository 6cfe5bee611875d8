"""PayPal's webhooks: told from anybody else's, and read.

https://developer.paypal.com/api/rest/webhooks/rest/ says how they are signed,
https://developer.paypal.com/api/rest/webhooks/event-names/#payouts which there are.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from paymentapp.clock import Clock, from_text
from paymentapp.errors import NotGenuine, NotSent
from paymentapp.providers.base import ItemReport, WebhookNews
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

VERIFY = "/v1/notifications/verify-webhook-signature"
ALGORITHM = "SHA256withRSA"
# "If your app responds with any other status code, PayPal tries to resend the notification
# message 25 times over the course of 3 days"
OLDEST = timedelta(days=4)
NEWEST = timedelta(minutes=5)  # from the future, where clocks are apart
_ITEM = "PAYMENT.PAYOUTS-ITEM."
_BATCH = "PAYMENT.PAYOUTSBATCH."
_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class _Transmission:
    """What the headers say of one delivery; the names are those of the verify call
    (`verify_webhook_signature`), and so are the lengths."""

    auth_algo: str
    cert_url: str
    transmission_id: str
    transmission_sig: str
    transmission_time: str


# Of each: the header, and the form that it must have.
_HEADERS: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "auth_algo": ("paypal-auth-algo", re.compile(r"[A-Za-z0-9]{1,100}")),
    "cert_url": ("paypal-cert-url", re.compile(r"[!-~]{1,500}")),
    "transmission_id": ("paypal-transmission-id", re.compile(r"[A-Za-z0-9-]{1,50}")),
    "transmission_sig": ("paypal-transmission-sig", re.compile(r"[A-Za-z0-9+/=]{1,1000}")),
    "transmission_time": ("paypal-transmission-time", re.compile(r"[0-9A-Za-z:.+-]{1,100}")),
}


class PayPalWebhooks:
    """The events of one webhook, as it was registered with PayPal under its id."""

    def __init__(
        self,
        settings: PayPalSettings,
        clock: Clock,
        certificates: Certificates,
        ask: Callable[[bytes], Answer],
    ) -> None:
        """`ask` makes the verify call with a body as it is."""
        self._id = settings.webhook_id
        self._by_paypal = settings.webhook_verify == "paypal"
        self._clock = clock
        self._certificates = certificates
        self._ask = ask

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check the signature here, or have PayPal check it, as the settings say.

        The signed text has the body in it as its CRC-32 alone. Whoever has the headers of a
        delivery can make other bodies for them: they are as secret as a key, and never logged.
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
        """Read an event (`event`) with its resource (`payout_batch_items` or `payout_header`)."""
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
            raise NotGenuine("the time of the transmission is no time") from None
        if not -NEWEST <= age <= OLDEST:
            raise NotGenuine("the time of the transmission is too far off")

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
        """Ask PayPal, with the event byte for byte as it came: written anew, it has another
        checksum.

        https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post
        """
        parse_event(body)  # one object and nothing after it, or it could add members to the call
        said = {name: getattr(transmission, name) for name in _HEADERS} | {"webhook_id": self._id}
        call = json.dumps(said).removesuffix("}").encode() + b', "webhook_event": ' + body + b"}"
        answer = self._ask(call)
        status = dig(answer.json(), "verification_status") if answer.ok else None
        if status == "SUCCESS":
            return
        if status == "FAILURE" or answer.status in {400, 422}:
            raise NotGenuine("PayPal says that the signature is not its own")
        if answer.ok:
            raise NotSent("UNREADABLE_ANSWER", "no verification_status")
        problem = read_problem(answer, self._clock())
        raise problem.error(problem.kind(moves_money=False))


def _read_headers(headers: Mapping[str, str]) -> _Transmission:
    found = {}
    for name, (header, form) in _HEADERS.items():
        value = headers.get(header, "")
        if not form.fullmatch(value):
            raise NotGenuine(f"the header {header} is missing, or of another form")
        found[name] = value
    return _Transmission(**found)


def _read_report(resource: object) -> ItemReport | None:
    """None where the item is not said to be ours, or not how it stands."""
    report = read_item(resource)
    if report is None or not report.raw_status:
        return None
    warn_of_unknown([report])
    return report
