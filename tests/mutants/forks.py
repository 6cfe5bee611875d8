"""Run pytest in forks of this process: what every run loads is loaded once, but for our own code.

A fork never sees another's modules, so that one can run with a module changed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple, NoReturn

import pytest

_LIBRARIES = (
    *("apispec", "boto3", "botocore.session", "certifi", "circuitbreaker", "click", "coverage"),
    *("cryptography.x509", "flask", "flask_smorest", "fsspec", "holidays", "hypothesis"),
    *("jsonschema", "marshmallow", "requests", "simplejson", "stripe", "webargs", "yaml"),
)


class Fork(NamedTuple):
    """A run that has begun; its result is written to a file."""

    pid: int
    result: Path
    ends: float  # monotonic seconds


class ChangedModule(MetaPathFinder):
    """Finds one module with another source."""

    def __init__(self, name: str, path: Path, source: bytes) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != self._name:
            return None
        return spec_from_file_location(name, self._path, loader=self._loader())

    def _loader(self) -> SourceFileLoader:
        source = self._source

        class Loader(SourceFileLoader):
            def get_code(self, fullname: str) -> CodeType:
                code: CodeType = compile(source, self.get_filename(fullname), "exec")
                return code

        return Loader(self._name, str(self._path))


def load_libraries() -> None:
    """Import what tests use beside our own code; a fork then has it at once."""
    for name in _LIBRARIES:
        importlib.import_module(name)


def fork(job: Callable[[], object], result: Path, seconds: float) -> Fork:
    """Run a job in a fork, without output; what it returns is written as JSON."""
    pid = os.fork()
    if pid == 0:
        _run(job, result)
    return Fork(pid, result, time.monotonic() + seconds)


def _run(job: Callable[[], object], result: Path) -> NoReturn:
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        result.write_text(json.dumps(job()))
    except BaseException:
        result.with_suffix(".log").write_text(traceback.format_exc())
    finally:
        os._exit(0)


def outcome(run: Fork) -> Any:
    """Return the result of a run that has ended, or that takes too long: None then; else `...`."""
    ended, _ = os.waitpid(run.pid, os.WNOHANG)
    if not ended:
        if time.monotonic() < run.ends:
            return ...
        os.killpg(run.pid, signal.SIGKILL)
        os.waitpid(run.pid, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)  # what its tests have left running
    text = run.result.read_text() if run.result.exists() else ""
    return json.loads(text) if text else None


def run_all(
    jobs: Sequence[tuple[Callable[[], object], float]], folder: Path, lanes: int
) -> Iterator[tuple[int, Any]]:
    """Run jobs in forks, so many at a time; yields the number and the result of each."""
    waiting = list(enumerate(jobs))[::-1]
    running: dict[int, Fork] = {}
    while waiting or running:
        while waiting and len(running) < lanes:
            number, (job, seconds) = waiting.pop()
            running[number] = fork(job, folder / f"{number}.json", seconds)
        for number, run in list(running.items()):
            found = outcome(run)
            if found is not ...:
                del running[number]
                yield number, found
        time.sleep(0.02)


def run_tests(arguments: Sequence[str], plugin: object) -> int:
    """Run pytest in this process."""
    options = ["-q", "-p", "no:cacheprovider", "-m", "not live and not slow"]
    return int(pytest.main([*options, *arguments], plugins=[plugin]))


def change_module(name: str, path: Path, source: bytes) -> None:
    """Let this process find a module with another source."""
    sys.meta_path.insert(0, ChangedModule(name, path, source))
