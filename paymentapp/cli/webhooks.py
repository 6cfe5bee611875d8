"""The commands `webhooks`: endpoints that events are posted to, and their deliveries."""

from __future__ import annotations

import json
from typing import Any

import click

from paymentapp.cli.common import OneLine, line, opened, plural, short, with_operator
from paymentapp.cli.tables import TableColumn, echo_table
from paymentapp.models.actors import Actor
from paymentapp.models.events import EVENT_TYPES
from paymentapp.models.webhook_endpoints import DeliveryStatus, EndpointStatus, WebhookDelivery
from paymentapp.schemas.common import PAGE_MAX
from paymentapp.schemas.webhook_endpoints import (
    DESCRIPTION_MAX,
    WebhookDeliverySchema,
    WebhookEndpointSchema,
)

_DELIVERY_COLUMNS = (
    TableColumn("DELIVERY", 33, whole=True),
    TableColumn("EVENT", 26),
    TableColumn("STATUS", 9, whole=True),
    TableColumn("ATTEMPTS", 8, whole=True),
    TableColumn("NEXT", 20, needs=110),
    TableColumn("LAST ERROR"),
)
_WIDTHS = (31, 8, 20)
_HEADER = ("ENDPOINT", "STATUS", "SINCE", "URL")


@click.group()
def webhooks() -> None:
    """Post events to endpoints; list, test and repeat deliveries."""


@webhooks.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_endpoints(as_json: bool) -> None:
    """List the webhook endpoints, oldest first."""
    with opened(paying=False) as services:
        found = services.webhook_endpoints.list()
    if as_json:
        shown = WebhookEndpointSchema(many=True).dump(found)
        click.echo(json.dumps({"webhook_endpoints": shown}, indent=1))
        return
    if found:
        click.echo(line(_WIDTHS, _HEADER))
    for each in found:
        cells = each.endpoint_id, each.status.value, short(each.created_at), each.url
        click.echo(line(_WIDTHS, cells))
        if each.disabled_reason:
            click.echo(f"  {each.disabled_reason}")
    click.echo(f"{plural(len(found), 'webhook endpoint')}.")


@webhooks.command()
@click.argument("url")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(EVENT_TYPES),
    help="Send events of this type; may be repeated. Default: every type.",
)
@click.option("--description", type=OneLine(DESCRIPTION_MAX), help="What it is for.")
@with_operator
def add(url: str, types: tuple[str, ...], description: str | None, by: Actor) -> None:
    """Register the endpoint URL, and print its secret: this once."""
    with opened(paying=False) as services:
        made = services.webhook_endpoints.create(url, types, description or "", by)
    click.echo(f"registered {made.endpoint.endpoint_id}: {url}")
    click.echo(f"secret: {made.secret}")


@webhooks.command()
@click.argument("endpoint_id")
def enable(endpoint_id: str) -> None:
    """Enable ENDPOINT_ID; it gets the events that happened meanwhile."""
    _set_status(endpoint_id, EndpointStatus.ENABLED)


@webhooks.command()
@click.argument("endpoint_id")
def disable(endpoint_id: str) -> None:
    """Disable ENDPOINT_ID: it gets no events until it is enabled."""
    _set_status(endpoint_id, EndpointStatus.DISABLED)


def _set_status(endpoint_id: str, status: EndpointStatus) -> None:
    with opened(paying=False) as services:
        services.webhook_endpoints.change(endpoint_id, {"status": status})
    click.echo(f"{status} {endpoint_id}")


@webhooks.command()
@click.argument("endpoint_id")
@with_operator
def delete(endpoint_id: str, by: Actor) -> None:
    """Delete ENDPOINT_ID; what was still to be sent to it is not sent."""
    with opened(paying=False) as services:
        services.webhook_endpoints.delete(endpoint_id, by)
    click.echo(f"deleted {endpoint_id}")


@webhooks.command("rotate-secret")
@click.argument("endpoint_id")
@with_operator
def rotate_secret(endpoint_id: str, by: Actor) -> None:
    """Replace the secret of ENDPOINT_ID; the old one signs too for 24 hours."""
    with opened(paying=False) as services:
        made = services.webhook_endpoints.rotate_secret(endpoint_id, by)
    click.echo(f"secret: {made.secret}")


@webhooks.command()
@click.argument("endpoint_id")
def test(endpoint_id: str) -> None:
    """Have a running service send a test event to ENDPOINT_ID."""
    with opened(paying=False) as services:
        delivery = services.webhook_endpoints.test(endpoint_id)
    click.echo(f"to be sent: {delivery.event_id}")


@webhooks.command()
@click.argument("endpoint_id")
@click.option(
    "--status",
    type=click.Choice([status.value for status in DeliveryStatus]),
    help="Deliveries of one status only.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def deliveries(endpoint_id: str, status: str | None, as_json: bool) -> None:
    """List the newest deliveries to ENDPOINT_ID that took, or take, more than one attempt."""
    wanted = DeliveryStatus(status) if status else None
    with opened(paying=False) as services:
        page = services.webhook_endpoints.deliveries(endpoint_id, wanted, PAGE_MAX, None)
    if as_json:
        shown: Any = WebhookDeliverySchema(many=True).dump(page.deliveries)
        click.echo(json.dumps({"deliveries": shown}, indent=1))
        return
    echo_table(_DELIVERY_COLUMNS, map(_delivery_cells, page.deliveries))
    more = ", and there may be more" if page.last_read else ""
    shown_count = len(page.deliveries)
    click.echo(f"{shown_count} {'delivery' if shown_count == 1 else 'deliveries'}{more}.")


def _delivery_cells(delivery: WebhookDelivery) -> tuple[str, ...]:
    kind, status, attempts = delivery.event.type, delivery.status.value, str(delivery.attempts)
    next_at, error = short(delivery.next_attempt_at), delivery.last_error or "-"
    return delivery.event_id, kind, status, attempts, next_at, error


@webhooks.command()
@click.argument("endpoint_id")
@click.argument("event_id")
def redeliver(endpoint_id: str, event_id: str) -> None:
    """Have a running service send the event EVENT_ID to ENDPOINT_ID once more."""
    with opened(paying=False) as services:
        services.webhook_endpoints.redeliver(endpoint_id, event_id)
    click.echo(f"to be sent: {event_id}")
