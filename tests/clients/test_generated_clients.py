"""Clients that callers generate from the OpenAPI document are typed right, and pay somebody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import ROOT, Service, running_service

HERE = Path(__file__).parent
NODE = ROOT / ".tools/openapi"
PYTHON = ROOT / ".tools/openapi-python-client/bin"

# The generator knows no bodies in CSV: it is told to send them as bytes.
SETTINGS = """\
package_name_override: payments_client
content_type_overrides:
  text/csv: application/octet-stream
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (NODE / ".installed").exists() and "CI" not in os.environ,
        reason="the generators are not installed: `make clients` does it, with npm",
    ),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def folder(service: Service, tmp_path: Path) -> Path:
    """Return a folder with the programs that pay, and the OpenAPI document."""
    for name in ("pay_in_python.py", "pay_in_typescript.ts", "tsconfig.json"):
        shutil.copy(HERE / name, tmp_path)
    shutil.copy(NODE / "package.json", tmp_path)
    with urllib.request.urlopen(f"{service.url}/openapi.json", timeout=30) as document:
        (tmp_path / "openapi.json").write_bytes(document.read())
    return tmp_path


def run(folder: Path, *command: object) -> None:
    """Run a command, which has to succeed."""
    search = os.pathsep.join([str(PYTHON), os.environ["PATH"]])  # the generator formats by ruff
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | {"PATH": search},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_generated_python_client_pays(service: Service, folder: Path) -> None:
    (folder / "settings.yaml").write_text(SETTINGS)
    generator = [PYTHON / "openapi-python-client", "generate", "--path", "openapi.json"]
    options = ["--meta", "none", "--output-path", "payments_client", "--config", "settings.yaml"]
    run(folder, *generator, *options, "--fail-on-warning")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    run(folder, *mypy, "--python-executable", PYTHON / "python", "pay_in_python.py")
    run(folder, PYTHON / "python", "pay_in_python.py", service.url)


def test_a_typescript_client_of_generated_types_pays(service: Service, folder: Path) -> None:
    (folder / "node_modules").symlink_to(NODE / "node_modules")
    tools = NODE / "node_modules/.bin"
    run(folder, tools / "openapi-typescript", "openapi.json", "--output", "schema.ts")
    run(folder, tools / "tsc", "--project", ".")
    run(folder, "node", "out/pay_in_typescript.js", service.url)
