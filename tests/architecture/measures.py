"""Measures of the source tree. `python -m tests.architecture.measures` prints them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import paymentapp
from paymentapp.providers.registry import every_provider
from tests.architecture.import_graph import find_circle, import_graph

PACKAGE = Path(paymentapp.__file__).parent
LONG = 30  # lines; style.md and CONTRIBUTING.md: "mostly under 30 lines"
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Lengths(NamedTuple):
    """Lines of functions, from `def` to the last line, without the docstring."""

    median: float
    p90: int
    longest: int
    over_30: float  # share in percent


def function_lengths(package: Path) -> Lengths:
    """Measure every function and method of a package."""
    lengths = sorted(_length(node) for path in _modules(package) for node in _functions(path))
    long = sum(length > LONG for length in lengths)
    return Lengths(
        median(lengths), lengths[len(lengths) * 9 // 10], lengths[-1], 100 * long / len(lengths)
    )


def repeated_class_names(package: Path) -> dict[str, list[str]]:
    """Return names that several classes have, with their files.

    `Meta` is left out: marshmallow reads a schema's options from a class of that name.
    """
    places: dict[str, list[str]] = {}
    for path in _modules(package):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name != "Meta":
                places.setdefault(node.name, []).append(str(path.relative_to(package)))
    return {name: found for name, found in places.items() if len(found) > 1}


def words(path: Path) -> Iterator[str]:
    """Yield every name and every text of a module, including docstrings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (f"{each.name} {each.asname}" for each in node.names)
        match node:
            case (
                ast.Name(id=str(word))
                | ast.Attribute(attr=str(word))
                | ast.arg(arg=str(word))
                | ast.keyword(arg=str(word))
                | ast.Constant(value=str(word))
                | ast.ImportFrom(module=str(word))
                | ast.FunctionDef(name=str(word))
                | ast.AsyncFunctionDef(name=str(word))
                | ast.ClassDef(name=str(word))
                | ast.ExceptHandler(name=str(word))
                | ast.MatchAs(name=str(word))
            ):
                yield word


def naming(provider: str, path: Path) -> list[str]:
    """Return what names a provider in a module: `StripeSettings`, `PAYMENTAPP_ACH_X`, "by ACH"."""
    named = re.compile(rf"(?<![a-z]){provider}(?![a-z])")
    in_camel_case = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
    return [
        word
        for word in words(path)
        if named.search(word.lower()) or named.search(in_camel_case.sub("_", word).lower())
    ]


def files_naming(provider: str, package: Path) -> list[str]:
    """Return the files that name a provider outside of its folder."""
    return [
        str(path.relative_to(package))
        for path in _modules(package)
        if not path.is_relative_to(package / "providers" / provider) and naming(provider, path)
    ]


def _modules(package: Path) -> Iterator[Path]:
    yield from sorted(package.rglob("*.py"))


def _functions(path: Path) -> Iterator[FunctionNode]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, FunctionNode):
            yield node


def _length(node: FunctionNode) -> int:
    text = node.body[0] if ast.get_docstring(node) else None
    docstring = (text.end_lineno or 0) - text.lineno + 1 if text else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


def main() -> None:
    """Print the measures of the product."""
    lengths = function_lengths(PACKAGE)
    usual = f"{lengths.median:g} / {lengths.p90} / {lengths.longest}"
    print(f"lines a function, median / p90 / max: {usual}")
    print(f"functions over {LONG} lines: {lengths.over_30:.1f} %")
    print(f"class names of several classes: {len(repeated_class_names(PACKAGE))}")
    print(f"import cycles: {int(bool(find_circle(import_graph(PACKAGE))))}")
    for name in every_provider():
        print(f"files that name {name}, its folder apart:", *files_naming(name, PACKAGE))


if __name__ == "__main__":
    main()
