"""Rules of the source tree: imports, provider names, floats, class names, file lengths."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import paymentapp
from paymentapp.providers.registry import every_provider
from tests.architecture.measures import naming, repeated_class_names

PACKAGE = Path(paymentapp.__file__).parent
# The key service, the topic of events, and Lambda's secret, read before there are settings.
CALL_AWS = {
    Path("vault", "kms.py"),
    Path("messaging", "aws_client.py"),
    Path("aws_lambda", "secrets.py"),
}
HTTP_HELPER = PACKAGE / "providers" / "http.py"
CLOUD_TOKENS = PACKAGE / "storage" / "postgresql" / "tokens.py"
# Who else calls over HTTP, and why not by the helper, which is of the providers' layer: two
# documents an hour of the tokens' issuer; webhooks, whose addresses are checked at each connection;
# `paymentapp run`, which waits for what it starts; the cloud's own endpoint on this machine, past
# every proxy.
HTTP_BESIDES = {
    CLOUD_TOKENS,
    PACKAGE / "oidc" / "fetch.py",
    *(PACKAGE / "webhook_client" / name for name in ("client.py", "connections.py")),
    *(PACKAGE / "cli" / name for name in ("run.py", "run_simulators.py")),
}
PARSES_HEADERS = PACKAGE / "schemas" / "headers.py"  # urllib's parser of lists, which sends nothing
HTTP_CLIENTS = {"urllib.request", "http.client", "urllib3", "requests", "httpx", "aiohttp"}


def modules(folder: Path = PACKAGE) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.py"))


def imports(path: Path, *, whole: bool = False) -> set[str]:
    """Return the packages that a module imports, anywhere in it: top-level names, or whole ones."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found if whole else {name.partition(".")[0] for name in found}


def test_services_know_no_web_no_database_and_no_provider() -> None:
    for path in modules(PACKAGE / "services"):
        strange = imports(path) & {"flask", "flask_smorest", "boto3", "botocore", "requests"}
        assert not strange, f"{path.name} imports {strange}"


def test_boto3_is_in_the_dynamodb_engine_and_the_few_modules_that_call_aws_alone() -> None:
    for path in modules():
        if imports(path) & {"boto3", "botocore"}:
            inside = path.relative_to(PACKAGE)
            assert inside.parts[:2] == ("storage", "dynamodb") or inside in CALL_AWS, path


def test_psycopg_is_in_the_postgresql_engine_alone() -> None:
    users = {path.parent for path in modules() if "psycopg" in imports(path)}
    assert users == {PACKAGE / "storage" / "postgresql"}


def test_requests_is_in_the_providers_http_helper_and_for_tokens_of_clouds_alone() -> None:
    users = [path for path in modules() if "requests" in imports(path)]
    assert users == [HTTP_HELPER, CLOUD_TOKENS]


def test_few_modules_call_over_http() -> None:
    callers = {path for path in modules() if imports(path, whole=True) & HTTP_CLIENTS}
    assert callers == {HTTP_HELPER, *HTTP_BESIDES, PARSES_HEADERS}
    assert "from urllib.request import parse_http_list\n" in PARSES_HEADERS.read_text()


def test_tokens_are_verified_in_the_package_for_oidc_alone() -> None:
    users = {path.parent for path in modules() if "joserfc" in imports(path)}
    assert users == {PACKAGE / "oidc"}


def test_prometheus_is_in_the_package_for_metrics_alone() -> None:
    users = {path for path in modules() if "prometheus_client" in imports(path)}
    assert users == {PACKAGE / "metrics" / name for name in ("processes.py", "prometheus.py")}


def test_opentelemetry_is_in_the_module_for_it_alone() -> None:
    users = [path for path in modules() if "opentelemetry" in imports(path)]
    assert users == [PACKAGE / "tracing" / "otel.py"]


def test_libraries_of_files_are_each_in_the_module_of_their_format_alone() -> None:
    users = {path for path in modules() if imports(path) & {"xlsxwriter", "pyarrow"}}
    assert users == {PACKAGE / "exports" / name for name in ("xlsx.py", "parquet.py")}


