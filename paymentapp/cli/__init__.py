"""The command line: `run`, `init`, `worker`, and a module for each other command group."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback

import click

from paymentapp._version import __version__
from paymentapp.cli.approvals import approvals
from paymentapp.cli.audit import audit
from paymentapp.cli.batches import batches
from paymentapp.cli.bulk import bulk
from paymentapp.cli.common import echo_record, naming, opened, with_json
from paymentapp.cli.copy import copy
from paymentapp.cli.customers import customers
from paymentapp.cli.export import export
from paymentapp.cli.holds import hold, holds, release
from paymentapp.cli.inbox import inbox
from paymentapp.cli.keys import keys
from paymentapp.cli.parked import parked
from paymentapp.cli.pay import pay
from paymentapp.cli.payments import payments
from paymentapp.cli.reconcile import reconcile
from paymentapp.cli.reversals import reversals
from paymentapp.cli.settings import settings
from paymentapp.cli.status import status
from paymentapp.cli.summary import summary
from paymentapp.cli.topic import topic
from paymentapp.cli.vault import vault
from paymentapp.cli.webhooks import webhooks
from paymentapp.errors import PaymentAppError

FAILED = 2  # the command could not do its work; 1 has a meaning of its own
INTERRUPTED = 130  # by Ctrl-C: 128 and the number of SIGINT, as shells say it


def main() -> None:
    """Run the command line. An unexpected error exits with 2, since 1 has a meaning of its own.

    Files that it makes (a database, its backup, files for a bank) are for its own user alone.
    """
    os.umask(0o077)
    try:
        commands.main(prog_name="paymentapp")
    except Exception:
        traceback.print_exc()
        sys.exit(FAILED)


class _Commands(click.Group):
    """Print an error of our own as one line. Exit statuses are those of docs/operating.md."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PaymentAppError as error:
            click.echo(f"paymentapp: {error}", err=True)
            ctx.exit(FAILED)
        except KeyboardInterrupt:
            click.echo("\ninterrupted", err=True)
            ctx.exit(INTERRUPTED)
        except click.Abort as abort:
            if not isinstance(abort.__context__, KeyboardInterrupt):
                raise  # a question was not answered with yes: click exits with 1
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="paymentapp", message="%(prog)s %(version)s")
def commands() -> None:
    """Pays people exactly once. Settings are environment variables: see `paymentapp settings`."""


@commands.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Overrides PORT.")
@click.option("--host", help="Overrides PAYMENTAPP_HOST.")
@click.option(
    "--dev",
    is_flag=True,
    help="Development mode: no authentication, loopback only, and the project's own simulators "
    "as providers, unless the settings name an account. It refuses accounts with real money.",
)
@click.option(
    "--live",
    is_flag=True,
    help="With --dev: pay real money where the settings name live accounts. Callers then need an "
    "API key or an access token, as without --dev.",
)
def run(port: int | None, host: str | None, dev: bool, live: bool) -> None:
    """Serve the API and dispatch payments, until Ctrl-C."""
    from paymentapp.cli.run import run_service

    if live and not dev:
        raise click.UsageError("--live goes with --dev; without --dev, live accounts are allowed")
    if port is not None:
        os.environ["PORT"] = str(port)
    if host:
        os.environ["PAYMENTAPP_HOST"] = host
    sys.exit(run_service(dev, live))


@commands.command()
@with_json
def init(as_json: bool) -> None:
    """Create the missing tables of the store."""
    with opened(paying=False, says_store=False) as services:
        made, store = services.store.create_tables(), services.store.description
    if as_json:
        echo_record({"store": store, "created": made})
        return
    click.echo(f"store: {store}")
    click.echo(f"created: {', '.join(made)}" if made else "nothing to create")


@commands.command(short_help="Dispatch payments without serving the API.")
def worker() -> None:
    """Dispatch payments without serving the API, until Ctrl-C or SIGTERM."""
    from paymentapp.bootstrap import build_services
    from paymentapp.config import load_settings
    from paymentapp.declarations import warn_of_unknown
    from paymentapp.metrics import open_metrics
    from paymentapp.server import log_providers, start_logging, stop
    from paymentapp.tracing import open_tracing

    start_logging()
    warn_of_unknown(os.environ)
    settings = load_settings()
    tracing = open_tracing(settings.variables)
    services = build_services(settings, metrics=open_metrics(settings), tracing=tracing)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with naming(services.store.description):
        services.store.ping()
    services.worker.start()
    services.supervisor.start()
    log_providers(services)
    click.echo(f"worker: dispatching from {services.store.description}", err=True)
    stopping.wait()
    stop(services)


for command in (
    *(settings, keys, vault, reconcile, parked, inbox, audit),
    *(hold, release, holds, approvals, customers, payments, pay, bulk, batches),
    *(status, export, summary, webhooks, topic, reversals, copy),
):
    commands.add_command(command)
