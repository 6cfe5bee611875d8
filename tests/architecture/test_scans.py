"""Only operators' commands read whole tables."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import paymentapp

PACKAGE = Path(paymentapp.__file__).parent
SCANS = {"scan_payments", "scan_batches"}
OPERATORS = "paymentapp.services.backoffice"


def names(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_only_an_operators_services_scan() -> None:
    users = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if names(path) & SCANS}
    assert {path.parent for path in users} == {Path("services", "backoffice")}


def test_only_a_command_puts_payments_of_earlier_versions_in_the_list() -> None:
    users = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}
    assert {path for path in users if "index_payments" in names(PACKAGE / path)} == {
        Path("cli", "payments.py")
    }


@pytest.mark.parametrize(
    "entry", ["paymentapp.api", "paymentapp.worker.threaded", "paymentapp.server"]
)
def test_no_request_and_no_dispatcher_reaches_a_service_that_scans(entry: str) -> None:
    code = (
        f"import sys, {entry}, paymentapp, paymentapp.bootstrap as bootstrap; "
        "paymentapp.create_app(bootstrap.build_services(providers={})); "
        "print(*[name for name in sys.modules if name.startswith('paymentapp.services.')])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(found.stdout.split())
    assert loaded
    assert not [name for name in loaded if name.startswith(OPERATORS)]
