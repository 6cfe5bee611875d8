"""Schemas of flat objects, which load valid data with a part of marshmallow's work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing


class FlatSchema(Schema):
    """A schema whose valid data is loaded member by member; the rest is marshmallow's own.

    Fits schemas with neither nested fields, defaults nor hooks other than `built`. Each member is
    converted and validated by its own field. Whatever does not pass is loaded by marshmallow, which
    makes the errors.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if any(field.load_default is not missing for field in self.load_fields.values()):
            raise TypeError("a field of a flat schema has no default")
        self._loaders = {
            field.data_key or name: (field.attribute or name, _loader(field))
            for name, field in self.load_fields.items()
        }
        self._required = frozenset(
            field.data_key or name for name, field in self.load_fields.items() if field.required
        )

    def load(self, data: Any, **options: Any) -> Any:
        """Return the loaded data, `built` of it. Raises ValidationError."""
        try:
            loaded = self._load_valid(data)
        except ValidationError:
            loaded = super().load(data, **options)
        return self.built(loaded)

    def built(self, loaded: dict[str, Any]) -> Any:
        """Return what the schema loads as: the fields by default."""
        return loaded

    def _load_valid(self, data: Any) -> dict[str, Any]:
        """Return the loaded fields. Raises ValidationError, with none of its messages."""
        if not isinstance(data, dict) or not self._required <= data.keys():
            raise ValidationError("")
        loaded = {}
        for key, value in data.items():
            known = self._loaders.get(key)
            if known is None or value is None:
                raise ValidationError("")
            name, load = known
            loaded[name] = load(value)
        return loaded


def _loader(field: fields.Field[Any]) -> Callable[[Any], Any]:
    """Return what `field.deserialize` does with a value that is there, and is not None."""
    if field.pre_load or field.post_load:
        return field.deserialize
    convert = _text if type(field) is fields.String else field._deserialize
    validators = tuple(field.validators)

    def load(value: Any) -> Any:
        loaded = convert(value, field.name, None)
        for validate in validators:
            validate(loaded)
        return loaded

    return load


def _text(value: Any, *_: Any) -> str:
    """Return a text as it is, as marshmallow's `String` does."""
    if not isinstance(value, str):
        raise ValidationError("")
    return value
