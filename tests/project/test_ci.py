"""The CI workflow runs the gate, with minimal permissions."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
import yaml

from tests.support.service import ROOT

GATE = ".ci/run"
PINNED = re.compile(r"[\w.-]+/[\w./-]+@(v\d+(\.\d+)*|[0-9a-f]{40})")


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    read: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    return read


@pytest.fixture(scope="module")
def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_it_runs_the_gate(steps: list[dict[str, Any]]) -> None:
    assert [step["run"] for step in steps if "run" in step] == [GATE]
    assert os.access(ROOT / GATE, os.X_OK)


def test_it_runs_for_every_push_to_main_and_every_pull_request(workflow: dict[Any, Any]) -> None:
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as a boolean
    assert triggers == {"push": {"branches": ["main"]}, "pull_request": None}


def test_it_may_only_read_the_repository(workflow: dict[Any, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    assert "secrets." not in str(workflow)


def test_it_ends_by_itself(workflow: dict[Any, Any]) -> None:
    assert all(job["timeout-minutes"] <= 120 for job in workflow["jobs"].values())
    assert workflow["concurrency"]["group"]


def test_every_action_is_pinned(steps: list[dict[str, Any]]) -> None:
    actions = [step["uses"] for step in steps if "uses" in step]
    assert actions
    assert [action for action in actions if not PINNED.fullmatch(action)] == []
