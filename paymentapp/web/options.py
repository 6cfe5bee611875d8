"""What gunicorn's options may ask of the worker, and how many files it may open."""

from __future__ import annotations

import resource
from typing import Any

_OTHER_FILES = 512  # of the store, the providers, the webhooks that are sent


def check_options(cfg: Any, log: Any) -> None:
    """Allow as many open files as connections need, in this process and those that it forks.

    Raises SystemExit where an option asks for what the worker does not do.
    """
    if cfg.proxy_protocol != "off" or set(cfg.http_protocols) != {"h1"}:
        raise SystemExit("paymentapp: only HTTP/1.1 is served, without the PROXY protocol")
    wanted = cfg.worker_connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        log.warning("%d open files are allowed, and %d may be needed", hard, wanted)
        wanted = hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
