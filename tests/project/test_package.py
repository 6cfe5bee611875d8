"""The package's metadata, and that its build inputs exist."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from importlib.resources import files
from pathlib import Path

import pytest

from tests.support.service import ROOT


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_it_is_licensed_under_apache_2(setup: ConfigParser) -> None:
    assert setup["metadata"]["license_expression"] == "Apache-2.0"
    text = (ROOT / setup["metadata"]["license_files"]).read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "Copyright 2026 The paymentapp authors" in text


def test_it_is_typed(setup: ConfigParser) -> None:
    assert "py.typed" in setup["options.package_data"]["paymentapp"].split()
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
    console = ROOT / "paymentapp" / "console"
    for folder in ("templates", "static"):
        needed = [each for each in (console / folder).rglob("*") if each.is_file()]
        assert len(needed) > 2
        assert {each.relative_to(ROOT).as_posix() for each in needed} <= set(names)
    assert not [name for name in names if "simulator" in name and "run_simulators" not in name]


def test_the_services_image_is_the_last_stage_and_copies_no_simulator() -> None:
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    assert stages[-1].split() == ["service"]
    (service,) = (stage for stage in stages if " AS service\n" in stage)
    assert "simulators" not in service.split("\n\n#")[0]
