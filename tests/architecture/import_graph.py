"""The import graph of a package: its modules, and which of them each one imports.

Every import statement counts, including those inside functions and for type checkers only. Two
things are no edges: that importing `a.b.c` runs `a.b` first, and names in strings
(`providers/registry.py`, and the simulators' own process).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

Graph = Mapping[str, Set[str]]


def import_graph(package: Path) -> Graph:
    """Return the import graph of a package folder, by dotted names (`paymentapp.api.json`)."""
    modules = {_name(path, package): path for path in sorted(package.rglob("*.py"))}
    return {
        name: {_module(target, modules) for target in _targets(path, package.name)}
        for name, path in modules.items()
    }


def find_circle(graph: Graph) -> list[str]:
    """Return a path that ends where it began, or an empty list."""
    done: set[str] = set()
    for start in graph:
        circle = _search(graph, [start], done)
        if circle:
            return circle
    return []


def _search(graph: Graph, path: list[str], done: set[str]) -> list[str]:
    """Search from the end of a path; `done` are modules from which no cycle is reached."""
    if path[-1] in path[:-1]:
        return path[path.index(path[-1]) :]
    for name in sorted(graph[path[-1]] - done):
        circle = _search(graph, [*path, name], done)
        if circle:
            return circle
    done.add(path[-1])
    return []


def _name(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _targets(path: Path, package: str) -> Iterator[str]:
    """Yield what a module imports of the package: `from a import b` is `a.b`, a module or not."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} is relative"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in names if name.split(".")[0] == package)


def _module(target: str, modules: Mapping[str, Path]) -> str:
    """Return the module of a target, which may be a name in the module."""
    return target if target in modules else target.rpartition(".")[0]
