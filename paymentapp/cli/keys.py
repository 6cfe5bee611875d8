"""The commands `keys`: create, list and revoke API keys."""

from __future__ import annotations

import click

from paymentapp.cli.common import opened
from paymentapp.clock import to_text
from paymentapp.errors import SettingsError

SCOPES = ("read", "write")


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="What the key may do; may be given twice. Default: both.",
)
def keys_create(name: str, scopes: tuple[str, ...]) -> None:
    """Create a key named NAME and print it. It cannot be shown again."""
    with opened(paying=False) as services:
        services.store.create_tables()
        key, secret = services.api_keys.create(name, frozenset(scopes or SCOPES))
        click.echo(f"Key {key.key_id} ({', '.join(sorted(key.scopes))}) for {name!r}.", err=True)
        click.echo("Store it now: it cannot be shown again.", err=True)
        click.echo(secret)


@keys.command("list")
def keys_list() -> None:
    """List all keys, including revoked ones."""
    with opened(paying=False) as services:
        for key in services.api_keys.list():
            state = f"revoked {to_text(key.revoked_at)}" if key.revoked_at else "valid"
            scopes = ",".join(sorted(key.scopes))
            created = to_text(key.created_at)
            click.echo(f"{key.key_id}  {scopes:<10}  {created}  {state}  {key.name}")


@keys.command("revoke")
@click.argument("key_id")
def keys_revoke(key_id: str) -> None:
    """Revoke the key KEY_ID. It takes up to 30 seconds to reach all processes."""
    with opened(paying=False) as services:
        if not services.api_keys.revoke(key_id):
            raise SettingsError(f"no such key: {key_id!r}")
        click.echo(f"revoked {key_id}")
