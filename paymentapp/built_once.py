"""A property that is built at its first use, and only once, whichever threads use it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, overload


class Builds(Protocol):
    """An object with such properties: its lock is held while one of them is built."""

    building: threading.RLock


B = TypeVar("B", bound=Builds)
T = TypeVar("T")


class built_once(Generic[B, T]):  # noqa: N801  # a decorator, named like `functools.cached_property`
    """Build the value of a property at its first use, with those that it is built from.

    Unlike `functools.cached_property` it lets one thread build: of most services there must be one
    in a process. Reentrant, since a service is built from others. A value is then found in the
    instance's `__dict__`, so that later uses cost nothing.
    """

    def __init__(self, build: Callable[[B], T]) -> None:
        """Make the property; an error of `build` is raised, and the next use tries again."""
        self._build = build
        self._name = build.__name__
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, instance: None, owner: type[B]) -> built_once[B, T]: ...
    @overload
    def __get__(self, instance: B, owner: type[B]) -> T: ...
    def __get__(self, instance: B | None, owner: type[B]) -> T | built_once[B, T]:
        """Return the value, built if it has to be."""
        if instance is None:
            return self
        with instance.building:
            values: dict[str, Any] = instance.__dict__
            if self._name not in values:  # another thread may have built it meanwhile
                values[self._name] = self._build(instance)
            value: T = values[self._name]
            return value


def if_built(instance: Builds, name: str) -> Any:
    """Return the value of a property, None if it was not built."""
    return instance.__dict__.get(name)
