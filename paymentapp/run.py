"""One command for a whole service: gunicorn, and where wanted the PayPal simulator beside it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

from paymentapp import build_parts
from paymentapp.config import Settings, load_settings
from paymentapp.errors import SettingsError
from paymentapp.loopback import is_loopback
from paymentapp.server import check_access, stop

START_SECONDS = 30
STOP_SECONDS = 15
SIMULATOR_STATE = Path("var/paypal-simulator.db")
SIMULATOR_CA = Path("var/paypal-simulator-ca.pem")
WEBHOOK_ID = "SIMULATORWEBHOOK01"


def run_service(dev: bool) -> int:
    """Start what is needed, say what is in force, wait, stop everything. Returns an exit status.

    Raises SettingsError, with nothing left running.
    """
    if dev:
        os.environ["PAYMENTAPP_AUTH"] = "off"
    settings = load_settings()
    if dev and not is_loopback(settings.host):
        raise SettingsError("--dev listens on loopback only; PAYMENTAPP_HOST says another address")
    _check_port(settings)
    family = Family()
    try:
        simulated = dev and not settings.paypal_client_id and "PAYPAL_BASE_URL" not in os.environ
        if simulated:
            os.environ.update(_start_simulator(family, settings))
        settings = _prepare_store(load_settings())
        family.start([sys.executable, "-m", "gunicorn", *_GUNICORN])
        _await_health(family, settings)
        _announce(settings, simulated)
        return family.wait()
    finally:
        family.stop()


_GUNICORN = ["-c", "python:paymentapp.gunicorn_conf", "paymentapp.server:serving_app()"]


def _check_port(settings: Settings) -> None:
    """Raises SettingsError where the port cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(
                f"port {settings.port} on {settings.host} cannot be had ({error.strerror}); "
                "choose another with PORT=8001"
            ) from error


def _start_simulator(family: Family, settings: Settings) -> dict[str, str]:
    """Start the PayPal simulator on a free port, which tells the service by webhook what becomes
    of its payments; returns the settings that lead to it."""
    SIMULATOR_STATE.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["--port", "0", "--state", str(SIMULATOR_STATE), "--webhook-id", WEBHOOK_ID]
    arguments += ["--webhook-url", f"{_base_url(settings)}/webhooks/paypal"]
    process = family.start(
        [sys.executable, "-m", "paymentapp.simulator", *arguments], stdout=subprocess.PIPE
    )
    line = process.stdout.readline() if process.stdout else ""
    url = next((word for word in line.split() if word.startswith("http://")), "")
    if not url:
        raise SettingsError("the PayPal simulator did not start")
    with urllib.request.urlopen(f"{url.rstrip('/')}/_simulator/ca", timeout=10) as ca:  # noqa: S310
        SIMULATOR_CA.write_bytes(ca.read())
    return {
        "PAYPAL_BASE_URL": url.rstrip("/"),
        "PAYPAL_CLIENT_ID": "simulator",
        "PAYPAL_CLIENT_SECRET": "simulator",
        "PAYMENTAPP_PAYPAL_WEBHOOK_ID": WEBHOOK_ID,
        "PAYMENTAPP_PAYPAL_WEBHOOK_CA": str(SIMULATOR_CA),
    }


def _prepare_store(settings: Settings) -> Settings:
    """Make missing tables, and refuse an address that strangers reach without a key."""
    parts = build_parts(settings, providers={})
    try:
        parts.store.create_tables()
        check_access(parts, settings.host)
    finally:
        stop(parts)
    return settings


def _await_health(family: Family, settings: Settings) -> None:
    """Raises SettingsError where the service does not come up."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and family.alive():
        try:
            with urllib.request.urlopen(f"{_base_url(settings)}/healthz", timeout=2):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise SettingsError("the service did not start; the lines above say why")


def _base_url(settings: Settings) -> str:
    any_address = settings.host in {"0.0.0.0", "::"}  # noqa: S104
    host = "127.0.0.1" if any_address else settings.host
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _announce(settings: Settings, simulated: bool) -> None:
    """Say what is in force, and one thing to try."""
    parts = build_parts(settings)
    paypal = "; ".join(provider.description for provider in parts.providers.values())
    note = f" - the project's own simulator; see {settings.paypal_base_url}/" if simulated else ""
    auth = "API keys" if settings.auth else "none: anybody on this machine may pay"
    key = "-H 'Authorization: Bearer YOUR_KEY' " if settings.auth else ""
    lines = [
        f"paymentapp is up:  {_base_url(settings)}   (docs: {_base_url(settings)}/docs)",
        f"  store            {parts.store.description}",
        f"  paypal           {paypal or 'not configured'}{note}",
        f"  authentication   {auth}",
        "Try:",
        f"  curl -s {_base_url(settings)}/v1/api/customer {key}-H 'Content-Type: application/json' "
        '-d \'{"customer_id": "unixuser1", "email": "unixuser1@example.com"}\'',
        "Stop with Ctrl-C.",
    ]
    print("\n".join(lines), flush=True)  # noqa: T201
    stop(parts)


class Family:
    """Child processes that live and end together."""

    def __init__(self) -> None:
        self._children: list[subprocess.Popen[str]] = []
        self._stopping = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def start(self, command: list[str], stdout: int | None = None) -> subprocess.Popen[str]:
        """Start a child in a session of its own, so that Ctrl-C reaches it through us alone."""
        child = subprocess.Popen(  # noqa: S603
            command, stdout=stdout, text=True, start_new_session=True
        )
        self._children.append(child)
        return child

    def alive(self) -> bool:
        return not self._stopping and all(child.poll() is None for child in self._children)

    def wait(self) -> int:
        """Until a signal comes or a child ends; 0 or 1."""
        while self.alive():
            time.sleep(0.1)
        return 0 if self._stopping else 1

    def stop(self) -> None:
        """End every child, the youngest first."""
        for child in reversed(self._children):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
