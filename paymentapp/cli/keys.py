"""The commands `keys`: create, list, change and revoke API keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import click

from paymentapp.cli.common import (
    MOMENT,
    OneLine,
    echo_record,
    opened,
    short,
    with_json,
    with_operator,
)
from paymentapp.cli.tables import TableColumn, echo_table, echo_text
from paymentapp.clock import maybe_text, to_text
from paymentapp.errors import SettingsError
from paymentapp.models.actors import BUNDLES, SCOPES, Actor
from paymentapp.models.api_keys import ApiKey

NAME_MAX = 40  # a client's name is stored with each of its payments
_DEFAULT = ("read", "write")
_AGE = re.compile(r"([0-9]{1,5})([dh])")
_COLUMNS = (
    TableColumn("KEY", 16, whole=True),
    TableColumn("NAME", 20),
    TableColumn("CLIENT", 20),
    TableColumn("CREATED", 20, needs=140),
    TableColumn("EXPIRES", 20, needs=110),
    TableColumn("LAST USED", 20, needs=140),
    TableColumn("STATE", 7, whole=True),
    TableColumn("SCOPES"),
)


Expiry = Callable[[datetime], datetime | None]


class _ExpiryType(click.ParamType[Expiry]):
    """When a key ends, as a function of the present time; None: never."""

    name = "time"

    def convert(self, value: object, param: object, ctx: object) -> Expiry:
        text = str(value)
        age = _AGE.fullmatch(text)
        if text == "never":
            return lambda _now: None
        if age is None:
            end = MOMENT.convert(text, param, ctx)
            return lambda _now: end
        hours = timedelta(hours=int(age[1]) * (24 if age[2] == "d" else 1))
        return lambda now: now + hours


def _with_rights(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options --scope and --expires to a command."""
    scope = click.option(
        "--scope",
        "scopes",
        multiple=True,
        type=click.Choice((*BUNDLES, *SCOPES)),
        metavar="SCOPE",
        help="What the key may do: `paymentapp keys --help` lists the scopes; may be given several "
        f"times. Default: {default}.",
    )
    expires = click.option(
        "--expires", type=_ExpiryType(), help="90d, 12h, an ISO 8601 time, or never."
    )
    return lambda command: scope(expires(command))


def _scopes_help() -> str:
    bundles = [f"{name}: {', '.join(sorted(scopes))}" for name, scopes in BUNDLES.items()]
    return "\n".join(("\b", *(f"{name}: {what}" for name, what in SCOPES.items()), *bundles))


@click.group(epilog=_scopes_help())
def keys() -> None:
    """Create, list, change and revoke API keys.

    A key belongs to a client, which payments and histories name, and may do what its scopes say:
    """


@keys.command("create")
@click.argument("name", type=OneLine(NAME_MAX))
@click.option(
    "--client",
    type=OneLine(NAME_MAX),
    help="The program or person that uses the key; may have several keys. Default: NAME.",
)
@_with_rights("read and write")
@with_json
@with_operator
def keys_create(
    name: str,
    client: str | None,
    scopes: tuple[str, ...],
    expires: Expiry | None,
    as_json: bool,
    by: Actor,
) -> None:
    """Create a key named NAME and print it. It cannot be shown again."""
    with opened(paying=False) as services:
        now = services.clock()
        until = _end(expires, now) if expires else None
        key, secret = services.api_keys.create(
            name, scopes or _DEFAULT, client=client or "", expires_at=until, by=by
        )
        store = services.store.description
        echo_text(f"Key {key.key_id} for {name!r} in {store}: {_described(key)}.", err=True)
        click.echo("Store it now: it cannot be shown again.", err=True)
        if as_json:
            echo_record({**_record(key, now), "key": secret})
        else:
            click.echo(secret)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, with histories.")
def keys_list(as_json: bool) -> None:
    """List all keys, including revoked ones."""
    with opened(paying=False) as services:
        found, now = services.api_keys.list(), services.clock()
    if as_json:
        echo_record({"keys": [_record(key, now) for key in found]})
        return
    echo_table(_COLUMNS, [_cells(key, now) for key in found])


def _cells(key: ApiKey, now: datetime) -> tuple[str, ...]:
    times = (short(key.created_at), short(key.expires_at), short(key.last_used_at))
    return key.key_id, key.name, key.actor.name, *times, _state(key, now), _scopes(key)


@keys.command("change", short_help="Replace the scopes or the expiry of KEY.")
@click.argument("key")
@_with_rights("as they are")
@with_json
@with_operator
def keys_change(
    key: str, scopes: tuple[str, ...], expires: Expiry | None, as_json: bool, by: Actor
) -> None:
    """Replace the scopes or the expiry of KEY: its id, pk_..., or its name.

    It holds in all processes within 2 seconds.
    """
    with opened(paying=False) as services:
        found = services.api_keys.find(key)
        until = _end(expires, services.clock()) if expires else found.expires_at
        changed = services.api_keys.change(found.key_id, scopes or found.scopes, until, by)
        now = services.clock()
    if as_json:
        echo_record(_record(changed, now))
    else:
        echo_text(f"changed {changed.key_id} ({changed.name}): {_described(changed)}")


@keys.command("revoke")
@click.argument("key")
@with_json
@with_operator
def keys_revoke(key: str, as_json: bool, by: Actor) -> None:
    """Revoke KEY: its id, pk_..., or its name. It holds in all processes within 2 seconds."""
    with opened(paying=False) as services:
        found = services.api_keys.find(key)
        services.api_keys.revoke(found.key_id, by)
        found, now = services.api_keys.find(found.key_id), services.clock()
    if as_json:
        echo_record(_record(found, now))
    else:
        click.echo(f"revoked {found.key_id} ({found.name})")


def _end(expires: Expiry, now: datetime) -> datetime | None:
    until = expires(now)
    if until is not None and until <= now:
        raise SettingsError(f"--expires is in the past: {to_text(until)}")
    return until


def _described(key: ApiKey) -> str:
    until = f"expires {short(key.expires_at)}" if key.expires_at else "never expires"
    return f"client {key.actor.name!r}, {_scopes(key)}, {until}"


def _scopes(key: ApiKey) -> str:
    return " ".join(sorted(key.scopes))


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "valid" if key.is_valid(now) else "expired"


def _record(key: ApiKey, now: datetime) -> dict[str, object]:
    times = {
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
    return {
        "key_id": key.key_id,
        "name": key.name,
        "client": key.actor.name,
        "scopes": sorted(key.scopes),
        "state": _state(key, now),
        **{name: maybe_text(at) for name, at in times.items()},
        "history": [
            {
                "at": to_text(change.at),
                "action": change.action,
                "scopes": sorted(change.scopes),
                "expires_at": maybe_text(change.expires_at),
                "by": change.by or None,
            }
            for change in key.history
        ],
    }
