"""Names of stores in settings, whose addresses may have a password."""

from __future__ import annotations

import re

from paymentapp.variables import VariableKind, matching


class StoreName(str):
    """A store as the settings name it; a password in its address is not shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text without a password, for `repr` of the settings."""
        return repr(without_password(self))


def without_password(store: str) -> str:
    """Return the name of a store with `***` for a password in its address."""
    shown = re.sub(r"(//[^/?@]*:)[^/?]*@", r"\1***@", store)
    return re.sub(r"(password=)[^&]*", r"\1***", shown)


def store_name() -> VariableKind[str]:
    """Accept `sqlite:///path`, `postgresql://user@host/database` or `dynamodb`.

    `postgres://`, as some clouds write it, is `postgresql://`.
    """
    limits = "sqlite:///path, postgresql://user@host/database or dynamodb"
    kind = matching(_is_store, limits)

    def read(value: str) -> StoreName:
        return StoreName(re.sub("^postgres://", "postgresql://", kind.read(value)))

    return VariableKind(read, kind.limits, without_password)


def _is_store(value: str) -> bool:
    names = ("sqlite:///", "postgresql://", "postgres://")
    return value == "dynamodb" or any(value.startswith(each) and value != each for each in names)
