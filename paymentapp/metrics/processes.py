"""The folder by which several processes share their metrics.

Prometheus's library has each process write its values to files named by its process id, and reads
all of them at a scrape: https://prometheus.github.io/client_python/multiprocess/. Gunicorn's master
makes the folder before it starts the first worker, and removes it when it ends.

The files are mapped into memory. A process that writes to a page for which the disk has no room is
ended by SIGBUS, so each process reserves the room before it begins (`reserve_room`).
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # the library's own
# Bytes of the files that a process has, by their kind: more than every route, operation and status
# can take. A test says so. The library would make a file larger that is full, and reserves nothing.
ROOM: Mapping[str, int] = {
    "histogram": 1 << 21,
    "counter": 1 << 18,
    "gauge_livemax": 1 << 16,
    "gauge_livesum": 1 << 16,
    "gauge_livemostrecent": 1 << 16,
}
_SUMS = ("histogram", "counter")  # what stays of a process that has ended
_PREFIX = "paymentapp-metrics-"
_OWNER = "owner"  # locked while a process lives that uses the folder
_READERS = "readers"  # locked while the files are read, or those of two processes are added up
_LOCK_SECONDS = 0.5

_ended = f"ended-{secrets.token_hex(4)}"  # the files of this master, apart from another's
_owned: dict[Path, int] = {}  # the open file of each folder's lock; a fork inherits it


def make_folder() -> Path | None:
    """Make an empty folder of this process's own, and have its children use it.

    None where the variable names a folder already: an operator shares it with other processes, such
    as `paymentapp worker`, and empties it before they start. Call this before the library is
    imported, which reads the variable then. Folders of processes that were killed are removed.
    """
    if os.environ.get(FOLDER_VARIABLE):
        return None
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))  # mode 0700
    _owned[folder] = _lock_of_owner(folder)
    (folder / _READERS).touch(mode=0o600)
    os.environ[FOLDER_VARIABLE] = str(folder)
    with suppress(OSError):  # tried again once it is needed
        for kind in _SUMS:
            _reserve(folder / f"{kind}_{_ended}.db", ROOM[kind])
    return folder


def reserve_room(name: str | int) -> None:
    """Reserve the room on disk for the files of a process. Raises OSError where there is none.

    Call this before the library opens the files of this process; those that are there are kept.
    """
    folder, made = Path(os.environ[FOLDER_VARIABLE]), []
    try:
        for kind, size in ROOM.items():
            file = folder / f"{kind}_{name}.db"
            if not file.exists():
                made.append(file)
                _reserve(file, size)
    except OSError:
        for file in made:
            file.unlink(missing_ok=True)
        raise


@contextmanager
def reading() -> Iterator[None]:
    """Hold off, for a moment, that the files of a process that has ended are added to others."""
    with _locked(fcntl.LOCK_SH):
        yield


def forget_process(pid: int) -> None:
    """Remove what a process that has ended reported of its present state.

    What it has counted is added to that of other processes that have ended: without it the sums
    would go down, and a file for each would make every scrape slower where processes end again and
    again. Where that is not possible now, its files stay as they are.
    """
    try:
        _forget(pid)
    except Exception as error:  # it must not end the master
        log.warning("metrics of the ended process %d stay as they are: %r", pid, error)


def remove_folder(folder: Path) -> None:
    """Remove a folder that `make_folder` has made."""
    os.environ.pop(FOLDER_VARIABLE, None)
    shutil.rmtree(folder, ignore_errors=True)
    os.close(_owned.pop(folder))


def _forget(pid: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call]
    with _locked(fcntl.LOCK_EX):
        for kind in _SUMS:
            _add_up(kind, pid)


def _reserve(file: Path, size: int) -> None:
    """Make a file that has its room on disk. Raises OSError, and leaves none then."""
    try:
        with file.open("xb") as opened:
            os.posix_fallocate(opened.fileno(), 0, size)
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _add_up(kind: str, pid: int) -> None:
    """Add the sums of an ended process to those that this process keeps, and remove its file."""
    from prometheus_client.mmap_dict import MmapedDict

    folder = Path(os.environ[FOLDER_VARIABLE])
    ended, kept = folder / f"{kind}_{pid}.db", folder / f"{kind}_{_ended}.db"
    if not ended.exists():
        return
    if not kept.exists():
        _reserve(kept, ROOM[kind])
    values = list(MmapedDict.read_all_values_from_file(str(ended)))  # type: ignore[no-untyped-call]
    sums = MmapedDict(str(kept))  # type: ignore[no-untyped-call]
    for key, value, *_ in values:
        sums.write_value(key, sums.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
    sums.close()  # type: ignore[no-untyped-call]
    ended.unlink()


@contextmanager
def _locked(how: int) -> Iterator[None]:
    """Lock the files of the folder. Raises OSError where another process does not let go of it."""
    end = time.monotonic() + _LOCK_SECONDS
    handle = os.open(Path(os.environ[FOLDER_VARIABLE]) / _READERS, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, how | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)
        yield
    finally:
        os.close(handle)


def _lock_of_owner(folder: Path) -> int:
    """Make the file that says that the folder is in use, and lock it before others can see it."""
    new = folder / f"{_OWNER}.new"
    handle = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    new.rename(folder / _OWNER)
    return handle


def _remove_abandoned() -> None:
    """Remove folders that a killed master has left, once none of its workers lives."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, another user's, or removed meanwhile
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            handle = os.open(folder / _OWNER, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                log.warning("metrics of a killed process removed: %s", folder)
            finally:
                os.close(handle)
