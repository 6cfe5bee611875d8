"""Podman without a daemon: build the image of the Dockerfile, and run it as a platform does.

Everything is in a folder of its own. Containers have no network but one that they share among
themselves; commands of this machine reach it by `inside`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import ROOT

REGISTRYS = "docker.io/library/python:3.12.12-slim-trixie"  # as the Dockerfile names it
OWN_BASE = ROOT / ".tools" / "image" / "base.tar"
BUILD_SECONDS = 420
MISSING = "no podman: tests/support/container_tools.sh installs it"
# As compose.yaml and deploy/kubernetes run it. The limits are below those of a machine on which
# even root may not raise them.
RESTRICTED = (
    *("--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges"),
    *("--ulimit=nofile=4096:4096", "--ulimit=nproc=512:512", "--memory=512m", "--pids-limit=200"),
)


class Podman:
    """Images and containers in a folder."""

    def __init__(self, folder: Path) -> None:
        runtime = shutil.which("runc", path=f"{os.environ['PATH']}:/usr/sbin")
        self._command = [
            *("podman", "--root", f"{folder}/store", "--runroot", f"{folder}/run"),
            *("--tmpdir", str(folder / "tmp"), "--storage-driver", "overlay"),
            *("--cgroup-manager", "cgroupfs", "--events-backend", "none"),
            *(("--runtime", runtime) if runtime and os.geteuid() == 0 else ()),
        ]

    def run(self, *arguments: str, seconds: float = 60, **options: Any) -> str:
        """Return what a command prints; it has to succeed."""
        done = self.attempt(*arguments, seconds=seconds, **options)
        assert done.returncode == 0, f"podman {arguments[0]}: {done.stdout}{done.stderr}"
        return done.stdout

    def attempt(
        self, *arguments: str, seconds: float = 60, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            **options,
        )

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self.run(kind, "inspect", name))
        return found[0]

    def base(self) -> str:
        """Return a base image: the Dockerfile's own, or one of Debian's packages.

        A registry that cannot be reached answers within seconds.
        """
        if self.attempt("pull", "--quiet", REGISTRYS, seconds=300).returncode == 0:
            return REGISTRYS
        if not OWN_BASE.exists():
            _make_base(OWN_BASE)
        self.run("import", "--change", "ENV PATH=/usr/bin:/bin:/usr/sbin", str(OWN_BASE), "base")
        return "localhost/base"

    def build(self, context: Path, name: str, base: str, *options: str) -> None:
        """Build an image. Its steps trust the certificate authorities that this machine trusts."""
        self.run(
            *("build", "--isolation=chroot", "--format=docker", "--layers"),
            *("--volume=/etc/ssl/certs:/etc/ssl/certs:ro", f"--build-arg=BASE={base}"),
            *(f"--tag=localhost/{name}", *options, str(context)),
            seconds=BUILD_SECONDS,
        )

    def inside(self, container: str, *command: str, **environ: str) -> str:
        """Return what a command of this machine prints in the network of a container."""
        pid = self.inspect("container", container)["State"]["Pid"]
        as_root = () if os.geteuid() == 0 else (*self._command, "unshare")
        done = subprocess.run(
            [*as_root, "nsenter", f"--target={pid}", "--net", *command],
            cwd=ROOT,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def output(self, container: str) -> str:
        """Return all that a container has printed."""
        done = self.attempt("logs", container)
        return done.stdout + done.stderr


def _make_base(output: Path) -> None:
    """Make the file system of an image with Python, by mmdebstrap."""
    output.parent.mkdir(parents=True, exist_ok=True)
    left_out = [f"path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale")]
    packages = "python3,python3-venv,python-is-python3,ca-certificates,openssl"
    partial = output.with_name("partial.tar")
    subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}"),
            *(f"--dpkgopt={each}" for each in ("force-unsafe-io", *left_out)),
            *("trixie", str(partial), "http://deb.debian.org/debian"),
        ],
        check=True,
        timeout=BUILD_SECONDS,
        env={**os.environ, "TMPDIR": str(memory_folder())},
    )
    partial.rename(output)


def memory_folder() -> Path:
    """Return a folder in memory where there is one: it is all thrown away."""
    place = Path("/dev/shm")  # noqa: S108 - folders in it have names that nobody can guess
    return place if os.access(place, os.W_OK) else Path(tempfile.gettempdir())


def need_podman() -> None:
    """Skip the test where Podman is not installed, or fail it in CI."""
    if shutil.which("podman") is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)


@contextmanager
def podman() -> Iterator[Podman]:
    """Give a Podman whose containers and images are removed at the end."""
    need_podman()
    folder = Path(tempfile.mkdtemp(prefix="pods", dir=memory_folder()))
    made = Podman(folder)
    try:
        yield made
    finally:
        made.attempt("rm", "--all", "--force", "--time=0")
        # As root, Podman has bound this folder to itself.
        command = ["umount", "--recursive", "--quiet", str(folder / "store" / "overlay")]
        subprocess.run(command, check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
