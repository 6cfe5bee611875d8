"""What pages read of a URL or a form, by the schemas of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from marshmallow import EXCLUDE, Schema, ValidationError

# marshmallow's texts that are not for people.
_TEXTS = {"Missing data for required field.": "Fill this in."}


class Loaded(NamedTuple):
    """What a schema has loaded, or what is wrong with each field, in words."""

    value: Any  # None where there are errors
    errors: Mapping[str, str]


def given(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that are filled in, without blanks around: a form sends each one."""
    return {name: text.strip() for name, text in fields.items() if text.strip()}


def loaded(schema: Schema, fields: Mapping[str, str]) -> Loaded:
    """Load filled-in fields by a schema; what it does not know is left out."""
    try:
        return Loaded(schema.load(given(fields), unknown=EXCLUDE), {})
    except ValidationError as error:
        messages = cast(dict[str, list[str]], error.messages)
        return Loaded(None, {name: _words(each) for name, each in messages.items()})


def _words(messages: Sequence[str]) -> str:
    return " ".join(_TEXTS.get(each, each) for each in messages)
