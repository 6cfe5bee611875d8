"""Small changes of a module's source, each of which a test should notice.

Nothing is changed that is for people or for type checkers: log lines, texts of errors, docstrings,
annotations, protocols.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

_COMPARED: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_CALCULATED: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_NAMES = {
    "NotSent": "OutcomeUnknown",
    "OutcomeUnknown": "NotSent",
    "Misconfigured": "NotSent",
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
}
_OPTIONS = {"frozen", "slots", "repr", "kw_only", "init", "strict"}  # without them all works
_SPLIT_FROM = 10  # a number from here on is halved as well
_LONGEST = 100  # letters of a piece of code in a name

Members = Mapping[str, Sequence[str]]  # of each enumeration


class Change(NamedTuple):
    """A node of the tree, what is put in its place, and how to call that."""

    old: ast.expr | ast.stmt
    new: ast.AST
    what: str


class Place(NamedTuple):
    """Where a statement is: the function, class or variable, and whether that is a function."""

    name: str
    is_function: bool


@dataclass(frozen=True)
class Mutant:
    """One change of one module. `name` outlives changes of other lines."""

    path: str  # from the root of the repository
    scope: str  # the function, class or variable in which it is
    what: str
    lines: range
    in_function: bool  # then its lines tell which tests run it
    span: tuple[int, int]  # bytes of the source
    text: str

    @property
    def module(self) -> str:
        """Return the dotted name of the module."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def name(self) -> str:
        """Return the file, the scope and the change."""
        return f"{self.path}: {self.scope}: {self.what}"

    def apply(self, source: bytes) -> bytes:
        """Return the module's source with the change."""
        start, end = self.span
        return source[:start] + self.text.encode() + source[end:]


def enumerations(package: Path) -> Members:
    """Return the members of each enumeration of a package."""
    found: dict[str, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(b) for b in node.bases):
                targets = (each.targets[0] for each in node.body if isinstance(each, ast.Assign))
                found[node.name] = [each.id for each in targets if isinstance(each, ast.Name)]
    return found


def mutants_of(path: Path, root: Path, members: Members) -> Iterator[Mutant]:
    """Yield every change of a module that this knows to make."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for place, (old, new, what) in _Changes(members).of(ast.parse(source).body, Place("", False)):
        last = old.end_lineno or old.lineno
        start = starts[old.lineno - 1] + old.col_offset
        if isinstance(old, ast.If) and source[start:].startswith(b"elif"):
            continue  # it is no statement by itself
        text = ast.unparse(new)
        yield Mutant(
            path=str(path.relative_to(root)),
            scope=place.name,
            what=what,
            lines=range(old.lineno, last + 1),
            in_function=place.is_function,
            span=(start, starts[last - 1] + (old.end_col_offset or 0)),
            text=_indented(text, old.col_offset) if isinstance(old, ast.stmt) else f"({text})",
        )


class _Changes:
    """The changes of a module's statements, each with its place."""

    def __init__(self, members: Members) -> None:
        self._members = members

    def of(self, body: Sequence[ast.stmt], place: Place) -> Iterator[tuple[Place, Change]]:
        for node in body:
            if _is_skipped(node):
                continue
            inner = _place(node, place)
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield from ((inner, change) for change in self._of_statement(node))
            for part in _bodies(node):
                yield from self.of(part, inner)

    def _of_statement(self, node: ast.stmt) -> Iterator[Change]:
        """Yield the changes of a statement, but for those of the statements in it."""
        match node:
            case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Continue() | ast.Break():
                yield _deleted(node)
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()], value=value):
                if not isinstance(value, ast.Name):  # as in `__init__`, where nothing works then
                    yield _deleted(node)
            case ast.AugAssign(op=ast.Add() | ast.Sub()):
                yield _replaced(node, _with(node, op=_CALCULATED[type(node.op)]()))
            case ast.Return(value=ast.expr() as value) if not _is_none(value):
                yield _replaced(node, ast.Return(ast.Constant(None)))
            case ast.If(orelse=[], body=[ast.Return() | ast.Raise() | ast.Continue()]):
                yield _deleted(node)
            case ast.Try(handlers=[handler]) if not isinstance(handler.body[-1], ast.Raise):
                caught = _with(node, handlers=[_with(handler, body=[ast.Raise()])])
                yield Change(node, caught, f"except {ast.unparse(handler.type or node)}: raise")
        if isinstance(node, ast.If | ast.While) and not _has_opposite(node.test):
            yield _replaced(node.test, ast.UnaryOp(ast.Not(), node.test))
        for expression in _expressions(node):
            yield from self._of_expressions(expression)

    def _of_expressions(self, node: ast.AST) -> Iterator[Change]:
        """Yield the changes of an expression and of those in it."""
        if isinstance(node, ast.JoinedStr) or _is_log(node):
            return
        if isinstance(node, ast.expr):
            yield from self._of_expression(node)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.keyword) or child.arg not in _OPTIONS:
                yield from self._of_expressions(child)

    def _of_expression(self, node: ast.expr) -> Iterator[Change]:
        match node:
            case ast.Compare(ops=[op]):
                others = _COMPARED[type(op)]
                yield from (_replaced(node, _with(node, ops=[other()])) for other in others)
            case ast.BoolOp(op=op):
                other = ast.Or() if isinstance(op, ast.And) else ast.And()
                yield _replaced(node, _with(node, op=other))
                yield from _shortened(node, "values")
            case ast.UnaryOp(op=ast.Not() | ast.USub()):
                yield _replaced(node, node.operand)
            case ast.BinOp(op=op) if type(op) in _CALCULATED:
                yield _replaced(node, _with(node, op=_CALCULATED[type(op)]()))
            case ast.IfExp():
                yield _replaced(node, node.body)
                yield _replaced(node, node.orelse)
            case ast.Constant():
                yield from (_replaced(node, ast.Constant(other)) for other in _others(node.value))
            case ast.Name(id=name) if name in _NAMES:
                yield _replaced(node, ast.Name(_NAMES[name]))
            case ast.Attribute(value=ast.Name(id=kind), attr=name) if name in self._of_kind(kind):
                names = self._members[kind]
                following = names[(names.index(name) + 1) % len(names)]
                yield _replaced(node, _with(node, attr=following))
            case ast.Call():
                yield from _shortened(node, "keywords", _OPTIONS)
            case ast.Set() | ast.Tuple() | ast.List() if _is_table(node.elts):
                yield from _shortened(node, "elts")
            case ast.Dict() if len(node.keys) > 1:
                for place in range(len(node.keys)):
                    keys, values = _but(node.keys, place), _but(node.values, place)
                    what = f"without the key {ast.unparse(node.keys[place] or node)}"
                    yield Change(node, ast.Dict(keys, values), what)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                for place, each in enumerate(node.generators):
                    if each.ifs:
                        generators = [*node.generators]
                        generators[place] = _with(each, ifs=[])
                        yield _replaced(node, _with(node, generators=generators))

    def _of_kind(self, name: str) -> Sequence[str]:
        return self._members.get(name, ())


