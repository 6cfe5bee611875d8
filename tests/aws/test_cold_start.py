"""How a function starts: what it imports, and how long that takes compared with a prototype."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import lambda_runtime
from tests.support.emulators import FAKE_ACCOUNT
from tests.support.pins import pins
from tests.support.service import ROOT

# What a handler in a single file does before its first request, and which libraries that takes.
PROTOTYPE = "import boto3, requests; boto3.resource('dynamodb')"
PROTOTYPES_LIBRARIES = {
    *("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six"),
    *("requests", "certifi", "charset-normalizer", "idna", "urllib3"),
}
OURS = "import paymentapp.aws_lambda"
# Of the prototype's start, at most. Why `api` may take more: docs/decisions/0044-cold-start.md.
LIMITS = {"api": 1.4, "dispatch": 0.9, "sweep": 0.95, "deliver": 0.95}
FUNCTIONS = tuple(LIMITS)
ROUNDS = 15
RUNS = 3  # of each case in a round; the shortest counts, since other load only ever adds time


def loaded(handler: str, **environ: str) -> set[str]:
    code = f"{OURS}, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=_environ(ROOT, handler) | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def _environ(path: Path, handler: str = "") -> dict[str, str]:
    mine = {"PATH": os.environ["PATH"], "PYTHONPATH": str(path), **FAKE_ACCOUNT}
    return mine | ({"_HANDLER": f"paymentapp.aws_lambda.{handler}"} if handler else {})


def test_each_function_loads_what_it_needs() -> None:
    api, dispatch, nothing = loaded("api"), loaded("dispatch"), loaded("")
    assert {"flask", "botocore.client"} <= api
    assert "botocore.client" in dispatch
    assert not {"boto3", "requests", "simulators", "cryptography", "joserfc"} & api
    assert not {"boto3", "flask", "marshmallow", "joserfc"} & dispatch
    assert not {"flask", "botocore", "requests"} & nothing  # without a handler nothing is built


# Of our modules, what each function does without until an event needs it.
UNUSED = {
    "api": ("services.dispatch.dispatcher", "services.erasures", "services.inbound.inbox"),
    "dispatch": ("services.payments", "services.events", "services.inbound.inbox"),
    "deliver": ("services.dispatch.dispatcher", "services.payments", "services.inbound.inbox"),
}
USED_BY_THE_SWEEP_ALONE = ("worker.sweeper", "services.dispatch.funds_watch", "worker.threaded")


@pytest.mark.parametrize("handler", UNUSED)
def test_no_function_loads_what_only_others_use(handler: str) -> None:
    names = {f"paymentapp.{name}" for name in (*UNUSED[handler], *USED_BY_THE_SWEEP_ALONE)}
    assert names & loaded(handler) == set()


@pytest.mark.parametrize(
    ("handler", "service"),
    [
        ("api", "services.payments"),
        ("dispatch", "worker.timeboxed_dispatch"),
        ("sweep", "worker.sweeper"),
        ("deliver", "services.outbound.deliverer"),
    ],
)
def test_what_every_event_needs_is_loaded_before_the_first(handler: str, service: str) -> None:
    assert f"paymentapp.{service}" in loaded(handler)


def test_where_tokens_are_accepted_the_api_loads_their_library_before_a_request() -> None:
    issuer = {"PAYMENTAPP_OIDC_ISSUER": "https://id.example", "PAYMENTAPP_OIDC_AUDIENCE": "api"}
    assert "joserfc.jwt" in loaded("api", **issuer)
    assert "joserfc" not in loaded("dispatch", **issuer)


def seconds(python: str, code: str, path: Path, handler: str = "") -> float:
    """Return the processor time of a fresh process, which depends least on other load.

    With `-P` and `-s` only modules below `path` are found, wherever this runs.
    """
    process = subprocess.Popen([python, "-P", "-s", "-c", code], env=_environ(path, handler))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
def test_a_cold_start_is_not_much_slower_than_the_prototypes(tmp_path: Path) -> None:
    """Compare the zip's content with a prototype's libraries, both compiled, on Lambda's Python.

    Both include a DynamoDB client. Each round runs every case once, in another order, so that other
    load on the machine affects both sides of the round's ratio. The result is the median ratio.
    """
    code = lambda_runtime.unpacked(tmp_path)
    cases = {
        "prototype": (PROTOTYPE, prototypes_libraries(code.python, tmp_path / "prototype"), "")
    }
    cases |= {name: (OURS, code.path[0], name) for name in FUNCTIONS}
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for round_ in range(-1, ROUNDS):  # one before, which fills the page cache
        order = list(cases)
        turn = round_ % len(order)
        for name in order[turn:] + order[:turn]:
            spent = min(seconds(code.python, *cases[name]) for _ in range(RUNS))
            if round_ >= 0:
                taken[name].append(spent)
    for name in FUNCTIONS:
        ratios = [a / b for a, b in zip(taken[name], taken["prototype"], strict=True)]
        first, median, third = statistics.quantiles(ratios, n=4)
        milliseconds = 1000 * statistics.median(taken[name])
        print(f"{name}: {milliseconds:.0f} ms, {median:.2f} ({first:.2f} to {third:.2f})")
        assert median <= LIMITS[name], name


def prototypes_libraries(python: str, folder: Path) -> Path:
    """Install the prototype's libraries in our versions, with bytecode compiled as ours is."""
    pinned = pins("requirements.txt")
    wanted = [str(pinned[name].requirement) for name in sorted(PROTOTYPES_LIBRARIES)]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-compile", "--only-binary=:all:", "--python-version=3.12"),
            *(f"--target={folder}", *wanted),
        ],
        check=True,
    )
    subprocess.run(
        [python, "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash", folder], check=True
    )
    return folder
