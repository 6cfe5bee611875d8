"""The bill of materials, and the audit of what is pinned."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from deploy import audit_packages, make_sbom
from tests.support.pins import pins

FINE = {"name": "click", "version": "8.5.1", "vulns": []}
SKIPPED = {"name": "click", "skip_reason": "Dependency not found on PyPI"}
ADVISORY = {"id": "PYSEC-2026-1", "fix_versions": ["9.0"]}
VULNERABLE = {"name": "flask", "version": "3.1.3", "vulns": [ADVISORY]}


@pytest.mark.slow
def test_the_bill_of_materials_lists_what_is_pinned_and_fits_the_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not make_sbom.TOOLS.exists():
        reason = "no cyclonedx-py: make sbom installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    output = tmp_path / "sbom.json"
    monkeypatch.setattr("sys.argv", ["make_sbom", "--output", str(output)])  # as make calls it
    assert make_sbom.main() == 0  # it raises if the schema does not fit
    described = json.loads(output.read_text())
    listed = {each["purl"]: each.get("licenses") for each in described["components"]}
    pinned = pins("requirements.txt").values()
    libraries = {purl for purl in listed if not purl.startswith("pkg:npm/htmx.org@")}
    assert libraries == {f"pkg:pypi/{pin.name}@{pin.version}" for pin in pinned}
    assert len(listed) == len(libraries) + 1  # htmx is in the package itself
    assert [purl for purl, licences in listed.items() if not licences] == []
    assert described["metadata"]["component"]["name"] == "paymentapp"


@pytest.mark.parametrize(
    ("packages", "status"),
    [([FINE], 0), ([FINE, VULNERABLE], 1), ([FINE, SKIPPED], 0), ([VULNERABLE, SKIPPED], 1)],
)
def test_the_audit_fails_where_a_vulnerability_is_known(
    packages: list[dict[str, Any]], status: int
) -> None:
    assert audit_packages.report({"dependencies": packages}, required=True) == status


@pytest.mark.parametrize(("required", "status"), [(False, 0), (True, 3)])
def test_an_index_without_advisories_is_no_audit(
    required: bool, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit_packages.report({"dependencies": [SKIPPED]}, required=required) == status
    assert "nothing was audited" in capsys.readouterr().out
