"""Control endpoints, not part of PayPal's API: settings, ledger, calls and signed events."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from simulators.common.control import (
    MAX_LIMIT,
    ControlError,
    changed_settings,
    problem,
    read_integer,
    read_object,
)
from simulators.common.times import rfc3339
from simulators.paypal.core import running_paypal
from simulators.paypal.payouts import base_url
from simulators.paypal.records import PayPalItem
from simulators.paypal.webhooks import item_event, new_event, sign_event

blueprint = Blueprint("control", __name__, url_prefix="/_simulator")
blueprint.register_error_handler(ControlError, problem)


@blueprint.get("/settings")
def show_settings() -> Response:
    """Return all settings; a secret shows as asterisks."""
    return jsonify(running_paypal().settings.as_json())


@blueprint.put("/settings")
def change_settings() -> Response:
    """Change the settings that the object names, keep the rest; 400 names the first invalid key."""
    return changed_settings(running_paypal())


@blueprint.get("/ledger")
def show_ledger() -> Response:
    """Return items in order of acceptance, ``limit`` a page, after sequence number ``after``.

    ``{"items": [...], "total": n, "next": seq}``; ``next`` is null on the last page.
    """
    after, limit = read_integer("after", 0, 2**62), read_integer("limit", 1000, MAX_LIMIT)
    running = running_paypal()
    items = running.state.ledger(running.now(), after=after, limit=limit + 1)
    more = len(items) > limit
    entries = [_entry(item) for item in items[:limit]]
    following = entries[-1]["seq"] if more and entries else None
    total = running.state.item_count()
    return jsonify({"items": entries, "total": total, "next": following})


@blueprint.delete("/ledger")
def reset_ledger() -> Response:
    """Delete all batches, items and calls: ``{"deleted": items}``."""
    return jsonify({"deleted": running_paypal().reset()})


@blueprint.get("/calls")
def show_calls() -> Response:
    """Count calls by endpoint and answer; an answer is an HTTP status or the name of a fault."""
    endpoints: dict[str, dict[str, Any]] = {}
    for endpoint, answer, calls in running_paypal().calls.counts():
        counted = endpoints.setdefault(endpoint, {"calls": 0, "answers": {}})
        counted["calls"] += calls
        counted["answers"][answer] = calls
    total = sum(counted["calls"] for counted in endpoints.values())
    return jsonify({"total": total, "endpoints": endpoints})


@blueprint.post("/events")
def issue_event() -> tuple[Response, int]:
    """Sign an event about ``payout_item_id``, or of ``event_type`` with ``resource``.

    Returns ``{"headers": {...}, "body": "..."}``, what PayPal would post to a listener.
    """
    wanted = read_object()
    running = running_paypal()
    item_id = wanted.get("payout_item_id")
    if item_id is not None:
        event_type, resource = _event_of_item(str(item_id))
    else:
        event_type, resource = wanted.get("event_type", ""), wanted.get("resource", {})
        if not (isinstance(event_type, str) and event_type and isinstance(resource, dict)):
            raise ControlError(400, "give payout_item_id, or event_type and resource")
    event = new_event(event_type, resource, running.now())
    return jsonify(sign_event(running, event, base_url())), 201


def _event_of_item(payout_item_id: str) -> tuple[str, dict[str, Any]]:
    running = running_paypal()
    try:
        found = item_event(running, payout_item_id, running.now(), base_url())
    except KeyError:
        raise ControlError(404, "no such payout item") from None
    if found is None:
        raise ControlError(400, "PayPal sends no event for an item of this status")
    return found


@blueprint.get("/ca")
def show_ca() -> Response:
    """Return the certificate of the CA that signed the events' certificate, as PEM."""
    return Response(running_paypal().signer.ca(), content_type="application/x-pem-file")


@blueprint.get("/outbox")
def show_queue() -> Response:
    """Count the webhook events that are yet to be delivered: ``{"waiting": n}``."""
    return jsonify({"waiting": running_paypal().queue.count()})


def _entry(item: PayPalItem) -> dict[str, Any]:
    return {
        "seq": item.seq,
        "sender_batch_id": item.sender_batch_id,
        "sender_item_id": item.sender_item_id,
        "recipient_type": item.recipient_type,
        "receiver": item.receiver,
        "recipient_wallet": item.wallet,
        "notification_language": item.language,
        "note": item.note,
        "amount": item.value,
        "currency": item.currency,
        "transaction_status": item.status,
        "payout_batch_id": item.payout_batch_id,
        "payout_item_id": item.payout_item_id,
        "time_created": rfc3339(item.created_at),
    }
