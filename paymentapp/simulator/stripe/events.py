"""Webhook events: what is said of a change, when, and how it is signed.

https://docs.stripe.com/api/events/object, https://docs.stripe.com/api/events/types. An event of a
connected account names it in ``account`` (https://docs.stripe.com/connect/webhooks). The signature
is ``t=...,v1=...``, HMAC-SHA256 of ``t.body`` with the endpoint's secret
(https://docs.stripe.com/webhooks#verify-manually).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from paymentapp.simulator.outbox import Letter
from paymentapp.simulator.stripe.bodies import body_of
from paymentapp.simulator.stripe.books import Books
from paymentapp.simulator.stripe.core import StripeSide
from paymentapp.simulator.stripe.records import NEVER, Move, new_id, seconds

EVENT_OF_KIND = {"transfer": "transfer.created", "payout": "payout.created"}
EVENT_OF_STATUS = {
    "pending": "payout.created",
    "in_transit": "payout.updated",
    "paid": "payout.paid",
    "failed": "payout.failed",
    "canceled": "payout.canceled",
}
_COLUMNS = "id, type, account, subject, created_at, data, previous, request_id, idempotency_key"


class Origin(NamedTuple):
    """The request that made an event, where one did."""

    request_id: str | None = None
    idempotency_key: str | None = None


class Event(NamedTuple):
    """An event, without the body of what it is about where that follows from the books."""

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
    side: StripeSide,
    books: Books,
    move: Move,
    event_type: str,
    origin: Origin,
    previous: Mapping[str, Any] | None = None,
) -> None:
    """Tell what happened to a move just now, as it stands."""
    data = json.dumps(body_of(books, move))
    _plan(side, books, move, event_type, books.now, origin, data, previous)


def foretell(side: StripeSide, books: Books, move: Move) -> None:
    """Plan the events of all that a payout will come to by itself."""
    if move.transit_at is not None:
        told = {"status": "pending"}
        _plan(side, books, move, "payout.updated", move.transit_at, Origin(), None, told)
    moments = {"payout.paid": move.settle_at, "payout.failed": move.failed_at}
    if move.failed_at == move.settle_at:
        del moments["payout.paid"]
    for event_type, at in moments.items():
        if at is not None and at != NEVER:
            _plan(side, books, move, event_type, at, Origin(), None, None)


def take_back(books: Books, move: Move) -> None:
    """Forget the events that a payout will not come to."""
    values = (move.id, books.now)
    books.db.execute("DELETE FROM stripe_events WHERE subject = ? AND created_at > ?", values)
    books.db.execute("DELETE FROM stripe_outbox WHERE subject = ? AND changed_at > ?", values)


def _plan(
    side: StripeSide,
    books: Books,
    move: Move,
    event_type: str,
    at: int,
    origin: Origin,
    data: str | None,
    previous: Mapping[str, Any] | None,
) -> None:
    platform = move.account == side.settings.account_id
    event = Event(
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
    side.outbox.add_in(books.db, side.letters(move.id, event.id, at))


def find_event(books: Books, event_id: str) -> Event | None:
    """An event by its id."""
    sql = f"SELECT {_COLUMNS} FROM stripe_events WHERE id = ?"  # noqa: S608 - constants only
    row = books.db.execute(sql, (event_id,)).fetchone()
    return Event(*row) if row else None


def happened(books: Books, limit: int) -> list[Event]:
    """The events up to now, newest first."""
    sql = f"""SELECT {_COLUMNS} FROM stripe_events WHERE created_at <= ?
        ORDER BY created_at DESC, seq DESC LIMIT ?"""  # noqa: S608 - constants only
    return [Event(*row) for row in books.db.execute(sql, (books.now, limit))]


def event_body(side: StripeSide, books: Books, event: Event) -> dict[str, Any] | None:
    """The event as it is sent; None where what it is about is gone."""
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
    return envelope(side, event, data)


def envelope(side: StripeSide, event: Event, data: Mapping[str, Any]) -> dict[str, Any]:
    """What is around the object."""
    body: dict[str, Any] = {"id": event.id, "object": "event"}
    if event.account is not None:
        body["account"] = event.account
    return body | {
        "api_version": side.settings.api_version,
        "created": seconds(event.created_at),
        "data": dict(data),
        "livemode": False,
        "pending_webhooks": 0 if side.settings.webhook_url is None else 1,
        "request": {"id": event.request_id, "idempotency_key": event.idempotency_key},
        "type": event.type,
    }


def sign(side: StripeSide, body: Mapping[str, Any]) -> dict[str, Any]:
    """Sign an event: ``{"headers": {...}, "body": "..."}``, to be posted to a listener as it is."""
    text = json.dumps(body, ensure_ascii=False, indent=2)
    settings = side.settings
    secret = settings.webhook_secret
    if "account" in body:
        secret = settings.connect_webhook_secret or secret
    moment = seconds(side.now())
    mac = hmac.new(secret.encode(), f"{moment}.{text}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={moment},v1={mac}",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    return {"headers": headers, "body": text}


def written(side: StripeSide, letter: Letter) -> dict[str, Any] | None:
    """What a letter posts: for the courier."""
    with side.books() as books:
        event = find_event(books, letter.event_id)
        body = None if event is None else event_body(side, books, event)
    return None if body is None else sign(side, body)
