"""What PayPal does not have: settings, the ledger, counts of calls and signed events on demand."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, jsonify, request

from paymentapp.simulator.core import simulator
from paymentapp.simulator.payouts import base_url
from paymentapp.simulator.records import Item
from paymentapp.simulator.settings import SettingError
from paymentapp.simulator.times import rfc3339
from paymentapp.simulator.webhooks import item_event, new_event, sign_event

blueprint = Blueprint("control", __name__, url_prefix="/_simulator")

MAX_LIMIT = 15_000


class ControlError(Exception):
    """A control call that cannot be done; ``members`` join the problem document."""

    def __init__(self, status: int, text: str, **members: Any) -> None:
        super().__init__(text)
        self.status = status
        self.members = members


@blueprint.errorhandler(ControlError)
def problem(error: ControlError) -> Response:
    """The error as RFC 9457 has it."""
    title = "Not found" if error.status == 404 else "Bad request"
    body = {"type": "about:blank", "title": title, "status": error.status, "detail": str(error)}
    answer = jsonify(body | error.members)
    answer.status_code, answer.content_type = error.status, "application/problem+json"
    return answer


@blueprint.get("/settings")
def show_settings() -> Response:
    """All settings now; a secret shows as asterisks."""
    return jsonify(simulator().settings.as_json())


@blueprint.put("/settings")
def change_settings() -> Response:
    """Change the settings that the object names and keep the rest; 400 names the first bad key."""
    try:
        settings = simulator().change(read_object())
    except SettingError as error:
        raise ControlError(400, str(error), key=error.key) from None
    return jsonify(settings.as_json())


@blueprint.get("/ledger")
def show_ledger() -> Response:
    """Items in the order of acceptance, ``limit`` a page, after sequence number ``after``.

    ``{"items": [...], "total": n, "next": seq}``; ``next`` is null on the last page.
    """
    after, limit = read_integer("after", 0, 2**62), read_integer("limit", 1000, MAX_LIMIT)
    running = simulator()
    items = running.state.ledger(running.now(), after=after, limit=limit + 1)
    more = len(items) > limit
    entries = [_entry(item) for item in items[:limit]]
    following = entries[-1]["seq"] if more and entries else None
    total = running.state.item_count()
    return jsonify({"items": entries, "total": total, "next": following})


@blueprint.delete("/ledger")
def reset_ledger() -> Response:
    """Forget all batches, items and calls: ``{"deleted": items}``."""
    return jsonify({"deleted": simulator().state.reset()})


@blueprint.get("/calls")
def show_calls() -> Response:
    """Calls by endpoint and answer; an answer is an HTTP status or the name of a fault."""
    endpoints: dict[str, dict[str, Any]] = {}
    for endpoint, answer, calls in simulator().state.call_counts():
        counted = endpoints.setdefault(endpoint, {"calls": 0, "answers": {}})
        counted["calls"] += calls
        counted["answers"][answer] = calls
    total = sum(counted["calls"] for counted in endpoints.values())
    return jsonify({"total": total, "endpoints": endpoints})


@blueprint.post("/events")
def issue_event() -> tuple[Response, int]:
    """Sign an event about ``payout_item_id``, or of ``event_type`` with ``resource``.

    ``{"headers": {...}, "body": "..."}``: what PayPal would post to a listener.
    """
    wanted = read_object()
    running = simulator()
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
    running = simulator()
    try:
        found = item_event(running, payout_item_id, running.now(), base_url())
    except KeyError:
        raise ControlError(404, "no such payout item") from None
    if found is None:
        raise ControlError(400, "PayPal sends no event for an item that stands like this")
    return found


@blueprint.get("/ca")
def show_ca() -> Response:
    """The certificate of the CA behind the events' signatures, as PEM, for a listener to trust."""
    return Response(simulator().signer.ca(), content_type="application/x-pem-file")


@blueprint.get("/outbox")
def show_outbox() -> Response:
    """How many webhook events have yet to be delivered, now or later: ``{"waiting": n}``."""
    return jsonify({"waiting": simulator().outbox.count()})


def read_object() -> dict[str, Any]:
    """The body as a JSON object; 400 where it is none."""
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ControlError(400, "the body must be a JSON object")
    return body


def read_integer(name: str, default: int, high: int) -> int:
    """A whole number of the query; 400 where it is none, or too large."""
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= high):
        raise ControlError(400, f"{name} must be a whole number from 0 to {high}", key=name)
    return int(text)


def _entry(item: Item) -> dict[str, Any]:
    return {
        "seq": item.seq,
        "sender_batch_id": item.sender_batch_id,
        "sender_item_id": item.sender_item_id,
        "receiver": item.receiver,
        "amount": item.value,
        "currency": item.currency,
        "transaction_status": item.status,
        "payout_batch_id": item.payout_batch_id,
        "payout_item_id": item.payout_item_id,
        "time_created": rfc3339(item.created_at),
    }
