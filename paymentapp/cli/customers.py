"""Commands that list, show, change and erase customers."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import click
from marshmallow import ValidationError

from paymentapp.cli.common import (
    ProgressReport,
    echo_record,
    opened,
    plural,
    short,
    with_json,
    with_operator,
)
from paymentapp.cli.tables import TableColumn, echo_fields, echo_table
from paymentapp.clock import maybe_text, to_text
from paymentapp.masking import masked, printable
from paymentapp.models.actors import Actor
from paymentapp.models.customers import AttributeValue, Customer
from paymentapp.models.erasures import Erasure
from paymentapp.models.payments import Cause
from paymentapp.schemas.customers import CustomerPatchSchema
from paymentapp.services.customers import CustomerPatch

if TYPE_CHECKING:
    from paymentapp.bootstrap import Services

_PAUSE_SECONDS = 5.0
_COLUMNS = (
    TableColumn("CUSTOMER", 24),
    TableColumn("E-MAIL", 32),
    TableColumn("REGISTERED", 20, whole=True),
    TableColumn("METHODS", 20),
    TableColumn("ATTRIBUTES", needs=100),
)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_WORDS: Mapping[str, AttributeValue] = {"true": True, "false": False}


@click.group(short_help="List, show, change and erase customers.")
def customers() -> None:
    """List, show, change and erase customers; addresses are printed masked."""


@customers.command("list")
@click.option("--email", help="Only those with this e-mail address, in the same case.")
@with_json
@click.option("--ndjson", is_flag=True, help="Print one JSON object a line, as they are read.")
def list_(email: str | None, as_json: bool, ndjson: bool) -> None:
    """List all customers, or those with an e-mail address."""
    with opened(paying=False) as services:
        if ndjson:
            for each in services.customers.every(email):
                click.echo(json.dumps(_record(each)))
            return
        found = list(services.customers.every(email))
    if as_json:
        echo_record({"customers": list(map(_record, found))})
        return
    echo_table(_COLUMNS, map(_cells, found))
    click.echo(f"{plural(len(found), 'customer')}.")


@customers.command(short_help="Show the record of CUSTOMER_ID.")
@click.argument("customer_id")
@with_json
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
@with_json
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


@customers.command()
@click.argument("customer_id")
@click.option("--yes", is_flag=True, help="Do not ask whether this is meant.")
@click.option("--no-wait", is_flag=True, help="End after the first pass; the service goes on.")
@with_json
@with_operator
def erase(customer_id: str, yes: bool, no_wait: bool, as_json: bool, by: Actor) -> None:
    """Erase customer CUSTOMER_ID; this cannot be undone.

    E-mail address, attributes, payment methods, and the callers' texts of the customer's payments
    are removed from every record, amounts, times, statuses and ids stay. Refused while payments are
    open. The id is never used again.

    The command waits until nothing is left, at least 15 minutes, and says what it waits for. It may
    be stopped and repeated. On SQLite it rewrites the database file, which holds up payment
    requests: for about a second for each 100 MB.
    """
    from paymentapp.bootstrap_backoffice import build_backoffice

    if not yes:
        click.confirm(f"Erase customer {customer_id}? This cannot be undone.", abort=True)
    with opened(paying=False) as services:
        if not services.customers.known(customer_id).is_erased:
            services.erasures.erase(customer_id, by=by, cause=Cause.PERSON)
        said = partial(click.echo, err=as_json)
        said(f"customer {customer_id} is erased; removing what other records hold")
        _take_steps(services, customer_id, wait=False)
        search = build_backoffice(services, ProgressReport("erase")).erasure_search
        removed = search.remove(customer_id)
        said(f"old records changed: {removed}")
        if removed:
            services.store.purge(everything=True)
        _take_steps(services, customer_id, wait=not no_wait)
        left = services.erasures.pending(customer_id)
        if left is None and not services.store.purge(everything=True):
            said("the database file is in use: repeat the command to remove old copies")
            sys.exit(1)
    said(_state(left))
    if as_json:
        echo_record({"customer_id": customer_id, "changed": removed, "done": left is None})


def _take_steps(services: Services, customer_id: str, *, wait: bool) -> None:
    """Take the steps of an erasure that are due; with `wait` also those that are due later."""
    said = ""
    while (erasure := services.erasures.pending(customer_id)) is not None:
        pause = (erasure.next_at - services.clock()).total_seconds()
        if pause <= 0:
            services.erasures.step(erasure, everything=True)
        elif not wait:
            return
        else:
            if said != (said := _state(erasure)):
                click.echo(said, err=True)
            time.sleep(min(pause, _PAUSE_SECONDS))


def _state(erasure: Erasure | None) -> str:
    if erasure is None:
        return "done: nothing of the customer is left but the audit"
    if erasure.waiting:
        more = f", and {erasure.waiting - 1} more" if erasure.waiting > 1 else ""
        return f"waiting: {erasure.waits_for}{more}; next pass at {short(erasure.next_at)}"
    return f"waiting for requests that may be under way: last pass at {short(erasure.next_at)}"


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
        echo_record(_record(customer))
    else:
        echo_fields(_fields(customer), indent=12)


def _fields(customer: Customer) -> Iterator[tuple[str, str]]:
    yield "customer", customer.customer_id
    yield "e-mail", f"{masked(customer.email)} since {short(customer.email_since)}"
    yield "registered", short(customer.created_at)
    for name in sorted(customer.methods):
        yield "paid by", f"{name}{', the default' if name == customer.default_method else ''}"
    for name, value in sorted(customer.attributes.items()):
        yield "attribute", f"{name} = {_shown(value)}"


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
