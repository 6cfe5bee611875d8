"""Commands that list, show and change customers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import click
from marshmallow import ValidationError

from paymentapp.cli.common import line, opened, plural, short, with_operator
from paymentapp.clock import maybe_text, to_text
from paymentapp.masking import masked, printable
from paymentapp.models.actors import Actor
from paymentapp.models.customers import AttributeValue, Customer
from paymentapp.models.payments import Cause
from paymentapp.schemas.customers import CustomerPatchSchema
from paymentapp.services.customers import CustomerPatch

_WIDTHS = (24, 32, 20, 20)
_HEADER = ("CUSTOMER", "E-MAIL", "REGISTERED", "METHODS", "ATTRIBUTES")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_WORDS: Mapping[str, AttributeValue] = {"true": True, "false": False}


@click.group()
def customers() -> None:
    """List, show and change customers; addresses are printed masked."""


@customers.command("list")
@click.option("--email", help="Only those with this e-mail address, in the same case.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(email: str | None, as_json: bool) -> None:
    """List all customers, or those with an e-mail address."""
    with opened(paying=False) as services:
        found = list(services.customers.every(email))
    if as_json:
        click.echo(json.dumps({"customers": list(map(_record, found))}, indent=1))
        return
    if found:
        click.echo(line(_WIDTHS, _HEADER))
    for each in found:
        click.echo(line(_WIDTHS, _cells(each)))
    click.echo(f"{plural(len(found), 'customer')}.")


@customers.command()
@click.argument("customer_id")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(customer_id: str, as_json: bool) -> None:
    """Show the record of customer CUSTOMER_ID; `audit customer` shows its history."""
    with opened(paying=False) as services:
        found = services.customers.get(customer_id)
    _print(found, as_json)


@customers.command()
@click.argument("customer_id")
@click.option("--email", help="The new e-mail address: later payments by e-mail go there.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an attribute. VALUE is a text, unless it is a number, true or false; a text that is "
    "one of these goes in double quotes: --set 'zip=\"01234\"'.",
)
@click.option("--remove", "removed", multiple=True, metavar="NAME", help="Remove an attribute.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as one JSON document.")
@with_operator
def change(
    customer_id: str,
    email: str | None,
    assignments: Sequence[str],
    removed: Sequence[str],
    as_json: bool,
    by: Actor,
) -> None:
    """Change the e-mail address and attributes of customer CUSTOMER_ID.

    Payments that were accepted before keep the earlier e-mail address.
    """
    body: dict[str, Any] = {**dict(map(_assignment, assignments)), **dict.fromkeys(removed)}
    if email is not None:
        body["email"] = email
    if not body:
        raise click.UsageError("give --email, --set or --remove")
    try:
        patch = CustomerPatch(**CustomerPatchSchema().load(body))
    except ValidationError as error:
        raise click.UsageError(_problems(error)) from error
    with opened(paying=False) as services:
        changed = services.customers.change(customer_id, patch, by=by, cause=Cause.PERSON)
    _print(changed, as_json)


def _assignment(text: str) -> tuple[str, AttributeValue]:
    name, is_one, value = text.partition("=")
    if not is_one:
        raise click.UsageError(f"--set takes NAME=VALUE, not {text!r}")
    return name, _value(value)


def _value(text: str) -> AttributeValue:
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else text
    except InvalidOperation:
        return text


def _problems(error: ValidationError) -> str:
    """Return what is wrong with the options, without their values."""
    messages = cast(dict[str, list[str]], error.messages)
    return "; ".join(
        f"{name}: {' '.join(map(str, texts))}" if name != "_schema" else " ".join(map(str, texts))
        for name, texts in messages.items()
    )


def _print(customer: Customer, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_record(customer), indent=1))
        return
    click.echo(f"customer    {customer.customer_id}")
    click.echo(f"e-mail      {masked(customer.email)} since {short(customer.email_since)}")
    click.echo(f"registered  {short(customer.created_at)}")
    for name in sorted(customer.methods):
        default = ", the default" if name == customer.default_method else ""
        click.echo(f"paid by     {name}{default}")
    for name, value in sorted(customer.attributes.items()):
        click.echo(f"attribute   {name} = {_shown(value)}")


def _cells(customer: Customer) -> tuple[str, ...]:
    attributes = (f"{name}={_shown(value)}" for name, value in sorted(customer.attributes.items()))
    return (
        customer.customer_id,
        masked(customer.email),
        short(customer.created_at),
        " ".join(sorted(customer.methods)) or "-",
        " ".join(attributes) or "-",
    )


def _shown(value: AttributeValue) -> str:
    if isinstance(value, str):
        return printable(value)
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def _record(customer: Customer) -> dict[str, object]:
    attributes = {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in customer.attributes.items()
    }
    return {
        "customer_id": customer.customer_id,
        "email": masked(customer.email),
        "email_changed_at": maybe_text(customer.email_changed_at),
        "created_at": to_text(customer.created_at),
        "payment_methods": sorted(customer.methods),
        "default_method": customer.default_method,
        "attributes": attributes,
    }
