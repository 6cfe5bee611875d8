"""Webhook events that the simulator signs, and the endpoint that verifies them.

PayPal signs ``transmission_id|time|webhook_id|crc32(body)`` with RSA and a certificate at
``cert_url`` (https://developer.paypal.com/api/rest/webhooks/rest/). The signature here is the
simulator's own: base64 of HMAC-SHA256 over the same text, with a random key of its state, though
announced as ``SHA256withRSA`` so that a client meets the headers that it will meet. It can be
verified by the verify endpoint alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import uuid
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify

from paymentapp.simulator.core import Simulator, simulator
from paymentapp.simulator.errors import PayPalError, detail
from paymentapp.simulator.oauth import require_token
from paymentapp.simulator.payouts import read_json
from paymentapp.simulator.records import new_id
from paymentapp.simulator.times import rfc3339

blueprint = Blueprint("webhooks", __name__, url_prefix="/v1/notifications")
blueprint.before_request(require_token)

AUTH_ALGO = "SHA256withRSA"
EVENT_OF_STATUS: dict[str, str] = {
    "SUCCESS": "SUCCEEDED",
    "FAILED": "FAILED",
    "UNCLAIMED": "UNCLAIMED",
    "RETURNED": "RETURNED",
    "ONHOLD": "HELD",
    "BLOCKED": "BLOCKED",
    "REFUNDED": "REFUNDED",
    "REVERSED": "REVERSED",
}

# The schema verify_webhook_signature: pattern and maximum length of each text.
_OPAQUE = re.compile(r"(?!\d+$)\w+\S+")
_FIELDS = {
    "auth_algo": (re.compile(r"[a-zA-Z0-9]+"), 100),
    "cert_url": (re.compile(r"\S+"), 500),
    "transmission_id": (_OPAQUE, 50),
    "transmission_sig": (_OPAQUE, 500),
    "transmission_time": (re.compile(r"\S+"), 100),
    "webhook_id": (re.compile(r"[a-zA-Z0-9]+"), 50),
}


@blueprint.post("/verify-webhook-signature")
def verify() -> Response:
    """SUCCESS where this simulator signed exactly this event, else FAILURE; 400 where malformed.

    https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post
    """
    body = read_json()
    problems = _problems(body)
    if problems:
        raise PayPalError("VALIDATION_ERROR", problems)
    status = "SUCCESS" if _signed_here(simulator(), body) else "FAILURE"
    return jsonify({"verification_status": status})


def sign_event(running: Simulator, event: Mapping[str, Any], base: str) -> dict[str, Any]:
    """Sign an event: ``{"headers": {...}, "body": "..."}``, to be posted to a listener as it is."""
    body = canonical(event)
    time = rfc3339(running.now())
    signature = ""
    # The description's pattern wants a letter or digit first, which base64 does not promise.
    while not signature[:1].isalnum():
        transmission_id = str(uuid.uuid4())
        text = signed_text(transmission_id, time, running.settings.webhook_id, body)
        signature = _signature(running, text)
    running.state.add_signature(transmission_id, hashlib.sha256(text).hexdigest())
    headers = {
        "PAYPAL-AUTH-ALGO": AUTH_ALGO,
        "PAYPAL-CERT-URL": f"{base}/v1/notifications/certs/CERT-SIMULATOR",
        "PAYPAL-TRANSMISSION-ID": transmission_id,
        "PAYPAL-TRANSMISSION-SIG": signature,
        "PAYPAL-TRANSMISSION-TIME": time,
        "Content-Type": "application/json",
    }
    return {"headers": headers, "body": body.decode()}


def new_event(running: Simulator, event_type: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    """An event as PayPal's ``event`` schema has it."""
    return {
        "id": f"WH-{new_id(17)}-{new_id(17)}",
        "create_time": rfc3339(running.now()),
        "resource_type": "payouts_item",
        "event_type": event_type,
        "summary": f"Simulated event {event_type}",
        "resource": dict(resource),
        "links": [],
    }


def canonical(event: Any) -> bytes:
    """The bytes that are signed and sent: a listener may parse and write the event again."""
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed_text(transmission_id: str, time: str, webhook_id: str, body: bytes) -> bytes:
    """What a signature covers; the checksum is decimal, as PayPal has it."""
    return f"{transmission_id}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()


def _signature(running: Simulator, text: bytes) -> str:
    digest = hmac.new(running.state.signing_key(), text, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _signed_here(running: Simulator, body: Mapping[str, Any]) -> bool:
    if body["webhook_id"] != running.settings.webhook_id or body["auth_algo"] != AUTH_ALGO:
        return False
    text = signed_text(
        body["transmission_id"],
        body["transmission_time"],
        body["webhook_id"],
        canonical(body["webhook_event"]),
    )
    issued = running.state.signed_digest(body["transmission_id"])
    expected = _signature(running, text).encode()
    genuine = hmac.compare_digest(body["transmission_sig"].encode(), expected)
    return genuine and issued == hashlib.sha256(text).hexdigest()


def _problems(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, Mapping):
        return [detail("body", "Must be an object")]
    problems = []
    for name, (pattern, limit) in _FIELDS.items():
        value = body.get(name)
        if value is None:
            problems.append(detail(name, "Required field is missing"))
        elif not isinstance(value, str) or len(value) > limit or not pattern.fullmatch(value):
            problems.append(detail(name, "Value is invalid"))
    if not problems and not _is_time(body["transmission_time"]):
        problems.append(detail("transmission_time", "Value is not a date and time"))
    if not problems and not urlsplit(body["cert_url"]).scheme:
        problems.append(detail("cert_url", "Value is not a URL"))
    if not isinstance(body.get("webhook_event"), Mapping):
        problems.append(detail("webhook_event", "Required field is missing"))
    return problems


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
