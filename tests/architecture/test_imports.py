"""The rules of the tree: who may import what, and where words and floats may stand."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import paymentapp

PACKAGE = Path(paymentapp.__file__).parent
LAMBDA_ENTRY = Path("aws_lambda.py")  # it reads a secret before there are settings
HTTP_HELPER = PACKAGE / "providers" / "http.py"


def modules(folder: Path = PACKAGE) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_services_know_no_web_no_database_and_no_provider() -> None:
    for path in modules(PACKAGE / "services"):
        strange = imports(path) & {"flask", "flask_smorest", "boto3", "botocore", "requests"}
        assert not strange, f"{path.name} imports {strange}"


def test_boto3_is_in_the_dynamodb_engine_and_the_lambda_entry_alone() -> None:
    for path in modules():
        if imports(path) & {"boto3", "botocore"}:
            inside = path.relative_to(PACKAGE)
            assert inside.parts[:2] == ("storage", "dynamodb") or inside == LAMBDA_ENTRY, path


def test_requests_is_in_the_providers_http_helper_alone() -> None:
    users = [path for path in modules() if "requests" in imports(path)]
    assert users == [HTTP_HELPER]


def test_the_simulator_stands_alone() -> None:
    for path in modules(PACKAGE / "simulator"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paymentapp"):
                assert (node.module or "").startswith("paymentapp.simulator"), path


def test_no_float_holds_an_amount() -> None:
    """No call of float() and no float-parsing JSON; what measures seconds is not money."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                timers = {"crew.py"} | {p.name for p in modules(PACKAGE / "simulator")}
                assert node.func.id != "float" or path.name in timers, f"{path}:{node.lineno}"


@pytest.mark.parametrize("name", ["paypal", "stripe", "ach"])
def test_one_provider_one_place(name: str) -> None:
    """A provider's name stands in its own files, the registry, PayPal's fixed settings and the
    wiring of the developer's simulators, and nowhere else."""
    allowed = {"config.py", "run.py", "dev.py", "registry.py"}
    word = re.compile(rf"(?<![a-z]){name}(?![a-z])")
    for path in modules():
        inside = path.relative_to(PACKAGE).parts
        if name in inside or inside[0] == "simulator" or path.name in allowed:
            continue
        names = {
            node.id.lower()
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Name)
        }
        assert not any(word.search(each) for each in names), path


def test_what_a_provider_can_do_is_asked_of_no_type() -> None:
    """Abilities are attributes: `isinstance` looks for each method of a protocol, each time."""
    assert [path for path in modules() if "runtime_checkable" in path.read_text()] == []


@pytest.mark.parametrize("heavy", ["boto3", "requests", "flask", "sqlite3", "cryptography"])
def test_nothing_is_built_at_import(heavy: str) -> None:
    """Importing the package loads no library that a part may never need."""
    code = f"import paymentapp, sys; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_module_opens_with_a_sentence() -> None:
    for path in modules():
        doc = ast.get_docstring(ast.parse(path.read_text()))
        assert doc, path
        assert doc.split("\n\n")[0].rstrip().endswith((".", ":")), path


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in modules()}
    assert {path.name: n for path, n in lengths.items() if n > 360} == {}


def test_cryptography_is_loaded_only_to_check_a_signature() -> None:
    """It costs time and memory: a service without webhooks never loads it."""
    code = (
        "import sys; from paymentapp import create_app; "
        "from paymentapp.bootstrap import build_services; "
        "from paymentapp.config import Settings; import paymentapp.simulator; "
        "create_app(build_services(Settings(paypal_webhook_id='W', store='sqlite:////tmp/none'))); "
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
