"""The zip for Lambda: reproducible, small, and complete."""

from __future__ import annotations

import hashlib
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support import lambda_runtime
from tests.support.service import ROOT

UNCHECKED_HASH = 0b01  # PEP 552: the flags of a pyc that is taken without a look at its source
LIMIT = 16_000_000
# Imports every module of the packages that are named, and says what cannot be. An adapter to what
# we do not have is none of ours: all that it misses is of packages that are not named.
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
tried, missing = 0, []
for top in sys.argv[2:]:
    package = importlib.import_module(top)
    for module in pkgutil.walk_packages(package.__path__, f"{top}."):
        tried += 1
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name == "prometheus_client":  # of servers: a function has no port to scrape
                continue
            if top == "paymentapp" or error.name.partition(".")[0] in sys.argv[2:]:
                missing.append((module.name, error.name))
        except ImportError:
            if top == "paymentapp":
                raise
print(tried, *missing)
"""
# By the library's name in requirements.txt: what the trimmed or edited one still has to do.
USES = {
    "marshmallow": """
from marshmallow import ValidationError, fields
assert fields.Email().deserialize("ada@example.com") == "ada@example.com"
for wrong in ("ada", "ada@", "ada@-x-", "ada@example..com", "ada@example.com\\n"):
    try:
        fields.Email().deserialize(wrong)
    except ValidationError:
        continue
    raise AssertionError(wrong)
""",
    "joserfc": """
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
for key, algorithm in ((RSAKey.generate_key(2048), "RS256"), (ECKey.generate_key(), "ES256")):
    token = jwt.encode({"alg": algorithm}, {"sub": "ada"}, key)
    assert jwt.decode(token, key, algorithms=[algorithm]).claims == {"sub": "ada"}
""",
    "holidays": """
from datetime import date
from holidays.financial.federal_reserve import FederalReserve
assert date(2026, 11, 26) in FederalReserve(years=2026)
""",
    "python-stdnum": """
from stdnum.us import rtn
assert rtn.is_valid("021000021") and not rtn.is_valid("021000022")
""",
    "stripe": """
import stripe
client = stripe.StripeClient("sk_test_nobodys")
assert client.v1.transfers and client.v1.payouts and client.v1.accounts and client.v1.events
event = {"object": "event", "data": {"object": {"object": "issuing.card", "id": "ic_1"}}}
assert stripe.Event.construct_from(event, "sk").data.object.id == "ic_1"
""",
    "tzdata": """
import zoneinfo
zoneinfo.reset_tzpath([])
assert zoneinfo.ZoneInfo("America/New_York").key
""",
}


@pytest.fixture(scope="module", params=["arm64", "x86_64"])
def zips(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Build the zip twice, in separate folders."""
    lambda_runtime.lambdas_python()
    paths = [tmp_path_factory.mktemp("build") / "lambda.zip" for _ in range(2)]
    for path in paths:
        assert f"MB, for {request.param}" in lambda_runtime.build(path, "--arch", request.param)
    return paths


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> lambda_runtime.Code:
    return lambda_runtime.unpacked(tmp_path_factory.mktemp("lambda"))


@pytest.mark.slow
def test_it_is_the_same_to_the_byte(zips: list[Path]) -> None:
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in zips)
    assert first == second


@pytest.mark.slow
def test_what_is_in_it(zips: list[Path]) -> None:
    size = zips[0].stat().st_size
    print(f"{size:,} bytes")
    assert size < LIMIT
    with zipfile.ZipFile(zips[0]) as archive:
        names = archive.namelist()
        pyc = archive.read("paymentapp/aws_lambda/__pycache__/__init__.cpython-312.pyc")
    assert {name for name in names if name.endswith(".py")} == {
        _source(name) for name in names if name.endswith(".pyc")
    }
    assert int.from_bytes(pyc[4:8], "little") == UNCHECKED_HASH
    for unwanted in ("gunicorn", "flask_swagger_ui", "boto3", "simulators", "tests"):
        assert not any(name.startswith(f"{unwanted}/") for name in names), unwanted
    for unwanted in ("authlib", "paymentapp/console", "paymentapp/oidc/sign_in"):
        assert not any(name.startswith(unwanted) for name in names), unwanted


def _source(name: str) -> str:
    folder, _, file = name.rpartition("__pycache__/")
    return f"{folder}{file.partition('.')[0]}.py"


@pytest.mark.slow
def test_nothing_is_missing_that_is_imported(code: lambda_runtime.Code) -> None:
    (task,) = code.path
    trimmed = [name for name in lambda_runtime.builder().UNREACHED if (task / name).is_dir()]
    tried, *missing = _run(code, IMPORT_ALL, "paymentapp", *trimmed).split()
    assert missing == []
    assert int(tried) > 200


@pytest.mark.slow
@pytest.mark.parametrize("library", USES)
def test_a_trimmed_library_does_what_we_need_it_for(
    code: lambda_runtime.Code, library: str
) -> None:
    _run(code, f"import sys\nsys.path.insert(0, sys.argv[1])\n{USES[library]}")


def _run(code: lambda_runtime.Code, program: str, *arguments: str) -> str:
    """Run Lambda's Python with the zip's content only."""
    done = subprocess.run(
        [code.python, "-I", "-c", program, str(code.path[0]), *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_zip_describes_each_service_that_is_called() -> None:
    """Check that the service descriptions of botocore are those that the code uses."""
    sources = "".join(path.read_text() for path in (ROOT / "paymentapp").rglob("*.py"))
    called = set(re.findall(r'create_client\(\s*"([a-z0-9-]+)"', sources))
    assert "dynamodb" in called
    assert called <= lambda_runtime.builder().SERVICES
