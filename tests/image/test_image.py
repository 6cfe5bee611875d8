"""The image of the Dockerfile: what is in it, that it pays, and that it stops in time."""

from __future__ import annotations

import ast
import json
import re
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.image.conftest import CANARY
from tests.support.containers import RESTRICTED, Podman
from tests.support.service import ROOT
from tests.support.worker_world import until

pytestmark = pytest.mark.slow

MEGABYTES = 160  # above the base image, uncompressed
STOP_SECONDS = 15  # graceful_timeout of gunicorn, and the end of its processes
SETTINGS = {
    "PAYMENTAPP_TLS": "proxy",
    "PAYPAL_BASE_URL": "http://127.0.0.1:8001",
    "PAYPAL_CLIENT_ID": "simulator",
    "PAYPAL_CLIENT_SECRET": "simulator",
}
OPTIONS = (
    *RESTRICTED,
    *(f"--env={name}={value}" for name, value in SETTINGS.items()),
    *("--network=container:simulators", "--volume=data:/var/lib/paymentapp"),
)


def sh(pods: Podman, image: str, script: str) -> str:
    """Return what a shell in a container of the image prints."""
    return pods.run("run", "--rm", "--network=none", *RESTRICTED, image, "sh", "-c", script)


@contextmanager
def started(pods: Podman, name: str, *arguments: str) -> Iterator[str]:
    pods.run("run", "--detach", f"--name={name}", *arguments)
    try:
        yield name
    finally:
        pods.run("rm", "--force", "--time=0", name)


@pytest.fixture(scope="module")
def simulators(pods: Podman, image: str) -> Iterator[str]:  # noqa: ARG001 - it builds both images
    command = ("python", "-m", "simulators", "--port", "8001")
    options = (*RESTRICTED, "--network=none", "--tmpfs=/var/lib/paymentapp")
    with started(pods, "simulators", *options, "localhost/simulators", *command) as name:
        yield name


@pytest.fixture(scope="module")
def key(pods: Podman, image: str, simulators: str) -> str:  # noqa: ARG001 - whose network it has
    """Return an API key, made as the first operator of an empty store makes it."""
    pods.run("run", "--rm", *OPTIONS, image, "paymentapp", "init")
    return pods.run("run", "--rm", *OPTIONS, image, "paymentapp", "keys", "create", "a").strip()


@contextmanager
def serving(pods: Podman, image: str) -> Iterator[str]:
    """Give a container that serves and is healthy by the image's own check."""
    with started(pods, "web", *OPTIONS, image) as name:
        until(lambda: pods.attempt("healthcheck", "run", name).returncode == 0, 30)
        yield name


def pay(pods: Podman, key: str, customer: str) -> dict[str, object]:
    environ = {"PAYMENTAPP_KEY": key, "PAYMENTAPP_URL": "http://127.0.0.1:8000", "WAIT": "20"}
    pods.inside("web", "curl/add_customer.sh", customer, **environ)
    paid = pods.inside("web", "curl/pay_customer.sh", customer, "12.50", "USD", **environ)
    found: dict[str, object] = json.loads(paid)
    return found


def test_it_runs_as_a_user_without_rights_and_says_how_to_check_it(
    pods: Podman, image: str
) -> None:
    found = pods.inspect("image", image)
    assert found["Config"]["User"] == "10001"
    assert found["Config"]["ExposedPorts"] == {"8000/tcp": {}}
    assert "/healthz" in str(found["Healthcheck"]["Test"])
    names = {each.partition("=")[0] for each in found["Config"]["Env"]}
    assert not {each for each in names if "SECRET" in each or "KEY" in each.replace("GPG_KEY", "")}


@pytest.mark.usefixtures("image")
@pytest.mark.parametrize("name", ["paymentapp", "simulators"])
def test_nothing_of_a_working_copy_is_in_any_layer(pods: Podman, name: str, tmp_path: Path) -> None:
    assert leaks(pods, f"localhost/{name}", tmp_path) == set()


def test_a_secret_that_a_later_layer_deletes_is_found(
    pods: Podman, image: str, tmp_path: Path
) -> None:
    steps = (
        "FROM localhost/paymentapp",
        "USER root",
        f"RUN echo {CANARY} > /opt/x",
        "RUN rm /opt/x",
    )
    (tmp_path / "Dockerfile").write_text("\n".join(steps))
    pods.build(tmp_path, "leaking", image)
    assert leaks(pods, "localhost/leaking", tmp_path) == {"opt/x"}


def leaks(pods: Podman, image: str, folder: Path) -> set[str]:
    """Look through every file of every layer, deleted ones too."""
    saved = folder / "image.tar"
    pods.run("save", f"--output={saved}", "--format=docker-archive", image, seconds=120)
    with tarfile.open(saved) as archive:
        layers = [each for each in archive if each.name.endswith(".tar") and each.isfile()]
        assert len(layers) > 2
        return {name for each in layers for name in _with_canary(archive.extractfile(each))}


