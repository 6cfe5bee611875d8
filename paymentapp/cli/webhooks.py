"""The commands `webhooks`: endpoints that events are posted to, and their deliveries."""

from __future__ import annotations

from typing import Any

import click

from paymentapp.cli.common import (
    OneLine,
    echo_record,
    opened,
    plural,
    short,
    with_json,
    with_operator,
)
from paymentapp.cli.tables import TableColumn, echo_table
from paymentapp.models.actors import Actor
from paymentapp.models.events import EVENT_TYPES
from paymentapp.models.webhook_endpoints import (
    DeliveryStatus,
    EndpointStatus,
    WebhookDelivery,
    WebhookEndpoint,
)
from paymentapp.schemas.common import PAGE_MAX
from paymentapp.schemas.webhook_endpoints import (
    DESCRIPTION_MAX,
    WebhookDeliverySchema,
    WebhookEndpointSchema,
)
from paymentapp.services.outbound.endpoints import EndpointWithSecret

_DELIVERY_COLUMNS = (
    TableColumn("DELIVERY", 33),
    TableColumn("EVENT", 26),
    TableColumn("STATUS", 9, whole=True),
    TableColumn("ATTEMPTS", 8, whole=True, needs=90),
    TableColumn("NEXT", 20, needs=110),
    TableColumn("LAST ERROR"),
)
_TYPES = [str(each) for each in EVENT_TYPES]  # texts: of an enum, click would take the names
_COLUMNS = (
    TableColumn("ENDPOINT", 31, whole=True),
    TableColumn("STATUS", 8, whole=True),
    TableColumn("SINCE", 20, needs=100),
    TableColumn("URL"),
)


@click.group()
def webhooks() -> None:
    """Post events to endpoints; list, test and repeat deliveries."""


@webhooks.command("list")
@with_json
def list_endpoints(as_json: bool) -> None:
    """List the webhook endpoints, oldest first."""
    with opened(paying=False) as services:
        found = services.webhook_endpoints.list()
    if as_json:
        echo_record({"webhook_endpoints": WebhookEndpointSchema(many=True).dump(found)})
        return
    echo_table(_COLUMNS, map(_cells, found))
    click.echo(f"{plural(len(found), 'webhook endpoint')}.")


def _cells(endpoint: WebhookEndpoint) -> tuple[str, ...]:
    why = f" ({endpoint.disabled_reason})" if endpoint.disabled_reason else ""
    since = short(endpoint.created_at)
    return endpoint.endpoint_id, endpoint.status.value, since, f"{endpoint.url}{why}"


@webhooks.command(epilog=f"Types: {', '.join(_TYPES)}.")
@click.argument("url")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(_TYPES),
    metavar="TYPE",
    help="Send events of this type; may be repeated. Default: every type.",
)
@click.option("--description", type=OneLine(DESCRIPTION_MAX), help="What it is for.")
@with_json
@with_operator
def add(
    url: str, types: tuple[str, ...], description: str | None, as_json: bool, by: Actor
) -> None:
    """Register the endpoint URL, and print its secret: this once."""
    with opened(paying=False) as services:
        made = services.webhook_endpoints.create(url, types, description or "", by)
    if as_json:
        _echo_with_secret(made)
        return
    click.echo(f"registered {made.endpoint.endpoint_id}: {url}")
    click.echo(f"secret: {made.secret}")


def _echo_with_secret(made: EndpointWithSecret) -> None:
    shown: Any = WebhookEndpointSchema().dump(made.endpoint)
    echo_record({**shown, "secret": made.secret})


@webhooks.command(short_help="Enable ENDPOINT_ID.")
@click.argument("endpoint_id")
@with_json
def enable(endpoint_id: str, as_json: bool) -> None:
    """Enable ENDPOINT_ID; it gets the events that happened meanwhile."""
    _set_status(endpoint_id, EndpointStatus.ENABLED, as_json)


