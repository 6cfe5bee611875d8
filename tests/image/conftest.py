"""The images of the service and of the simulators, built once for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import Podman, podman
from tests.support.service import ROOT

CANARY = "canary-7f3a9c51-of-a-working-copy"
PLANTED = (
    *(".env", "my.env", ".git/config", "var/paymentapp.db", "deploy/secret.tfvars"),
    *("paymentapp/.env", "paymentapp/providers/credentials.json", "simulators/.env"),
)


@pytest.fixture(scope="session")
def pods() -> Iterator[Podman]:
    with podman() as made:
        yield made


@pytest.fixture(scope="session")
def base(pods: Podman) -> str:
    return pods.base()


@pytest.fixture(scope="session")
def image(pods: Podman, base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of the service's image, built in a working copy with secrets in it."""
    context = tmp_path_factory.mktemp("context")
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            _copy(ROOT / line[1:], context / line[1:])
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, context)
    for name in PLANTED:
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(CANARY)
    pods.build(context, "paymentapp", base)
    pods.build(context, "simulators", base, "--target=simulators")
    return "localhost/paymentapp"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
