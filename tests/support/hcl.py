"""Terraform's files as data, parsed by python-hcl2, which the policy scanner brings along."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".tools" / "policy" / "bin" / "python"
SCANNER = PYTHON.with_name("checkov")
MISSING = "no checkov, and no parser of HCL: make policy installs both"
_PARSE = """
import hcl2, json, pathlib, sys
files = sorted(pathlib.Path(sys.argv[1]).glob("*.tf"))
print(json.dumps([hcl2.loads(each.read_text()) for each in files]))
"""


def need_scanner() -> None:
    """Skip the test where the scanner is not installed, or fail it in CI."""
    if not SCANNER.exists():
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)


class Block(NamedTuple):
    """A resource: its type, its name, and its arguments and blocks."""

    kind: str
    name: str
    body: dict[str, Any]


@cache
def parsed(folder: Path) -> list[dict[str, Any]]:
    """Return each file of a folder. Skips the test where the parser is not installed."""
    need_scanner()
    done = subprocess.run(
        [PYTHON, "-c", _PARSE, folder], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    files: list[dict[str, Any]] = json.loads(done.stdout)
    return files


def blocks(folder: Path, section: str) -> Iterator[tuple[str, Any]]:
    """Yield the name and the body of each block of a section, such as `variable`."""
    for file in parsed(folder):
        for each in file.get(section, []):
            yield from each.items()


def resources(folder: Path) -> list[Block]:
    """Return all resources of a folder, in order."""
    return [
        Block(kind, name, body)
        for kind, named in blocks(folder, "resource")
        for name, body in named.items()
    ]


def bodies(folder: Path, section: str) -> dict[str, list[dict[str, Any]]]:
    """Return all bodies of a section by their first label: a type, or a provider's name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind, body in blocks(folder, section):
        named = [body] if section == "provider" else list(body.values())
        found.setdefault(kind, []).extend(named)
    return found


def nested(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each block within a body, dynamic ones too, by its name."""
    for name, value in body.items():
        if name == "dynamic":
            for each in value:
                for inner, dynamic in each.items():
                    yield from ((inner, content) for content in dynamic["content"])
        elif isinstance(value, list):
            yield from ((name, each) for each in value if isinstance(each, dict))


def walk(body: dict[str, Any], *path: str) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield a body and all blocks within it, each with its path."""
    yield path, body
    for name, inner in nested(body):
        yield from walk(inner, *path, name)
