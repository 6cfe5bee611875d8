"""The package's metadata, and that its build inputs exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from importlib.resources import files
from pathlib import Path

import pytest

from tests.support.service import ROOT

PINNED = re.compile(r"^([A-Za-z0-9._-]+)==[^=<>~ ]+$")


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def pins(name: str) -> dict[str, str]:
    """Return the pinned packages of a requirements file, by their normalized names (PEP 503)."""
    matches = [PINNED.match(line) for line in wanted(name)]
    return {normalized(match[1]): match[0] for match in matches if match}


def wanted(name: str) -> list[str]:
    """Return the lines of a requirements file that name a package."""
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_it_is_licensed_under_apache_2(setup: ConfigParser) -> None:
    assert setup["metadata"]["license_expression"] == "Apache-2.0"
    text = (ROOT / setup["metadata"]["license_files"]).read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "Copyright 2026 The paymentapp authors" in text


def test_it_is_typed(setup: ConfigParser) -> None:
    assert setup["options.package_data"]["paymentapp"] == "py.typed"
    assert (files("paymentapp") / "py.typed").is_file()


def test_the_image_is_built_from_all_that_the_package_is(setup: ConfigParser) -> None:
    needed = {"README.md", setup["metadata"]["license_files"], "setup.cfg", "pyproject.toml"}
    copied = (ROOT / "Dockerfile").read_text()
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert all(f" {name} " in copied and f"!{name}" in kept for name in needed)


def test_the_wheel_holds_the_service_and_no_simulator(tmp_path: Path) -> None:
    """Build it from a copy of the image's build inputs, with the pinned build backend."""
    source = tmp_path / "source"
    for name in ("README.md", "LICENSE", "setup.cfg", "pyproject.toml"):
        source.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source)
    for package in ("paymentapp", "simulators"):
        shutil.copytree(ROOT / package, source / package)
    build = "from setuptools import build_meta; print(build_meta.build_wheel('..'))"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(tmp_path / done.stdout.splitlines()[-1]) as wheel:
        names = wheel.namelist()
    assert "paymentapp/services/dispatch/dispatcher.py" in names
    assert "paymentapp/py.typed" in names
    assert not [name for name in names if "simulator" in name and "run_simulators" not in name]


def test_the_services_image_is_the_last_stage_and_copies_no_simulator() -> None:
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    assert stages[-1].split() == ["service"]
    (service,) = (stage for stage in stages if " AS service\n" in stage)
    assert "simulators" not in service.split("\n\n#")[0]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_is_pinned_once(name: str) -> None:
    assert [line for line in wanted(name) if not PINNED.match(line)] == []
    assert len(pins(name)) == len(wanted(name))


def test_what_the_package_asks_for_is_pinned(setup: ConfigParser) -> None:
    asked = re.findall(r"^[A-Za-z0-9._-]+", setup["options"]["install_requires"], re.MULTILINE)
    assert {normalized(name) for name in asked} <= pins("requirements.txt").keys()


def test_the_image_and_the_zip_can_verify_access_tokens(setup: ConfigParser) -> None:
    """Check that the extra is pinned among what both are built from."""
    asked = re.findall(r"^[a-z]+", setup["options.extras_require"]["oidc"], re.MULTILINE)
    assert asked == ["joserfc"]
    assert set(asked) <= pins("requirements.txt").keys()


def test_the_checks_run_on_the_libraries_of_the_service() -> None:
    both = pins("requirements.txt").keys() & pins("requirements-dev.txt").keys()
    runtime, checks = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: checks[name] for name in both} == {name: runtime[name] for name in both}
