"""Gunicorn's settings, made from ours: `gunicorn -c python:paymentapp.gunicorn_conf wsgi:app`.

Threads, because a request mostly waits for the store; of our own worker class, because with
gunicorn's a client that sends slowly holds a thread (docs/decisions/0041-slow-clients.md).
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from paymentapp.config import load_settings
from paymentapp.metrics import processes
from paymentapp.rate_limits.counters import share_with_children

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

_settings = load_settings()
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = f"{_host}:{_settings.port}"
worker_class = "paymentapp.web.worker.BufferingWorker"
workers = _settings.workers
threads = _settings.threads
worker_connections = _settings.connections
timeout = 60
graceful_timeout = 10
keepalive = 75  # longer than the idle time-out of the load balancers in front (AWS ALB: 60 s)
limit_request_line = 4094
limit_request_field_size = 8190
loglevel = "warning"
sendfile = False  # answers go through the worker's own buffers
# No header decides where the application is mounted, which scheme or which path was asked for, not
# even from this machine or a Unix socket; and one with an underscore is dropped.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
header_map = "drop"
control_socket_disable = True  # whoever may write to it could stop the service

# Before the first worker starts, and before the library is imported: both read it.
_folder = processes.make_folder() if _settings.metrics else None
share_with_children()  # the counters of rate limits


def on_starting(server: Arbiter) -> None:
    """Stop before any worker starts where settings are wrong or access is not protected."""
    from paymentapp.bootstrap import build_services
    from paymentapp.declarations import warn_of_unknown
    from paymentapp.errors import PaymentAppError
    from paymentapp.metrics import check_library
    from paymentapp.providers.registry import check_settings
    from paymentapp.server import check_access, start_logging, stop
    from paymentapp.tracing import traces_are_on

    os.umask(0o077)  # a database and files for a bank hold what only this user may read
    services = None
    try:
        start_logging(_settings.variables.environ)
        warn_of_unknown(_settings.variables.environ)
        check_library(_settings)
        traces_are_on(_settings.variables)
        services = build_services(providers={})
        check_settings(_settings.variables)
        for address in server.cfg.address:
            if not isinstance(address, str):  # a text is the path of a Unix socket
                check_access(services, address[0], certificate=server.cfg.is_ssl)
    except PaymentAppError as error:
        raise SystemExit(f"paymentapp: {error}") from None
    finally:
        if services is not None:
            stop(services)


def when_ready(server: Arbiter) -> None:
    """Log what is served, where, and who pays; each worker says what is wrong with a setting."""
    from paymentapp.bootstrap import build_services
    from paymentapp.errors import PaymentAppError
    from paymentapp.server import log_start

    with suppress(PaymentAppError), closing(build_services()) as services:
        log_start(services, [str(each) for each in server.LISTENERS])


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Remove what a worker that has ended reported of its present state."""
    if _settings.metrics:
        processes.forget_process(worker.pid)


def on_exit(_server: Arbiter) -> None:
    """Remove the folder of metrics, which no process reads any more."""
    if _folder is not None:
        processes.remove_folder(_folder)
