"""Command that shows what is open, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from paymentapp.cli.common import echo_record, opened, plural, short, with_json
from paymentapp.cli.tables import TableColumn, echo_fields, echo_table, echo_text
from paymentapp.clock import maybe_text, to_text
from paymentapp.masking import printable
from paymentapp.models.currencies import money_text
from paymentapp.models.money import Money
from paymentapp.models.report_totals import GroupTotal
from paymentapp.services.overview import OpenGroup, Picture, ProviderOverview

_COLUMNS = (
    TableColumn("STATUS", 17, whole=True),
    TableColumn("WAITS FOR", 9, whole=True),
    TableColumn("METHOD", 10, whole=True),
    TableColumn("PAYMENTS", 8, whole=True, right=True),
    TableColumn("OLDEST", 20),
    TableColumn("AMOUNT", right=True),
)


@click.command(short_help="Show what has no outcome yet, and why; holds.")
@with_json
def status(as_json: bool) -> None:
    """Show what has no outcome yet: how much, why, since when; providers, holds, open items."""
    with opened(says_store=False) as services:
        picture = services.overview.picture()
        description = services.store.description
    if as_json:
        echo_record({"store": description, **_record(picture)})
        return
    echo_fields(_fields(description, picture), indent=11)
    click.echo()
    echo_table(_COLUMNS, map(_cells, picture.groups))
    since = f", the oldest since {short(picture.oldest)}" if picture.oldest else ""
    echo_text(f"{plural(picture.payments, 'payment')} without an outcome{since}.")


def _fields(store: str, picture: Picture) -> Iterator[tuple[str, str]]:
    yield "store", store
    for provider in picture.providers:
        yield "provider", _provider(provider)
    for hold in picture.holds:
        what = f"{hold.scope} {hold.value}".rstrip()
        yield "hold", f"{what} since {short(hold.created_at)}: {printable(hold.reason)}"
    if picture.parked:
        yield "parked", f"{plural(picture.parked, 'batch')}: `paymentapp parked list`"
    if picture.inbox:
        yield "inbox", f"{plural(picture.inbox, 'item')}: `paymentapp inbox list`"


def _provider(provider: ProviderOverview) -> str:
    if not provider.configured:
        return f"{provider.name}: is not configured"
    if provider.outage is None:
        return f"{provider.name}: configured"
    since, reason = short(provider.outage.since), printable(provider.outage.reason)
    return f"{provider.name}: calls fail since {since}: {reason}"


def _cells(group: OpenGroup) -> tuple[str, ...]:
    return (
        group.status.value,
        group.waiting_for.value if group.waiting_for else "-",
        group.payment_method,
        f"{group.payments:,}",
        short(group.oldest.created_at),
        ", ".join(money_text(Money(each.amount, each.key.currency)) for each in group.totals),
    )


def _record(picture: Picture) -> dict[str, Any]:
    return {
        "payments": picture.payments,
        "oldest": maybe_text(picture.oldest),
        "groups": list(map(_group, picture.groups)),
        "providers": list(map(_provider_record, picture.providers)),
        "holds": [
            {"hold_id": each.hold_id, "scope": each.scope, "value": each.value}
            for each in picture.holds
        ],
        "parked": picture.parked,
        "inbox": picture.inbox,
    }


def _group(group: OpenGroup) -> dict[str, Any]:
    return {
        "status": group.status,
        "waiting_for": group.waiting_for,
        "payment_method": group.payment_method,
        "payments": group.payments,
        "oldest": to_text(group.oldest.created_at),
        "totals": list(map(_total, group.totals)),
    }


def _total(total: GroupTotal) -> dict[str, Any]:
    return {
        "currency": total.key.currency,
        "payments": total.payments,
        "amount": total.amount,
    }


def _provider_record(provider: ProviderOverview) -> dict[str, Any]:
    return {
        "name": provider.name,
        "configured": provider.configured,
        "failing_since": maybe_text(provider.outage.since) if provider.outage else None,
        "error": provider.outage.reason if provider.outage else None,
    }
