"""deploy/first_key.py: a key is kept in the cloud's store, or it is revoked; no output has it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.hcl import ROOT
from tests.support.metadata_server import MetadataServer, metadata_server

SCRIPT = ROOT / "deploy" / "first_key.py"
SECRET = "projects/1/secrets/paymentapp-first-key"


@pytest.fixture
def google() -> Iterator[MetadataServer]:
    with metadata_server() as server:
        yield server


class Instance:
    """An instance of the job, with a store on disk."""

    def __init__(self, folder: Path, cloud: Mapping[str, str]) -> None:
        program = folder / "paymentapp"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m paymentapp "$@"\n')
        program.chmod(0o755)
        self._environment = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PAYMENTAPP_STORE": f"sqlite:///{folder}/paymentapp.db",
            **cloud,
        }
        self.run("paymentapp", "init")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=60
        )

    def create(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the script as the job does."""
        return self.run(sys.executable, "-c", SCRIPT.read_text(), *arguments)

    def states(self) -> dict[str, str]:
        listed = json.loads(self.run("paymentapp", "keys", "list", "--json").stdout)
        return {key["name"]: key["state"] for key in listed["keys"]}


@pytest.fixture
def instance(tmp_path: Path, google: MetadataServer) -> Instance:
    secrets = {"FIRST_KEY_SECRET": SECRET, "SECRET_MANAGER_URL": f"http://{google.address}"}
    return Instance(tmp_path, {**secrets, **google.google()})


def test_a_key_is_kept_and_not_printed(instance: Instance, google: MetadataServer) -> None:
    done = instance.create("first", "--scope", "read")
    assert done.returncode == 0, done.stderr
    ((path, authorization, body),) = google.kept
    assert (path, authorization) == (f"/v1/{SECRET}:addVersion", "Bearer token-1")
    key = base64.b64decode(body["payload"]["data"]).decode()
    assert key.startswith("pk_")
    assert key not in done.stdout + done.stderr
    assert instance.states() == {"first": "valid"}


@pytest.mark.parametrize("answer", [(403, b"{}"), (200, b"no JSON")])
def test_a_key_that_is_not_kept_is_revoked(
    instance: Instance, google: MetadataServer, answer: tuple[int, bytes]
) -> None:
    google.answer = answer
    done = instance.create("first")
    assert done.returncode == 1
    assert "it is revoked" in done.stderr
    assert instance.states() == {"first": "revoked"}


def test_on_azure_a_key_is_kept_in_a_vault(tmp_path: Path, google: MetadataServer) -> None:
    vault = {"FIRST_KEY_VAULT": f"http://{google.address}/"}
    instance = Instance(tmp_path, {**vault, **google.azure()})
    done = instance.create("--if-none", "first")
    assert done.returncode == 0, done.stderr
    ((path, authorization, body),) = google.kept
    assert (path, authorization) == ("/secrets/first-key?api-version=7.4", "Bearer token-1")
    assert body["value"].startswith("pk_")
    assert body["value"] not in done.stdout + done.stderr
    assert instance.create("--if-none", "first").returncode == 0  # there is a key
    assert len(google.kept) == 1


def test_without_a_valid_key_another_one_is_made(instance: Instance) -> None:
    assert instance.create("first").returncode == 0
    instance.run("paymentapp", "keys", "revoke", "first")
    assert instance.create("--if-none", "second").returncode == 0
    assert instance.states() == {"first": "revoked", "second": "valid"}


def test_wrong_arguments_keep_nothing(instance: Instance, google: MetadataServer) -> None:
    assert instance.create("first", "--scope", "everything").returncode == 2
    assert google.kept == []
