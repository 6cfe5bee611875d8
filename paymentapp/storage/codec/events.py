"""Events as records, and their ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from paymentapp.clock import EPOCH, from_text, to_text
from paymentapp.models.events import Event

_PREFIX = "evt_"
_MICROSECOND = timedelta(microseconds=1)


def microseconds_of(moment: datetime) -> int:
    """Return the microseconds since 1970, with which the position of an event begins."""
    return (moment - EPOCH) // _MICROSECOND


def event_id_of(position: str) -> str:
    """Return the id of the event at a position of the list."""
    return f"{_PREFIX}{position}"


def position_in(event_id: str) -> str:
    """Return the position of an event in the list, by its id."""
    return event_id.removeprefix(_PREFIX)


def event_texts(event: Event) -> list[str]:
    """Return an event as a list of texts."""
    return [event.type, to_text(event.at), str(event.line), *event.subject]


def read_event(texts: Sequence[str]) -> Event:
    """Return the event of a list of texts."""
    kind, at, line, *subject = texts
    return Event(kind, from_text(at), tuple(subject), int(line))
