"""Webhook events: their content, their time and their signature.

https://docs.stripe.com/api/events/object, https://docs.stripe.com/api/events/types. An event of a
connected account names it in ``account`` (https://docs.stripe.com/connect/webhooks). The signature
is ``t=...,v1=...``, HMAC-SHA256 of ``t.body`` with the endpoint's secret
(https://docs.stripe.com/webhooks#verify-manually).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

from simulators.common.webhook_queue import QueuedWebhook, StatusChange
from simulators.stripe.bodies import body_of
from simulators.stripe.books import StripeBooks
from simulators.stripe.core import StripeSimulator
from simulators.stripe.records import NEVER, StripeMove, new_id, seconds
from simulators.stripe.v2.bodies import moment, thin_body

EVENT_OF_KIND = {"transfer": "transfer.created", "payout": "payout.created"}
EVENT_OF_STATUS = {
    "pending": "payout.created",
    "in_transit": "payout.updated",
    "paid": "payout.paid",
    "failed": "payout.failed",
    "canceled": "payout.canceled",
}
# https://docs.stripe.com/transfer-payout-split
PAYOUTS_SINCE = "2017-04-06"
_COLUMNS = "id, type, account, subject, created_at, data, previous, request_id, idempotency_key"


class Origin(NamedTuple):
    """The request that caused an event, where one did."""

    request_id: str | None = None
    idempotency_key: str | None = None


class StripeEvent(NamedTuple):
    """An event, without its object where that follows from the books."""

    id: str
    type: str
    account: str | None
    subject: str
    created_at: int
    data: str | None
    previous: str | None
    request_id: str | None
    idempotency_key: str | None


def announce(
    stripe: StripeSimulator,
    books: StripeBooks,
    move: StripeMove,
    event_type: str,
    origin: Origin,
    previous: Mapping[str, Any] | None = None,
) -> None:
    """Queue the event of a change made just now, with the move's current state."""
    data = json.dumps(body_of(books, move))
    _plan(stripe, books, move, event_type, books.now, origin, data, previous)


def schedule_events(stripe: StripeSimulator, books: StripeBooks, move: StripeMove) -> None:
    """Queue the events of all changes of a payout that need no call."""
    if move.transit_at is not None:
        previous = {"status": "pending"}
        _plan(stripe, books, move, "payout.updated", move.transit_at, Origin(), None, previous)
    times = {"payout.paid": move.settle_at, "payout.failed": move.failed_at}
    if move.failed_at == move.settle_at:
        del times["payout.paid"]
    for event_type, at in times.items():
        if at is not None and at != NEVER:
            _plan(stripe, books, move, event_type, at, Origin(), None, None)


def unschedule_events(stripe: StripeSimulator, books: StripeBooks, move: StripeMove) -> None:
    """Delete the queued events of changes that will not happen."""
    values = (move.id, books.now)
    books.db.execute("DELETE FROM stripe_events WHERE subject = ? AND created_at > ?", values)
    stripe.queue.take_back_in(books.db, move.id, books.now)


def _plan(
    stripe: StripeSimulator,
    books: StripeBooks,
    move: StripeMove,
    event_type: str,
    at: int,
    origin: Origin,
    data: str | None,
    previous: Mapping[str, Any] | None,
) -> None:
    platform = move.account == stripe.settings.account_id
    event = StripeEvent(
        new_id("evt_"),
        event_type,
        None if platform else move.account,
        move.id,
        at,
        data,
        None if previous is None else json.dumps(previous),
        *origin,
    )
    sql = f"INSERT INTO stripe_events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    books.db.execute(sql, event)
    stripe.queue.add_in(books.db, stripe.plan(StatusChange("event", move.id, at), event.id))


def add_event(db: sqlite3.Connection, event_type: str, subject: str, at: int) -> str:
    """Record a thin event, which is built of its id, type and subject alone; return its id."""
    event_id = new_id("evt_")
    event = StripeEvent(event_id, event_type, None, subject, at, None, None, None, None)
    sql = f"INSERT INTO stripe_events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    db.execute(sql, event)
    return event_id


def find_event(books: StripeBooks, event_id: str) -> StripeEvent | None:
    """Return an event by its id."""
    sql = f"SELECT {_COLUMNS} FROM stripe_events WHERE id = ?"  # noqa: S608 - constants only
    row = books.db.execute(sql, (event_id,)).fetchone()
    return StripeEvent(*row) if row else None


def past_events(books: StripeBooks, limit: int) -> list[StripeEvent]:
    """Return the events up to now, newest first."""
    sql = f"""SELECT {_COLUMNS} FROM stripe_events WHERE created_at <= ?
        ORDER BY created_at DESC, seq DESC LIMIT ?"""  # noqa: S608 - constants only
    return [StripeEvent(*row) for row in books.db.execute(sql, (books.now, limit))]


def event_body(
    stripe: StripeSimulator, books: StripeBooks, event: StripeEvent
) -> dict[str, Any] | None:
    """Return the event as it is sent; None where its subject no longer exists."""
    if event.type.startswith("v2."):
        return thin_body(event.id, event.type, event.subject, moment(event.created_at) or "")
    if event.data is not None:
        about = json.loads(event.data)
    else:
        then = books.as_of(event.created_at)
        move = then.any_move(event.subject)
        if move is None:
            return None
        about = body_of(then, move)
    data = {"object": about}
    if event.previous is not None:
        data["previous_attributes"] = json.loads(event.previous)
    return envelope(stripe, event, data)


def envelope(
    stripe: StripeSimulator, event: StripeEvent, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the event object around its data."""
    body: dict[str, Any] = {"id": event.id, "object": "event"}
    if event.account is not None:
        body["account"] = event.account
    return body | {
        "api_version": stripe.settings.api_version,
        "created": seconds(event.created_at),
        "data": dict(data),
        "livemode": False,
        "pending_webhooks": 0 if stripe.settings.webhook_url is None else 1,
        "request": {"id": event.request_id, "idempotency_key": event.idempotency_key},
        "type": _type_in(stripe.settings.api_version, event.type),
    }


def _type_in(version: str, event_type: str) -> str:
    """Return the name of an event in an API version; early ones call payouts transfers."""
    legacy = version < PAYOUTS_SINCE and event_type.startswith("payout.")
    return event_type.replace("payout.", "transfer.", 1) if legacy else event_type


def sign(stripe: StripeSimulator, body: Mapping[str, Any]) -> dict[str, Any]:
    """Sign an event: return ``{"headers": {...}, "body": "..."}``, ready to post to a listener."""
    text = json.dumps(body, ensure_ascii=False, indent=2)
    settings = stripe.settings
    secret = settings.webhook_secret
    if "account" in body:
        secret = settings.connect_webhook_secret or secret
    moment = seconds(stripe.now())
    mac = hmac.new(secret.encode(), f"{moment}.{text}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={moment},v1={mac}",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    return {"headers": headers, "body": text}


def signed_event(stripe: StripeSimulator, webhook: QueuedWebhook) -> dict[str, Any] | None:
    """Return the request that a queued webhook posts; None where its subject no longer exists."""
    with stripe.books() as books:
        event = find_event(books, webhook.event_id)
        body = None if event is None else event_body(stripe, books, event)
    return None if body is None else sign(stripe, body)
