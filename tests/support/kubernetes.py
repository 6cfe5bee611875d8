"""deploy/kubernetes as a cluster gets it: rendered by kubectl, without a cluster."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support.hcl import PYTHON
from tests.support.service import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
EXAMPLE = FOLDER / "example"
KUBECTL = ROOT / ".tools" / "kubectl" / "kubectl"
VERSIONS = ("1.31", "1.34", "1.37")  # the oldest, that of kubectl, and the newest that is known
NO_KUBECTL = "no kubectl: make kubectl installs it"
NO_SCHEMAS = "no kubernetes-validate: make policy installs it"
CUSTOM = "monitoring.coreos.com/v1"  # of the Prometheus Operator, whose schemas are its own

Manifest = dict[str, Any]


def need(program: Path, reason: str) -> None:
    """Skip the test where a program is not installed, or fail it in CI."""
    if not program.exists():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def kubectl() -> str:
    found = shutil.which("kubectl")
    if found is None:
        need(KUBECTL, NO_KUBECTL)
    return found or str(KUBECTL)


@cache
def _rendered(folder: Path) -> tuple[Manifest, ...]:
    command = [kubectl(), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def rendered(folder: Path = EXAMPLE) -> list[Manifest]:
    """Return the manifests of an overlay, which the caller may change."""
    return copy.deepcopy(list(_rendered(folder)))


class Found(NamedTuple):
    """Manifests by kind and name."""

    manifests: list[Manifest]

    def all(self, kind: str) -> list[Manifest]:
        return [each for each in self.manifests if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Manifest:
        (found,) = [each for each in self.all(kind) if each["metadata"]["name"] == name]
        return found

    def workloads(self) -> Iterator[tuple[str, Manifest]]:
        """Yield the component and the manifest of each Deployment and Job."""
        for each in [*self.all("Deployment"), *self.all("Job")]:
            yield each["metadata"]["labels"]["app.kubernetes.io/component"], each

    def environment(self, workload: Manifest) -> dict[str, str]:
        """Return the plain variables of a workload, from its ConfigMaps."""
        (container,) = pod(workload)["containers"]
        names = [
            each["configMapRef"]["name"] for each in container["envFrom"] if "configMapRef" in each
        ]
        found: dict[str, str] = {}
        for name in names:
            found |= self.one("ConfigMap", name)["data"]
        return found


def pod(workload: Manifest) -> Manifest:
    """Return the description of a workload's pods."""
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def schema_faults(manifests: list[Manifest], folder: Path, version: str) -> list[str]:
    """Return what Kubernetes's own schemas say against manifests, strictly."""
    program = PYTHON.with_name("kubernetes-validate")
    need(program, NO_SCHEMAS)
    path = folder / "manifests.yaml"
    known = [each for each in manifests if each.get("apiVersion") != CUSTOM]
    path.write_text(yaml.safe_dump_all(known))
    command = [str(program), "--strict", "--quiet", "-k", version, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert done.returncode == 0 or lines
    return [] if done.returncode == 0 else lines
