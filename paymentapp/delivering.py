"""The process that delivers webhooks beside web processes: `python -m paymentapp.delivering OWNER`.

A web process starts it (`worker.webhook_process`), and says who owns its leases: one that is
started after another has ended need not wait for them. It ends when its standard input does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from paymentapp.bootstrap import Services, build_delivery, build_services
from paymentapp.config import load_settings
from paymentapp.metrics import open_metrics
from paymentapp.server import start_logging
from paymentapp.supervision import EXIT_STATUS
from paymentapp.tracing import open_tracing

NICENESS = 10  # requests come first where processors are short
STOP_SECONDS = 4.0  # for attempts in flight; less than the process that started this one waits
END_SECONDS = 10.0  # then it ends whatever hangs


def main() -> None:
    """Deliver webhooks until standard input ends, or SIGTERM."""
    os.umask(0o077)
    os.nice(NICENESS)
    stopping = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the process that started this one
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    start_logging()
    settings = load_settings()
    tracing = open_tracing(settings.variables)
    services = build_services(settings, metrics=open_metrics(settings), tracing=tracing)
    threading.Thread(target=_await_end_of_input, args=(stopping.set,), daemon=True).start()
    deliver(services, sys.argv[1], stopping)


def deliver(services: Services, owner: str, stopping: threading.Event) -> None:
    """Deliver until `stopping` is set; a thread that fails ends the process."""
    lanes, supervisor = build_delivery(services, owner)
    lanes.start()
    supervisor.start()
    stopping.wait()
    supervisor.stop()
    lanes.stop(time.monotonic() + STOP_SECONDS)
    services.close()


def _await_end_of_input(stop: Callable[[], object]) -> None:
    """Stop when the process that started this one closes the pipe, or is killed."""
    sys.stdin.buffer.read()
    stop()
    time.sleep(END_SECONDS)
    os._exit(EXIT_STATUS)


if __name__ == "__main__":
    main()
