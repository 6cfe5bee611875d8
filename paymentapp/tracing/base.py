"""The interface of traces, and the object that records nothing.

A span is named by its traceparent (W3C Trace Context), a text: so records can have it, and headers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from typing import Protocol

Attributes = Mapping[str, str | int]
# Names of attributes that are ours. None is ever an id of a person, an address or an account.
PROVIDER = "paymentapp.provider"
BATCH = "paymentapp.batch"
PAYMENT = "paymentapp.payment"  # the payment's id without the customer's
STATUS = "paymentapp.status"
RESULT = "paymentapp.result"
EVENT = "paymentapp.event"
REQUEST = "paymentapp.request"


class Role(Enum):
    """What a span is of: a request that arrives, one that leaves, or work in between."""

    SERVER = "server"
    CLIENT = "client"
    CONSUMER = "consumer"
    INTERNAL = "internal"


class OpenSpan(Protocol):
    """A span that has begun."""

    def set(self, attributes: Attributes) -> None:
        """Set attributes."""

    def fail(self, kind: str) -> None:
        """Mark the span as failed; `kind` is a name of an error, never its text."""


class Tracing(Protocol):
    """Records spans. Any number of threads may call it; it waits for nothing and never raises."""

    enabled: bool  # False: nothing is recorded, and nothing is wrapped

    def span(
        self,
        name: str,
        role: Role,
        attributes: Attributes,
        parent: str | None = None,
    ) -> AbstractContextManager[OpenSpan]:
        """Open a span, which is current meanwhile; an exception marks it as failed.

        It is part of the current span; where there is none, of the one whose traceparent is given;
        else a trace begins with it. A traceparent that is malformed counts for none.
        """

    def moment(self, name: str, attributes: Attributes, parent: str) -> None:
        """Record a span without duration in the trace of another one.

        It and the current span are linked to each other.
        """

    def link(self, traceparent: str) -> None:
        """Link the current span to another one, once."""

    def close(self) -> None:
        """Send what is left, for at most CLOSE_SECONDS."""


class NoSpan:
    """Records nothing."""

    def set(self, attributes: Attributes) -> None:
        """Do nothing."""

    def fail(self, kind: str) -> None:
        """Do nothing."""


class NoTracing:
    """Records nothing."""

    enabled = False

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002  # the interface's
        role: Role,  # noqa: ARG002
        attributes: Attributes,  # noqa: ARG002
        parent: str | None = None,  # noqa: ARG002
    ) -> Iterator[OpenSpan]:
        """Open a span that records nothing."""
        yield NoSpan()

    def moment(self, name: str, attributes: Attributes, parent: str) -> None:
        """Do nothing."""

    def link(self, traceparent: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


NO_TRACING: Tracing = NoTracing()