def _with_canary(layer: IO[bytes] | None) -> Iterator[str]:
    with tarfile.open(fileobj=layer) as files:
        for each in files:
            opened = files.extractfile(each) if each.isfile() and each.size < 10_000_000 else None
            if opened is not None and CANARY.encode() in opened.read():
                yield each.name


def test_the_service_can_change_no_program_and_install_none(pods: Podman, image: str) -> None:
    others = "find /opt /srv ! -user root -o -perm /6022 ! -type l | head"
    assert sh(pods, image, others) == ""
    tools = "for each in pip gcc make git curl; do command -v $each; done; true"
    assert "/opt" not in sh(pods, image, tools)
    assert "no pip" in sh(pods, image, "python -c 'import pip' 2>/dev/null || echo no pip")


def test_only_its_folder_of_data_can_be_written(pods: Podman, image: str) -> None:
    script = (
        "for each in / /srv /opt/paymentapp /etc /var/lib/paymentapp /tmp; "
        "do touch $each/x 2>/dev/null && echo $each; done; true"
    )
    assert sh(pods, image, script).split() == ["/var/lib/paymentapp", "/tmp"]  # noqa: S108


def test_it_is_no_larger_than_it_was(pods: Podman, image: str, base: str) -> None:
    sizes = [pods.inspect("image", each)["Size"] for each in (image, base)]
    print(f"image: {sizes[0] / 1e6:.0f} MB, of which the base has {sizes[1] / 1e6:.0f} MB")
    assert sizes[0] - sizes[1] < MEGABYTES * 1_000_000


def test_it_has_the_libraries_that_the_deployments_need(pods: Podman, image: str) -> None:
    """Those of PostgreSQL, metrics, access tokens, and of scripts that the clouds run in it."""
    scripts = {
        (path.parent / name).resolve()
        for path in (ROOT / "deploy").glob("*/*.tf")
        for name in re.findall(r'file\("\$\{path\.module\}/(.+\.py)"\)', path.read_text())
    }
    assert scripts
    needed = {"prometheus_client", "joserfc", "rich"}.union(*map(imported, scripts))
    names = ", ".join(["psycopg", *sorted(needed - {"__future__", "deploy"})])
    assert sh(pods, image, f'python -c "import {names}; print(psycopg.pq.__impl__)"') == "binary\n"


def imported(script: Path) -> set[str]:
    """Return the packages that a script imports."""
    found = set()
    for each in ast.walk(ast.parse(script.read_text())):
        if isinstance(each, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in each.names}
        elif isinstance(each, ast.ImportFrom):
            found.add((each.module or "").partition(".")[0])
    return found


@pytest.mark.usefixtures("simulators")
def test_it_does_not_start_without_a_key(pods: Podman, image: str) -> None:
    empty = (*OPTIONS[:-1], "--volume=empty:/var/lib/paymentapp")
    pods.run("run", "--rm", *empty, image, "paymentapp", "init")
    done = pods.attempt("run", "--rm", *empty, image)
    assert done.returncode != 0
    assert "there is no valid API key" in done.stderr


def test_it_pays_somebody_and_stops_in_time(pods: Podman, image: str, key: str) -> None:
    with serving(pods, image) as name:
        assert pay(pods, key, "unixuser1")["status"] == "succeeded"
        begun = time.monotonic()
        pods.run("stop", f"--time={2 * STOP_SECONDS}", name)  # SIGTERM, then SIGKILL
        assert time.monotonic() - begun < STOP_SECONDS
        assert pods.inspect("container", name)["State"]["ExitCode"] == 0
        assert key not in pods.output(name)


def test_what_it_has_on_record_outlives_it(pods: Podman, image: str, key: str) -> None:
    with serving(pods, image):
        pay(pods, key, "unixuser2")
    with serving(pods, image) as name:
        environ = {"PAYMENTAPP_KEY": key, "PAYMENTAPP_URL": "http://127.0.0.1:8000"}
        listed = pods.inside(name, "curl/list_payments.sh", "unixuser2", **environ)
    assert '"amount":12.5' in listed


@pytest.mark.usefixtures("key")
def test_processes_that_hang_fail_the_health_check(pods: Podman, image: str) -> None:
    """Suspend all processes of the container but its first one, and the one that does it."""
    suspend = (
        "import os, signal\n"
        "for each in os.listdir('/proc'):\n"
        "    if each.isdigit() and int(each) not in (1, os.getpid()):\n"
        "        os.kill(int(each), signal.SIGSTOP)\n"
    )
    with serving(pods, image) as name:
        pods.run("exec", name, "python", "-c", suspend)
        assert pods.attempt("healthcheck", "run", name).returncode == 1
