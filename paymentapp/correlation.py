"""What the work of a thread belongs to: a request, its client, a payment, a batch, and a trace.

Log lines show it, and records are stored with the trace. A thread that works in the background has
none of it, until it begins with something that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import MappingProxyType
from typing import Any, TypeVar, cast

Step = TypeVar("Step", bound=Callable[..., Any])

# What a line may show, by name. `payment` is the payment's id without the customer's, which a
# caller chooses; `gateway_request` is API Gateway's id of a request that has brought its own.
NAMES = ("request", "gateway_request", "client", "payment", "batch", "event")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_work: ContextVar[Mapping[str, str]] = ContextVar("paymentapp_work", default=_NOTHING)
_trace: ContextVar[str | None] = ContextVar("paymentapp_trace", default=None)


def current() -> Mapping[str, str]:
    """Return what the work at hand belongs to, by name (`NAMES`)."""
    return _work.get()


def begin(names: Mapping[str, str]) -> None:
    """Begin with a request. `end` has to follow, since a server's thread serves many."""
    _work.set(names)


def note(**names: str) -> None:
    """Add what has become known of the work at hand."""
    _work.set({**_work.get(), **names})


def end() -> None:
    """End what `begin` has begun."""
    _work.set(_NOTHING)


@contextmanager
def about(**names: str) -> Iterator[None]:
    """Have what is done meanwhile belong to these, besides what it belongs to already."""
    token = _work.set({**_work.get(), **names})
    try:
        yield
    finally:
        _work.reset(token)


def traceparent() -> str | None:
    """Return the traceparent of the current span (W3C Trace Context); None without traces."""
    return _trace.get()


@contextmanager
def continuing(traceparent: str | None) -> Iterator[None]:
    """Have what is done meanwhile be part of a trace."""
    token = _trace.set(traceparent)
    try:
        yield
    finally:
        _trace.reset(token)


def about_its_batch(step: Step) -> Step:
    """Have a method belong to the batch that is its first argument."""

    @wraps(step)
    def named(self: Any, batch: Any, *given: Any) -> Any:
        with about(batch=batch.batch_id):
            return step(self, batch, *given)

    return cast(Step, named)
