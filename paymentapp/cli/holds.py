"""The commands `hold`, `release` and `holds`: stop sending payments, and go on."""

from __future__ import annotations

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
from paymentapp.clock import maybe_text, to_text
from paymentapp.models.actors import Actor
from paymentapp.models.holds import REASON_MAX, Hold, HoldScope

_COLUMNS = (
    TableColumn("HOLD", 29, whole=True),
    TableColumn("SCOPE", 8, whole=True),
    TableColumn("VALUE", 42),
    TableColumn("SINCE", 20, needs=120),
    TableColumn("BY", 16, needs=100),
    TableColumn("REASON"),
)


@click.command(short_help="Stop sending payments: all, or some of them.")
@click.argument("scope", type=click.Choice([scope.value for scope in HoldScope]))
@click.argument("value", required=False, default="")
@click.option("--note", type=OneLine(REASON_MAX), required=True, help="Why; kept with the hold.")
@with_json
@with_operator
def hold(scope: str, value: str, note: str, as_json: bool, by: Actor) -> None:
    """Hold payments: none of them is sent from two seconds later on, until the release.

    \b
    hold all                             every payment: the stop button
    hold provider NAME                   the payments of a payment method
    hold customer CUSTOMER_ID            the payments of a customer
    hold payment CUSTOMER_ID/PAYMENT_ID  one payment
    hold bulk BULK_ID                    a bulk run, with its payments

    What a provider has already is followed as ever: this stops payments, and recalls none.
    """  # noqa: D301 (\b is click's, for text that it must not wrap)
    with opened(paying=False) as services:
        placed = services.holds.place(HoldScope(scope), value, note, by)
    if as_json:
        echo_record({**_record(placed.hold), "new": placed.new})
        return
    done = "is in force" if placed.new else "was in force already"
    click.echo(f"hold {placed.hold.hold_id} {done}: {_target(placed.hold)}")


@click.command()
@click.argument("hold_id", required=False)
@click.option("--all", "everything", is_flag=True, help="Release every hold that is in force.")
@with_json
@with_operator
def release(hold_id: str | None, everything: bool, as_json: bool, by: Actor) -> None:
    """Release the hold HOLD_ID; its payments are sent within seconds."""
    if (hold_id is None) != everything:
        raise click.UsageError("give either HOLD_ID or --all")
    with opened(paying=False) as services:
        found = [hold.hold_id for hold in services.holds.current()] if everything else [hold_id]
        released = []
        for each in filter(None, found):
            released.append(services.holds.release(each, by))
            if not as_json:
                click.echo(f"released {each}: {_target(released[-1])}")
    if as_json:
        echo_record({"released": list(map(_record, released))})
    elif not found:
        click.echo("No hold is in force.")


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also holds that were released.")
@with_json
def holds(everything: bool, as_json: bool) -> None:
    """List the holds in force, oldest first."""
    with opened(paying=False) as services:
        found = services.holds.history() if everything else services.holds.current()
    if as_json:
        echo_record({"holds": list(map(_record, found))})
        return
    echo_table(_COLUMNS, map(_cells, found))
    in_force = sum(each.released_at is None for each in found)
    click.echo(f"{plural(in_force, 'hold')} in force." if in_force else "No hold is in force.")


def _cells(hold: Hold) -> tuple[str, ...]:
    value, since = hold.value or "-", short(hold.created_at)
    return hold.hold_id, hold.scope.value, value, since, hold.by, hold.reason + _released(hold)


def _target(hold: Hold) -> str:
    return f"{hold.scope} {hold.value}".rstrip()


def _released(hold: Hold) -> str:
    if hold.released_at is None:
        return ""
    return f" (released {short(hold.released_at)} by {hold.released_by})"


def _record(hold: Hold) -> dict[str, object]:
    return {
        "hold_id": hold.hold_id,
        "scope": hold.scope.value,
        "value": hold.value or None,
        "reason": hold.reason,
        "by": hold.by or None,
        "created_at": to_text(hold.created_at),
        "released_at": maybe_text(hold.released_at),
        "released_by": hold.released_by or None,
    }
