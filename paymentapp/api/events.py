"""Events over HTTP: follow what happens."""

from __future__ import annotations

from typing import Any

from paymentapp.api import error_examples, examples
from paymentapp.api.blueprint import Blueprint, services
from paymentapp.models.actors import PAYMENTS_READ
from paymentapp.schemas.events import EventPageSchema, EventQuerySchema, EventSchema
from paymentapp.services.events import ShownEvent

blp = Blueprint("events", __name__, description="Events: follow what happens.")


@blp.route("/v1/api/events")
@blp.requires(PAYMENTS_READ)
@blp.arguments(EventQuerySchema(), location="query")
@blp.response(200, EventPageSchema, description="One page, oldest first", example=examples.EVENTS)
@blp.documents(error_examples.INVALID_EVENTS_QUERY)
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """List what happened to payments, payees, holds, batches and providers, oldest first.

    Events are listed for 35 days.

    To follow it, send the last `next_cursor` as `after`: no event is missed, also of writes that
    end late. On DynamoDB an event is listed about half a minute after it happened.
    """
    page = services().events.page(query["after"], query["limit"], query["type"])
    return {"events": page.events, "next_cursor": page.last_read}


@blp.route("/v1/api/events/<event_id:event_id>")
@blp.requires(PAYMENTS_READ)
@blp.response(200, EventSchema, description="The event", example=examples.EVENT)
@blp.documents(error_examples.NO_EVENT)
def get_event(event_id: str) -> ShownEvent:
    """Show an event."""
    return services().events.get(event_id)
