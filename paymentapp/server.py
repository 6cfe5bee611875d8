"""A web process: the application, and the worker unless it is switched off."""

from __future__ import annotations

import atexit
import logging
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from paymentapp import create_app
from paymentapp._version import __version__
from paymentapp.bootstrap import Services, build_services
from paymentapp.config import PROXY, load_settings
from paymentapp.errors import SettingsError
from paymentapp.logs import JSON, LogSettings
from paymentapp.loopback import is_loopback
from paymentapp.masking import scrubbed
from paymentapp.metrics import open_metrics
from paymentapp.rate_limits.counters import inherited_counters
from paymentapp.tracing import open_tracing
from paymentapp.variables import Variables

if TYPE_CHECKING:
    from flask import Flask

    from paymentapp.worker.webhook_process import WebhookProcess

log = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def serving_app() -> Flask:
    """Return the application of one web process, with its worker started.

    Call it in the process that serves, after any fork. The worker stops when the process exits;
    where a thread that the service needs has failed, the process ends itself.
    """
    start_logging()
    settings = load_settings()
    tracing = open_tracing(settings.variables)
    services = build_services(
        settings,
        metrics=open_metrics(settings),
        tracing=tracing,
        counters=inherited_counters(),
    )
    app = create_app(services)
    if settings.console:
        from paymentapp.console import register_console

        register_console(app)
    if services.settings.dispatcher:
        services.worker.start(_webhook_process(services))
    services.supervisor.start()
    atexit.register(stop, services)
    return app


def _webhook_process(services: Services) -> WebhookProcess:
    """Return what delivers webhooks outside of this process, which serves requests."""
    from paymentapp.metrics.processes import forget_process
    from paymentapp.worker.webhook_process import WebhookProcess

    return WebhookProcess(
        services.deliverer,
        services.store,
        services.clock,
        pause=services.settings.sweep_seconds,
        on_end=forget_process if services.settings.metrics else lambda _pid: None,
    )


def log_start(services: Services, addresses: Sequence[str]) -> None:
    """Log what a service serves on the addresses, and by which account each method pays."""
    settings, tokens = services.settings, services.access_tokens
    keys = "API keys" + (f" and access tokens of {tokens.issuer}" if tokens else "")
    log.info(
        "paymentapp %s serves %s from %s; authentication: %s; dispatching: %s",
        __version__,
        ", ".join(addresses),
        services.store.description,
        keys if settings.auth else "none",
        "on" if settings.dispatcher else "off (`paymentapp worker` has to run)",
    )
    log_providers(services)


def log_providers(services: Services) -> None:
    """Log by which account each method pays."""
    for name, provider in services.providers.items():
        missing = "" if provider.configured else ", not configured"
        log.info("payments by %s: %s%s", name, provider.description, missing)


def stop(services: Services) -> None:
    """Stop the worker, which finishes or leaves its work, then release connections."""
    services.supervisor.stop()
    services.worker.stop()
    services.close()


def start_logging(environ: Mapping[str, str] | None = None) -> None:
    """Log to standard error: our own loggers by the settings, others from WARNING on.

    The security log is written at any level. As JSON, lines of gunicorn are too, and those that go
    to a handler which is there already, as under Lambda. Raises SettingsError.
    """
    settings = Variables(dict(os.environ if environ is None else environ)).load(LogSettings)
    formatter = _formatter(settings.format)
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    level: int = getattr(logging, settings.level)
    logging.getLogger("paymentapp").setLevel(level)
    logging.getLogger("paymentapp.security").setLevel(min(level, logging.INFO))
    if settings.format == JSON:
        for other in (*logging.getLogger().handlers, *logging.getLogger("gunicorn.error").handlers):
            other.setFormatter(formatter)
    # What LOG_FORMAT does not show is not looked up: a quarter of the cost of a line, as in
    # https://docs.python.org/3/howto/logging.html#optimization.
    logging._srcfile = None  # the documented switch
    logging.logThreads = logging.logMultiprocessing = False


def _formatter(name: str) -> logging.Formatter:
    if name != JSON:
        return LineFormatter(LOG_FORMAT)
    from paymentapp.logs.json_lines import JsonLines

    return JsonLines()


class LineFormatter(logging.Formatter):
    """Formats the date and time of a line once a second: that takes as long as the rest of it."""

    _second: tuple[int, str] = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without e-mail addresses and keys."""
        return scrubbed(super().format(record))

    def formatTime(self, record: logging.LogRecord, _datefmt: str | None = None) -> str:  # noqa: N802
        """Return the local time of a record, with milliseconds."""
        second, text = self._second  # one read: several threads may format at once
        if second != int(record.created):
            second = int(record.created)
            text = time.strftime(self.default_time_format, self.converter(second))
            self._second = second, text
        return f"{text},{int(record.msecs):03}"


def check_access(services: Services, host: str, *, certificate: bool = False) -> None:
    """Raise SettingsError where anybody on a network could call the service, or read it.

    Loopback needs nothing; another address needs authentication, an API key or an OIDC issuer, and
    TLS: by a certificate of the server's own, or by a proxy. The message says what to do.
    """
    if is_loopback(host):
        return
    if not services.settings.auth:
        raise SettingsError(
            f"PAYMENTAPP_AUTH is off, so {host} would let anybody pay out money: "
            "switch it on, or listen on 127.0.0.1"
        )
    if services.access_tokens is None:
        _check_keys(services, host)
    if not certificate and services.settings.tls != PROXY:
        raise SettingsError(
            f"nothing encrypts connections to {host}, and they contain credentials: set "
            "PAYMENTAPP_TLS=proxy where a proxy in front does (deploy/proxy), give gunicorn "
            "--certfile and --keyfile, or listen on 127.0.0.1"
        )


def _check_keys(services: Services, host: str) -> None:
    now = services.clock()
    if not any(key.is_valid(now) for key in services.api_keys.list()):
        raise SettingsError(
            f"there is no valid API key, so nobody could use the service on {host}: "
            "make one with `paymentapp keys create NAME`, then start again"
        )
