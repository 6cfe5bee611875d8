"""The handlers as Lambda imports them: one service, built while the function starts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.emulators import FAKE_ACCOUNT
from tests.support.service import clean_environ

# Reports what is there after the import, as Lambda imports it, and then what each handler answers.
PROGRAM = """
import gc, json, sys
from paymentapp import aws_lambda

ready = aws_lambda._gateway.cache_info().currsize
client = "botocore.session" in sys.modules
collecting = gc.isenabled()
if sys.argv[1:]:
    from tests.support.lambda_events import LambdaContext, rest_event

    aws_lambda.services().store.create_tables()
    context = LambdaContext()
    answers = [
        aws_lambda.api(rest_event("GET", "/v1/api/payment/ada"), context)["statusCode"],
        aws_lambda.dispatch({"Records": []}, context),
        aws_lambda.sweep({}, context),
    ]
else:
    answers = []
print(json.dumps([ready, client, collecting, answers, aws_lambda.services.cache_info().misses]))
"""


def run(handler: str, *arguments: str, **environ: str) -> Any:
    """Return the report of a fresh process that imports the module for a handler."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=clean_environ() | {"_HANDLER": handler} | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_handlers_share_one_service(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/test.db"
    *_, answers, built = run("paymentapp.aws_lambda.api", "all", PAYMENTAPP_STORE=store)
    assert answers == [401, {"batchItemFailures": []}, {"steps": 0}]
    assert built == 1


@pytest.mark.parametrize(
    ("handler", "serves"), [("api", 1), ("dispatch", 0), ("sweep", 0), ("deliver", 0)]
)
def test_a_function_that_has_started_has_what_its_first_call_needs(
    handler: str, serves: int
) -> None:
    ready, client, collecting, _, built = run(f"paymentapp.aws_lambda.{handler}", **FAKE_ACCOUNT)
    assert (ready, client, collecting, built) == (serves, True, True, 1)


def test_an_import_by_anybody_else_builds_nothing() -> None:
    ready, client, collecting, _, built = run("another_module.api")
    assert (ready, client, collecting, built) == (0, False, True, 0)
