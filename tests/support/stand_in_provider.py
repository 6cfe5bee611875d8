"""A provider of Terraform that has the schemas of a real one, and no cloud behind it.

Started by the policy scanner's Python, which has `tf`: the plug-in protocol's messages
(developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol, version 6). Terraform itself
thereby checks names, types and references, and evaluates every expression. What a cloud would
compute is unknown in a plan; an apply makes up a text that says what it stands for.

    stand_in_provider.py SCHEMAS NAME SOCKET

It serves until its standard input ends.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from concurrent import futures
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc
from tf.types import Unknown
from tf.utils import read_dynamic_value, to_dynamic_value

Block = dict[str, Any]
_NESTING = {"list": 2, "set": 3, "single": 1}  # NestedBlock.NestingMode


def block_message(block: Block) -> Any:
    """Return a block in the protocol's form."""
    return pb.Schema.Block(
        attributes=[
            pb.Schema.Attribute(
                name=name,
                type=json.dumps(each["type"]).encode(),
                required=each.get("required", False),
                optional=each.get("optional", False),
                computed=each.get("computed", False),
            )
            for name, each in block["attributes"].items()
        ],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name,
                block=block_message(each["block"]),
                nesting=_NESTING[each["nesting_mode"]],
                min_items=each.get("min_items", 0),
                max_items=each.get("max_items", 0),
            )
            for name, each in block["block_types"].items()
        ],
    )


def schema_message(schema: Block) -> Any:
    """Return a schema in the protocol's form."""
    return pb.Schema(version=0, block=block_message(schema["block"]))


def filled(block: Block, values: dict[str, Any], missing: Callable[[str, Any], Any]) -> Any:
    """Return the values of a block, with `missing` for each one that the provider computes."""
    found = dict(values)
    for name, each in block["attributes"].items():
        if each.get("computed") and found.get(name) in (None, Unknown):
            found[name] = missing(name, each["type"])
    for name, each in block["block_types"].items():
        if each["nesting_mode"] == "list" and isinstance(found.get(name), list):
            found[name] = [filled(each["block"], inner, missing) for inner in found[name]]
    return found


def unknown(_name: str, _kind: Any) -> Any:
    """Return what a plan has for a value that is computed."""
    return Unknown


def made_up(owner: str, name: str, kind: Any) -> Any:
    """Return a value of a type; a text says which attribute of which resource it stands for."""
    if kind in ("string", "number", "bool"):
        text = f"{name}-of-{owner}".replace("_", "-")
        return {"string": text, "number": 1, "bool": False}[kind]
    outer, inner = kind
    if outer == "map":
        return {}
    if outer == "object":
        return {key: made_up(owner, key, each) for key, each in inner.items()}
    return [made_up(owner, name, inner)]


def created(block: Block, kind: str, values: dict[str, Any]) -> Any:
    """Return the values of a resource that a cloud would have made."""
    names = (values.get(each) for each in ("account_id", "secret_id", "name"))
    owner = next((each for each in names if isinstance(each, str)), kind)
    return filled(block, values, partial(made_up, owner))


class Provider:
    """What Terraform calls; a method that is not here answers nothing."""

    def __init__(self, schemas: Block) -> None:
        self._provider = schemas["provider"]
        self._resources = schemas["resource_schemas"]
        self._data = schemas["data_source_schemas"]

    def __getattr__(self, name: str) -> Any:
        """Return the method for a call of the protocol, such as PlanResourceChange."""
        method = type(self).__dict__.get(re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower())
        message = getattr(pb, name, None)
        if message is None:
            raise AttributeError(name)

        def answer(request: Any, _context: Any) -> Any:
            return message.Response(**(method(self, request) if method else {}))

        return answer

    def get_provider_schema(self, _request: Any) -> dict[str, Any]:
        return {
            "provider": schema_message(self._provider),
            "resource_schemas": {
                kind: schema_message(each) for kind, each in self._resources.items()
            },
            "data_source_schemas": {
                kind: schema_message(each) for kind, each in self._data.items()
            },
        }

    def upgrade_resource_state(self, request: Any) -> dict[str, Any]:
        state = to_dynamic_value(json.loads(request.raw_state.json))
        return {"upgraded_state": state}

    def read_resource(self, request: Any) -> dict[str, Any]:
        return {"new_state": request.current_state}

    def plan_resource_change(self, request: Any) -> dict[str, Any]:
        proposed = request.proposed_new_state
        values = read_dynamic_value(proposed)
        if values is not None:
            block = self._resources[request.type_name]["block"]
            proposed = to_dynamic_value(filled(block, values, unknown))
        return {"planned_state": proposed}

    def apply_resource_change(self, request: Any) -> dict[str, Any]:
        planned = request.planned_state
        values = read_dynamic_value(planned)
        if values is not None:
            block = self._resources[request.type_name]["block"]
            planned = to_dynamic_value(created(block, request.type_name, values))
        return {"new_state": planned}

    def read_data_source(self, request: Any) -> dict[str, Any]:
        block = self._data[request.type_name]["block"]
        values = created(block, request.type_name, read_dynamic_value(request.config))
        return {"state": to_dynamic_value(values)}


def main() -> None:
    """Serve until the standard input ends."""
    schemas, name, socket = sys.argv[1:]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    rpc.add_ProviderServicer_to_server(
        Provider(json.loads(Path(schemas).read_text())[name]), server
    )
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    print("ready", flush=True)
    sys.stdin.read()
    server.stop(grace=0).wait()


if __name__ == "__main__":
    main()
