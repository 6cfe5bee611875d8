"""The commit hooks run the project's own checks, with the tools in its .venv."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.service import ROOT

CONFIG = ROOT / ".pre-commit-config.yaml"
VENV = ".venv/bin/"
OURS = ("*.md", "*.py", "*.toml", "*.cfg", "*.txt", "*.yaml", "*.yml", "*.sh", "*.tf", "*.html")
FOLDERS = (".github", "bench", "curl", "deploy", "docs", "paymentapp", "tests")


@pytest.fixture(scope="module")
def hooks() -> dict[str, dict[str, Any]]:
    repos = yaml.safe_load(CONFIG.read_text())["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    return {hook["id"]: hook for hook in repos[0]["hooks"]}


def test_pre_commit_accepts_the_configuration() -> None:
    done = _run("-m", "pre_commit", "validate-config", str(CONFIG))
    assert done.returncode == 0, done.stdout


def test_every_program_of_a_hook_is_pinned(hooks: dict[str, dict[str, Any]]) -> None:
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    programs = [hook["entry"].split()[0] for hook in hooks.values() if VENV in hook["entry"]]
    assert programs
    assert {program.removeprefix(VENV) for program in programs} <= set(pinned)


def test_the_hooks_run_what_make_runs(hooks: dict[str, dict[str, Any]]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name in ("ruff-format", "ruff-check", "mypy"):
        command = hooks[name]["entry"].removesuffix(" --force-exclude").removeprefix(VENV)
        assert f"$(BIN)/{command}" in makefile


@pytest.mark.parametrize("name", ["trailing-whitespace", "end-of-file"])
def test_no_file_of_ours_breaks_a_rule_of_plain_text(
    name: str, hooks: dict[str, dict[str, Any]]
) -> None:
    hook = hooks[name]
    files = [str(path) for path in _texts()]
    done = _run("-m", "pre_commit.languages.pygrep", *hook.get("args", ()), hook["entry"], *files)
    assert done.stdout == ""


def _texts() -> Iterator[Path]:
    """Return the project's text files, without those that tools keep in hidden folders."""
    for pattern in OURS:
        yield from ROOT.glob(pattern)
        for folder in FOLDERS:
            for path in (ROOT / folder).rglob(pattern):
                if not any(part.startswith(".") for part in path.relative_to(ROOT / folder).parts):
                    yield path


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
