"""The folder by which several processes share their metrics.

Prometheus's library has each process write its values to files named by its process id, and reads
all of them at a scrape: https://prometheus.github.io/client_python/multiprocess/. Gunicorn's master
makes the folder before it starts the first worker, and removes it when it ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # the library's own


def make_folder() -> Path | None:
    """Make an empty folder of this process's own, and have its children use it.

    None where the variable names a folder already: an operator shares it with other processes, such
    as `paymentapp worker`, and empties it before they start. Call this before the library is
    imported, which reads the variable then.
    """
    if os.environ.get(FOLDER_VARIABLE):
        return None
    folder = tempfile.mkdtemp(prefix="paymentapp-metrics-")  # mode 0700
    os.environ[FOLDER_VARIABLE] = folder
    return Path(folder)


def forget_process(pid: int) -> None:
    """Remove what a process that has ended reported of its present state.

    What it has counted stays: without it the sums would go down.
    """
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call]


def remove_folder(folder: Path) -> None:
    """Remove a folder that `make_folder` has made."""
    os.environ.pop(FOLDER_VARIABLE, None)
    shutil.rmtree(folder, ignore_errors=True)
