"""The fields of a payment's metadata, and of its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from paymentapp.models.caller_texts import (
    METADATA_KEY_PATTERN,
    METADATA_MAX,
    METADATA_VALUE_MAX,
    METADATA_VALUE_PATTERN,
    OPTION_NAME_PATTERN,
    OPTIONS_MAX,
    Metadata,
    sorted_metadata,
)
from paymentapp.schemas.common import Pattern
from paymentapp.schemas.holds import ONE_LINE_ERROR

_check_key = Pattern(
    METADATA_KEY_PATTERN,
    error="Each key must be 1 to 40 letters, digits, '_', '.' or '-'.",
)
_check_option = Pattern(
    OPTION_NAME_PATTERN, error="Each name must be 1 to 32 of a-z, 0-9 and '_', first a letter."
)
_check_text = Pattern(METADATA_VALUE_PATTERN, error=ONE_LINE_ERROR)


class MetadataPairs(fields.Field[Metadata]):
    """An object of texts. Loads as pairs in the order of the keys."""

    most = METADATA_MAX
    check_key = _check_key
    json_schema: Mapping[str, Any] = {
        "type": "object",
        "maxProperties": METADATA_MAX,
        "propertyNames": {"pattern": METADATA_KEY_PATTERN},
        "additionalProperties": {
            "type": "string",
            "minLength": 1,
            "maxLength": METADATA_VALUE_MAX,
            "pattern": METADATA_VALUE_PATTERN,
        },
    }

    default_error_messages = {
        "invalid": "Must be an object of texts.",
        "many": f"Must have at most {METADATA_MAX} pairs.",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Metadata:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        if len(value) > self.most:
            raise self.make_error("many")
        for key in value:
            self.check_key(key)  # its error does not name the key, which may be any text
        errors = {key: [problem] for key, text in value.items() if (problem := _problem(text))}
        if errors:
            raise ValidationError(errors)
        return sorted_metadata(value)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return dict(value)


class OptionPairs(MetadataPairs):
    """What a payment asks of its payment method: texts by name. Loads as metadata does."""

    most = OPTIONS_MAX
    check_key = _check_option
    json_schema: Mapping[str, Any] = {
        **MetadataPairs.json_schema,
        "maxProperties": OPTIONS_MAX,
        "propertyNames": {"pattern": OPTION_NAME_PATTERN},
    }

    default_error_messages = {
        **MetadataPairs.default_error_messages,
        "many": f"Must have at most {OPTIONS_MAX} pairs.",
    }


def shown_options() -> OptionPairs:
    """Return the field of an existing payment's options."""
    return OptionPairs(
        attribute="texts.shown_options",
        required=True,
        metadata={"description": "What the request asked of the payment method."},
    )


def _problem(text: object) -> str | None:
    """Return what is wrong with a value; None where nothing is."""
    if not isinstance(text, str):
        return "Must be a text."
    if not 1 <= len(text) <= METADATA_VALUE_MAX:
        return f"Must be 1 to {METADATA_VALUE_MAX} characters."
    try:
        _check_text(text)
    except ValidationError as error:
        return str(error.messages[0])
    return None
