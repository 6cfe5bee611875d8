"""Webhook events: their content, their signature, and the endpoint that verifies it.

PayPal signs ``transmission_id|time|webhook_id|crc32(body)`` with RSA and a certificate at
``cert_url`` (https://developer.paypal.com/api/rest/webhooks/rest/), and so does the simulator.
"""

from __future__ import annotations

import json
import re
import uuid
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request

from simulators.common.times import rfc3339
from simulators.common.webhook_queue import QueuedWebhook
from simulators.paypal.bodies import batch_header, batch_link, single_item
from simulators.paypal.core import PayPalSimulator, running_paypal
from simulators.paypal.errors import PayPalError, detail
from simulators.paypal.oauth import require_token
from simulators.paypal.payouts import read_json
from simulators.paypal.raw_json import raw_member
from simulators.paypal.records import new_id

blueprint = Blueprint("webhooks", __name__, url_prefix="/v1/notifications")

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
    """Answer SUCCESS where this simulator signed exactly these bytes, else FAILURE.

    400 where the call is malformed.
    https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post
    """
    require_token()
    body = read_json()
    problems = _problems(body)
    if problems:
        raise PayPalError("VALIDATION_ERROR", problems)
    event = raw_member(request.get_data(), "webhook_event")
    status = "SUCCESS" if _signed_here(running_paypal(), body, event) else "FAILURE"
    return jsonify({"verification_status": status})


@blueprint.get("/certs/<certificate_id>")
def certificate(certificate_id: str) -> Response:
    """Return the certificate that events are signed with, as PEM; as at PayPal, without a token."""
    signer = running_paypal().signer
    if certificate_id != signer.certificate_id():
        raise PayPalError("RESOURCE_NOT_FOUND")
    return Response(signer.certificate(), content_type="application/x-pem-file")


def sign_event(running: PayPalSimulator, event: Mapping[str, Any], base: str) -> dict[str, Any]:
    """Sign an event: return ``{"headers": {...}, "body": "..."}``, ready to post to a listener."""
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    time = rfc3339(running.now())
    signature = ""
    # The description's pattern requires a letter or digit first, which base64 does not guarantee.
    while not signature[:1].isalnum():
        transmission_id = str(uuid.uuid4())
        text = signed_text(transmission_id, time, running.settings.webhook_id, body.encode())
        signature = running.signer.sign(text)
    headers = {
        "PAYPAL-AUTH-ALGO": AUTH_ALGO,
        "PAYPAL-CERT-URL": f"{base}/v1/notifications/certs/{running.signer.certificate_id()}",
        "PAYPAL-TRANSMISSION-ID": transmission_id,
        "PAYPAL-TRANSMISSION-SIG": signature,
        "PAYPAL-TRANSMISSION-TIME": time,
        "Content-Type": "application/json",
    }
    return {"headers": headers, "body": body}


def new_event(
    event_type: str, resource: Mapping[str, Any], created: int, event_id: str = ""
) -> dict[str, Any]:
    """Return an event in the shape of PayPal's ``event`` schema."""
    return {
        "id": event_id or f"WH-{new_id(17)}-{new_id(17)}",
        "event_version": "1.0",
        "create_time": rfc3339(created),
        "resource_type": "payouts" if "PAYOUTSBATCH" in event_type else "payouts_item",
        "event_type": event_type,
        "summary": f"Simulated event {event_type}",
        "resource": dict(resource),
        "links": [],
    }


def item_event(
    running: PayPalSimulator, payout_item_id: str, at: int, base: str
) -> tuple[str, dict[str, Any]] | None:
    """Return the type and resource of the event about an item in its state at a time.

    None where PayPal sends none. Raises KeyError where there is no such item.
    """
    item = running.state.item(payout_item_id, at)
    if item is None:
        raise KeyError(payout_item_id)
    event = EVENT_OF_STATUS.get(item.status)
    if event is None:
        return None
    resource = single_item(item, at, running.link_base(base), running.settings.exchange)
    # "Webhook resources don't contain error objects": a listener asks for the item.
    resource.pop("errors", None)
    return f"PAYMENT.PAYOUTS-ITEM.{event}", resource


def event_of(running: PayPalSimulator, webhook: QueuedWebhook, base: str) -> dict[str, Any] | None:
    """Return the event of a queued webhook; None where its subject no longer exists."""
    if webhook.kind == "item":
        try:
            found = item_event(running, webhook.subject, webhook.changed_at, base)
        except KeyError:
            return None
    else:
        found = _batch_event(running, webhook, base)
    return new_event(*found, webhook.changed_at, webhook.event_id) if found else None


def _batch_event(
    running: PayPalSimulator, webhook: QueuedWebhook, base: str
) -> tuple[str, dict[str, Any]] | None:
    batch = running.state.batch(webhook.subject)
    if batch is None or batch.status(webhook.changed_at) == "PENDING":
        return None
    resource = {
        "batch_header": batch_header(batch, webhook.changed_at),
        "links": [batch_link(running.link_base(base), batch.payout_batch_id)],
    }
    return f"PAYMENT.PAYOUTSBATCH.{batch.status(webhook.changed_at)}", resource


def signed_text(transmission_id: str, time: str, webhook_id: str, body: bytes) -> bytes:
    """Return the text that a signature covers; its checksum is decimal, as PayPal's."""
    return f"{transmission_id}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()


def _signed_here(running: PayPalSimulator, body: Mapping[str, Any], event: bytes) -> bool:
    if body["webhook_id"] != running.settings.webhook_id or body["auth_algo"] != AUTH_ALGO:
        return False
    text = signed_text(
        body["transmission_id"], body["transmission_time"], body["webhook_id"], event
    )
    return running.signer.is_signature(body["transmission_sig"], text)


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
