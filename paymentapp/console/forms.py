"""What forms and queries hold, checked: one line of text, a choice, a position in a list."""

from __future__ import annotations

import re
import secrets

from flask import request
from werkzeug.exceptions import BadRequest

NOTE_MAX = 500
NOTE_NEEDED = f"Write why, in 1 to {NOTE_MAX} characters: it is kept for good."


def new_key() -> str:
    """Return an idempotency key for a form that is shown."""
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
