"""``python -m simulators``: read flags and environment variables, and serve until stopped."""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
from typing import Any, NamedTuple, NoReturn

from simulators.app import create_simulator
from simulators.common.server import build_server, listen
from simulators.common.settings import InvalidSetting, SettingType, SimulatorSettings
from simulators.openach import OpenAchSimulatorSettings
from simulators.paypal.settings import PayPalSimulatorSettings, variable
from simulators.paypal.webhook_sender import PayPalWebhookSender
from simulators.stripe import StripeSimulatorSettings
from simulators.stripe.wiring import stripe_webhook_sender

_EPILOG = f"""\
Each flag has an environment variable: --settle-delay is {variable("settle_delay")}.
A flag overrides its variable. All but --host, --port, --state and --bank-books can be changed
while it runs, with PUT /_simulator/settings, or /_simulator/stripe/settings for the --stripe flags,
/_simulator/openach/settings for the --openach flags.
The page at / shows what was paid, and which recipients and notes lead to which outcome.
Stripe's API is at /stripe; GET /_simulator/stripe/ledger shows what was moved.
OpenACH's API is at /openach/api; POST /_simulator/openach/run lets its nightly run come, and GET
/_simulator/openach/ledger shows what it made.
"""
_SETTINGS: tuple[type[SimulatorSettings], ...] = (
    PayPalSimulatorSettings,
    StripeSimulatorSettings,
    OpenAchSimulatorSettings,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulators",
        usage="%(prog)s [options]",
        description="A local PayPal, Stripe and OpenACH with the same APIs, which pay nobody.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for each_settings in _SETTINGS:
        defaults = each_settings()
        for name, each in each_settings.by_name().items():
            kind: SettingType = each.metadata["kind"]
            default = getattr(defaults, name)
            hidden = not default or each_settings.is_secret(name)
            shown = "" if hidden else f" (default: {_plain(default)})"
            parser.add_argument(
                each_settings.flag(name),
                dest=each_settings.PREFIX + name,
                metavar=kind.metavar,
                help=each.metadata["help"] + shown,
            )
    return parser


def _plain(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(default)
    return f"{default:g}" if isinstance(default, float) else str(default)


class AllSettings(NamedTuple):
    """The settings of each simulated provider."""

    paypal: PayPalSimulatorSettings
    stripe: StripeSimulatorSettings
    openach: OpenAchSimulatorSettings


def read_settings(arguments: list[str]) -> AllSettings:
    """Read settings from flags, then the environment, then defaults.

    Raises InvalidSetting naming the flag or variable.
    """
    given = {k: v for k, v in vars(_parser().parse_args(arguments)).items() if v is not None}
    return AllSettings(
        PayPalSimulatorSettings(**_values(PayPalSimulatorSettings, given)),
        StripeSimulatorSettings(**_values(StripeSimulatorSettings, given)),
        OpenAchSimulatorSettings(**_values(OpenAchSimulatorSettings, given)),
    )


def _values(each_settings: type[SimulatorSettings], given: dict[str, str]) -> dict[str, Any]:
    names = [name for name in each_settings.by_name() if each_settings.PREFIX + name in given]
    flags = each_settings.from_texts(
        {name: given[each_settings.PREFIX + name] for name in names}, each_settings.flag
    )
    return each_settings.from_environment(os.environ) | flags


def _stop(*_: object) -> NoReturn:
    raise SystemExit(0)


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return 2 with one line on stderr where it cannot start."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        settings, stripe_settings, openach_settings = read_settings(
            sys.argv[1:] if arguments is None else arguments
        )
    except InvalidSetting as error:
        return _fail(str(error))
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        return _fail(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}")
    try:
        app = create_simulator(
            settings, stripe_settings=stripe_settings, openach_settings=openach_settings
        )
    except sqlite3.Error as error:
        return _fail(f"cannot use the state file {settings.state}: {error}")
    server = build_server(app, listener)
    host = f"[{server.host}]" if ":" in server.host else server.host
    base = f"http://{host}:{server.port}"
    PayPalWebhookSender(app.extensions["simulator"], base).start()
    stripe_webhook_sender(app.extensions["stripe_simulator"]).start()
    print(f"PayPal simulator on {base}", flush=True)
    server.serve_forever()
    return 0


def _fail(sentence: str) -> int:
    print(f"simulators: {sentence}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
