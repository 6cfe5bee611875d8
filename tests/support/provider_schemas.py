"""The schemas of Terraform's providers, as HashiCorp publishes them in bindings for TypeScript.

The plug-ins themselves come from HashiCorp's registry alone. CDK for Terraform's bindings are made
from their schemas and come from npm (`make schemas`): an interface for each resource and
each of its blocks, whose fields name the arguments and say which are required.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from tests.support.hcl import META, ROOT, Block, nested

BINDINGS = ROOT / ".tools" / "schemas" / "node_modules" / "@cdktf"
_INTERFACE = re.compile(
    r"^export interface (\w+)( extends cdktf\.TerraformMetaArguments)? \{\n(.*?)^\}", re.M | re.S
)
_FIELD = re.compile(r"#(\w+) \w+#\w+\}[^/]*\*/\s*readonly (\w+)(\??): ([^;]+);")
_OURS = META | {"provider", "timeouts", "__start_line__", "__end_line__"}


class Field(NamedTuple):
    """An argument or a block: whether it is required, and the interface of a block."""

    required: bool
    block: str


class Schema(NamedTuple):
    """The interfaces of a resource by name, and the one of the resource itself."""

    interfaces: Mapping[str, Mapping[str, Field]]
    top: str


@cache
def schema(kind: str) -> Schema:
    """Return the schema of a resource, such as google_sql_user."""
    provider, _, name = kind.partition("_")
    folder = BINDINGS / f"provider-{provider}" / "lib" / name.replace("_", "-")
    text = "".join(path.read_text() for path in sorted(folder.rglob("*.d.ts")))
    found = _INTERFACE.findall(text)
    names = {name for name, _, _ in found}
    interfaces = {name: _fields(body, names) for name, _, body in found}
    return Schema(interfaces, next(name for name, is_top, _ in found if is_top))


def _fields(body: str, interfaces: set[str]) -> dict[str, Field]:
    fields = {}
    for name, _, optional, kind in _FIELD.findall(body):
        blocks = [each for each in re.findall(r"\w+", kind) if each in interfaces]
        fields[name] = Field(not optional, blocks[0] if blocks else "")
    return fields


def faults(resource: Block) -> list[str]:
    """Return what in a resource is not as its schema says."""
    known = schema(resource.kind)
    place = f"{resource.kind}.{resource.name}"
    return list(_faults(resource.body, known, known.top, place))


def _faults(body: dict[str, Any], known: Schema, interface: str, place: str) -> Iterator[str]:
    fields = known.interfaces[interface]
    blocks = list(nested(body))
    given = {name for name in body if name not in _OURS} | {
        name for each in body.get("dynamic", []) for name in each
    }
    for name in sorted(given - fields.keys()):
        yield f"{place}: {name} is unknown"
    for name, field in sorted(fields.items()):
        if field.required and name not in given:
            yield f"{place}: {name} is missing"
    for name, inner in blocks:
        if name in fields and fields[name].block:
            yield from _faults(inner, known, fields[name].block, f"{place}.{name}")
