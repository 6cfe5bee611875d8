"""``python -m paymentapp.simulator``: read flags and environment, serve until told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
from typing import Any, NoReturn

from paymentapp.simulator.app import create_simulator
from paymentapp.simulator.courier import Courier
from paymentapp.simulator.server import build_server, listen
from paymentapp.simulator.settings import (
    Kind,
    SettingError,
    Settings,
    from_environment,
    from_texts,
    setting_fields,
    variable,
)

_EPILOG = f"""\
Each flag has an environment variable: --settle-delay is {variable("settle_delay")}.
A flag wins over its variable. All but --host, --port and --state can be changed while it
runs, with PUT /_simulator/settings. The page at / shows what was paid, and which recipients
and notes lead to which outcome.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m paymentapp.simulator",
        usage="%(prog)s [options]",
        description="A local PayPal that speaks the Payouts API and pays nobody.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    defaults = Settings()
    for each in setting_fields():
        kind: Kind = each.metadata["kind"]
        default = getattr(defaults, each.name)
        shown = "" if not default else f" (default: {_plain(default)})"
        parser.add_argument(
            f"--{each.name.replace('_', '-')}",
            metavar=kind.metavar,
            help=each.metadata["help"] + shown,
        )
    return parser


def _plain(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(default)
    return f"{default:g}" if isinstance(default, float) else str(default)


def read_settings(arguments: list[str]) -> Settings:
    """Flags over environment over defaults; raises SettingError naming the flag or variable."""
    given = {k: v for k, v in vars(_parser().parse_args(arguments)).items() if v is not None}
    values = from_environment(os.environ)
    values |= from_texts(given, lambda name: f"--{name.replace('_', '-')}")
    return Settings(**values)


def _stop(*_: object) -> NoReturn:
    raise SystemExit(0)


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 2 with one line on stderr where it cannot start."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        settings = read_settings(sys.argv[1:] if arguments is None else arguments)
    except SettingError as error:
        return _fail(str(error))
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        return _fail(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}")
    try:
        app = create_simulator(settings)
    except sqlite3.Error as error:
        return _fail(f"cannot use the state file {settings.state}: {error}")
    server = build_server(app, listener)
    host = f"[{server.host}]" if ":" in server.host else server.host
    base = f"http://{host}:{server.port}"
    Courier(app.extensions["simulator"], base).start()
    print(f"PayPal simulator on {base}", flush=True)
    server.serve_forever()
    return 0


def _fail(sentence: str) -> int:
    print(f"paymentapp.simulator: {sentence}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
