"""Our functions under the AWS Lambda runtime: its interface emulator, Python client, our zip."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.service import ROOT, children, free_port

TOOLS = ROOT / ".tools" / "lambda"
EMULATOR = TOOLS / "aws-lambda-rie"
START_SECONDS = 30
ARCHITECTURE = "arm64" if platform.machine() == "aarch64" else "x86_64"  # as Lambda says it


@dataclass(frozen=True)
class Code:
    """The location of a function's code, and the Python that runs it."""

    python: str
    version: str
    path: list[Path]


def missing() -> str | None:
    """Return what keeps the runtime from running here."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "AWS's runtime interface emulator is here for Linux on x86_64 alone"
    if not EMULATOR.exists():
        return "AWS's runtime is not there: tests/support/lambda_tools.sh fetches it"
    return None


def lambdas_python() -> str:
    """Return the path of a Python 3.12; without one, skip the test, or fail it in CI."""
    python = builder().find_python()
    if python is None:
        reason = "there is no Python 3.12, which is Lambda's: make lambda says where to get it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    found: str = python
    return found


def builder() -> ModuleType:
    """Return the script behind `make lambda`, as a module."""
    path = ROOT / "deploy" / "aws" / "build_lambda.py"
    spec = importlib.util.spec_from_file_location("build_lambda", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(output: Path, *options: str) -> str:
    """Run the script; returns its output."""
    script = ROOT / "deploy" / "aws" / "build_lambda.py"
    done = subprocess.run(
        [sys.executable, script, "--output", output, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def unpacked(folder: Path) -> Code:
    """Build the zip for this machine and unpack it, with a Python 3.12."""
    python = lambdas_python()
    build(folder / "lambda.zip", "--arch", ARCHITECTURE)
    with zipfile.ZipFile(folder / "lambda.zip") as archive:
        archive.extractall(folder / "task")
    return Code(python, "3.12", [folder / "task"])


def deployable(path: Path) -> str:
    """Write code that the AWS emulator can run, and return its description.

    The emulator runs Python functions as processes of its own interpreter (emulator.sh): where that
    is Lambda's version, it gets the zip of `make lambda`, else our sources and the installed
    libraries.
    """
    if os.environ.get("CI"):
        lambdas_python()
    if builder().find_python() is not None:
        return f"the zip of make lambda, {build(path, '--arch', ARCHITECTURE).strip()}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sorted((ROOT / "paymentapp").rglob("*")):
            if source.is_file() and source.suffix != ".pyc":
                archive.write(source, source.relative_to(ROOT))
    return "the sources alone: there is no Python 3.12"


@dataclass(frozen=True)
class Function:
    """A running function that answers events."""

    url: str
    log: Path

    def invoke(self, event: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(self.url, data=json.dumps(event).encode())
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.loads(answer.read())


@contextmanager
def running(
    handler: str, code: Code, environ: Mapping[str, str], folder: Path
) -> Iterator[Function]:
    """Start the emulator with one handler on a loopback port, and stop both."""
    port, runtime_port = free_port(), free_port()
    log = folder / f"{handler}.log"
    path = [*code.path, TOOLS / f"runtime-{code.version}"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                *(EMULATOR, "--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
                *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
                *(code.python, "-m", "awslambdaric", f"paymentapp.aws_lambda.{handler}"),
            ],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(map(str, path)),
                "LAMBDA_TASK_ROOT": str(code.path[0]),
                "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
                "_HANDLER": f"paymentapp.aws_lambda.{handler}",
                **environ,
            },
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        _wait(process, port, log)
        yield Function(url, log)
    finally:
        runtimes = children(process.pid)
        process.kill()
        process.wait(10)
        for runtime in runtimes:
            with suppress(ProcessLookupError):
                os.kill(runtime, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the emulator does not answer: {log.read_text()}")
