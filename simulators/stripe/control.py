"""Control endpoints, not part of Stripe's API: settings, ledger and events on demand."""

from __future__ import annotations

from dataclasses import asdict
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
from simulators.stripe.bodies import body_of
from simulators.stripe.books import StripeBooks
from simulators.stripe.core import running_stripe
from simulators.stripe.currencies import decimal_text
from simulators.stripe.events import (
    EVENT_OF_KIND,
    EVENT_OF_STATUS,
    StripeEvent,
    envelope,
    event_body,
    past_events,
    sign,
)
from simulators.stripe.records import StripeMove, new_id
from simulators.stripe.v2.books import V2Books

blueprint = Blueprint("stripe_control", __name__, url_prefix="/_simulator/stripe")
blueprint.register_error_handler(ControlError, problem)


@blueprint.get("/settings")
def show_settings() -> Response:
    """Return all settings; a secret shows as asterisks."""
    return jsonify(running_stripe().settings.as_json())


@blueprint.put("/settings")
def change_settings() -> Response:
    """Change the settings that the object names, keep the rest; 400 names the first invalid key."""
    return changed_settings(running_stripe())


@blueprint.get("/ledger")
def show_ledger() -> Response:
    """Return transfers, reversals and payouts in the order in which they were made.

    ``limit`` a page, after sequence number ``after``: ``{"items": [...], "total": n, "next":
    seq}``.
    """
    after, limit = read_integer("after", 0, 2**62), read_integer("limit", 1000, MAX_LIMIT)
    with running_stripe().books() as books:
        moves = books.ledger(after=after, limit=limit + 1)
        total = books.count()
    entries = [_entry(move) for move in moves[:limit]]
    following = entries[-1]["seq"] if len(moves) > limit and entries else None
    return jsonify({"items": entries, "total": total, "next": following})


@blueprint.get("/outbound")
def show_outbound() -> Response:
    """Return outbound payments in the order in which they were made, and the recipients.

    ``{"items": [...], "recipients": [...]}``.
    """
    with running_stripe().books() as opened:
        books = V2Books(opened.db, opened.now)
        found = books.payments({}, 2**62, MAX_LIMIT)
        recipients = [name for _, name in books.recipient_ids(0, MAX_LIMIT)]
    items = [asdict(payment) for payment in reversed(found)]
    return jsonify({"items": items, "recipients": recipients})


@blueprint.delete("/ledger")
def reset_ledger() -> Response:
    """Delete all moves, keys, events and calls: ``{"deleted": moves}``."""
    return jsonify({"deleted": running_stripe().reset()})


@blueprint.get("/events")
def show_events() -> Response:
    """Return the events up to now, newest first, as sent or to be sent: ``{"items": [...]}``."""
    stripe, limit = running_stripe(), read_integer("limit", 1000, MAX_LIMIT)
    with stripe.books() as books:
        bodies = [event_body(stripe, books, event) for event in past_events(books, limit)]
    return jsonify({"items": [body for body in bodies if body is not None]})


@blueprint.post("/events")
def issue_event() -> tuple[Response, int]:
    """Sign an event about the transfer or payout ``id``, or of ``type`` with an ``object``.

    ``account`` names the connected account, where it is one's. Returns ``{"headers": {...}, "body":
    "..."}``.
    """
    wanted = read_object()
    stripe = running_stripe()
    with stripe.books() as books:
        event_type, account, about = (
            _event_of(books, wanted) if "id" in wanted else _event_given(wanted)
        )
        event = StripeEvent(
            new_id("evt_"), event_type, account, "", books.now, None, None, None, None
        )
    return jsonify(sign(stripe, envelope(stripe, event, {"object": about}))), 201


@blueprint.get("/outbox")
def show_queue() -> Response:
    """Count the webhook events that are yet to be delivered: ``{"waiting": n}``."""
    return jsonify({"waiting": running_stripe().queue.count()})


def _event_given(wanted: dict[str, Any]) -> tuple[str, str | None, dict[str, Any]]:
    event_type, about = wanted.get("type", ""), wanted.get("object", {})
    account = wanted.get("account")
    texts = isinstance(event_type, str) and isinstance(account, str | None)
    if not (texts and event_type and isinstance(about, dict)):
        raise ControlError(400, "give id, or type and object, and perhaps account")
    return event_type, account, about


def _event_of(books: StripeBooks, wanted: dict[str, Any]) -> tuple[str, str | None, dict[str, Any]]:
    move = books.any_move(str(wanted["id"]))
    if move is None or move.kind == "reversal":
        raise ControlError(404, "no such transfer or payout")
    of_status = EVENT_OF_STATUS.get(move.status, EVENT_OF_KIND[move.kind])
    event_type = wanted.get("type", of_status)
    if not isinstance(event_type, str) or not event_type:
        raise ControlError(400, "type must be a text that is not empty", key="type")
    platform = move.account == running_stripe().settings.account_id
    return event_type, None if platform else move.account, body_of(books, move)


def _entry(move: StripeMove) -> dict[str, Any]:
    reversed_text = decimal_text(move.currency, move.amount_reversed)
    return {
        "seq": move.seq,
        "kind": move.kind,
        "id": move.id,
        "account": move.account,
        "destination": move.destination,
        "transfer": move.transfer,
        "amount": decimal_text(move.currency, move.amount),
        "currency": move.currency,
        "status": _status(move),
        "amount_reversed": reversed_text if move.kind == "transfer" else None,
        "failure_code": move.failure_code if move.status == "failed" else None,
        "transfer_group": move.transfer_group,
        "description": move.description,
        "metadata": move.metadata,
        "idempotency_key": move.idempotency_key,
        "time_created": rfc3339(move.created_at),
    }


def _status(move: StripeMove) -> str:
    """Return a payout's status, or how far a transfer was reversed; Stripe has no word for it."""
    if move.kind != "transfer" or not move.amount_reversed:
        return move.status
    return "reversed" if move.amount_reversed == move.amount else "partly_reversed"
