"""How a function starts: what it imports, and how long that takes beside a prototype's handler."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.emulators import FAKE_ACCOUNT
from tests.support.service import ROOT

# What a handler in a single file does before its first request.
PROTOTYPE = "import boto3, requests; boto3.resource('dynamodb')"
OURS = "import paymentapp.aws_lambda"
ROUNDS = 9


def environ(handler: str = "") -> dict[str, str]:
    mine = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **FAKE_ACCOUNT}
    return mine | ({"_HANDLER": f"paymentapp.aws_lambda.{handler}"} if handler else {})


def loaded(handler: str) -> set[str]:
    code = f"{OURS}, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ(handler),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_each_function_loads_what_it_needs() -> None:
    api, dispatch, nothing = loaded("api"), loaded("dispatch"), loaded("")
    assert {"flask", "botocore.client"} <= api
    assert "botocore.client" in dispatch
    assert not {"boto3", "requests", "paymentapp.simulator", "cryptography"} & api
    assert not {"boto3", "flask", "marshmallow"} & dispatch
    assert not {"flask", "botocore", "requests"} & nothing  # without a handler nothing is built


def seconds(code: str, handler: str) -> float:
    """Processor time of a fresh process: what else this machine does counts the least there."""
    process = subprocess.Popen([sys.executable, "-c", code], env=environ(handler))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
def test_a_cold_start_is_no_slower_than_the_prototypes() -> None:
    """Client included; the shortest of several turns, taken in turn. The API's function loads
    Flask and marshmallow besides, and is about level: `make lambda`'s trimmed data, which is not
    measured here, takes it the rest of the way."""
    cases = {"prototype": (PROTOTYPE, ""), **{h: (OURS, h) for h in ("api", "dispatch", "sweep")}}
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, case in cases.items():
            taken[name].append(seconds(*case))
    best = {name: min(times) for name, times in taken.items()}
    ratios = {name: best[name] / best["prototype"] for name in cases}
    print({name: f"{best[name] * 1000:.0f} ms, {ratios[name]:.2f}" for name in cases})
    assert ratios["dispatch"] <= 1.0
    assert ratios["sweep"] <= 1.0
    assert ratios["api"] <= 1.25
