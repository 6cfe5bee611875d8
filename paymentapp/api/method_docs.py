"""What each payment method requires of a customer, in the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from apispec.core import Components

from paymentapp.providers.base import Detail, ProviderClass
from paymentapp.providers.registry import NAMES, every_provider
from paymentapp.schemas.payment_methods import DETAIL_MAX_LENGTH

_SCHEMA_NAMES = {name: f"{name.capitalize()}Details" for name in NAMES}
_CHOICE = re.compile(r"\w+(\|\w+)+")

# References to what `register` adds: providers are imported for the document only.
SCHEMAS = [{"$ref": f"#/components/schemas/{name}"} for name in _SCHEMA_NAMES.values()]
EXAMPLES = {name: {"$ref": f"#/components/examples/{name}"} for name in NAMES}


def register(components: Components) -> None:
    """Add a schema and an example of the details of each payment method."""
    for name, provider in every_provider().items():
        components.schema(_SCHEMA_NAMES[name], _details_schema(name, provider.details))
        components.example(name, _example(name, provider))


def options_text() -> str:
    """Return the options that each payment method takes, in sentences."""
    rules = {name: provider.remittance for name, provider in every_provider().items()}
    named = [
        f"`{name}`: {', '.join(f'`{each.name}` ({each.description})' for each in rule.options)}."
        for name, rule in rules.items()
        if rule and rule.options
    ]
    return " ".join(named)


def _details_schema(name: str, details: Sequence[Detail]) -> dict[str, Any]:
    required = [detail.name for detail in details if detail.required]
    return {
        "type": "object",
        "description": f"Details for the payment method `{name}`.",
        "properties": {detail.name: _detail_schema(detail) for detail in details},
        "required": required,
        **({} if required else {"minProperties": 1}),
        "additionalProperties": False,
    }


def _detail_schema(detail: Detail) -> dict[str, Any]:
    text = {"type": "string", "description": detail.description}
    if _CHOICE.fullmatch(detail.pattern):
        return {**text, "enum": detail.pattern.split("|")}
    pattern = detail.pattern.removeprefix("^").removesuffix("$")
    return {**text, "pattern": f"^({pattern})$", "minLength": 1, "maxLength": DETAIL_MAX_LENGTH}


def _example(name: str, provider: ProviderClass) -> dict[str, Any]:
    details = dict(provider.example_details)
    return {"summary": f"Details for {name}", "value": {"details": details, "default": False}}
