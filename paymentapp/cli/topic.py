"""The commands `topic`: how events are published to the topic, and what it has refused."""

from __future__ import annotations

from typing import Any

import click

from paymentapp.cli.common import echo_record, opened, plural, short, with_json
from paymentapp.cli.tables import TableColumn, echo_table
from paymentapp.errors import Conflict
from paymentapp.models.webhook_endpoints import WebhookDelivery
from paymentapp.schemas.common import PAGE_MAX
from paymentapp.schemas.webhook_endpoints import WebhookDeliverySchema
from paymentapp.services.outbound.publisher import EventPublisher

_COLUMNS = (
    TableColumn("EVENT", 33),
    TableColumn("TYPE", 26),
    TableColumn("STATUS", 9, whole=True),
    TableColumn("LAST ATTEMPT", 20, needs=100),
    TableColumn("LAST ERROR"),
)


@click.group(short_help="Publish events to an SNS topic.")
def topic() -> None:
    """Publish events to an SNS topic: see what it has refused, and publish events again."""


@topic.command(short_help="Show whether events are published, and what was refused.")
@with_json
def show(as_json: bool) -> None:
    """Show whether events are published, and those that were refused or asked for again."""
    with opened(paying=False) as services:
        publisher = _required(services.publisher)
        status, found = publisher.status(), publisher.failed(PAGE_MAX)
    if as_json:
        shown: Any = WebhookDeliverySchema(many=True).dump(found)
        echo_record({"status": status, "deliveries": shown})
        return
    click.echo(f"{status}.")
    echo_table(_COLUMNS, map(_cells, found))
    click.echo(f"{plural(len(found), 'event')} refused or published on request.")


def _cells(delivery: WebhookDelivery) -> tuple[str, ...]:
    status, at = delivery.status.value, short(delivery.last_attempt_at)
    return delivery.event_id, delivery.event.type, status, at, delivery.last_error or "-"


@topic.command()
@click.argument("event_id")
@with_json
def publish(event_id: str, as_json: bool) -> None:
    """Have a running service publish the event EVENT_ID once more."""
    with opened(paying=False) as services:
        _required(services.publisher).publish_again(event_id)
    if as_json:
        echo_record({"event_id": event_id})
    else:
        click.echo(f"to be published: {event_id}")


def _required(publisher: EventPublisher | None) -> EventPublisher:
    if publisher is None:
        raise Conflict("PAYMENTAPP_EVENTS_SNS_ARN is not set: events are published to no topic.")
    return publisher
