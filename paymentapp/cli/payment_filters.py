"""The filters of the commands that read the account's payments: options, and their query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import click
from marshmallow import Schema, ValidationError

from paymentapp.models.payments import Status


def _statuses(_ctx: object, _param: object, begun: str) -> list[str]:
    return [each.value for each in Status if each.startswith(begun)]


_OPTIONS = (
    click.option("--reference", help="Only those with this reference."),
    click.option(
        "--status",
        metavar="STATUS",
        shell_complete=_statuses,
        help="Only those with this status now, such as succeeded or failed.",
    ),
    click.option("--method", "payment_method", help="Only those that are made by this method."),
    click.option("--currency", help="Only those in this currency."),
    click.option("--client", "created_by", help="Only those that this client requested."),
    click.option("--provider-id", help="Only those of this batch, item or transaction."),
    click.option("--bulk", "bulk_id", help="Only those of this bulk run."),
    click.option("--min", "min_amount", help="Only those of at least this amount."),
    click.option("--max", "max_amount", help="Only those of at most this amount."),
    click.option("--from", "from_", help="Only those requested at this date or time, or later."),
    click.option("--to", help="Only those requested at this date or time, or earlier."),
)


def with_filters(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the filters to a command, which gets them as keyword arguments."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def loaded(schema: type[Schema], filters: Mapping[str, str | None]) -> Any:
    """Return what a schema of the API loads of the options. Raises UsageError."""
    named = {name.removesuffix("_"): text for name, text in filters.items()}
    try:
        return schema().load({name: text for name, text in named.items() if text is not None})
    except ValidationError as error:
        raise click.UsageError(_problems(error)) from error


def _problems(error: ValidationError) -> str:
    """Return what is wrong with the options, without their values."""
    messages = cast(dict[str, list[str]], error.messages)
    return "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in messages.items())
