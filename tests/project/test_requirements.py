"""The requirements files are what setup.cfg and the *.in files ask for, with hashes.

All but the last test need no network. They follow the metadata of what is installed here from what
is asked for: so a pin that is missing, superfluous, or out of range is found without an index.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy import make_requirements
from tests.support.pins import pins, read
from tests.support.service import ROOT

FILES = [pinned.output for pinned in make_requirements.files()]
IMAGE, ZIP, BUILD = "requirements.txt", "deploy/aws/requirements.txt", "requirements-build.txt"
CHECKS = "requirements-dev.txt"
INSTALLED = (IMAGE, BUILD, CHECKS)  # into .venv
NO_PINS = {"paymentapp", "pip"}
SECONDS = 60
NO_INDEX = ("error sending request", "Failed to fetch", "timed out", "dns error")


def setup_cfg() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    return setup_cfg()


def asked(setup: ConfigParser, extras: Iterable[str] = ()) -> list[Requirement]:
    """Return what setup.cfg asks for, with some extras."""
    lines = setup["options"]["install_requires"].split("\n")
    for extra in extras:
        lines += setup["options.extras_require"][extra].split("\n")
    return [Requirement(line) for line in lines if line]


def wanted(name: str) -> list[Requirement]:
    """Return the requirements of an *.in file."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def closure(requirements: Iterable[Requirement]) -> dict[str, list[Requirement]]:
    """Return all that is needed here, by canonical name, with each requirement that asks for it."""
    found: dict[str, list[Requirement]] = {}
    todo = [(requirement, "") for requirement in requirements]
    seen = set()
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        found.setdefault(name, []).append(requirement)
        for each in {"", *requirement.extras}:
            if (name, each) not in seen:
                seen.add((name, each))
                todo += [(Requirement(line), each) for line in requires(name) or ()]
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes(name: str) -> None:
    found = read(name)
    assert found
    assert [pin.name for pin in found if not pin.hashes] == []


@pytest.mark.parametrize("name", FILES)
def test_every_package_is_pinned_once(name: str) -> None:
    here = [pin.name for pin in read(name) if pin.is_for_here]
    assert len(here) == len(set(here))
    assert all(pin.version for pin in read(name))


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        (IMAGE, make_requirements.IMAGE_EXTRAS),
        ("requirements-extras.txt", make_requirements.MORE_EXTRAS),
        (ZIP, make_requirements.LAMBDA_EXTRAS),
        (CHECKS, make_requirements.extras()),
    ],
)
def test_the_pins_are_what_setup_cfg_asks_for_and_what_that_needs(
    setup: ConfigParser, name: str, extras: tuple[str, ...]
) -> None:
    needed = closure(
        asked(setup, extras) + (wanted("requirements-dev.in") if name == CHECKS else [])
    )
    assert needed.keys() - {"paymentapp"} == pins(name).keys(), "run make requirements"
    for pin in pins(name).values():
        for requirement in needed[pin.name]:
            assert requirement.specifier.contains(pin.version, prereleases=True), str(requirement)


def test_every_extra_is_pinned_or_listed_as_not(setup: ConfigParser) -> None:
    every = set(setup["options.extras_require"])
    assert every == {*make_requirements.extras(), *make_requirements.UNPINNED_EXTRAS}


def test_the_image_can_serve_metrics_and_both_it_and_the_zip_can_verify_access_tokens() -> None:
    assert {"prometheus-client", "joserfc"} <= pins(IMAGE).keys()
    assert "joserfc" in pins(ZIP)
    assert "prometheus-client" not in pins(ZIP)


def test_files_that_are_used_together_pin_the_same_versions() -> None:
    for name, pin in pins(CHECKS).items():
        for other in (IMAGE, ZIP, BUILD, "requirements-extras.txt"):
            assert pins(other).get(name, pin) == pin


def test_what_is_installed_here_is_what_is_pinned() -> None:
    pinned = {name: pin.version for file in INSTALLED for name, pin in pins(file).items()}
    assert {name: _installed(name) for name in pinned} == pinned


@pytest.mark.skipif("CI" not in os.environ, reason="others may install what they like")
def test_nothing_else_is_installed() -> None:
    here = {canonicalize_name(each.name) for each in distributions()}
    assert here - NO_PINS == {name for file in INSTALLED for name in pins(file)}


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def test_what_builds_the_package_is_pinned() -> None:
    """The build backend is not downloaded unpinned: pip builds without isolation."""
    for name in ("Makefile", "Dockerfile"):
        text = (ROOT / name).read_text()
        assert "--no-build-isolation" in text
        assert "requirements-build.txt" in text


@pytest.mark.slow
@pytest.mark.parametrize("pinned", make_requirements.files(), ids=FILES)
def test_the_index_would_give_the_same_pins(
    pinned: make_requirements.Pinned, tmp_path: Path
) -> None:
    """An index may have got further files of a version since: their hashes may be missing."""
    _needs_uv()
    output = tmp_path / "requirements.txt"
    output.write_text((ROOT / pinned.output).read_text())
    done = subprocess.run(
        make_requirements.command(pinned, output),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode and any(text in done.stderr for text in NO_INDEX):
        pytest.skip("no package index answers")
    assert done.returncode == 0, done.stderr
    ours = {str(pin.requirement): pin.hashes for pin in read(pinned.output)}
    theirs = {str(pin.requirement): pin.hashes for pin in read(str(output))}
    assert ours.keys() == theirs.keys(), "run make requirements"
    assert all(hashes <= theirs[name] for name, hashes in ours.items())


def _needs_uv() -> None:
    if not make_requirements.UV.exists():
        reason = "no uv: make requirements installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
