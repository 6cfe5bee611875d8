"""The command line: run the service, make its tables, run a worker, manage API keys."""

from __future__ import annotations

import os
import signal
import sys
import threading

import click

from paymentapp.clock import to_text
from paymentapp.errors import PaymentAppError, SettingsError

SCOPES = ("read", "write")


def main() -> None:
    """Run the command; an error that we raise on purpose is one line, and exit status 2."""
    try:
        commands.main(prog_name="paymentapp", standalone_mode=True)
    except PaymentAppError as error:
        click.echo(f"paymentapp: {error}", err=True)
        sys.exit(2)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Pays people exactly once. Settings are environment variables; see docs/operating.md."""


@commands.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Overrides PORT.")
@click.option("--host", help="Overrides PAYMENTAPP_HOST.")
@click.option(
    "--dev",
    is_flag=True,
    help="For trying out: no authentication, on loopback only; PayPal is the project's own "
    "simulator unless PayPal credentials are set.",
)
def run(port: int | None, host: str | None, dev: bool) -> None:
    """Serve the API and dispatch payments, until Ctrl-C."""
    from paymentapp.run import run_service

    if port is not None:
        os.environ["PORT"] = str(port)
    if host:
        os.environ["PAYMENTAPP_HOST"] = host
    sys.exit(run_service(dev))


@commands.command()
def init() -> None:
    """Create the tables of the store, those that are missing."""
    from paymentapp import build_parts

    parts = build_parts(providers={})
    made = parts.store.create_tables()
    click.echo(f"store: {parts.store.description}")
    click.echo(f"created: {', '.join(made)}" if made else "nothing to create")
    parts.store.close()


@commands.command()
def worker() -> None:
    """Dispatch payments without serving the API, until Ctrl-C or SIGTERM."""
    from paymentapp import build_parts
    from paymentapp.server import start_logging, stop

    start_logging()
    parts = build_parts()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    parts.store.ping()
    parts.worker.start()
    click.echo(f"worker: dispatching from {parts.store.description}", err=True)
    stopping.wait()
    stop(parts)


@commands.group()
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
    from paymentapp import build_parts

    parts = build_parts(providers={})
    parts.store.create_tables()
    key, secret = parts.access.create(name, frozenset(scopes or SCOPES))
    click.echo(f"Key {key.key_id} ({', '.join(sorted(key.scopes))}) for {name!r}.", err=True)
    click.echo("Keep it now: it is not shown again.", err=True)
    click.echo(secret)
    parts.store.close()


@keys.command("list")
def keys_list() -> None:
    """List all keys, the revoked ones too."""
    from paymentapp import build_parts

    parts = build_parts(providers={})
    for key in parts.access.list():
        state = f"revoked {to_text(key.revoked_at)}" if key.revoked_at else "valid"
        scopes = ",".join(sorted(key.scopes))
        click.echo(f"{key.key_id}  {scopes:<10}  {to_text(key.created_at)}  {state}  {key.name}")
    parts.store.close()


@keys.command("revoke")
@click.argument("key_id")
def keys_revoke(key_id: str) -> None:
    """Revoke the key KEY_ID; other processes notice within half a minute."""
    from paymentapp import build_parts

    parts = build_parts(providers={})
    if not parts.access.revoke(key_id):
        raise SettingsError(f"there is no key {key_id!r}")
    click.echo(f"revoked {key_id}")
    parts.store.close()