def _others(value: object) -> Iterator[str | int]:
    """Yield other values of a constant; a text with blanks in it is for people."""
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
            if value >= _SPLIT_FROM:
                yield value // 2
        case str() if " " not in value:
            yield "" if value else "mutated"


def _expressions(node: ast.stmt) -> Iterator[ast.expr]:
    """Yield the expressions of a statement, without annotations, targets and texts of errors."""
    match node:
        case ast.Raise(exc=ast.Call(func=func)):
            yield func
        case ast.Expr() | ast.Return() | ast.Assign() | ast.AugAssign() | ast.AnnAssign():
            if node.value is not None:
                yield node.value
        case ast.If() | ast.While():
            yield node.test
        case ast.For():
            yield node.iter
        case ast.With():
            yield from (item.context_expr for item in node.items)
        case ast.Match():
            yield node.subject


def _bodies(node: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    """Yield the blocks of statements in a statement."""
    for part in ("body", "orelse", "finalbody"):
        yield getattr(node, part, [])
    for part in ("handlers", "cases"):
        yield from (each.body for each in getattr(node, part, []))


def _place(node: ast.stmt, outer: Place) -> Place:
    """Return the place of what is in a statement: outside of functions, the name it assigns."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            is_function = outer.is_function or isinstance(node, ast.FunctionDef)
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            if outer.is_function:
                return outer
            is_function = False
        case _:
            return outer
    return Place(f"{outer.name}.{name}" if outer.name else name, is_function)


def _is_skipped(node: ast.stmt) -> bool:
    """Return whether a statement is for people or for type checkers alone."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Pass():
            return True
        case ast.Expr(value=value):
            return isinstance(value, ast.Constant) or _is_log(value)
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.ClassDef(bases=bases):
            return bool({ast.unparse(base) for base in bases} & {"Protocol", "TypedDict"})
        case ast.FunctionDef(name=name):
            return name == "__repr__"
    return False


def _is_log(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log.")


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _has_opposite(test: ast.expr) -> bool:
    """Return whether one of the other changes turns a condition into its opposite."""
    return isinstance(test, ast.Compare | ast.UnaryOp | ast.Constant)


def _deleted(node: ast.stmt) -> Change:
    return Change(node, ast.Pass(), f"without {_short(node)}")


def _replaced(old: ast.expr | ast.stmt, new: ast.AST) -> Change:
    return Change(old, new, f"{_short(old)} -> {_short(new)}")


def _shortened(node: ast.expr, part: str, kept: set[str] | None = None) -> Iterator[Change]:
    """Yield a change for each of a node's parts that is left out."""
    values: list[Any] = getattr(node, part)
    for place, value in enumerate(values):
        if getattr(value, "arg", "") not in (kept or set()) | {None}:
            changed = _with(node, **{part: _but(values, place)})
            new = changed.values[0] if part == "values" and len(values) == 2 else changed
            yield Change(node, new, f"{_short(node, 40)} without {_short(value)}")


def _but(values: Sequence[Any], place: int) -> list[Any]:
    return [value for number, value in enumerate(values) if number != place]


def _with(node: Any, **fields: object) -> Any:
    """Return a copy of a node with other fields; the parts of it are shared."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _is_table(elements: Sequence[ast.expr]) -> bool:
    return len(elements) > 1 and all(
        isinstance(each, ast.Constant | ast.Attribute) for each in elements
    )


def _short(node: ast.AST, longest: int = _LONGEST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= longest else f"{text[:longest]}..."


def _indented(text: str, columns: int) -> str:
    return text.replace("\n", "\n" + " " * columns)