@webhooks.command()
@click.argument("endpoint_id")
@with_json
def disable(endpoint_id: str, as_json: bool) -> None:
    """Disable ENDPOINT_ID: it gets no events until it is enabled."""
    _set_status(endpoint_id, EndpointStatus.DISABLED, as_json)


def _set_status(endpoint_id: str, status: EndpointStatus, as_json: bool) -> None:
    with opened(paying=False) as services:
        changed = services.webhook_endpoints.change(endpoint_id, {"status": status})
    if as_json:
        echo_record(WebhookEndpointSchema().dump(changed))
    else:
        click.echo(f"{status} {endpoint_id}")


@webhooks.command(short_help="Delete ENDPOINT_ID.")
@click.argument("endpoint_id")
@with_json
@with_operator
def delete(endpoint_id: str, as_json: bool, by: Actor) -> None:
    """Delete ENDPOINT_ID; what was still to be sent to it is not sent."""
    with opened(paying=False) as services:
        services.webhook_endpoints.delete(endpoint_id, by)
    if as_json:
        echo_record({"deleted": endpoint_id})
    else:
        click.echo(f"deleted {endpoint_id}")


@webhooks.command("rotate-secret", short_help="Replace the secret of ENDPOINT_ID.")
@click.argument("endpoint_id")
@with_json
@with_operator
def rotate_secret(endpoint_id: str, as_json: bool, by: Actor) -> None:
    """Replace the secret of ENDPOINT_ID; the old one signs too for 24 hours."""
    with opened(paying=False) as services:
        made = services.webhook_endpoints.rotate_secret(endpoint_id, by)
    if as_json:
        _echo_with_secret(made)
    else:
        click.echo(f"secret: {made.secret}")


@webhooks.command()
@click.argument("endpoint_id")
@with_json
def test(endpoint_id: str, as_json: bool) -> None:
    """Have a running service send a test event to ENDPOINT_ID."""
    with opened(paying=False) as services:
        delivery = services.webhook_endpoints.test(endpoint_id)
    _echo_event(delivery.event_id, as_json)


def _echo_event(event_id: str, as_json: bool) -> None:
    if as_json:
        echo_record({"event_id": event_id})
    else:
        click.echo(f"to be sent: {event_id}")


@webhooks.command(short_help="List the newest deliveries that took more than one attempt.")
@click.argument("endpoint_id")
@click.option(
    "--status",
    type=click.Choice([status.value for status in DeliveryStatus]),
    help="Deliveries of one status only.",
)
@with_json
def deliveries(endpoint_id: str, status: str | None, as_json: bool) -> None:
    """List the newest deliveries to ENDPOINT_ID that took, or take, more than one attempt."""
    wanted = DeliveryStatus(status) if status else None
    with opened(paying=False) as services:
        page = services.webhook_endpoints.deliveries(endpoint_id, wanted, PAGE_MAX, None)
    if as_json:
        shown: Any = WebhookDeliverySchema(many=True).dump(page.deliveries)
        echo_record({"deliveries": shown})
        return
    echo_table(_DELIVERY_COLUMNS, map(_delivery_cells, page.deliveries))
    more = ", and there may be more" if page.last_read else ""
    shown_count = len(page.deliveries)
    click.echo(f"{shown_count} {'delivery' if shown_count == 1 else 'deliveries'}{more}.")


def _delivery_cells(delivery: WebhookDelivery) -> tuple[str, ...]:
    kind, status, attempts = delivery.event.type, delivery.status.value, str(delivery.attempts)
    next_at, error = short(delivery.next_attempt_at), delivery.last_error or "-"
    return delivery.event_id, kind, status, attempts, next_at, error


@webhooks.command(short_help="Have the event EVENT_ID sent to ENDPOINT_ID once more.")
@click.argument("endpoint_id")
@click.argument("event_id")
@with_json
def redeliver(endpoint_id: str, event_id: str, as_json: bool) -> None:
    """Have a running service send the event EVENT_ID to ENDPOINT_ID once more."""
    with opened(paying=False) as services:
        services.webhook_endpoints.redeliver(endpoint_id, event_id)
    _echo_event(event_id, as_json)
