"""Forms and queries as they were sent: checked by the schemas of the API, with what is wrong."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Response, make_response, render_template, request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import BadRequest

from paymentapp.api.blueprint import actor
from paymentapp.errors import NotAllowed, Unprocessable
from paymentapp.schemas.common import Cursor

NOTE_MAX = 500
NOTE_NEEDED = f"Write why, in 1 to {NOTE_MAX} characters: it is kept for good."
UNPROCESSABLE = 422  # the form is shown again, with what is wrong
_REQUIRED = "Missing data for required field."  # marshmallow's text, which is not for people
_TEXTS = {_REQUIRED: "Fill this in.", "Unknown field.": "There is no such field."}


class Sent(NamedTuple):
    """What a schema has loaded; `problems` are texts by field, empty where nothing is wrong."""

    value: Any
    problems: Mapping[str, str]


def loaded(schema: Schema, data: Mapping[str, Any]) -> Sent:
    """Return what a schema loads of some fields, or what is wrong with which one.

    What is wrong with the whole has the empty name.
    """
    try:
        return Sent(schema.load(data), {})
    except ValidationError as error:
        messages: Any = error.messages
        return Sent(None, problems_of(messages))
    except Unprocessable as error:
        return Sent(None, {error.field: str(error)})


def problems_of(messages: Any) -> dict[str, str]:
    """Return marshmallow's messages as one text for each field."""
    if not isinstance(messages, Mapping):
        return {"": _text_of(messages)}
    return {
        "" if name == "_schema" else str(name): _text_of(inner) for name, inner in messages.items()
    }


def _text_of(messages: Any) -> str:
    if isinstance(messages, Mapping):
        return " ".join(f"{name}: {_text_of(inner)}" for name, inner in messages.items())
    texts = messages if isinstance(messages, list) else [messages]
    return " ".join(_TEXTS.get(str(each), str(each)) for each in texts)


def filled(*names: str) -> dict[str, str]:
    """Return the fields of the form that hold something, without blanks around it."""
    return _filled(request.form, names)


def asked(*names: str) -> dict[str, str]:
    """Return the parameters of the query that hold something, without blanks around it."""
    return _filled(request.args, names)


def _filled(given: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    found = {name: given.get(name, "").strip() for name in names}
    return {name: value for name, value in found.items() if value}


def is_checked(name: str) -> bool:
    """Return whether a box of the form is checked."""
    return name in request.form


def form_page(template: str, problems: Mapping[str, str], **context: Any) -> Response:
    """Return the page of a form; 422 where something is wrong with what was sent."""
    page = render_template(f"console/{template}.html", problems=problems, **context)
    return make_response(page, UNPROCESSABLE if problems else 200)


def cursor_text(field: Cursor, position: Any) -> str | None:
    """Return a position as a link to the next page has it; None at the end."""
    text: str | None = field.serialize("position", {"position": position})
    return text


def new_key() -> str:
    """Return an idempotency key for a form that makes something: sent twice, it makes it once."""
    return secrets.token_hex(16)


def sent_key() -> str:
    """Return the idempotency key of the form that was sent. Raises BadRequest."""
    key = request.form.get("idempotency_key", "")
    if not re.fullmatch(r"[0-9a-f]{32}", key):
        raise BadRequest("The form is incomplete: go back, reload the page, and try again.")
    return key


def one_line(name: str) -> str:
    """Return a field of a form, with each run of white space as one space."""
    return " ".join(request.form.get(name, "").split())


def note_error(text: str) -> str:
    """Return what is wrong with a note that is to be kept; empty where nothing is."""
    return "" if 0 < len(text) <= NOTE_MAX and text.isprintable() else NOTE_NEEDED


def cursor(pattern: str) -> str | None:
    """Return the position of the page that is asked for; None for the first. Raises BadRequest."""
    text = request.args.get("cursor")
    if text is not None and not re.fullmatch(pattern.strip("^$"), text):
        raise BadRequest("There is no such page of the list: begin with the first one.")
    return text


def position() -> int:
    """Return the number at which the page begins, from 0. Raises BadRequest."""
    return int(cursor(r"[0-9]{1,8}") or 0)


def chosen(name: str, known: tuple[str, ...]) -> str:
    """Return a choice of the query; the first one where there is none. Raises BadRequest."""
    value = request.args.get(name) or known[0]
    if value not in known:
        raise BadRequest(f"Choose one of: {', '.join(known)}.")
    return value


def require_also(scope: str) -> None:
    """Raise NotAllowed unless who is signed in has a further scope than the view requires."""
    if not actor().may(scope):
        raise NotAllowed(f"This requires the scope {scope}.", scope)
