"""DynamoDB's expressions, as far as the engine uses them: each text is parsed once.

docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html. What it does not know
raises ValueError, so that a model of an engine that asks for more fails loudly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

Item = dict[str, Any]
Names = Mapping[str, str]
Values = Mapping[str, Any]
Test = Callable[[Mapping[str, Any], Names, Values], bool]

_TOKEN = re.compile(r"\s*(<=|>=|<>|[()=<>,]|[#:]?[A-Za-z_][\w.#]*)")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<>": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}
_SECTION = re.compile(r"\b(SET|REMOVE|ADD)\b")
_PARTIQL = re.compile(r'UPDATE "([^"]+)" SET (.*?)((?: REMOVE \S+)*) WHERE (.*)')


class Update(NamedTuple):
    """What an update does: names of attributes, and of values or their positions."""

    sets: Sequence[tuple[str, str]]
    removes: Sequence[str]
    adds: Sequence[tuple[str, str]]


class Statement(NamedTuple):
    """A PartiQL update: attributes in the order of its parameters."""

    table: str
    sets: Sequence[str]
    removes: Sequence[str]
    where: Sequence[str]


def holds(condition: str | None, item: Item | None, names: Names, values: Values) -> bool:
    """Return whether a condition holds for an item, or for none."""
    return condition is None or _condition(condition)(item or {}, names, values)


@lru_cache(1000)
def parse_update(expression: str) -> Update:
    """Parse an update expression of SET, REMOVE and ADD, without functions or arithmetic."""
    parts = _SECTION.split(expression)
    sections: dict[str, list[str]] = {"SET": [], "REMOVE": [], "ADD": []}
    for section, text in zip(parts[1::2], parts[2::2], strict=True):
        sections[section] += [each.strip() for each in text.split(",")]
    sets = [_pair(each.split("=")) for each in sections["SET"]]
    return Update(sets, sections["REMOVE"], [_pair(each.split()) for each in sections["ADD"]])


@lru_cache(1000)
def parse_statement(text: str) -> Statement:
    """Parse the one form of statement that the engine executes."""
    match = _PARTIQL.fullmatch(text)
    if match is None:
        raise ValueError(f"not understood: {text}")
    table, sets, removes, where = match.groups()
    return Statement(
        table,
        [each.split("=")[0].strip().strip('"') for each in sets.split(", ")],
        removes.split()[1::2],
        [each.split("=")[0].strip() for each in where.split(" AND ")],
    )


def updated(item: Item, update: Update, names: Names, values: Values) -> Item:
    """Return an item after an update."""
    new = dict(item)
    for name, value in update.sets:
        new[names.get(name, name)] = values[value]
    for name in update.removes:
        new.pop(names.get(name, name), None)
    for name, value in update.adds:
        old = new.get(names.get(name, name), {"N": "0"})
        new[names.get(name, name)] = {"N": str(Decimal(old["N"]) + Decimal(values[value]["N"]))}
    return new


class KeyRange(NamedTuple):
    """The partition of a query and the bounds of its sort key, both inclusive."""

    partition: str
    low: str
    high: str


def key_range(expression: str, names: Names, values: Values) -> KeyRange:
    """Return what a key condition selects."""
    first, _, rest = expression.partition(" AND ")
    partition = values[first.split()[2]]["S"]
    words = rest.split()
    if not words:
        return KeyRange(partition, "", "\U0010ffff")
    if words[1] == "BETWEEN":
        return KeyRange(partition, values[words[2]]["S"], values[words[4]]["S"])
    if words[1] == "<=":
        return KeyRange(partition, "", values[words[2]]["S"])
    raise ValueError(f"not understood: {expression} {names}")


def _pair(parts: Sequence[str]) -> tuple[str, str]:
    name, value = (each.strip() for each in parts)
    return name, value


@lru_cache(1000)
def _condition(text: str) -> Test:
    tokens = _TOKEN.findall(text)
    test, rest = _either(tokens)
    if rest:
        raise ValueError(f"not understood: {text}")
    return test


def _either(tokens: Sequence[str]) -> tuple[Test, Sequence[str]]:
    tests, tokens = _joined(tokens, "OR", _both)
    return lambda item, names, values: any(t(item, names, values) for t in tests), tokens


def _both(tokens: Sequence[str]) -> tuple[Test, Sequence[str]]:
    tests, tokens = _joined(tokens, "AND", _single)
    return lambda item, names, values: all(t(item, names, values) for t in tests), tokens


def _joined(
    tokens: Sequence[str], word: str, parse: Callable[[Sequence[str]], tuple[Test, Sequence[str]]]
) -> tuple[list[Test], Sequence[str]]:
    test, tokens = parse(tokens)
    tests = [test]
    while tokens and tokens[0] == word:
        test, tokens = parse(tokens[1:])
        tests.append(test)
    return tests, tokens


def _single(tokens: Sequence[str]) -> tuple[Test, Sequence[str]]:
    first, *rest = tokens
    if first == "(":
        test, rest = _either(rest)  # type: ignore[assignment]  # a list is a sequence
        return test, rest[1:]
    if first in ("attribute_exists", "attribute_not_exists"):
        return _existence(rest[1], first == "attribute_exists"), rest[3:]
    operator = rest[0]
    if operator == "IN":
        end = rest.index(")")
        return _among(first, [each for each in rest[2:end] if each != ","]), rest[end + 1 :]
    return _comparison(first, operator, rest[1]), rest[2:]


def _existence(path: str, wanted: bool) -> Test:
    return lambda item, names, _values: (_at(item, path, names) is not None) is wanted


def _among(path: str, others: Sequence[str]) -> Test:
    return lambda item, names, values: _at(item, path, names) in [values[o] for o in others]


def _comparison(path: str, operator: str, other: str) -> Test:
    compare = _COMPARE[operator]

    def test(item: Mapping[str, Any], names: Names, values: Values) -> bool:
        found = _at(item, path, names)
        return found is not None and compare(_plain(found), _plain(values[other]))

    return test


def _at(item: Mapping[str, Any], path: str, names: Names) -> Any:
    found: Any = {"M": item}
    for part in path.split("."):
        if found is None:
            return None
        found = found["M"].get(names.get(part, part))
    return found


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    return Decimal(content) if kind == "N" else content