def test_no_float_holds_an_amount() -> None:
    """Forbid float() and JSON parsing to floats; the module that measures seconds is exempt."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                times = path == PACKAGE / "worker" / "concurrency.py"
                assert node.func.id != "float" or times, f"{path}:{node.lineno}"


@pytest.mark.parametrize("name", every_provider())
def test_one_provider_one_place(name: str) -> None:
    """Allow a provider's name only in its own folder and in the registry.

    `run_simulators.py` starts the simulators of all. ACH is also the network whose files and rules
    `nacha` and `banking` implement, and by which another provider pays.
    """
    elsewhere = {"nacha", "banking"} if name == "ach" else set()
    beside = {"openach", "us_accounts.py"} if name == "ach" else set()
    for path in modules():
        folder, *rest = path.relative_to(PACKAGE).parts
        own = folder == "providers" and rest[0] in {name, f"{name}.py", "registry.py", *beside}
        if not own and folder not in elsewhere and path.name != "run_simulators.py":
            assert naming(name, path) == [], path


@pytest.mark.parametrize(
    "line",
    [
        "import shop.stripe",
        "from shop.stripe import x",
        "from shop import x as stripe",
        "class StripeThing: ...",
        "def stripe_thing(): ...",
        "def f(stripe): ...",
        "f(stripe=1)",
        "x.stripe_thing",
        "x = STRIPE_KEY",
        "x = 'by Stripe'",
        "x = f'{x} by stripe'",
        "'''What Stripe says.'''",
        "x = 'PAYMENTAPP_STRIPE_KEY'",
    ],
)
def test_a_providers_name_is_found_wherever_it_stands(tmp_path: Path, line: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(line)
    assert len(naming("stripe", module)) == 1


def test_what_only_sounds_like_a_provider_is_none(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("each = reach('striped', 'coach')  # a comment may name Stripe, if it must")
    assert naming("ach", module) + naming("stripe", module) == []


def test_what_a_provider_can_do_is_asked_of_no_type() -> None:
    """Require attributes: `isinstance` on a protocol looks up each of its methods, each time."""
    assert [path for path in modules() if "runtime_checkable" in path.read_text()] == []


@pytest.mark.parametrize(
    "heavy",
    [
        *("boto3", "requests", "flask", "sqlite3", "cryptography", "joserfc"),
        *("prometheus_client", "opentelemetry", "pythonjsonlogger", "xlsxwriter", "pyarrow"),
        "psycopg",
    ],
)
def test_nothing_is_built_at_import(heavy: str) -> None:
    """Import the package without loading libraries that not every process needs."""
    code = f"import paymentapp, sys; sys.exit({heavy!r} in sys.modules)"
    # `make coverage` would measure the process, and loads sqlite3 for it.
    unmeasured = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    ended = subprocess.run([sys.executable, "-c", code], env=unmeasured, check=False)
    assert ended.returncode == 0


def test_every_module_opens_with_a_sentence() -> None:
    for path in modules():
        doc = ast.get_docstring(ast.parse(path.read_text()))
        assert doc, path
        assert doc.split("\n\n")[0].rstrip().endswith((".", ":")), path


def test_a_class_name_stands_for_one_thing() -> None:
    assert repeated_class_names(PACKAGE) == {}


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in modules()}
    assert {path.name: n for path, n in lengths.items() if n > 360} == {}


def test_cryptography_is_loaded_only_to_check_a_signature() -> None:
    """Start without loading it: it costs time and memory; webhooks and tokens need it alone."""
    code = (
        "import sys; from paymentapp import create_app; "
        "from paymentapp.bootstrap import build_services; "
        "from paymentapp.config import load_settings; import simulators; "
        "environ = dict(PAYMENTAPP_PAYPAL_WEBHOOK_ID='W', PAYMENTAPP_STORE='sqlite:////tmp/none', "
        "PAYMENTAPP_OIDC_ISSUER='https://id.example', PAYMENTAPP_OIDC_AUDIENCE='a'); "
        "create_app(build_services(load_settings(environ))); "
        "sys.exit(bool({'cryptography', 'joserfc'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
