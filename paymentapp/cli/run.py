"""The command `run`: gunicorn, and with --dev the simulators."""

from __future__ import annotations

import os
import socket
import sys
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager, nullcontext

from paymentapp.bootstrap import Services, build_services
from paymentapp.cli.common import naming
from paymentapp.cli.dev_folder import SECOND_SHELL, forget_simulators, second_shell, written
from paymentapp.cli.process_group import ProcessGroup
from paymentapp.cli.run_simulators import Simulators, names_an_account, start_simulators
from paymentapp.config import Settings, load_settings
from paymentapp.errors import SettingsError
from paymentapp.loopback import is_loopback
from paymentapp.providers.base import Environment
from paymentapp.providers.registry import check_settings
from paymentapp.server import check_access, stop

START_SECONDS = 30


def run_service(dev: bool, live: bool) -> int:
    """Start the service, print what is in force, wait, stop everything. Return the exit status.

    `dev` starts it with simulators and without authentication. `live` allows it real money, and
    keeps authentication on. Raises SettingsError, and leaves nothing running.
    """
    if dev:
        forget_simulators(os.environ)
        os.environ["PAYMENTAPP_AUTH"] = "on" if live else "off"
    settings = load_settings()
    if dev and not is_loopback(settings.host):
        raise SettingsError(
            "--dev listens on loopback only: unset PAYMENTAPP_HOST, or set 127.0.0.1"
        )
    _check_port(settings)
    processes = ProcessGroup(end_with_parent=dev)
    try:
        simulators = None
        if dev and not names_an_account(os.environ):
            simulators = start_simulators(processes, _base_url(settings))
            os.environ.update(simulators.environ)
        settings = load_settings()
        check_settings(settings.variables)
        if dev and not live:
            _refuse_real_money(settings)
        _prepare_store(settings, make=dev)
        processes.start([sys.executable, "-m", "gunicorn", *_GUNICORN])
        _await_health(processes, settings)
        with _for_a_second_shell(settings, simulators) if dev else nullcontext():
            _announce(settings, simulators)
            return processes.wait()
    finally:
        processes.stop()


def _for_a_second_shell(
    settings: Settings, simulators: Simulators | None
) -> AbstractContextManager[None]:
    simulated = simulators.environ if simulators else {}
    here = {**os.environ, "PORT": str(settings.port)}
    return written(second_shell(here, simulated, settings.store))


_GUNICORN = ["-c", "python:paymentapp.gunicorn_conf", "paymentapp.server:serving_app()"]


def _refuse_real_money(settings: Settings) -> None:
    """Raise SettingsError where anybody on this machine could pay out real money."""
    services = build_services(settings)
    live = [each for each in services.providers.values() if each.environment is Environment.LIVE]
    stop(services)
    if live:
        names = ", ".join(each.description for each in live)
        raise SettingsError(
            f"--dev has no authentication, and the settings name real money: {names}. Unset them, "
            "or run with --live, which keeps authentication on (make run LIVE=1)"
        )


def _check_port(settings: Settings) -> None:
    """Check that the port is free. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"port {settings.port} on {settings.host} is not available ({error.strerror}); "
                "choose another with PORT=8001"
            ) from error


def _prepare_store(settings: Settings, *, make: bool) -> None:
    """Add to the store what this version has more; refuse to serve other machines without a key.

    Without `make` a store that is not there is not made, so that none is served by mistake.
    """
    services = build_services(settings, providers={})
    try:
        with naming(services.store.description):
            if not make:
                services.store.ping()
            services.store.create_tables()
        check_access(services, settings.host)
    finally:
        stop(services)


def _await_health(processes: ProcessGroup, settings: Settings) -> None:
    """Wait until the service is alive. Raises SettingsError."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and processes.alive():
        try:
            with urllib.request.urlopen(f"{_base_url(settings)}/healthz", timeout=2):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SettingsError("the service did not start; see the messages above")


def _base_url(settings: Settings) -> str:
    any_address = settings.host in {"0.0.0.0", "::"}  # noqa: S104
    host = "127.0.0.1" if any_address else settings.host
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _announce(settings: Settings, simulators: Simulators | None) -> None:
    """Print the settings in force, and a command to try."""
    services = build_services(settings)
    methods = [f"  {name:<16} {each.description}" for name, each in services.providers.items()]
    note = [_simulated(services, simulators.page)] if simulators else []
    tokens = services.access_tokens
    keys = "API keys" + (f", access tokens of {tokens.issuer}" if tokens else "")
    auth = keys if settings.auth else "none: anyone on this machine may pay"
    key = "-H 'Authorization: Bearer YOUR_KEY' " if settings.auth else ""
    lines = [
        f"paymentapp is up:  {_base_url(settings)}   (docs: {_base_url(settings)}/docs)",
        *([f"  console          {_base_url(settings)}/console"] if settings.console else []),
        f"  store            {services.store.description}",
        *methods,
        *note,
        f"  authentication   {auth}",
        "Try:",
        f"  curl -s {_base_url(settings)}/v1/api/customer {key}-H 'Content-Type: application/json' "
        '-d \'{"customer_id": "unixuser1", "email": "unixuser1@example.com"}\'',
        *_shell_hint(),
        "Stop with Ctrl-C.",
    ]
    print("\n".join(lines), flush=True)  # noqa: T201
    stop(services)


def _shell_hint() -> list[str]:
    if not SECOND_SHELL.exists():
        return []
    return [f"In another shell, for paymentapp reconcile, parked, audit:  . {SECOND_SHELL}"]


def _simulated(services: Services, page: str) -> str:
    """Return the line that says which payment methods are simulated, and where to look."""
    of = {
        name: each.environment is Environment.SIMULATED for name, each in services.providers.items()
    }
    *others, last = [name for name in of if of[name]] or ["nothing"]
    names = f"{', '.join(others)} and {last}" if others else last
    return f"  {'':<16} {'all' if all(of.values()) else names} simulated: see {page}/"
