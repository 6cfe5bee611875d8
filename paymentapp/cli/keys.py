"""Commands that make, list and revoke API keys."""

from __future__ import annotations

import click

from paymentapp.cli.common import opened
from paymentapp.clock import to_text
from paymentapp.errors import SettingsError

SCOPES = ("read", "write")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="What the key may do; may be given twice. Both where it is left out.",
)
def keys_create(name: str, scopes: tuple[str, ...]) -> None:
    """Make a key called NAME and show it, once."""
    with opened(paying=False) as services:
        services.store.create_tables()
        key, secret = services.api_keys.create(name, frozenset(scopes or SCOPES))
        click.echo(f"Key {key.key_id} ({', '.join(sorted(key.scopes))}) for {name!r}.", err=True)
        click.echo("Keep it now: it is not shown again.", err=True)
        click.echo(secret)


@keys.command("list")
def keys_list() -> None:
    """List all keys, the revoked ones too."""
    with opened(paying=False) as services:
        for key in services.api_keys.list():
            state = f"revoked {to_text(key.revoked_at)}" if key.revoked_at else "valid"
            scopes = ",".join(sorted(key.scopes))
            created = to_text(key.created_at)
            click.echo(f"{key.key_id}  {scopes:<10}  {created}  {state}  {key.name}")


@keys.command("revoke")
@click.argument("key_id")
def keys_revoke(key_id: str) -> None:
    """Revoke the key KEY_ID; other processes notice within half a minute."""
    with opened(paying=False) as services:
        if not services.api_keys.revoke(key_id):
            raise SettingsError(f"there is no key {key_id!r}")
        click.echo(f"revoked {key_id}")
