"""The options of a payment in forms: what each payment method can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from paymentapp.api.blueprint import services
from paymentapp.providers.base import Detail

_PREFIX = "option_"  # of the fields of a form


class MethodOptions(NamedTuple):
    """What one payment method can be asked for."""

    method: str
    options: tuple[Detail, ...]


def offered() -> list[MethodOptions]:
    """Return the payment methods that take options, by name."""
    rules = {name: each.remittance for name, each in sorted(services().providers.items())}
    return [
        MethodOptions(name, tuple(each.options))
        for name, each in rules.items()
        if each is not None and each.options
    ]


def option_names() -> list[str]:
    """Return the fields of a form that hold options."""
    names = {option.name for each in offered() for option in each.options}
    return [f"{_PREFIX}{name}" for name in sorted(names)]


def options_of(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the options that the fields of a form hold."""
    return {
        name.removeprefix(_PREFIX): text
        for name, text in fields.items()
        if name.startswith(_PREFIX)
    }


def option_fields(options: Mapping[str, str]) -> dict[str, str]:
    """Return options as the fields of a form."""
    return {f"{_PREFIX}{name}": text for name, text in options.items()}


def field_of(error_field: str) -> str:
    """Return the field of the form that an error's field, such as `options/name`, concerns."""
    head, _, name = error_field.partition("/")
    is_offered = f"{_PREFIX}{name}" in option_names()
    return f"{_PREFIX}{name}" if head == "options" and is_offered else head
