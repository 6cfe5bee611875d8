"""One version number: the package, the command line, the API document and the changelog agree."""

from __future__ import annotations

import re
from importlib.metadata import version

from click.testing import CliRunner

from paymentapp import create_app
from paymentapp._version import __version__
from paymentapp.bootstrap import build_services
from paymentapp.cli import commands
from paymentapp.config import Settings
from tests.support.service import ROOT

RELEASE = re.compile(r"^## \[(?P<version>[^]]+)\] - (?P<date>\d{4}-\d\d-\d\d)$", re.MULTILINE)


def test_the_installed_package_has_the_version() -> None:
    assert version("paymentapp") == __version__


def test_the_command_line_prints_the_version() -> None:
    result = CliRunner().invoke(commands, ["--version"])
    assert result.output == f"paymentapp {__version__}\n"


def test_the_api_document_has_the_version() -> None:
    app = create_app(build_services(Settings(store="sqlite:///:memory:"), providers={}))
    document = app.test_client().get("/openapi.json").get_json()
    assert document["info"]["version"] == __version__


def test_the_newest_release_in_the_changelog_is_the_version() -> None:
    releases = RELEASE.findall((ROOT / "CHANGELOG.md").read_text())
    assert releases[0][0] == __version__
    assert releases == sorted(releases, key=lambda release: release[1], reverse=True)


def test_the_changelog_keeps_a_place_for_what_comes_next() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
