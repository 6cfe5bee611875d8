"""The zip for Lambda: the same bytes each time, small, and without what Lambda does not need."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from tests.support import lambda_runtime

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        lambda_runtime.builder().find_python() is None, reason="there is no Python 3.12"
    ),
]
UNCHECKED_HASH = 0b01  # PEP 552: the flags of a pyc that is taken without a look at its source


@pytest.fixture(scope="module", params=["arm64", "x86_64"])
def zips(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Built twice, in folders of their own."""
    paths = [tmp_path_factory.mktemp("build") / "lambda.zip" for _ in range(2)]
    for path in paths:
        assert f"MB, for {request.param}" in lambda_runtime.build(path, "--arch", request.param)
    return paths


def test_it_is_the_same_to_the_byte(zips: list[Path]) -> None:
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in zips)
    assert first == second


def test_what_is_in_it(zips: list[Path]) -> None:
    assert zips[0].stat().st_size < 15_000_000
    with zipfile.ZipFile(zips[0]) as archive:
        names = archive.namelist()
        pyc = archive.read("paymentapp/__pycache__/aws_lambda.cpython-312.pyc")
    assert {name for name in names if name.endswith(".py")} == {
        _source(name) for name in names if name.endswith(".pyc")
    }
    assert int.from_bytes(pyc[4:8], "little") == UNCHECKED_HASH
    for unwanted in ("gunicorn", "flask_swagger_ui", "boto3", "paymentapp/simulator", "tests"):
        assert not any(name.startswith(f"{unwanted}/") for name in names), unwanted


def _source(name: str) -> str:
    folder, _, file = name.rpartition("__pycache__/")
    return f"{folder}{file.partition('.')[0]}.py"
