"""The DynamoDB rights of a function's role, read from deploy/aws/iam.tf, and what requests need.

The emulator does not know `dynamodb:LeadingKeys`. On AWS it has the partition keys that a request
names, and `dynamodb:Attributes` the attributes
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from tests.support.terraform import SOURCE

_KEYS = {"Customers": "customer_id", "Disbursements": "customer_id", "Operations": "pk"}
_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
_LISTS = r"{}\s*=\s*(\[[^\]]*\])"


class Need(NamedTuple):
    """A right that a request needs: an action on a table or its index, and what it names."""

    action: str
    table: str  # without the deployment's prefix
    index_name: str
    keys: frozenset[str]
    attributes: frozenset[str] = frozenset()


class Statement(NamedTuple):
    """A statement that allows actions on tables or indexes, under conditions by their keys."""

    actions: frozenset[str]
    resources: frozenset[tuple[str, str]]  # table and index
    conditions: Mapping[str, tuple[str, ...]]

    def allows(self, need: Need) -> bool:
        """Return whether this statement grants a right."""
        named = {"LeadingKeys": need.keys, "Attributes": need.attributes}
        return (
            need.action in self.actions
            and (need.table, need.index_name) in self.resources
            and all(
                any(fnmatchcase(value, pattern) for pattern in patterns)
                for key, patterns in self.conditions.items()
                for value in named[key]
            )
        )


def statements_of(document: str) -> list[Statement]:
    """Return the statements about DynamoDB of a policy document of iam.tf."""
    text = (SOURCE / "iam.tf").read_text()
    block = text.partition(f'data "aws_iam_policy_document" "{document}"')[2].partition("\n}\n")[0]
    return [_read(each) for each in block.split("\n  statement {")[1:] if '"dynamodb:' in each]


def _read(text: str) -> Statement:
    actions = re.findall(r'"dynamodb:(\w+)"', _list(text, "actions"))
    tables = re.findall(
        r"aws_dynamodb_table\.(\w+)\.arn(?:\}/index/(\w+))?", _list(text, "resources")
    )
    conditions = {
        key: tuple(re.findall(r'"([^"]+)"', values))
        for key, values in re.findall(r'"dynamodb:(\w+)"\s+values\s*=\s*(\[[^\]]*\])', text)
    }
    resources = frozenset((table.capitalize(), index) for table, index in tables)
    return Statement(frozenset(actions), resources, conditions)


def _list(text: str, name: str) -> str:
    found = re.search(_LISTS.format(name), text)
    assert found is not None, f"no {name} in:{text}"
    return found[1]


def needs_of(operation: str, request: Mapping[str, Any], prefix: str) -> Iterator[Need]:
    """Yield the rights that a request of the client needs."""
    if operation == "BatchGetItem":
        for table, asked in request["RequestItems"].items():
            yield _need("BatchGetItem", table, prefix, *asked["Keys"])
    elif operation == "TransactWriteItems":
        for write in request["TransactItems"]:
            ((kind, part),) = write.items()
            yield _write_need(_WRITES[kind], part, prefix)
    elif operation == "BatchExecuteStatement":
        for statement in request["Statements"]:
            yield _statement_need(statement["Statement"], prefix)
    elif operation in {"Query", "Scan"}:
        table = request["TableName"].removeprefix(prefix)
        values = request.get("ExpressionAttributeValues", {})
        index = request.get("IndexName", "")
        keys = {values[":pk"]["S"]} if not index and ":pk" in values else set()
        yield Need(operation, table, index, frozenset(keys))
    else:
        yield _write_need(operation, request, prefix)


def _statement_need(text: str, prefix: str) -> Need:
    """Return what a PartiQL statement needs; its partition key is not looked for."""
    found = re.match(r'(UPDATE|INSERT INTO) "([^"]+)"', text)
    assert found is not None, text
    action = {"UPDATE": "PartiQLUpdate", "INSERT INTO": "PartiQLInsert"}[found[1]]
    return Need(action, found[2].removeprefix(prefix), "", frozenset())


def _write_need(action: str, request: Mapping[str, Any], prefix: str) -> Need:
    """Return what a write of one item needs, or a read of one."""
    need = _need(action, request["TableName"], prefix, request.get("Key") or request["Item"])
    if action != "UpdateItem":
        return need
    written = f"{request['UpdateExpression']} {request.get('ConditionExpression', '')}"
    bare = {name for name in ("revision",) if re.search(rf"(?<![#:\w]){name}\b", written)}
    named = request.get("ExpressionAttributeNames", {}).values()
    return need._replace(attributes=frozenset({*request["Key"], *named, *bare}))


def _need(action: str, table: str, prefix: str, *items: Mapping[str, Any]) -> Need:
    name = table.removeprefix(prefix)
    return Need(action, name, "", frozenset(item[_KEYS[name]]["S"] for item in items))
