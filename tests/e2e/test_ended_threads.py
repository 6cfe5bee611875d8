"""A process of which a thread has ended ends itself, and its parent starts another."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.support.service import children, clean_environ, free_port

SECONDS = 60
# The first process of a folder has a sweeper whose thread ends; the next ones are sound.
BREAK = """
from pathlib import Path
from paymentapp.worker.sweeper import Sweeper

def end(sweeper):
    raise SystemExit

if not Path("broken").exists():
    Path("broken").touch()
    Sweeper.find_due = end
"""
SERVE = "from paymentapp.server import serving_app\napp = serving_app()\n"
WORK = 'from paymentapp.cli import commands\ncommands(["worker"])\n'


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    environ = clean_environ() | {
        "PAYMENTAPP_STORE": f"sqlite:///{tmp_path}/test.db",
        "PAYMENTAPP_AUTH": "off",
        "PAYMENTAPP_WORKERS": "1",
        "PORT": str(free_port()),
    }
    init = [sys.executable, "-m", "paymentapp", "init"]
    subprocess.run(
        init, env=environ, cwd=tmp_path, check=True, capture_output=True, timeout=SECONDS
    )
    return environ


@contextmanager
def running(
    folder: Path, environ: dict[str, str], *command: str
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command], env=environ, cwd=folder, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(SECONDS)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def health(environ: dict[str, str]) -> tuple[int, str]:
    try:
        answer = requests.get(f"http://127.0.0.1:{environ['PORT']}/healthz", timeout=10)
    except requests.RequestException:
        return 0, ""
    return answer.status_code, answer.json().get("detail", "")


def test_a_worker_whose_sweeper_ended_ends_itself(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "work.py").write_text(BREAK + WORK)
    with running(tmp_path, environ, "work.py") as process:
        assert process.wait(SECONDS) == 70
    said = (tmp_path / "log").read_text()
    assert "thread sweeper has ended: this process ends, to be started again" in said


def test_gunicorn_replaces_a_worker_whose_sweeper_ended(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    (tmp_path / "broken_wsgi.py").write_text(BREAK + SERVE)
    command = ("-m", "gunicorn", "-c", "python:paymentapp.gunicorn_conf", "broken_wsgi:app")
    with running(tmp_path, environ, *command) as master:
        until(lambda: health(environ) == (503, "thread sweeper has ended"))
        (first,) = children(master.pid)
        until(lambda: health(environ) == (200, ""))
        (second,) = children(master.pid)
        assert second != first
        assert master.poll() is None
