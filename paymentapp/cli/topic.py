"""The commands `topic`: how events are published to the topic, and what it has refused."""

from __future__ import annotations

import json
from typing import Any

import click

from paymentapp.cli.common import line, opened, plural, short
from paymentapp.errors import Conflict
from paymentapp.schemas.common import PAGE_MAX
from paymentapp.schemas.webhook_endpoints import WebhookDeliverySchema
from paymentapp.services.outbound.publisher import EventPublisher

_WIDTHS = (33, 26, 9, 20)
_HEADER = ("EVENT", "TYPE", "STATUS", "LAST ATTEMPT", "LAST ERROR")


@click.group()
def topic() -> None:
    """Publish events to an SNS topic: see what it has refused, and publish events again."""


@topic.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(as_json: bool) -> None:
    """Show whether events are published, and those that were refused or asked for again."""
    with opened(paying=False) as services:
        publisher = _required(services.publisher)
        status, found = publisher.status(), publisher.failed(PAGE_MAX)
    if as_json:
        shown: Any = WebhookDeliverySchema(many=True).dump(found)
        click.echo(json.dumps({"status": status, "deliveries": shown}, indent=1))
        return
    click.echo(f"{status}.")
    if found:
        click.echo(line(_WIDTHS, _HEADER))
    for each in found:
        cells = each.event_id, each.event.type, each.status.value, short(each.last_attempt_at)
        click.echo(line(_WIDTHS, (*cells, each.last_error or "-")))
    click.echo(f"{plural(len(found), 'event')} refused or published on request.")


@topic.command()
@click.argument("event_id")
def publish(event_id: str) -> None:
    """Have a running service publish the event EVENT_ID once more."""
    with opened(paying=False) as services:
        _required(services.publisher).publish_again(event_id)
    click.echo(f"to be published: {event_id}")


def _required(publisher: EventPublisher | None) -> EventPublisher:
    if publisher is None:
        raise Conflict("PAYMENTAPP_EVENTS_SNS_ARN is not set: events are published to no topic.")
    return publisher
